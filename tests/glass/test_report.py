"""A report contains the numbers of the run, and needs no other file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clearprop import data, glass, models, nn, tree
from clearprop.errors import ConfigurationError, RunError
from clearprop.glass import report, write_report
from clearprop.glass.wording import number, percent
from clearprop.recipes import prepare
from clearprop.training import DivergedError, evaluate, fit
from tests.glass.conftest import KINDS, Reported
from tests.glass.page import Element, read

ReportOf = Callable[[str], Reported]


def shown(reported: Reported, identity: str) -> Element:
    found = reported.page.by_id(identity)
    assert found is not None, identity
    return found


# --- every kind of data --------------------------------------------------------------------------


def test_the_structure_is_sound(every: Reported) -> None:
    assert every.faults == []
    names = [e.attributes["id"] for e in every.page.all() if "id" in e.attributes]
    assert len(names) == len(set(names))
    links = [a.attributes["href"] for a in every.page.all("a")]
    assert links
    assert {link[1:] for link in links} <= set(names)
    assert len(every.page.all("h1")) == 1


def test_nothing_outside_the_file_is_named(every: Reported) -> None:
    for element in every.page.all():
        for name in ("src", "href", "srcset", "data", "action"):
            value = element.attributes.get(name, "#")
            assert value.startswith(("#", "data:image/png;base64,")), (element.tag, value[:60])
    assert not every.page.all("script")
    assert not every.page.all("link")
    assert not every.page.all("iframe")
    assert "@import" not in every.html
    assert re.findall(r"url\(|https?://|//\w+\.\w+/", every.html) == []


def test_who_cannot_see_the_pictures_is_told_what_they_show(every: Reported) -> None:
    for image in every.page.all("img"):
        described = image.attributes.get("alt")
        parent = image.parent
        assert parent is not None
        assert described or parent.attributes.get("aria-label"), image.attributes
    for drawing in every.page.all("svg"):
        hidden = drawing.attributes.get("aria-hidden") == "true"
        assert hidden or drawing.attributes.get("aria-label")


def test_every_section_says_what_to_look_for(every: Reported) -> None:
    for section in every.page.all("section"):
        if section.attributes["id"] != "machine":
            assert section.all("p", "look"), section.attributes["id"]


def test_the_contents_name_every_section(every: Reported) -> None:
    sections = [s.attributes["id"] for s in every.page.all("section")]
    links = [a.attributes["href"][1:] for a in every.page.all("nav")[0].all("a")]
    assert links == sections


def test_every_term_has_its_meaning_by_pointer_keyboard_and_screen_reader(every: Reported) -> None:
    terms = every.page.all("span", "term")
    assert len({term.attributes["aria-describedby"] for term in terms}) >= 3
    for term in terms:
        entry = every.page.by_id(term.attributes["aria-describedby"])
        assert entry is not None, term.text
        assert term.all("span", "meaning")[0].text == entry.text
        assert term.attributes["tabindex"] == "0"
    assert ".term:hover .meaning, .term:focus .meaning { display: block; }" in every.html


def test_what_was_looked_for_is_closed(every: Reported) -> None:
    (looked,) = [d for d in shown(every, "diagnosis").all("details") if "looked for" in d.text]
    assert "open" not in looked.attributes
    intro = shown(every, "diagnosis").all("p", "look")[0].text
    assert ("Begin with the fault" in intro) == bool(shown(every, "diagnosis").all("li", "fault"))


def test_it_is_small_and_names_no_folder(every: Reported) -> None:
    assert len(every.html) < 2e6
    assert every.run.folder is not None
    assert str(every.run.folder.parent) not in every.html
    assert every.run.folder.name in every.html


def test_the_curves_are_those_of_the_run(every: Reported) -> None:
    rows = shown(every, "curves").all("tbody")[0].all("tr")
    history = every.run.history
    for row in rows:
        cells = [cell.text for cell in row.all("td")]
        i = int(np.flatnonzero(history.epoch == int(cells[0]))[0])
        assert cells[1] == number(float(history.objective[i]), 4)
    assert cells[0] == str(history.epoch[-1])
    assert len(shown(every, "curves").all("svg")) == 2


def test_the_layers_are_those_of_the_model(every: Reported) -> None:
    table = shown(every, "layers")
    total = sum(w.size for w in nn.parameters(every.run.model).values())
    assert table.all("tfoot")[0].all("td")[2].text == f"{total:,}"


def test_the_machine_is_told_without_names(every: Reported) -> None:
    reported = shown(every, "machine").text
    machine = every.run.config["machine"]
    for key in ("python", "jax", "kind"):
        assert str(machine[key]) in reported


# --- classification ------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "part"), [("digits", "test"), ("iris", "test"), ("colors", "dev"),
                                            ("perceptron", "test"), ("xor", "train")])  # fmt: skip
def test_the_confusion_matrix_is_that_of_the_evaluated_part(
    report_of: ReportOf, kind: str, part: str
) -> None:
    reported = report_of(kind)
    evaluation = evaluate(
        reported.run.model,
        getattr(reported.data, part),
        reported.run.config["loss"],
        reported.run.preprocessor,
    )
    rows = shown(reported, "confusion").all("tbody")[0].all("tr")
    table = [
        [int(c.text) for c in row.all("td") if "rate" not in c.attributes["class"]] for row in rows
    ]
    assert evaluation.confusion is not None
    assert table == evaluation.confusion.tolist()
    assert sum(map(sum, table)) == len(getattr(reported.data, part))
    assert evaluation.accuracy is not None
    assert percent(evaluation.accuracy) in shown(reported, "result-line").text
    assert f"{evaluation.examples:,}" in shown(reported, "result-line").text


def test_the_worst_mistakes_are_wrong_and_as_many_as_there_are(report_of: ReportOf) -> None:
    reported = report_of("digits")
    test = reported.data.test
    outputs = evaluate(reported.run.model, test, preprocessor=reported.run.preprocessor).outputs
    wrong = np.flatnonzero(outputs.argmax(axis=1) != test.targets)
    pictures = shown(reported, "mistakes").all("img")
    rows = [int(image.attributes["title"].split()[1]) for image in pictures]
    assert len(rows) == min(18, len(wrong))
    assert set(rows) <= set(wrong.tolist())
    losses = -np.log(np.exp(outputs)[np.arange(len(test)), test.targets] / np.exp(outputs).sum(1))
    assert rows[0] == wrong[losses[wrong].argmax()]
    first = shown(reported, "mistakes").all("li")[0]
    assert first.all("span", "truth")[0].text == f"true {test.class_names[test.targets[rows[0]]]}"


def test_a_table_of_features_shows_them_in_the_units_of_the_data(report_of: ReportOf) -> None:
    reported = report_of("iris")
    head = [cell.text for cell in shown(reported, "mistakes").all("th")]
    assert head[4:8] == list(reported.data.train.feature_names)
    raw = data.load("iris").inputs
    for row in shown(reported, "mistakes").all("tbody")[0].all("tr"):
        values = np.array([float(cell.text) for cell in row.all("td")[4:8]])
        assert np.abs(raw - values).max(axis=1).min() < 0.01


def test_names_are_escaped(report_of: ReportOf) -> None:
    reported = report_of("colors")
    assert "red & <green>" not in reported.html
    assert "red &amp; &lt;green&gt;" in reported.html


def test_filters_and_maps_of_every_layer_are_drawn(report_of: ReportOf) -> None:
    reported = report_of("digits")
    assert len(shown(reported, "filters").all("img")) == 4
    names = [layer.all("h3")[0].text for layer in shown(reported, "trace").all("div", "layer")]
    assert [name.split()[0] for name in names] == [
        "input", "layers.0", "layers.1", "layers.2", "layers.4",
    ]  # fmt: skip
    pooled = shown(reported, "trace").all("div", "layer")[3]
    assert [len(p.all("img")) for p in pooled.all("div", "tiles")] == [4, 4]
    flow = shown(reported, "errors").all("tbody")[0].all("tr")
    assert [row.all("th")[0].text for row in flow] == [name.split()[0] for name in names[1:]]


def test_an_activation_is_shown_by_its_name(report_of: ReportOf) -> None:
    reported = report_of("digits")
    assert "softplus" in shown(reported, "layers").text
    assert "softplus" in shown(reported, "trace").text


# --- other tasks ---------------------------------------------------------------------------------


def test_a_regression_shows_predicted_against_true(report_of: ReportOf) -> None:
    reported = report_of("diabetes")
    points = shown(reported, "result").all("circle")
    assert len(points) == len(reported.data.test)
    evaluation = evaluate(
        reported.run.model, reported.data.test, "squared_error", reported.run.preprocessor
    )
    assert number(evaluation.error) in shown(reported, "result-line").text
    true = np.asarray(reported.data.test.targets, float).reshape(-1)
    explained = (
        1 - ((evaluation.outputs[:, 0] - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    )
    assert (percent(float(explained)) if explained > 0 else "nothing") in shown(
        reported, "result"
    ).text


def test_two_inputs_are_drawn_with_their_boundary(report_of: ReportOf) -> None:
    drawing = shown(report_of("xor"), "boundary")
    assert len([e for e in drawing.all() if "place" in e.attributes.get("class", "")]) == 4 + 2
    assert len(drawing.all("path", "unit")) >= 1
    assert len(drawing.all("image")) == 1
    reported = report_of("xor")
    predictions = (
        evaluate(reported.run.model, reported.data.train, "binary_cross_entropy").outputs[:, 0] >= 0
    )
    assert len(drawing.all("circle", "ring")) == int(
        (predictions != reported.data.train.targets).sum()
    )


def test_one_input_is_drawn_as_a_curve(report_of: ReportOf) -> None:
    assert len(shown(report_of("cubic"), "boundary").all("circle", "dot")) == 60


def test_other_inputs_have_no_decision_boundary(report_of: ReportOf) -> None:
    assert report_of("iris").page.by_id("boundary") is None
    assert report_of("digits").page.by_id("boundary") is None


# --- where and from what -------------------------------------------------------------------------


def test_a_folder_gives_the_same_report_as_the_run(report_of: ReportOf, tmp_path: Path) -> None:
    reported = report_of("iris")
    assert reported.run.folder is not None
    again = write_report(reported.run.folder, reported.data, tmp_path / "again.html").read_text(
        "utf-8"
    )

    def without_time(html: str) -> str:
        return re.sub(r"on \d{4}-\d\d-\d\d \d\d:\d\d UTC", "", html)

    assert without_time(again) == without_time(reported.html)


def test_a_folder_is_enough_in_a_new_process(report_of: ReportOf, tmp_path: Path) -> None:
    folder = report_of("perceptron").run.folder
    program = (
        f"from clearprop.glass import write_report; write_report({str(folder)!r}, path='r.html')"
    )
    python_path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=python_path)
    assert "Perceptron" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_without_data_it_shows_what_the_run_knows(report_of: ReportOf, tmp_path: Path) -> None:
    run = report_of("digits").run
    page, faults = read(write_report(run, path=tmp_path / "r.html").read_text(encoding="utf-8"))
    assert faults == []
    sections = [s.attributes["id"] for s in page.all("section")]
    assert sections == [
        "diagnosis", "curves", "filters", "layers", "configuration", "machine", "glossary",
    ]  # fmt: skip


def test_title_and_remarks_stand_in_the_head(report_of: ReportOf, tmp_path: Path) -> None:
    run = report_of("iris").run
    path = write_report(
        run, path=tmp_path / "r.html", title="A < B", remarks=["no boundary", "at all"]
    )
    page, _ = read(path.read_text(encoding="utf-8"))
    assert page.all("h1")[0].text == "A < B"
    assert page.all("pre", "remarks")[0].text == "no boundary at all"


def test_paths_of_the_configuration_are_cut_to_their_last_part(
    report_of: ReportOf, tmp_path: Path
) -> None:
    run = report_of("iris").run
    run.config["notes"] = {"source": "/srv/somebody/rows.csv", "home": "~/x.csv"}
    try:
        html = write_report(run, path=tmp_path / "r.html").read_text(encoding="utf-8")
    finally:
        del run.config["notes"]
    assert "somebody" not in html
    assert "rows.csv" in html


def test_a_run_without_a_folder_needs_a_path() -> None:
    pair = (np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1]))
    run = fit(nn.Linear(2, 2), pair, epochs=1, batch_size=4, progress=False)
    with pytest.raises(ConfigurationError, match=r"path='report\.html'"):
        write_report(run, pair)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run began"):
        write_report(tmp_path)


def test_a_report_that_fails_leaves_the_old_one(
    report_of: ReportOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("the old one")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(report, "curves_section", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        write_report(report_of("iris").run, path=path)
    assert path.read_text() == "the old one"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_loss_of_the_users_own_is_asked_for(tmp_path: Path) -> None:
    def distance(outputs: object, targets: object) -> object:
        return nn.squared_error.per_example(outputs, targets)

    pair = (np.ones((6, 3), np.float32), np.ones((6, 1), np.float32))
    folder = tmp_path / "run"
    run = fit(nn.Linear(3, 1), pair, loss=distance, epochs=1, batch_size=3, progress=False,
              folder=folder)  # fmt: skip
    with pytest.raises(ConfigurationError, match="loss=function"):
        write_report(folder, pair, tmp_path / "r.html")
    assert write_report(folder, pair, tmp_path / "r.html", loss=distance).is_file()
    assert write_report(run, pair, tmp_path / "s.html").is_file()  # a run knows it


def test_a_run_that_diverged_says_where(tmp_path: Path) -> None:
    x = np.full((8, 2), 1e18, np.float32)
    with pytest.raises(DivergedError) as caught:
        fit(
            models.MLP((2, 4, 1)),
            (x, x[:, :1]),
            loss="squared_error",
            optimizer="sgd",
            epochs=5,
            batch_size=4,
            learning_rate=1e3,
            folder=tmp_path / "run",
            progress=False,
        )
    trouble = caught.value.run.non_finite
    assert trouble is not None
    page, faults = read(write_report(caught.value.run, (x, x[:, :1])).read_text(encoding="utf-8"))
    assert faults == []
    said = page.all("p", "trouble")[0].text
    assert trouble.place in said
    assert "What helps: scale the inputs, which reach 1e+18" in said
    assert "learning rate" not in said


def test_every_kind_is_tested_that_the_package_offers() -> None:
    assert {"digits", "iris", "diabetes", "perceptron", "xor"} <= set(KINDS)
    drawn = {"linear_boundary"}
    offered = {"Capture", "LayerCapture", "capture", "write_findings", "write_report"}
    looking = {"Drawing", "attention_maps", "decision_boundary", "feature_maps", "filters", "gates"}
    looking |= {"histograms", "loss_surface", "maximize_activation", "occlusion", "overlay"}
    looking |= {"receptive_field", "saliency", "learning_rates"}
    assert set(glass.__all__) == offered | drawn | looking


def test_each_column_of_a_table_stands_in_a_row_of_its_own(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    lines = [f"{i};{i % 7},5;{'red' if i % 2 else 'blue'};{i * 3},25" for i in range(60)]
    rows.write_text("\n".join(["id;size;color;price", *lines]) + "\n")
    values = {"data": {"name": str(rows), "target": "price", "ignore": "id"}, "epochs": 2}
    experiment = prepare("mlp", values)
    run = experiment.train(folder=tmp_path / "run", progress=False)
    page, faults = read(write_report(run, experiment.splits).read_text(encoding="utf-8"))
    assert faults == []
    configuration = page.by_id("configuration")
    assert configuration is not None
    of_columns = next(
        part
        for part in configuration.all("div")
        if part.children and part.children[0].text == "Columns of the table"
    )
    names = [term.text for term in of_columns.all("dt")]
    assert names == ["id", "size", "color", "price"]
    taken = [one.text for one in of_columns.all("dd")][: len(names)]
    assert taken[0] == "left out: ignore names it"
    assert taken[1].startswith("number: 0.5 to 6.5")
    assert taken[2] == "2 categories: blue, red"
    assert taken[3].startswith("target: ")


def test_numbers_of_a_report_are_written_as_a_person_would(tmp_path: Path) -> None:
    x, y = np.eye(6, dtype=np.float32), np.array([0, 1, 0, 1, 0, 1])
    model = nn.Linear(6, 2).init(0)
    weights = {path: 0 * w for path, w in nn.parameters(model).items()}
    weights["weight"] = weights["weight"].at[0, 0].set(-0.001).at[0, 1].set(0.9)
    start = tree.replace(model, weights)
    run = fit(start, x, y, metrics="f1", dev=(x, y), learning_rate=1e-6, progress=False, epochs=3)
    html = write_report(run, (x, y), tmp_path / "report.html").read_text(encoding="utf-8")
    page, _ = read(html)
    assert "-0.00" not in [cell.text for cell in page.all("td")]
    assert "0.00" in [cell.text for cell in page.all("td")]
    assert "given accuracy" not in [term.text for term in page.all("dt")]
    assert "accuracy" in [term.text for term in page.all("dt")]
    assert "0.00 s" not in [one.text for one in page.all("dd")]
    assert "epochs_per_call" not in [term.text for term in page.all("dt")]
    pairs = page.by_id("result")
    assert pairs is not None
    said = [one.text for one in pairs.all("li")]
    assert all(re.fullmatch(r"\d is predicted as \d in [1-6] of 3 cases \(.* %\)", s) for s in said)
    assert said

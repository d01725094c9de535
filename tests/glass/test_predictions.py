"""Predictions in a report: words and years are named, and labeled places of sequences count."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import data, models, nn, tree
from clearprop.data import Dataset, Splits, Vocabulary
from clearprop.data.tagged_texts import Tagged, tagged
from clearprop.glass import write_report
from clearprop.glass.curves import reading
from clearprop.glass.example_trace import example_trace
from clearprop.glass.predictions import confusion_section, mistakes_section
from clearprop.glass.subject import gather
from clearprop.glass.wording import cell
from clearprop.training import Run, fit
from tests.glass.page import Element, read


class LastStep(nn.Module):
    """The last step of a sequence."""

    def __call__(self, x: Any) -> Any:
        """Return the last step."""
        return x[:, -1]


VERSES = (
    "O/interjection Romeo/name Romeo/name wherefore/adverb art/verb thou/pronoun Romeo/name",
    "Deny/verb thy/determiner father/noun and/conjunction refuse/verb thy/determiner name/noun",
    "What/pronoun is/verb in/preposition a/determiner name/noun",
    "A/determiner plague/noun on/preposition both/determiner your/determiner houses/noun",
)


def page_of(run: Run, splits: Any, folder: Path) -> Element:
    page, faults = read(write_report(run, splits, folder / "report.html").read_text("utf-8"))
    assert faults == []
    return page


@pytest.fixture(scope="module")
def tagging() -> tuple[Run, Splits]:
    sentences = [Tagged(*zip(*(w.split("/") for w in v.split()), strict=True)) for v in VERSES]
    splits = tagged(sentences, "verses", groups=np.arange(4)).split(dev=0.25, test=0.25)
    model = models.Tagger(len(splits.train.vocabularies["inputs"]), 9, hidden_size=8)
    loss = "sequence_cross_entropy"
    return fit(model, splits, loss=loss, epochs=2, batch_size=2, progress=False), splits


def test_a_table_of_tags_counts_words_and_not_what_is_filled_up(
    tagging: tuple[Run, Splits], tmp_path: Path
) -> None:
    run, splits = tagging
    assert splits.test is not None
    found = confusion_section(gather(run, splits))
    assert found is not None
    words = int((splits.test.targets >= 0).sum())
    assert sum(cell.examples for row in found.rows for cell in row.cells) == words
    assert found.counted == f"{words} places of the 1 test sentence"
    assert found.names == splits.train.class_names
    page = page_of(run, splits, tmp_path)
    assert page.by_id("confusion") is not None


def test_the_layer_of_a_memory_is_there_and_back(
    tagging: tuple[Run, Splits], tmp_path: Path
) -> None:
    text = page_of(*tagging, tmp_path).by_id("trace").text  # type: ignore[union-attr]
    assert "lstm LSTM" in " ".join(text.split())


def test_a_layer_that_gives_its_state_too_is_shown_by_its_outputs(tmp_path: Path) -> None:
    tokens = np.arange(24).reshape(4, 6) % 5
    model = models.RecurrentLanguageModel(5, hidden_size=4, cell="lstm")
    pair = (tokens[:, :-1].astype(np.int32), tokens[:, 1:].astype(np.int32))
    run = fit(model, pair, loss="sequence_cross_entropy", epochs=1, batch_size=4, progress=False)
    errors = page_of(run, pair, tmp_path).by_id("errors")
    assert errors is not None
    rows = [row.all("td") for row in errors.all("tr") if "recurrent" in row.text]
    assert [row[0].text for row in rows] == ["LSTM"]
    assert float(rows[0][3].text) > 0  # gradient over weight


def test_one_held_out_example_is_no_ground_for_a_sentence(tagging: tuple[Run, Splits]) -> None:
    said = " ".join(reading(gather(*tagging)))
    assert "a single sentence" in said
    assert "overfitting yet" not in said


def test_of_many_classes_the_most_frequent_are_shown() -> None:
    classes = 30
    labels = np.repeat(np.arange(classes), np.arange(classes) + 1).astype(np.int32)
    made = Dataset("steps", np.eye(classes)[labels] + 0.0, labels, "classification")
    model = nn.Linear(classes, classes, bias=False)
    run = fit(model, (made.inputs, made.targets), epochs=1, batch_size=93, progress=False)
    right = dataclasses.replace(run, model=model.init(0).replace(weight=np.eye(classes)))  # type: ignore[attr-defined]
    found = confusion_section(gather(right, made))
    assert found is not None
    assert found.names == (*map(str, range(11, 30)), "others")
    assert [row.recall for row in found.rows] == ["100.00 %"] * 19


def test_worst_answers_of_texts_are_texts(tmp_path: Path) -> None:
    texts = ["to be or not", "be not to", "one or two", "two and one"] * 4
    words = Vocabulary.from_texts(texts)
    labels = np.array([0, 0, 1, 1] * 4)
    made = Dataset("texts", words.encode_all(texts), labels, "classification",
                   vocabularies={"inputs": words})  # fmt: skip
    model = models.WordClassifier(len(words), 2, network="bag")
    run = fit(model, (made.inputs, made.targets), epochs=1, batch_size=8, progress=False)
    wrong = dataclasses.replace(made, targets=1 - labels)
    shown = [section.mistakes for part in (made, wrong)
             if (section := mistakes_section(gather(run, part)))]  # fmt: skip
    found = [mistake for mistakes in shown for mistake in mistakes]
    assert found
    assert {mistake.text for mistake in found} <= set(texts)
    assert not any(mistake.values for mistake in found)
    assert page_of(run, wrong if shown[1] else made, tmp_path).by_id("mistakes") is not None


HOUSES = "price,town,built,rooms,code" + ",".join(["", *(f"m{i}" for i in range(12))])


def test_worst_mistakes_show_the_columns_of_the_table(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    towns = [("Ulm", "Bonn", "Kiel", "Bremen")[i % 4] for i in range(60)]
    years = [str(1890 + 2 * i) for i in range(60)]
    rows = [
        ",".join([f"{draw.normal():.2f}", town, year, str(i % 5), str(70000 + 13 * i),
                  *(f"{x:.1f}" for x in draw.normal(size=12))])
        for i, (town, year) in enumerate(zip(towns, years, strict=True))
    ]  # fmt: skip
    (tmp_path / "houses.csv").write_text("\n".join([HOUSES, *rows]) + "\n")
    splits = data.load(tmp_path / "houses.csv", target="price").split(dev=0.2, test=0.3)
    width = splits.train.inputs.shape[1]
    model = models.MLP((width, 4, 1))
    run = fit(model, splits, loss="squared_error", epochs=1, progress=False)
    found = mistakes_section(gather(run, splits))
    assert found is not None
    assert found.columns[:4] == ("town", "built", "rooms", "code")
    assert found.columns_note == "The first 12 of 16 columns of an example are shown."
    known = {(town, year, str(i % 5), str(70000 + 13 * i))
             for i, (town, year) in enumerate(zip(towns, years, strict=True))}  # fmt: skip
    assert {mistake.values[:4] for mistake in found.mistakes} <= known
    assert "The first 12 of 16" in page_of(run, splits, tmp_path).by_id("mistakes").text  # type: ignore[union-attr]


def test_white_space_is_seen_in_a_confusion_matrix(tmp_path: Path) -> None:
    text = "to be or not\nto be that is\nthe question\n" * 30
    words = Vocabulary.from_texts([text], level="character")
    names = tuple(words.tokens)
    rows = words.encode(text)[: 40 * 20].reshape(40, 20).astype(np.int32)
    model = nn.Sequential([nn.Embedding(len(names), 4), nn.Linear(4, len(names))])
    pair = rows[:, :-1], rows[:, 1:]
    run = fit(model, pair, loss="sequence_cross_entropy", epochs=1, batch_size=8, progress=False)
    subject = dataclasses.replace(gather(run, pair), class_names=names)
    found = confusion_section(subject)
    assert found is not None
    assert {"␣", "⏎"} <= set(found.names)
    assert found.signs == "␣ is a space, ⏎ is the end of a line."
    assert all(name.strip() for name in found.names)


def test_a_page_of_many_layers_of_a_sequence_ends(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 5, (16, 65)).astype(np.int32)
    pair = rows[:, :-1], rows[:, 1:]
    model = models.GPT(5, 64, 16, layers=2, heads=2)
    run = fit(model, pair, loss="sequence_cross_entropy", epochs=1, batch_size=8, progress=False)
    trace = example_trace(gather(run, pair))
    shown = [layer for _, part in trace.layers for layer in part]
    assert all(0 < p.height <= 168 for layer in shown for p in (layer.value, layer.error))
    assert [name for name, part in trace.layers if len(part) > 1] == ["blocks.0", "blocks.1"]
    folded = page_of(run, pair, tmp_path).by_id("trace").all("details")  # type: ignore[union-attr]
    assert ["open" in part.attributes for part in folded] == [True, False]


def test_an_error_signal_of_few_of_many_numbers_does_not_vanish() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(32, 4000, 1)).astype(np.float32)
    model = nn.Sequential([nn.Linear(1, 4), LastStep(), nn.Linear(4, 1)])
    pair = x, x[:, -1]
    run = fit(model, pair, loss="squared_error", epochs=1, batch_size=16, progress=False)
    trace = example_trace(gather(run, pair))
    first, last = trace.flow[0], trace.flow[-1]
    assert last.error_value > 1000 * first.error_value > 0
    assert "vanishes" not in trace.reading
    assert "it arrives" in trace.reading


def test_worst_forecasts_name_their_years() -> None:
    pytest.importorskip("statsmodels", reason="the series come with statsmodels")
    splits = data.load("sunspots").split()
    model = models.Forecaster("time-delay", memory=24, hidden_size=4)
    run = fit(model, splits, loss="squared_error", epochs=1, batch_size=64, progress=False)
    found = mistakes_section(gather(run, splits))
    assert found is not None
    assert found.columns[-1] == "1 before"
    first, test = found.mistakes[0], splits.test
    assert test is not None
    row, year = int(first.name.split()[0]), first.name.split()[1].strip("()")
    assert int(year) == 1700 + len(data.load("sunspots")) + 24 - len(test) + row
    assert first.values[-1] == cell(float(test.targets[row - 1, 0]))


def test_what_is_divided_by_nothing_is_a_dash() -> None:
    x, y = np.ones((5, 2), np.float32), np.array([0, 0, 0, 1, 1])
    run = fit(nn.Linear(2, 3), (x, y), epochs=1, batch_size=5, progress=False)
    first = {"weight": np.zeros((2, 3), np.float32), "bias": np.array([1, 0, 0], np.float32)}
    subject = dataclasses.replace(gather(run, (x, y)), model=tree.replace(run.model, first))
    found = confusion_section(subject)
    assert found is not None
    assert [row.precision for row in found.rows] == ["60.00 %", "–", "–"]
    assert [row.recall for row in found.rows] == ["100.00 %", "0.00 %", "–"]

"""What can be looked at, and that nothing else can."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import data, nn
from clearprop.data import mnist
from clearprop.errors import ClearpropError, ConfigurationError, DataError, ShapeError
from clearprop.recipes import experiment
from clearprop.studio.models.made_up import guessed_inputs
from clearprop.studio.models.sources import Offer, Sources
from clearprop.studio.models.viewer import Viewer
from clearprop.studio.runs.library import RunLibrary
from tests.studio.models.conftest import read, viewed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of a recipe, a run of arrays, and a saved model."""
    runs = tmp_path_factory.mktemp("runs")
    values = {"data": {"name": "iris"}, "hidden_sizes": "5", "epochs": 1}
    experiment.prepare("mlp", values).train(folder=runs / "mlp-1", progress=False)
    x = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
    cp.fit(nn.Linear(3, 2), x, x[:, :2], loss="squared_error", epochs=1, folder=runs / "own",
           progress=False)  # fmt: skip
    cp.save(nn.Sequential([nn.Linear(4, 3), "tanh"]).init(0), runs / "kept.safetensors")
    (runs / "no-run").mkdir()
    return runs


def ids(sources: Sources) -> list[str]:
    return [entry.id for entry in sources.listed().sources]


def test_the_list(folder: Path) -> None:
    found = ids(Sources(folder, offers=[Offer("mine", nn.Linear(2, 2))]))
    assert found[0] == "object:0"
    assert {"run:mlp-1", "run:own", "file:kept.safetensors", "recipe:lenet5"} <= set(found)
    assert "run:no-run" not in found
    assert "recipe:overfit" not in found  # a study has no single model
    assert len(set(found)) == len(found)


def test_a_run_of_a_recipe_has_its_held_out_examples(folder: Path) -> None:
    opened = Sources(folder).open("run:mlp-1")
    assert opened.subject.part == "test"
    assert opened.classes == ("setosa", "versicolor", "virginica")
    trained = cp.load(folder / "mlp-1").model
    for path, weights in nn.parameters(trained).items():
        np.testing.assert_array_equal(nn.parameters(opened.model)[path], weights)


def test_a_run_of_arrays_gets_examples_that_are_made_up(folder: Path) -> None:
    opened = Sources(folder).open("run:own")
    assert (opened.subject.part, opened.subject.loss.name) == ("made up", "squared_error")
    assert opened.input_shape == (3,)
    assert any("not known here" in remark for remark in opened.remarks)


def test_a_saved_model(folder: Path) -> None:
    sources = Sources(folder)
    assert sources.open("file:kept.safetensors").input_shape == (4,)
    elsewhere = Sources(folder / "no-run", files=[folder / "kept.safetensors"])
    assert "file:kept.safetensors" in ids(elsewhere)
    assert elsewhere.open("file:kept.safetensors").input_shape == (4,)


@pytest.mark.parametrize(
    "source",
    [
        "run:../runs/mlp-1",
        "run:mlp-1/../mlp-1",
        "run:",
        "run:.",
        "file:/etc/passwd",
        "file:../kept.safetensors",
        "recipe:overfit",
        "object:7",
        "mlp-1",
        "",
        "run:\0",
    ],
)
def test_what_is_not_listed_cannot_be_opened(folder: Path, source: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown network"):
        Sources(folder).open(source)


def test_links_that_leave_the_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    inside = tmp_path / "runs"
    inside.mkdir()
    try:
        os.symlink(folder / "mlp-1", inside / "away", target_is_directory=True)
        os.symlink(folder / "kept.safetensors", inside / "away.safetensors")
    except OSError:
        pytest.skip("links cannot be made here")
    found = ids(Sources(inside))
    assert not [name for name in found if "away" in name]


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "losses.f32", "frozen.safetensors"]
)
def test_a_run_with_a_file_that_is_a_link_to_elsewhere(
    folder: Path, tmp_path: Path, name: str
) -> None:
    inside = tmp_path / "runs"
    shutil.copytree(folder / "mlp-1", inside / "group" / "a")
    sources = Sources(inside)
    assert "run:group/a" in ids(sources)
    file = inside / "group" / "a" / name
    file.unlink(missing_ok=True)
    try:
        file.symlink_to(folder / "mlp-1" / name)
    except OSError:
        pytest.skip("links cannot be made here")
    assert "run:group/a" not in ids(sources)
    assert sources.version("run:group/a") is None
    with pytest.raises(ConfigurationError, match="unknown network"):
        sources.open("run:group/a")


def test_runs_are_found_as_deep_as_in_the_list_of_runs(folder: Path, tmp_path: Path) -> None:
    names = ["a", "g/b", "g/h/c", "g/h/i/d"]
    for name in names:
        shutil.copytree(folder / "mlp-1", tmp_path / name)
    sources = Sources(tmp_path)
    listed = {one.name for one in RunLibrary(tmp_path).changes().runs}
    assert {one.removeprefix("run:") for one in ids(sources) if "run:" in one} == listed
    assert {"a", "g/b", "g/h/c"} <= listed
    opened = sources.open("run:g/b")
    assert opened.subject.part == "test"
    before = sources.version("run:g/b")
    os.utime(tmp_path / "g" / "b" / "model.safetensors", ns=(1, 1))
    assert sources.version("run:g/b") == 1 != before


def test_a_damaged_run_is_told(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{", encoding="utf-8")
    (broken / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(ClearpropError, match="damaged"):
        Sources(tmp_path).open("run:broken")


def test_objects_in_every_form() -> None:
    iris = data.load("iris")
    model = nn.Sequential([nn.Linear(4, 3)])
    for given in (iris, iris.split(test=0.2), iris.split(test=0.2).test):
        seen = viewed(Offer("iris", model, data=given))
        opened = seen.viewer.opened(seen.source)
        assert opened.subject.loss.name == "cross_entropy"
        assert read(seen.viewer.begin(_first(seen))).header["target"] in opened.classes
    x = np.zeros((3, 4), np.float32)
    assert _loss(Offer("numbers", model, data=(x, x[:, :3]))) == "squared_error"
    assert _loss(Offer("labels", model, data=(x, np.array([0, 1, 2])))) == "cross_entropy"
    assert _loss(Offer("nothing", model)) == "cross_entropy"
    run = cp.fit(model, iris, epochs=1, progress=False)
    assert _loss(Offer("run", run, data=iris)) == "cross_entropy"


def _first(seen: Any) -> Any:
    from clearprop.studio.models.messages import PassRequest

    return PassRequest(seen.source, example=0)


def _loss(offer: Offer) -> str:
    seen = viewed(offer)
    return seen.viewer.opened(seen.source).subject.loss.name


def test_a_recipe_before_training_has_the_initial_values_of_its_run() -> None:
    opened = Sources(Path("no-such-folder")).open("recipe:xor")
    config = experiment.prepare("xor").config()
    expected = config.model.init(config.seed)
    for path, weights in nn.parameters(opened.model).items():
        np.testing.assert_array_equal(weights, nn.parameters(expected)[path])


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A machine without sets of pictures; what would be downloaded stands in the list."""
    asked: list[str] = []

    def retrieve(address: str, **_: object) -> str:
        asked.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(mnist, "_places", lambda known, folder=None: [tmp_path / known.name])
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr("pooch.retrieve", retrieve)
    return asked


def test_a_recipe_in_the_menu_downloads_nothing(no_pictures: list[str]) -> None:
    opened = Sources(Path("no-such-folder")).open("recipe:lenet5")
    assert opened.subject.data_name == "digits"  # which comes with the package
    assert no_pictures == []


def test_a_run_downloads_nothing(folder: Path, tmp_path: Path, no_pictures: list[str]) -> None:
    shutil.copytree(folder / "mlp-1", tmp_path / "runs" / "a")
    config = tmp_path / "runs" / "a" / "config.json"
    values = json.loads(config.read_text(encoding="utf-8").replace('"iris"', '"fashion-mnist"'))
    values.pop("checksum")
    config.write_text(json.dumps(values), encoding="utf-8")
    opened = Sources(tmp_path / "runs").open("run:a")
    assert any("could not be downloaded" in remark for remark in opened.remarks)
    assert no_pictures == []
    with pytest.raises(DataError):  # the list is one of what would have been downloaded
        data.load("fashion-mnist")
    assert no_pictures


@pytest.mark.parametrize("name", ["rbm", "som", "gan", "dqn"])
def test_networks_that_learn_without_targets(name: str) -> None:
    sources = Sources(Path("no-such-folder"))
    opened = sources.open(f"recipe:{name}")
    assert opened.output == "none"
    assert opened.takes == ("example",)


def test_an_offered_model_is_replaced_and_withdrawn() -> None:
    x, y = np.ones((2, 3), np.float32), np.zeros(2, np.int32)
    first, second = (nn.Linear(3, 2).init(seed) for seed in (0, 1))
    seen = viewed(Offer("live", first, data=(x, y)))
    one = seen.begin(example=0).header
    program = seen.viewer.seen(one["pass_id"]).glass.values.program
    seen.viewer.sources.offer(Offer("live", second, data=(x, y)), seen.source)
    other = seen.begin(example=0).header
    assert other["objective"] != one["objective"]
    assert seen.viewer.seen(other["pass_id"]).glass.values.program is program
    # A pass that was made before stays that of the former weights.
    assert seen.viewer.seen(one["pass_id"]).glass.objective == pytest.approx(one["objective"])
    seen.viewer.sources.withdraw(seen.source)
    with pytest.raises(ConfigurationError, match="unknown network"):
        seen.begin(example=0)


def test_a_shape_is_told_from_the_first_layer() -> None:
    assert guessed_inputs(nn.Sequential([nn.Conv2d(3, 4, 3), nn.GlobalAvgPool()]))[0] == (28, 28, 3)
    assert guessed_inputs(nn.Sequential([nn.Embedding(9, 4), nn.LSTM(4, 5)]))[:2] == ((16,), 9)
    with pytest.raises(ShapeError, match=r"(?s)cannot be told.*cp.studio"):
        guessed_inputs(nn.Sequential(["relu"]))


def test_examples_of_a_class(folder: Path) -> None:
    viewer = Viewer(Sources(folder))
    network = "network:mlp"
    every = viewer.examples(network, 0, 60).examples
    found = viewer.examples(network, 1, 3, label=7)
    sevens = [one for one in every if one.target == "7"]
    assert found.examples == tuple(sevens[1:4])
    assert (found.start, found.total) == (1, sum(viewer.opened(network).subject.truths == 7))
    for source, label in ((network, 10), ("network:gpt", 0)):
        with pytest.raises(ConfigurationError, match="no such class"):
            viewer.examples(source, label=label)


def test_which_sources_take_pictures(folder: Path) -> None:
    listed = {entry.id: entry for entry in Sources(folder).listed().sources}
    pictures = {source for source, entry in listed.items() if entry.pictures}
    for source in ("network:lenet5", "network:mlp", "network:gpt", "run:mlp-1"):
        takes = Sources(folder).open(source).picture_shape is not None
        assert (source in pictures) == takes
    assert {"network:resnet20", "file:kept.safetensors", "run:own"} <= pictures
    assert not any(source.startswith("recipe:") for source in pictures)


def test_which_sources_predict_the_next_character_of_a_text(folder: Path) -> None:
    listed = Sources(folder).listed().sources
    texts = {entry.id for entry in listed if entry.texts}
    assert {"network:lstm", "network:gru", "network:gpt", "recipe:char-lstm"} <= texts
    assert "recipe:char-gpt" in texts
    assert not texts & {"network:lenet5", "network:gpt2", "recipe:mlp", "run:mlp-1", "recipe:g2p"}
    assert "file:kept.safetensors" in texts  # it is known when it is opened
    for source in ("network:lstm", "network:gpt", "network:lenet5"):
        assert Sources(folder).open(source).predicts_next == (source in texts)


def test_a_run_on_a_text_is_known_by_its_preparation(tmp_path: Path) -> None:
    text = tmp_path / "rhyme.txt"
    text.write_text("round and round the rugged rock the ragged rascal ran. " * 40)
    values = {"data": {"name": str(text)}, "epochs": 1, "hidden_size": 4}
    experiment.prepare("char-lstm", values).train(
        folder=tmp_path / "runs" / "rhyme", progress=False
    )
    (entry,) = (e for e in Sources(tmp_path / "runs").listed().sources if e.kind == "run")
    assert (entry.id, entry.texts) == ("run:rhyme", True)

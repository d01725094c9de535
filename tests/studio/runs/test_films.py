"""Films: every number of a picture is that of the run's own model, data or recording."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from clearprop import nn
from clearprop.data.environments import find_environment
from clearprop.errors import CheckpointError, ClearpropError, ConfigurationError, RunError
from clearprop.glass.capture import capture
from clearprop.glass.drawings.organized_map import class_counts, hits, unit_distances
from clearprop.models.self_organizing_map import as_map
from clearprop.recipes.adversarial import generated
from clearprop.recipes.experiment import of_run
from clearprop.studio.runs.detail import facts_of
from clearprop.studio.runs.films.kept import KeptStates
from clearprop.studio.runs.films.models import RunModels
from clearprop.studio.runs.films.tiles import matrix_tile, output_tiles, parameter_tiles
from clearprop.training import load_model, open_run, read_run
from tests.studio.runs.conftest import Shelf


def models_of(shelf: Shelf, name: str) -> RunModels:
    return RunModels(facts_of(shelf.library.reader(name)), KeptStates())


@pytest.mark.parametrize("kind", ["xor", "digits", "som", "rbm", "gan", "dqn"])
def test_the_models_of_a_film_are_those_of_the_time_machine(shelf: Shelf, kind: str) -> None:
    folder = shelf.put(kind)
    run = models_of(shelf, kind)
    config = read_run(folder).config
    machine = open_run(folder, of_run(config, kind).config())
    assert len(machine.steps) > 1
    for step in machine.steps:
        own, expected = run.at(step), machine.at(step)
        for path, array in nn.parameters(expected).items():
            np.testing.assert_array_equal(nn.parameters(own)[path], array, err_msg=path)


def test_an_average_is_another_model_than_the_weights(shelf: Shelf) -> None:
    shelf.put("digits")
    run, states = models_of(shelf, "digits"), KeptStates()
    step = states.snapshots(run.facts.place)[-1]
    trained = states.parameters(run.facts.place, step, None)["layers.0.weight"]
    averaged = nn.parameters(run.at(step))["layers.0.weight"]
    assert not np.array_equal(trained, averaged)
    assert run.facts.last is not None
    assert run.facts.last_trained is None


def test_the_list_of_films(shelf: Shelf) -> None:
    for kind in ("xor", "arrays", "som", "rbm", "gan", "dqn"):
        shelf.put(kind)
    found = {
        kind: [film.kind for film in shelf.service.detail(kind).films]
        for kind in ("xor", "arrays", "som", "rbm", "gan", "dqn")
    }
    assert found == {
        "xor": ["pass", "weights", "statistics"],
        "arrays": ["weights", "statistics", "arrays"],
        "som": ["map"],
        "rbm": ["machine", "weights"],
        "gan": ["samples", "weights"],
        "dqn": ["episode", "weights"],
    }
    film = shelf.service.detail("xor").films[0]
    assert film.steps == [0, 1, 2, 5, 10, 20, 50, 60]


# --- weights and recordings ----------------------------------------------------------------------


def test_weights_are_those_of_the_snapshots(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    film = next(one for one in shelf.service.detail("xor").films if one.kind == "weights")
    first = shelf.frame("xor", "weights", 0, of="layers.0.weight")
    last = shelf.frame("xor", "weights", film.steps[-1], of="layers.0.weight")
    expected = np.asarray(nn.parameters(load_model(folder))["layers.0.weight"])
    np.testing.assert_array_equal(last.arrays["tiles"][0], expected)
    assert (first.header["kind"], first.header["shape"]) == ("weights", [2, 8])
    largest = max(np.abs(first.arrays["tiles"]).max(), np.abs(expected).max())
    assert first.header["film_limit"] == last.header["film_limit"] == pytest.approx(largest)
    assert first.header["limit"] == pytest.approx(np.abs(first.arrays["tiles"]).max())


def test_units_that_see_pictures_are_pictures(shelf: Shelf) -> None:
    shelf.put("digits")
    tiles = shelf.frame("digits", "weights", 20, of="layers.0.weight")
    assert tiles.arrays["tiles"].shape == (8, 8, 8)
    run = models_of(shelf, "digits")
    trained = KeptStates().parameters(run.facts.place, 20, None)["layers.0.weight"]
    for k, unit in enumerate(tiles.header["labels"]):
        np.testing.assert_array_equal(tiles.arrays["tiles"][k].ravel(), trained[:, unit])
    other = shelf.frame("digits", "weights", 20, of="layers.1.weight")
    assert other.arrays["tiles"].shape == (1, 8, 10)


def test_weights_on_noise_are_no_pictures(shelf: Shelf) -> None:
    folder = shelf.put("gan")
    config = json.loads((folder / "config.json").read_text())
    config["preprocessor"]["input_shape"] = [4, 4, 1]  # as many as the numbers of the noise
    del config["checksum"]
    (folder / "config.json").write_text(json.dumps(config))
    name = "generator.layers.0.weight"
    assert shelf.frame("gan", "weights", 0, of=name).arrays["tiles"].shape == (1, 16, 8)


def test_large_arrays_are_shown_by_some_of_their_rows() -> None:
    values = np.arange(700 * 300, dtype=np.float32).reshape(700, 300)
    found = matrix_tile(values, "input", "unit")
    assert (found.tiles.shape, found.every) == ((1, 234, 150), (3, 2))
    assert found.tiles[0, 5, 7] == values[15, 14]


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 3, 4), (5, 5, 2, 3), (2, 2, 2, 2, 2)])
def test_a_parameter_of_any_shape_is_shown_whole(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = parameter_tiles(values)
    assert found.shape == shape
    assert sorted(found.tiles.ravel().tolist()) == sorted(values.ravel().tolist())


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (6, 5, 3), (2, 2, 2, 3)])
def test_an_output_of_any_shape_is_shown_whole(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = output_tiles(values)
    assert found.shape == shape
    assert sorted(found.tiles.ravel().tolist()) == sorted(values.ravel().tolist())


def test_recorded_statistics(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    recordings = read_run(folder).recordings
    assert recordings is not None
    for name in recordings.names:
        frame = shelf.frame("xor", "statistics", 0, of=name)
        recorded = recordings[name]
        value = recorded.value if recorded.is_parameter else recorded.output
        error = recorded.gradient if recorded.is_parameter else recorded.error
        assert value is not None
        assert error is not None
        assert frame.arrays["step"].tolist() == recordings.steps.tolist()
        for row, statistic in enumerate(frame.header["statistics"]):
            np.testing.assert_array_equal(frame.arrays["value"][row], getattr(value, statistic))
            np.testing.assert_array_equal(frame.arrays["error"][row], getattr(error, statistic))
        assert frame.header["is_parameter"] == (recorded.update_ratio is not None)


def test_recorded_arrays(shelf: Shelf) -> None:
    folder = shelf.put("arrays")
    recordings = read_run(folder).recordings
    assert recordings is not None
    for name in recordings.names:
        recorded = recordings[name]
        for what in ("value", "error"):
            parts = {
                "value": recorded.value or recorded.output,
                "error": recorded.gradient or recorded.error,
            }
            array = parts[what]
            assert array is not None
            assert array.arrays is not None
            for k, step in enumerate(recordings.steps.tolist()):
                frame = shelf.frame("arrays", "arrays", step, of=name, what=what, example=2)
                expected = array.arrays[k] if recorded.is_parameter else array.arrays[k][2]
                np.testing.assert_array_equal(frame.arrays["tiles"].ravel(), expected.ravel())


def test_damaged_recorded_steps_are_left_out(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    rows = folder / "recordings" / "rows.bin"
    content = bytearray(rows.read_bytes())
    content[20] ^= 1
    rows.write_bytes(content)
    frame = shelf.frame("xor", "statistics", 0, of="layers.0")
    assert frame.arrays["step"].tolist() == [20, 40]
    assert any("1 of 3 recorded steps" in text for text in shelf.service.damage("xor"))


# --- passes and other systems --------------------------------------------------------------------


def test_a_pass_has_the_numbers_of_a_capture(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    experiment = of_run(read_run(folder).config, "xor")
    machine = open_run(folder, experiment.config())
    data = experiment.splits.train
    for step in (0, 50):
        for example in (0, 3):
            frame = shelf.frame("xor", "pass", step, example=example)
            x = np.asarray(data.inputs[example : example + 1], np.float32)
            y = np.asarray(data.targets[example : example + 1])
            seen = capture(machine.at(step), x, y, experiment.loss)
            assert frame.header["objective"] == pytest.approx(float(seen.objective), rel=1e-5)
            names = [layer["name"] for layer in frame.header["layers"]]
            assert names[0] == "input"
            np.testing.assert_array_equal(frame.arrays["value.0"].ravel(), x.ravel())
            assert seen.input.error is not None
            np.testing.assert_allclose(
                frame.arrays["error.0"].ravel(), np.ravel(seen.input.error), rtol=1e-5, atol=1e-9
            )
            k = names.index("layers.0")
            np.testing.assert_allclose(
                frame.arrays[f"value.{k}"].ravel(), np.ravel(seen["layers.0"].value), rtol=1e-5
            )
            np.testing.assert_allclose(
                frame.arrays[f"error.{k}"].ravel(),
                np.ravel(seen["layers.0"].error),
                rtol=1e-4,
                atol=1e-9,
            )
            output = float(np.ravel(seen.output)[0])
            assert frame.header["prediction"] == str(int(output >= 0))
            assert frame.header["target"] == str(int(np.ravel(y)[0]))


def test_an_example_that_there_is_not_is_the_last(shelf: Shelf) -> None:
    shelf.put("xor")
    assert shelf.frame("xor", "pass", 60, example=99).header["example"] == 3


def test_a_map(shelf: Shelf) -> None:
    folder = shelf.put("som")
    experiment = of_run(read_run(folder).config, "som")
    som = as_map(open_run(folder, experiment.config()).at(2), "som")
    frame = shelf.frame("som", "map", 2)
    part, preprocessor = experiment.splits.train, experiment.splits.preprocessor
    x = np.asarray(preprocessor.scaled(np.asarray(part.inputs)), np.float32).reshape(len(part), -1)
    assert (frame.header["rows"], frame.header["columns"]) == (4, 4)
    assert frame.header["examples"] == len(part)
    np.testing.assert_array_equal(frame.arrays["points"].reshape(16, -1), som.codebook)
    np.testing.assert_allclose(frame.arrays["distance"], unit_distances(som), rtol=1e-6)
    assert frame.arrays["hits"].tolist() == hits(som, x).tolist()
    counts = class_counts(som, x, part.targets)
    busy = counts.sum(axis=1) > 0
    assert frame.arrays["class"][busy].tolist() == counts.argmax(axis=1)[busy].tolist()
    assert (frame.arrays["class"][~busy] == -1).all()


def test_samples_are_of_the_same_noise_at_each_step(shelf: Shelf) -> None:
    folder = shelf.put("gan")
    experiment = of_run(read_run(folder).config, "gan")
    machine = open_run(folder, experiment.config())
    for step in (0, 100):
        frame = shelf.frame("gan", "samples", step)
        count = len(frame.arrays["points"])
        expected = generated(machine.at(step), count, experiment.recipe.seed)
        np.testing.assert_allclose(frame.arrays["points"], expected, rtol=1e-5, atol=1e-6)
        assert frame.arrays["real"].shape == (1500, 2)


def test_a_machine(shelf: Shelf) -> None:
    folder = shelf.put("rbm")
    machine = load_model(folder)
    steps = shelf.service.detail("rbm").films[0].steps
    frame = shelf.frame("rbm", "machine", steps[-1])
    weight = np.asarray(nn.parameters(machine)["hidden.weight"])
    for k, unit in enumerate(frame.header["labels"]):
        np.testing.assert_array_equal(frame.arrays["filters"][k].ravel(), weight[:, unit])
    given, made = frame.arrays["given"], frame.arrays["made"]
    assert given.shape == made.shape == (8, 8, 8)
    assert frame.header["error"] == pytest.approx(float(((given - made) ** 2).mean()), rel=1e-5)
    assert frame.arrays["chains"].shape == (3, 8, 8, 8)


def test_an_episode(shelf: Shelf) -> None:
    folder = shelf.put("dqn")
    steps = shelf.service.detail("dqn").films[0].steps
    frame = shelf.frame("dqn", "episode", steps[-1])
    arrays, environment = frame.arrays, find_environment("CartPole-v1")
    network = load_model(folder)
    values = np.asarray(network(arrays["observed"]))  # type: ignore[operator]
    np.testing.assert_allclose(arrays["value"], values, rtol=1e-4, atol=1e-5)
    assert arrays["action"].tolist() == values.argmax(axis=1).tolist()
    assert frame.header["total"] == arrays["reward"].sum() == len(arrays["action"])
    for t in range(len(arrays["action"]) - 1):
        moved = environment.advanced(  # type: ignore[attr-defined]
            arrays["variables"][t], arrays["action"][t], jax.random.key(0)
        )
        np.testing.assert_allclose(arrays["variables"][t + 1], moved, rtol=1e-4, atol=1e-5)
    assert arrays["plane"].shape == (48, 48, 2)
    assert frame.header["plane"]["names"] == ["angle", "angular velocity"]


# --- what cannot be shown ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("film", "step", "of", "error"),
    [
        ("weights", 3, "layers.0.weight", CheckpointError),
        ("weights", 0, "layers.9.weight", ConfigurationError),
        ("statistics", 0, "layers.9", ConfigurationError),
        ("arrays", 0, "layers.0", ConfigurationError),
        ("pass", 3, "", CheckpointError),
        ("map", 0, "", ClearpropError),
        ("nothing", 0, "", ConfigurationError),
    ],
)
def test_what_a_run_cannot_show_is_said(
    shelf: Shelf, film: str, step: int, of: str, error: type[ClearpropError]
) -> None:
    shelf.put("xor")
    with pytest.raises(error):
        shelf.service.frame("xor", film, step, of=of)


def test_a_damaged_snapshot_is_said_and_the_others_are_shown(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    file = folder / "snapshots" / "step-000000000010.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError):
        shelf.service.frame("xor", "weights", 10, of="layers.0.weight")
    with pytest.raises(CheckpointError):
        shelf.service.frame("xor", "pass", 10)
    assert shelf.frame("xor", "weights", 20, of="layers.0.weight").header["step"] == 20
    (told,) = shelf.service.damage("xor")
    assert told.startswith("snapshots/step-000000000010.safetensors")


def test_a_snapshot_that_is_a_link_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    folder = shelf.put("xor")
    file = folder / "snapshots" / "step-000000000010.safetensors"
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    for film in ("weights", "pass"):
        with pytest.raises(RunError, match="does not follow a link"):
            shelf.service.frame("xor", film, 10, of="layers.0.weight")


def test_without_its_data_a_map_shows_what_it_can(shelf: Shelf) -> None:
    folder = shelf.put("som")
    config = json.loads((folder / "config.json").read_text())
    del config["notes"]["recipe"], config["checksum"]
    (folder / "config.json").write_text(json.dumps(config))
    frame = shelf.frame("som", "map", 2)
    assert "made in Python" in frame.header["remark"]
    assert "hits" not in frame.arrays
    assert frame.arrays["points"].shape == (16, 8, 8)


def test_a_run_without_snapshots_shows_its_last_step(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    for file in (folder / "snapshots").iterdir():
        file.unlink()
    films = {film.kind: film for film in shelf.service.detail("xor").films}
    assert films["pass"].steps == [60]
    assert "snapshots=log" in films["pass"].hint
    assert shelf.frame("xor", "pass", 60).header["step"] == 60

"""Event files that TensorBoard reads: scalars, histograms, pictures, also after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from clearprop import data, nn
from clearprop.errors import ConfigurationError
from clearprop.interop.tensorboard import TensorBoardLog, export
from clearprop.training import Event, Record, Run, StepsDone, StopTraining, fit, load_model

EVERYTHING = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}

AT_CHECKPOINTS = [15, 26, 40, 52, 65, 78]
"""The first steps at or after every 13th at which a compiled call of 5 steps or an epoch ends."""


def model() -> nn.Module:
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm(4), "relu", nn.Flatten(), nn.Linear(144, 10)]
    return nn.Sequential(*layers)


def trained(folder: Path | None, on_event: Callable[[Event], None] | None, **options: Any) -> Run:
    common: dict[str, Any] = {"epochs": 3, "batch_size": 64, "seed": 1, "metrics": ["f1_macro"]}
    common |= {"checkpoint_every": 13, "progress": False, "steps_per_call": 5} | options
    return fit(model(), data.load("digits"), folder=folder, on_event=on_event, **common)


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    found.Reload()
    return found


def steps(events: list[Any]) -> list[int]:
    return [event.step for event in events]


def curve(log: EventAccumulator, name: str) -> list[float]:
    return [event.value for event in log.Scalars(name)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("log") / "run"
    log = TensorBoardLog(folder / "tensorboard", run=folder)
    record = Record(["layers.0", "layers.4"], what="arrays", every=20)
    return trained(folder, log, record=record, snapshots=[0, 30, 78])


def of(run: Run) -> Path:
    assert run.folder is not None
    return run.folder


def test_the_curves_of_a_run(run: Run) -> None:
    log, history = read(of(run) / "tensorboard"), run.history
    for name, column in {
        "objective/training": history.objective,
        "objective/development": history.development_objective,
        "error/training": history.training_error,
        "error/development": history.development_error,
        "learning_rate": history.learning_rate,
        "metrics/f1_macro": history.metrics["f1_macro"],
    }.items():
        np.testing.assert_array_equal(curve(log, name), column.astype(np.float32))
        assert steps(log.Scalars(name)) == list(history.step)
    of_steps = log.Scalars("objective/steps")
    assert of_steps[0].step == 5
    np.testing.assert_allclose(of_steps[0].value, run.losses[:5].mean(), rtol=1e-6)
    text = log.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    assert '"batch_size": 64' in text


def test_histograms_of_weights(run: Run) -> None:
    log = read(of(run) / "tensorboard")
    assert steps(log.Histograms("weights/layers.0.weight")) == AT_CHECKPOINTS
    for path, weights in nn.parameters(run.model).items():
        found = log.Histograms(f"weights/{path}")[-1].histogram_value
        assert found.num == weights.size
        np.testing.assert_allclose(found.min, float(weights.min()), rtol=1e-6)
        np.testing.assert_allclose(found.max, float(weights.max()), rtol=1e-6)
        np.testing.assert_allclose(found.sum, float(weights.sum()), rtol=1e-4, atol=1e-4)
        assert sum(found.bucket) == weights.size


def test_recorded_outputs_and_error_signals(run: Run) -> None:
    assert run.recordings is not None
    log, recorded = read(of(run) / "tensorboard"), run.recordings["layers.0"]
    for kind, part in (("output", recorded.output), ("error", recorded.error)):
        assert part is not None
        assert part.arrays is not None
        events = log.Histograms(f"recorded_{kind}/layers.0")
        assert steps(events) == list(recorded.steps) == [0, 20, 40, 60]
        for event, array in zip(events, part.arrays, strict=True):
            known = array[np.isfinite(array)]
            assert event.histogram_value.num == known.size
            np.testing.assert_allclose(event.histogram_value.max, known.max(), rtol=1e-6)
        np.testing.assert_allclose(
            curve(log, f"recorded_{kind}_deviation/layers.0"), part.deviation, rtol=1e-6
        )


def test_pictures_of_the_filters(run: Run) -> None:
    log = read(of(run) / "tensorboard")
    pictures = log.Images("filters/layers.0")
    assert steps(pictures) == AT_CHECKPOINTS
    assert pictures[0].encoded_image_string.startswith(b"\x89PNG")
    assert pictures[0].encoded_image_string != pictures[-1].encoded_image_string


def test_nothing_of_the_training_changes(run: Run, tmp_path: Path) -> None:
    plain = trained(tmp_path / "run", None)
    for ours, other in zip(jax.tree.leaves(run.model), jax.tree.leaves(plain.model), strict=True):
        assert np.asarray(ours).tobytes() == np.asarray(other).tobytes()


def test_a_run_that_was_interrupted_goes_on_in_the_same_curves(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "run"
    log = TensorBoardLog(folder / "tensorboard", run=folder)

    def stop(event: Event) -> None:
        log(event)
        if isinstance(event, StepsDone) and event.step >= 40:
            raise StopTraining

    options: dict[str, Any] = {"record": Record(["layers.0"], what="arrays", every=20)}
    trained(folder, stop, **options)
    again = TensorBoardLog(folder / "tensorboard", run=folder)
    trained(folder, again, resume=True, **options)
    assert len(list((folder / "tensorboard").iterdir())) == 2
    both, whole = read(folder / "tensorboard"), read(of(run) / "tensorboard")
    for name in ("objective/training", "error/development"):
        assert curve(both, name) == curve(whole, name)
        assert steps(both.Scalars(name)) == [26, 52, 78]
    assert set(steps(both.Histograms("recorded_error/layers.0"))) == {0, 20, 40, 60}
    assert steps(both.Histograms("weights/layers.0.weight"))[-1] == 78


@pytest.mark.parametrize("is_in_memory", [False, True])
def test_export_of_a_run(is_in_memory: bool, run: Run, tmp_path: Path) -> None:
    exported = run
    if is_in_memory:
        record = Record(["layers.0"], what="arrays", every=20)
        exported = trained(None, None, record=record, snapshots=[0, 30, 78])
    log = read(export(exported if is_in_memory else of(run), tmp_path / "log"))
    assert curve(log, "error/development") == [
        np.float32(x) for x in exported.history.development_error
    ]
    np.testing.assert_allclose(curve(log, "objective/steps"), exported.losses, rtol=1e-6)
    assert steps(log.Scalars("objective/steps")) == list(range(1, 79))
    assert steps(log.Histograms("weights/layers.4.weight")) == [0, 30, 78]
    assert steps(log.Images("filters/layers.0")) == [0, 30, 78]
    assert steps(log.Histograms("recorded_error/layers.0")) == [0, 20, 40, 60]
    times = [event.wall_time for event in log.Scalars("error/development")]
    assert times == sorted(times)
    assert abs((times[-1] - times[0]) - exported.history.seconds[1:].sum()) < 0.5


def test_a_matrix_that_sees_pictures_is_drawn(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    log = TensorBoardLog(folder / "log", run=folder)
    fit(layers, data.load("digits"), epochs=1, folder=folder, on_event=log, progress=False)
    found = read(folder / "log")
    assert found.Tags()["images"] == ["filters/layers.1"]
    x = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    other = tmp_path / "numbers"
    log = TensorBoardLog(other / "log", run=other)
    fit(
        nn.Linear(64, 2), x, (x[:, 0] > 0).astype(int),
        epochs=1, folder=other, on_event=log, progress=False,
    )  # fmt: skip
    found = read(other / "log")
    assert found.Tags()["images"] == []
    assert "weights/weight" in found.Tags()["histograms"]


def test_scalars_without_a_folder_and_a_run_that_diverges(tmp_path: Path) -> None:
    x = jnp.ones((8, 2))
    with TensorBoardLog(tmp_path / "log") as log, pytest.raises(ArithmeticError):
        fit(
            nn.Linear(2, 1), x, 1e30 * x[:, :1], loss="squared_error", optimizer="sgd",
            learning_rate=1e30, epochs=5, on_event=log, progress=False,
        )  # fmt: skip
    found = read(tmp_path / "log").Tags()
    assert "not_finite/text_summary" in found["tensors"]
    assert "stopped/text_summary" in found["tensors"]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(ConfigurationError, match="not installed") as refused:
        TensorBoardLog(tmp_path)
    assert refused.value.fix == "pip install 'clearprop[tensorboard]'"


def test_a_folder_with_frozen_parameters(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    log = TensorBoardLog(folder / "log", run=folder)
    trained(folder, log, freeze=["layers.0"], epochs=1)
    found = read(folder / "log")
    assert found.Tags()["images"] == ["filters/layers.0"]
    assert "weights/layers.0.weight" not in found.Tags()["histograms"]
    again = read(export(folder, tmp_path / "log"))
    last = again.Histograms("weights/layers.0.weight")[-1].histogram_value
    kernel = nn.parameters(load_model(folder))["layers.0.weight"]
    np.testing.assert_allclose(last.max, float(kernel.max()), rtol=1e-6)

"""Recordings are right, change no bit of the training, and are an error if they are too large."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, nn, ops, tree
from clearprop.backend import devices
from clearprop.errors import ConfigurationError, RunError
from clearprop.models import GPT, LeNet5
from clearprop.training import Record, Run, Stopped, fit, read_run
from clearprop.training.fit_config import FitConfig
from clearprop.training.recording.recordings import joined
from clearprop.training.storage.summed import SummedFile


def perceptron() -> nn.Module:
    return nn.Sequential([nn.Flatten(), nn.Linear(64, 16), "sigmoid", nn.Linear(16, 10)])


def normalized() -> nn.Module:
    layers = [nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm(16), ops.relu, nn.Dropout(0.2)]
    return nn.Sequential([*layers, nn.Linear(16, 10)])


class Reader(nn.Module):
    """An LSTM that reads the rows of a picture step by step."""

    lstm: nn.LSTM
    output: nn.Linear

    def __init__(self) -> None:
        self.lstm = nn.LSTM(8, 12)
        self.output = nn.Linear(12, 10)

    def __call__(self, x: Any) -> Any:
        return self.output(self.lstm(x.reshape(len(x), 8, 8))[:, -1])


def pictures(shape: tuple[int, ...] = (8, 8, 1), count: int = 72) -> tuple[Any, Any]:
    known = data.load("digits")
    x = np.asarray(known.inputs[:count], np.float32).reshape(count, 8, 8, 1) / 16
    if shape[0] == 28:
        x = np.pad(x, ((0, 0), (10, 10), (10, 10), (0, 0)))
    return x, np.asarray(known.targets[:count])


def text() -> tuple[Any, Any]:
    letters = np.frombuffer(Path(__file__).read_bytes()[:561], np.uint8) % 32
    x = letters[:-1].reshape(35, 16).astype(np.int32)
    return x, letters[1:].reshape(35, 16).astype(np.int32)


CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "mlp in whole passes": (perceptron, pictures, {}),
    "normalization and dropout": (normalized, pictures, {"average": 0.9}),
    "calls of some steps": (perceptron, pictures, {"steps_per_call": 4}),
    "lenet5": (LeNet5, lambda: pictures((28, 28, 1)), {"epochs": 1}),
    "lstm": (Reader, pictures, {"epochs": 2}),
    "gpt": (
        lambda: GPT(32, 16, 16, layers=1, heads=2),
        text,
        {"loss": "sequence_cross_entropy", "epochs": 2},
    ),
    "two devices": (normalized, pictures, {"devices": min(2, len(devices()))}),
}


def trained(name: str, **more: Any) -> Run:
    model, examples, options = CASES[name]
    given = {"epochs": 3, "batch_size": 16, "progress": False, **options, **more}
    return fit(model(), examples(), **given)


def same(one: Run, other: Run) -> bool:
    first, second = (tree.flatten_with_paths(run.model) for run in (one, other))
    weights = all(np.array_equal(first[path], second[path]) for path in first)
    return one.losses.tobytes() == other.losses.tobytes() and weights


SELDOM = {"gpt", "lenet5", "normalization and dropout"}
"""These take ten seconds each, and the other cases contain the same kinds of layers."""


@pytest.mark.optimized
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SELDOM else []) for name in CASES],
)
def test_recording_changes_no_bit_of_a_training(name: str) -> None:
    plain = trained(name)
    recorded = trained(name, record=Record("*", every=3))
    assert same(plain, recorded)
    assert recorded.recordings is not None
    assert recorded.recordings.steps.tolist() == list(range(0, len(plain.losses), 3))
    errors = (run.history.training_error.tobytes() for run in (plain, recorded))
    assert len(set(errors)) == 1


@pytest.mark.optimized
def test_a_step_that_is_a_program_of_its_own() -> None:
    from clearprop.training.execution_plan import ExecutionPlan
    from clearprop.training.run_setup import RunSetup

    plan = ExecutionPlan(1, 4, 0, unrolled=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunSetup, "plan", lambda *_: plan)
        plain = trained("normalization and dropout")
        recorded = trained("normalization and dropout", record=Record("*", every=3))
    assert plain.config["plan"]["unrolled"]
    assert same(plain, recorded)


@pytest.mark.optimized
def test_recording_changes_no_bit_where_examples_are_streamed() -> None:
    pytest.importorskip("grain")
    streamed = dataclasses.replace(data.load("digits"), stream=True).split(seed=0)
    given = {"epochs": 2, "batch_size": 32, "progress": False}
    plain = fit(perceptron(), streamed, **given)
    recorded = fit(perceptron(), streamed, record=Record("*", every=7), snapshots=[20], **given)
    assert same(plain, recorded)
    ends = (nn.parameters(run.model) for run in (plain, recorded.fork(20)))
    assert all(np.array_equal(*pair) for pair in zip(*map(dict.values, ends), strict=True))


def test_what_is_recorded_is_what_jax_computes() -> None:
    x, y = pictures()
    start = perceptron().init(0)
    options: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.5, "progress": False}
    run = fit(start, (x, y), epochs=1, batch_size=72, record=Record("*", "arrays", 1), **options)
    recordings = run.recordings
    assert recordings is not None
    order = data.epoch_order(len(x), 0, 0)
    weights = nn.parameters(start)

    def forward(w: Any, nudge: Any) -> Any:
        h = x[order].reshape(72, 64) @ w["layers.1.weight"] + w["layers.1.bias"]
        z = jax.nn.sigmoid(h) + nudge
        return z @ w["layers.3.weight"] + w["layers.3.bias"], z

    def loss(w: Any, nudge: Any) -> Any:
        return -jnp.mean(jax.nn.log_softmax(forward(w, nudge)[0])[jnp.arange(72), y[order]])

    gradients, error = jax.grad(loss, argnums=(0, 1))(weights, jnp.zeros((72, 16)))
    hidden = recordings["layers.2"]
    assert hidden.kind == "sigmoid"
    assert hidden.output is not None
    assert hidden.error is not None
    seen = forward(weights, 0.0)[1]
    np.testing.assert_allclose(hidden.output.arrays[0], seen, rtol=1e-5)  # type: ignore[index]
    np.testing.assert_allclose(hidden.error.arrays[0], error, rtol=1e-4, atol=1e-8)  # type: ignore[index]
    assert hidden.output.mean[0] == pytest.approx(float(seen.mean()), rel=1e-5)
    assert hidden.output.deviation[0] == pytest.approx(float(seen.std()), rel=1e-4)
    assert hidden.output.smallest[0] == pytest.approx(float(seen.min()), rel=1e-5)
    assert hidden.output.largest[0] == pytest.approx(float(seen.max()), rel=1e-5)
    assert hidden.output.saturated[0] == np.mean((seen <= 0.01) | (seen >= 0.99))
    assert np.isnan(hidden.error.saturated[0])
    for path, gradient in gradients.items():
        kept = recordings[path]
        assert kept.gradient is not None
        assert kept.update_ratio is not None
        np.testing.assert_allclose(kept.gradient.arrays[0], gradient, rtol=1e-4, atol=1e-7)  # type: ignore[index]
        length = float(jnp.linalg.norm(weights[path]))
        if length:
            ratio = 0.5 * float(jnp.linalg.norm(gradient)) / length
            assert kept.update_ratio[0] == pytest.approx(ratio, rel=1e-4)
        else:
            assert np.isnan(kept.update_ratio[0])


def test_fractions_of_zeros_and_of_what_is_not_finite() -> None:
    from clearprop.training.recording.observation import STATISTICS, _statistics

    x = jnp.array([0.0, 0.0, 2.0, jnp.nan])
    told = dict(zip(STATISTICS, _statistics(x, "relu"), strict=True))
    assert (told["zeros"], told["saturated"], told["nonfinite"]) == (0.5, 0.5, 0.25)
    assert np.isnan(told["mean"])


def test_a_smaller_last_batch_is_filled_up_with_nan() -> None:
    run = trained("mlp in whole passes", epochs=1, record=Record(["layers.1"], "arrays", 1))
    assert run.recordings is not None
    output = run.recordings["layers.1"].output
    assert output is not None
    assert output.arrays is not None
    assert output.arrays.shape == (5, 16, 16)
    assert np.isnan(output.arrays[4]).all(axis=1).tolist() == [False] * 8 + [True] * 8
    assert np.isfinite(output.mean).all()


def test_a_layer_is_recorded_with_what_is_below_it() -> None:
    model = GPT(32, 16, 16, layers=1, heads=2)
    from clearprop.training.run_setup import RunSetup

    config = FitConfig(model, text(), loss="sequence_cross_entropy", record=["blocks.*.attention"])
    layout = RunSetup.of(config).layout
    assert layout is not None
    recordings = joined(layout, [])
    assert "blocks.0.attention" in recordings.names
    assert all(name.startswith("blocks.0.attention") for name in recordings)
    assert set(recordings.layers) | set(recordings.parameters) == set(recordings.names)
    with pytest.raises(ConfigurationError, match=r"did you mean 'blocks\.0\.attention'"):
        recordings["blocks.0.atention"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (["layer.1"], "did you mean 'layers.1'"),
        ([""], "nothing is named"),
    ],
)
def test_patterns_that_match_nothing(record: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        trained("mlp in whole passes", record=record)


@pytest.mark.parametrize("wrong", [{"what": "all"}, {"every": 0}, {"every": True}, {"limit": -1}])
def test_records_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Record("*", **wrong)


def test_a_recording_larger_than_memory_is_refused_beforehand(tmp_path: Path) -> None:
    huge = Record("*", "arrays", every=1, limit=60_000)
    with pytest.raises(ConfigurationError, match="would take") as caught:
        trained("mlp in whole passes", record=huge, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    fix = caught.value.fix or ""
    assert "what='statistics'" in fix
    assert "every=" in fix
    every = int(fix.split("every=")[1].split(";")[0])
    trained("mlp in whole passes", record=Record("*", "arrays", every, limit=60_000))


def stopped_at(step: int) -> Any:
    def stop(event: Any) -> None:
        if getattr(event, "step", 0) >= step and not isinstance(event, Stopped):
            raise KeyboardInterrupt

    return stop


@pytest.mark.optimized
@pytest.mark.parametrize("name", ["mlp in whole passes", "calls of some steps"])
def test_a_resumed_recording_is_one_that_was_never_cut_off(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "record": Record("*", every=2),
        "checkpoint_every": 3,
        "average": 0.9,
    }
    trained(name, folder=tmp_path / "straight", **options)
    folder = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        trained(name, folder=folder, on_event=stopped_at(7), **options)
    rows = folder / "recordings" / "rows.bin"
    size = rows.stat().st_size
    torn = SummedFile(rows)
    torn.append(b"a part that the kill cut off")
    torn.close()
    os.truncate(rows, size + 4)
    assert read_run(folder).recordings is not None
    trained(name, folder=folder, resume=True, **options)
    assert rows.read_bytes() == (tmp_path / "straight" / "recordings" / "rows.bin").read_bytes()
    recordings = read_run(folder).recordings
    assert recordings is not None
    assert recordings.steps.tolist() == list(range(0, 15, 2))
    other = {**options, "record": Record("*", every=4)}
    with pytest.raises(ConfigurationError, match=r"record\.every was 2, is 4"):
        trained(name, folder=folder, resume=True, **other)
    rows.write_bytes(rows.read_bytes()[:100])
    with pytest.raises(RunError, match="recordings of some steps are missing"):
        trained(name, folder=folder, resume=True, **options)

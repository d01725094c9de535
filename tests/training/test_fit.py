from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from clearprop import data, nn, ops, optim
from clearprop.errors import ConfigurationError, DataError, RunError, ShapeError
from clearprop.training import (
    EpochDone,
    Event,
    RunStarted,
    StepsDone,
    Stopped,
    evaluate,
    fit,
    load,
    load_preprocessor,
    predict,
    read_run,
)
from clearprop.training.storage.lock import Lock


def quiet(*args: Any, **kwargs: Any) -> Any:
    return fit(*args, progress=False, **kwargs)


def test_digits_are_learned(digits: data.Splits, perceptron: nn.Module) -> None:
    run = quiet(perceptron, digits, epochs=30)
    assert run.stopped == Stopped("finished", 30 * 45, 30, None)
    assert len(run.losses) == 30 * 45
    assert run.history.epoch.tolist() == list(range(1, 31))
    assert run.history.objective[-1] < 0.1 * run.history.objective[0]
    assert run.history.training_error[-1] < 0.02
    assert run.history.development_error[-1] < 0.06
    assert digits.test is not None
    judged = evaluate(run.model, digits.test, preprocessor=run.preprocessor)
    assert judged.error < 0.06
    assert judged.confusion is not None
    assert judged.confusion.sum() == len(digits.test)
    assert judged.confusion.trace() == round(judged.accuracy * len(digits.test))


def test_every_way_of_making_calls_tells_the_same(
    digits: data.Splits, perceptron: nn.Module
) -> None:
    whole = quiet(perceptron, digits, epochs=3, patience=9)
    parts = quiet(perceptron, digits, epochs=3, patience=9, steps_per_call=7)
    assert whole.config["plan"]["epochs_per_call"] > 0
    assert parts.config["plan"]["epochs_per_call"] == 0
    for name in ("objective", "training_error", "development_error", "development_objective"):
        one, other = getattr(whole.history, name), getattr(parts.history, name)
        np.testing.assert_allclose(one, other, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(whole.losses, parts.losses, rtol=1e-3, atol=1e-6)


def test_the_seed_decides_everything(digits: data.Splits, perceptron: nn.Module) -> None:
    one, same, other = (quiet(perceptron, digits, epochs=2, seed=seed) for seed in (1, 1, 2))
    assert one.losses.tobytes() == same.losses.tobytes()
    assert one.losses.tobytes() != other.losses.tobytes()


def test_events_come_in_order(digits: data.Splits, perceptron: nn.Module) -> None:
    events: list[Event] = []
    quiet(perceptron, digits, epochs=2, steps_per_call=20, on_event=events.append)
    kinds = [type(event) for event in events]
    of_epoch = [StepsDone, StepsDone, StepsDone, StepsDone, EpochDone]
    # 44 batches of 32 and one of 29: calls of 20, 20, 4 and 1 steps.
    assert kinds == [RunStarted, *of_epoch, *of_epoch, Stopped]
    steps = [event.step for event in events if isinstance(event, StepsDone)]
    assert steps == [20, 40, 44, 45, 65, 85, 89, 90]


def test_the_curves_are_means_over_examples(xor: tuple[Any, Any]) -> None:
    x, y = xor
    model = nn.Sequential([nn.Linear(2, 2)]).init(3)
    run = quiet(model, (x, y), epochs=1, batch_size=3, optimizer="sgd", learning_rate=1e-9)
    expected = evaluate(model, (x, y))
    assert run.history.objective[0] == pytest.approx(expected.objective, rel=1e-5)
    assert run.history.training_error[0] == expected.error


def test_regression_is_told_in_the_units_of_the_targets() -> None:
    splits = data.load("diabetes").split(seed=0)
    model = nn.Sequential([nn.Linear(splits.input_shape[0], 1)])
    run = quiet(model, splits, loss="mean_squared_error", epochs=60, learning_rate=0.01)
    spread = float(np.std(splits.train.targets))
    assert 0.5 * spread < run.history.training_error[-1] < 0.8 * spread
    assert splits.test is not None
    judged = evaluate(run.model, splits.test, "mean_squared_error", run.preprocessor)
    expected = np.sqrt(np.mean((judged.outputs - splits.test.targets) ** 2))
    assert judged.error == pytest.approx(expected, rel=1e-4)
    assert judged.error < spread
    assert judged.confusion is None


def test_early_stopping_keeps_the_best_weights(digits: data.Splits) -> None:
    model = nn.Sequential([nn.Flatten(), nn.Linear(64, 128), ops.relu, nn.Linear(128, 10)])
    few = (digits.train.take(np.arange(200)), digits.dev)
    splits = data.Splits(few[0], few[1], None, digits.preprocessor)
    run = quiet(model, splits, epochs=200, patience=4, learning_rate=0.01)
    assert run.stopped.reason == "early"
    errors = run.history.development_error
    best = int(run.stopped.best_epoch) - 1
    assert errors[best] == errors.min()
    assert len(errors) == best + 1 + 4
    assert digits.dev is not None
    judged = evaluate(run.model, digits.dev, preprocessor=digits.preprocessor)
    assert judged.error == pytest.approx(errors.min(), abs=1e-7)


def test_early_stopping_is_the_same_in_single_calls(
    digits: data.Splits, perceptron: nn.Module
) -> None:
    options: dict[str, Any] = {"epochs": 100, "patience": 2, "learning_rate": 0.02}
    whole = quiet(perceptron, digits, **options)
    parts = quiet(perceptron, digits, steps_per_call=45, **options)
    assert whole.stopped == parts.stopped
    assert whole.stopped.reason == "early"


@pytest.mark.parametrize("freeze", [["layers.1.*"], "layers.1.*", "layers.1", iter(["layers.1"])])
def test_frozen_parameters_stay_as_they_are(
    digits: data.Splits, perceptron: nn.Module, freeze: str | Iterable[str]
) -> None:
    before = nn.parameters(perceptron.init(5))
    run = quiet(perceptron.init(5), digits, epochs=1, freeze=freeze)
    after = nn.parameters(run.model)
    same = {path for path, x in before.items() if np.array_equal(x, after[path])}
    assert same == {"layers.1.weight", "layers.1.bias"}


def test_the_average_judges_and_is_returned(digits: data.Splits, perceptron: nn.Module) -> None:
    plain = quiet(perceptron, digits, epochs=2)
    run = quiet(perceptron, digits, epochs=2, average=0.99)
    assert run.losses.tobytes() == plain.losses.tobytes()
    one, other = nn.parameters(run.model), nn.parameters(plain.model)
    assert not np.allclose(one["layers.1.weight"], other["layers.1.weight"])
    judged = evaluate(run.model, digits.dev, preprocessor=run.preprocessor)
    assert judged.error == pytest.approx(run.history.development_error[-1], abs=1e-7)


def test_a_plateau_lowers_the_rate(digits: data.Splits, perceptron: nn.Module) -> None:
    rule = optim.chain(optim.adam(0.02), optim.reduce_on_plateau(0.5, patience=1))
    run = quiet(perceptron, digits, optimizer=rule, epochs=40)
    rates = run.history.learning_rate
    assert rates[0] == pytest.approx(0.02)
    assert rates[-1] < 0.011
    assert (np.diff(rates) <= 0).all()


def test_running_statistics_are_learned(digits: data.Splits) -> None:
    model = nn.Sequential([nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm(16), nn.Linear(16, 10)])
    run = quiet(model, digits, epochs=5)
    means = nn.statistics(run.model)["layers.2.running_mean"]
    assert float(np.abs(means).max()) > 0.01
    assert run.history.development_error[-1] < 0.15


def test_data_that_does_not_fit_the_devices_is_streamed(
    digits: data.Splits, perceptron: nn.Module
) -> None:
    pytest.importorskip("grain")
    raw = data.load("digits")
    import dataclasses

    streamed = dataclasses.replace(raw, stream=True).split(seed=0)
    one = quiet(perceptron, streamed, epochs=2)
    other = quiet(perceptron, digits, epochs=2, steps_per_call=45)
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-3, atol=1e-5)
    assert one.history.development_error == pytest.approx(
        other.history.development_error, abs=0.012
    )


def test_a_dataset_brings_its_own_examples_to_judge_by(perceptron: nn.Module) -> None:
    run = quiet(perceptron, data.load("digits"), epochs=1)
    assert run.preprocessor is not None
    assert run.config["data"]["development_examples"] == 180
    none = quiet(perceptron, data.load("digits"), epochs=1, dev=0)
    assert np.isnan(none.history.development_error).all()


def test_arrays_may_bring_theirs(xor: tuple[Any, Any]) -> None:
    model = nn.Sequential([nn.Linear(2, 8), ops.tanh, nn.Linear(8, 2)])
    run = quiet(model, xor, epochs=400, batch_size=4, dev=xor, learning_rate=0.05)
    assert run.history.development_error[-1] == 0
    assert predict(run.model, xor[0]).argmax(1).tolist() == [0, 1, 1, 0]


def test_a_loss_of_ones_own(xor: tuple[Any, Any]) -> None:
    def distance(outputs: Any, targets: Any) -> Any:
        return ops.sum(ops.square(outputs[:, 0] - targets), axis=None) / 4

    run = quiet(nn.Linear(2, 1), xor, loss=distance, epochs=2, batch_size=4)
    assert run.config["loss"] == "distance"
    assert np.isfinite(run.history.objective).all()


def test_a_run_folder_tells_all_of_the_run(
    digits: data.Splits, perceptron: nn.Module, tmp_path: Any
) -> None:
    run = quiet(perceptron, digits, epochs=2, folder=tmp_path / "run", notes={"recipe": "mlp"})
    record = read_run(tmp_path / "run")
    assert record.losses.tobytes() == run.losses.tobytes()
    assert (
        record.history.as_csv() == run.history.as_csv() == (run.folder / "curves.csv").read_text()
    )
    assert record.config["notes"] == {"recipe": "mlp"}
    assert record.config["optimizer"]["name"] == "adam"
    Lock(tmp_path / "run" / "lock").release()
    loaded = load(tmp_path / "run")
    preprocessor = load_preprocessor(tmp_path / "run")
    raw = data.load("digits").inputs[:50]
    assert (
        predict(loaded, raw, preprocessor).tobytes()
        == predict(run.model, raw, run.preprocessor).tobytes()
    )


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("epochs", -1),
        ("patience", 0),
        ("seed", -1),
        ("steps_per_call", 0),
        ("checkpoint_every", 0),
        ("learning_rate", -0.1),
        ("optimizer", "adamm"),
        ("loss", "cross"),
        ("freeze", ["layer.1"]),
        ("freeze", ["*"]),
        ("devices", 10_000),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    digits: data.Splits, perceptron: nn.Module, option: str, value: Any, tmp_path: Any
) -> None:
    with pytest.raises(ConfigurationError):
        quiet(perceptron, digits, folder=tmp_path / "run", **{option: value})
    assert not (tmp_path / "run").exists()


def test_a_batch_larger_than_the_data_is_refused(xor: tuple[Any, Any]) -> None:
    with pytest.raises(ConfigurationError, match="larger than the data") as caught:
        quiet(nn.Linear(2, 2), xor, batch_size=5)
    assert caught.value.fix == "batch_size=4 or less"


def test_fewer_examples_than_a_usual_batch_are_one(xor: Any) -> None:
    run = quiet(nn.Linear(2, 2), xor, epochs=1)
    assert run.config["settings"]["batch_size"] == 4
    more = tuple(np.tile(part, (9,) + (1,) * (part.ndim - 1)) for part in xor)
    assert quiet(nn.Linear(2, 2), more, epochs=1).config["settings"]["batch_size"] == 32


def test_patience_needs_a_development_set(xor: tuple[Any, Any]) -> None:
    with pytest.raises(ConfigurationError, match="needs a development set"):
        quiet(nn.Linear(2, 2), xor, batch_size=4, patience=1)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_named(xor: tuple[Any, Any], label: int) -> None:
    x, _ = xor
    with pytest.raises(DataError, match="out of range") as caught:
        quiet(nn.Linear(2, 2), (x, np.array([0, 1, label, 0])), batch_size=4)
    assert caught.value.given == f"label {label} of example 2"


def test_shapes_that_do_not_fit_name_the_layer(digits: data.Splits) -> None:
    model = nn.Sequential([nn.Flatten(), nn.Linear(64, 32), ops.relu, nn.Linear(33, 10)])
    with pytest.raises(ShapeError) as caught:
        quiet(model, digits)
    assert caught.value.where is not None
    assert "layers.3" in caught.value.where


def test_outputs_that_do_not_fit_the_targets_name_the_loss() -> None:
    x, y = np.zeros((8, 3), np.float32), np.zeros((8, 2), np.float32)
    with pytest.raises(ShapeError) as caught:
        quiet(nn.Linear(3, 5), (x, y), loss="squared_error", batch_size=4)
    assert caught.value.where is not None
    assert "squared_error" in caught.value.where


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (np.zeros((0, 2)), np.zeros(0, int)),
        (np.zeros((3, 2)), np.zeros(4, int)),
        (np.full((3, 2), np.nan), np.zeros(3, int)),
        (np.array([["a", "b"]]), np.zeros(1, int)),
    ],
)
def test_arrays_that_are_no_examples_are_refused(inputs: Any, targets: Any) -> None:
    with pytest.raises(DataError):
        quiet(nn.Linear(2, 2), (inputs, targets), batch_size=1)


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no data to train on"):
        quiet(nn.Linear(2, 2), "digits")


def test_a_folder_with_a_run_is_not_overwritten(
    digits: data.Splits, perceptron: nn.Module, tmp_path: Any
) -> None:
    quiet(perceptron, digits, epochs=1, folder=tmp_path / "run")
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir() if p.is_file()}
    with pytest.raises(RunError, match="holds a run already"):
        quiet(perceptron, digits, epochs=1, folder=tmp_path / "run")
    after = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir() if p.is_file()}
    assert before == after


@pytest.mark.parametrize(("batch_size", "works"), [(4, 5), (1, 2)])
def test_a_batch_of_one_is_refused_before_anything_is_done(batch_size: int, works: int) -> None:
    examples = 13 if batch_size == 4 else 12
    x, y = (
        np.random.default_rng(0).normal(size=(examples, 3)).astype(np.float32),
        np.arange(examples) % 2,
    )
    model = nn.Sequential([nn.Linear(3, 4), nn.BatchNorm(4), nn.Linear(4, 2)])
    with pytest.raises(ConfigurationError, match=r"one example, too few for layers\.1") as caught:
        fit(model, (x, y), epochs=1, batch_size=batch_size, progress=False)
    assert caught.value.fix == f"batch_size={works}"
    fit(model, (x, y), epochs=1, batch_size=works, progress=False)

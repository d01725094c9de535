"""Several inputs by name: in training, evaluation, prediction, resumption and on devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_wine

from clearprop import nn, ops
from clearprop.data import Dataset
from clearprop.errors import DataError, ShapeError
from clearprop.training import Event, StepsDone, evaluate, fit, load_model, predict, read_run
from clearprop.training.training_data import arrays_split


class TwoBranches(nn.Module):
    """Numbers go through a layer, tokens through a table, and the output uses both."""

    numbers: nn.Linear
    table: nn.Embedding
    output: nn.Linear

    def __call__(self, x: dict[str, Any]) -> Any:
        seen = self.numbers(x["numbers"]) + ops.sum(self.table(x["tokens"]), axis=1)
        return self.output(ops.tanh(seen))


def model() -> TwoBranches:
    return TwoBranches(nn.Linear(12, 8), nn.Embedding(8, 8), nn.Linear(8, 3))


def examples() -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Wine: twelve columns as numbers, and the last column in intervals as a token."""
    wine = load_wine()
    last = np.digitize(wine.data[:, 12], [400, 500, 600, 700, 900, 1200])
    numbers = (wine.data[:, :12] - wine.data[:, :12].mean(0)) / wine.data[:, :12].std(0)
    inputs = {"numbers": numbers.astype(np.float32), "tokens": last.astype(np.int32)[:, None]}
    return inputs, wine.target


OPTIONS: dict[str, Any] = {"epochs": 6, "batch_size": 16, "learning_rate": 0.02, "progress": False}


def test_a_model_of_two_inputs_learns() -> None:
    inputs, targets = examples()
    run = fit(model(), (inputs, targets), dev=0.2, **OPTIONS)
    assert run.history.development_error[-1] < 0.1
    outputs = predict(run.model, inputs)
    expected = run.model({name: jnp.asarray(x) for name, x in inputs.items()})
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)
    judged = evaluate(run.model, (inputs, targets))
    assert judged.error == (outputs.argmax(1) != targets).mean()


def test_a_data_set_of_two_inputs_is_scaled_each_for_itself(tmp_path: Path) -> None:
    inputs, targets = examples()
    raw = {**inputs, "numbers": inputs["numbers"] * 50 + 7}
    run = fit(
        model(), Dataset("wine", raw, targets, "classification"), folder=tmp_path / "r", **OPTIONS
    )
    assert run.history.development_error[-1] < 0.15
    assert run.preprocessor is not None
    again = predict(load_model(tmp_path / "r"), raw, run.preprocessor)
    assert (again.argmax(1) == targets).mean() > 0.9


def test_a_run_of_two_inputs_goes_on_bit_for_bit(tmp_path: Path) -> None:
    class CrashError(Exception):
        pass

    def crash(event: Event) -> None:
        if isinstance(event, StepsDone) and event.step >= 20:
            raise CrashError

    data = examples()
    straight = fit(model(), data, folder=tmp_path / "a", checkpoint_every=7, **OPTIONS)
    with pytest.raises(CrashError):
        fit(model(), data, folder=tmp_path / "b", checkpoint_every=7, on_event=crash, **OPTIONS)
    fit(model(), data, folder=tmp_path / "b", checkpoint_every=7, resume=True, **OPTIONS)
    assert read_run(tmp_path / "b").losses.tobytes() == straight.losses.tobytes()


def test_two_devices_share_each_input() -> None:
    data = examples()
    one = fit(model(), data, devices=1, **OPTIONS)
    two = fit(model(), data, devices=2, **OPTIONS)
    np.testing.assert_allclose(one.losses, two.losses, rtol=2e-4)


def test_the_names_are_part_of_the_fingerprint() -> None:
    inputs, targets = examples()
    first = arrays_split("data", inputs, targets).fingerprint()
    other = {"numbers": inputs["numbers"], "words": inputs["tokens"]}
    assert arrays_split("data", dict(reversed(inputs.items())), targets).fingerprint() == first
    assert arrays_split("data", other, targets).fingerprint() != first


def test_misfits_are_told() -> None:
    inputs, targets = examples()
    with pytest.raises(DataError, match="one target for each example") as caught:
        fit(model(), ({**inputs, "tokens": inputs["tokens"][:-1]}, targets), **OPTIONS)
    assert caught.value.where == "data: inputs tokens"
    with pytest.raises(DataError, match="no inputs"):
        fit(model(), ({}, targets), **OPTIONS)
    with pytest.raises(ShapeError, match="as many examples"):
        predict(model().init(0), {**inputs, "tokens": inputs["tokens"][:-1]})


def test_a_number_that_is_not_finite_is_found_in_its_input() -> None:
    inputs, targets = examples()
    inputs["numbers"][3, 2] = np.nan
    with pytest.raises(DataError, match="not a finite number") as caught:
        fit(model(), (inputs, targets), **OPTIONS)
    assert caught.value.where == "data: inputs numbers"


class Bag(nn.Module):
    """The mean of the vectors of some words."""

    table: nn.Embedding
    read: nn.Linear

    def __init__(self, words: int) -> None:
        self.table, self.read = nn.Embedding(words, 4), nn.Linear(4, 2)

    def __call__(self, x: Any) -> Any:
        return self.read(ops.mean(self.table(x), axis=1))


def test_a_token_without_a_row_is_told() -> None:
    x = np.random.default_rng(0).integers(0, 40, (20, 5)).astype(np.int32)
    x[7, 2] = 39
    y = np.arange(20) % 2
    fit(Bag(40), (x, y), epochs=1, progress=False)
    with pytest.raises(DataError, match="no row in the table") as caught:
        fit(Bag(30), (x, y), epochs=1, progress=False)
    assert caught.value.where == "data, table"
    assert caught.value.fix == "nn.Embedding(40, features)"
    with pytest.raises(DataError, match="no row in the table"):
        fit(Bag(40), (x - 1, y), epochs=1, progress=False)
    with pytest.raises(DataError, match="dev, table"):
        fit(Bag(40), (x, y), dev=(x + 30, y), epochs=1, progress=False)

"""Data sets whose targets are their inputs: one array, the same scale, in fit and evaluation."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import data, nn
from clearprop.data import Dataset
from clearprop.errors import DataError
from clearprop.training.compiled_steps import CompiledSteps
from clearprop.training.feed import on_devices
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.training_data import gather


def numbers(**options: Any) -> Dataset:
    x = np.random.default_rng(0).normal(3, 2, size=(200, 6)).astype(np.float32)
    return Dataset("numbers", x, np.arange(200) % 2, "classification", **options)


@pytest.fixture(scope="module")
def digits() -> data.Splits:
    return data.load("digits").reconstruction().split()


def test_targets_are_the_inputs_in_every_part(digits: data.Splits) -> None:
    for part in (digits.train, digits.dev, digits.test):
        assert part is not None
        assert part.targets is part.inputs
        assert part.reconstructs
        assert part.take(np.arange(5)).reconstructs
    assert digits.train.inputs.dtype == np.uint8
    assert not data.load("digits").reconstructs


@pytest.mark.parametrize("scaling", ["standard", "unit", "none"])
@pytest.mark.parametrize("kind", ["bytes", "numbers"])
def test_scaled_targets_are_the_scaled_inputs(scaling: Any, kind: str) -> None:
    whole = data.load("digits") if kind == "bytes" else numbers()
    parts = whole.reconstruction().split(scaling=scaling)
    inputs = ModelInputs(parts.preprocessor)
    x, y = inputs.examples(parts.train.inputs, parts.train.targets, slice(0, 20))
    np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    again = inputs.restored(y)
    np.testing.assert_allclose(again, parts.train.targets[:20], rtol=1e-5, atol=1e-5)


def test_the_names_of_the_classes_stay_with_the_examples() -> None:
    whole = data.load("digits")
    parts = whole.reconstruction().split(seed=3)
    labels = map(str, whole.targets)
    by_bytes = {x.tobytes(): label for x, label in zip(whole.inputs, labels, strict=True)}
    assert parts.test is not None
    assert parts.test.row_names == tuple(by_bytes[x.tobytes()] for x in parts.test.inputs)
    assert parts.test.class_names is None
    assert data.load("diabetes").reconstruction().row_names is None


def test_a_split_needs_no_memory_for_targets() -> None:
    x = np.zeros((4000, 32, 32, 1), np.uint8)
    x[::2] = 7
    whole = Dataset("black", x, np.arange(4000) % 2, "classification")

    def peak(of: Dataset) -> int:
        tracemalloc.start()
        of.split()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(whole.reconstruction()) < peak(whole) + x.nbytes // 4


def test_the_device_holds_the_examples_once(digits: data.Splits) -> None:
    class Puts:
        put = staticmethod(jax.device_put)

    batch = on_devices(gather(digits, None, 0).train, cast("CompiledSteps", Puts()))
    assert batch.targets is batch.inputs
    np.testing.assert_array_equal(batch.inputs, digits.train.inputs)


def test_a_run_learns_evaluates_and_predicts_in_the_units_of_the_inputs(
    digits: data.Splits, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Linear(16, 64), nn.Reshape((8, 8, 1)))
    run = cp.fit(
        model, digits, loss="squared_error", epochs=12, folder=tmp_path / "run", progress=False
    )
    assert digits.test is not None
    raw = data.load("digits").inputs[:50]
    made = cp.load(tmp_path / "run").predict(raw)
    error = np.sqrt(np.mean((made - raw) ** 2.0))
    assert error == pytest.approx(run.evaluate((raw, raw)).error, rel=1e-4)
    assert run.evaluate(digits.test).error < 3 < digits.test.inputs.std()
    whole = data.load("digits").reconstruction()
    assert run.evaluate(whole).error == pytest.approx(
        run.evaluate((whole.inputs, whole.inputs)).error
    )
    assert not cp.diagnose(run, digits).faults


def test_numbers_are_evaluated_in_the_units_of_their_deviation() -> None:
    parts = numbers().reconstruction().split(test=0.2)
    model = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 6))
    run = cp.fit(model, parts, loss="squared_error", epochs=2, progress=False)
    raw = numbers().inputs
    x = parts.preprocessor.apply(raw)
    error = np.sqrt(np.mean((np.asarray(run.model(jnp.asarray(x))) - x) ** 2))
    assert run.evaluate((raw, raw)).error == pytest.approx(float(error), rel=1e-4)
    assert run.evaluate(numbers().reconstruction()).error == pytest.approx(float(error), rel=1e-4)


def test_tables_are_reconstructed_as_the_model_sees_them(tmp_path: Path) -> None:
    rows = [f"{i % 7},{'red' if i % 3 else 'blue'},{i % 2}" for i in range(60)]
    rows[5] = ",red,1"
    file = tmp_path / "table.csv"
    file.write_text("\n".join(["size,color,y", *rows]))
    parts = data.load(file, target="y").reconstruction().split()
    assert parts.train.inputs.shape[1] == len(parts.preprocessor.feature_names or ())
    assert np.isfinite(parts.train.targets).all()
    run = cp.fit(
        nn.Linear(parts.train.inputs.shape[1], parts.train.inputs.shape[1]), parts,
        loss="squared_error", epochs=1, progress=False,
    )  # fmt: skip
    assert np.isfinite(run.evaluate(parts.test).error)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: numbers(stream=True), "read batch by batch"),
        (lambda: numbers().split().train, "prepared already"),
        (lambda: Dataset("t", np.eye(3, dtype=int), np.eye(3, dtype=int), "text"), "tokens"),
        (
            lambda: Dataset(
                "two", {"a": np.ones((4, 2)), "b": np.ones((4, 2))}, np.arange(4.0), "regression"
            ),
            "several inputs by name",
        ),
    ],
)
def test_what_has_no_reconstruction_is_refused(given: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        given().reconstruction()

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import data
from clearprop.data import Dataset
from clearprop.data import dataset as dataset_module
from clearprop.errors import ConfigurationError, DataError


def numbers(n=20, width=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width))


def test_importing_the_floor_imports_nothing_heavy():
    heavy = ["jax", "sklearn", "polars", "grain", "PIL", "pooch", "rich", "matplotlib"]
    code = (
        "import sys, json; from clearprop import data; data.list(); "
        f"print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_regression_targets_get_an_axis_so_that_they_fit_a_models_output():
    made = Dataset("line", numbers(5), np.arange(5), "regression")
    assert made.targets.shape == (5, 1)
    assert made.targets.dtype == np.float32


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (np.array([0, 1, 3]), {"class_names": ("a", "b")}, r"out of range.*\n.*3 in example 2"),
        (np.array([0, -1, 1]), {}, r"out of range.*\n.*-1 in example 1"),
        (np.array([0.0, 1.0, 1.0]), {}, r"(?s)whole-number labels.*astype"),
        (np.array([0.0, 0.5, 1.0]), {}, r"(?s)whole-number labels.*task='regression'"),
        (np.array(["a", "b", "a"]), {}, "whole-number labels"),
        (np.array([0, 0, 0]), {}, "only one class"),
        (np.array([[1, 0], [0, 1], [1, 0]]), {}, r"argmax\(axis=1\)"),
        (np.array([0, 1]), {}, "3 examples and 2 targets"),
    ],
)
def test_wrong_labels(targets, options, message):
    with pytest.raises(DataError, match=message) as caught:
        Dataset("mine", numbers(3), targets, "classification", **options)
    assert caught.value.where == "mine"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((0, 3)), "no rows"),
        (np.zeros((3, 0)), "empty"),
        (np.zeros(3), r"inputs\[:, None\]"),
        (np.array([["a"], ["b"], ["c"]]), "must be numbers"),
        (np.array([[1.0], [np.nan], [2.0]]), r"nan in example 1"),
        (np.array([[1.0], [2.0], [np.inf]]), r"inf in example 2"),
    ],
)
def test_wrong_inputs(inputs, message):
    with pytest.raises(DataError, match=message):
        Dataset("mine", inputs, np.arange(len(inputs)), "regression")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_that_is_not_finite(bad):
    with pytest.raises(DataError, match="in example 1"):
        Dataset("mine", numbers(3), np.array([1.0, bad, 2.0]), "regression")


def test_an_unknown_task_or_scaling_suggests_the_nearest():
    with pytest.raises(ConfigurationError, match="did you mean 'regression'"):
        Dataset("mine", numbers(3), np.arange(3), "regresion")
    with pytest.raises(ConfigurationError, match="did you mean 'standard'"):
        Dataset("mine", numbers(3), np.arange(3), "regression", scaling="standart")


def test_iris_is_split_by_seed_with_equal_shares():
    parts = data.load("iris").split(dev=0.2, test=0.1, seed=3)
    assert np.bincount(parts.train.targets).tolist() == [35, 35, 35]
    assert np.bincount(parts.dev.targets).tolist() == [10, 10, 10]
    assert np.bincount(parts.test.targets).tolist() == [5, 5, 5]
    again = data.load("iris").split(dev=0.2, test=0.1, seed=3)
    np.testing.assert_array_equal(parts.dev.inputs, again.dev.inputs)


def test_training_inputs_are_standardized_and_the_others_by_the_same_numbers():
    parts = data.load("iris").split(dev=0.2, test=0, seed=0)
    np.testing.assert_allclose(parts.train.inputs.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(parts.train.inputs.std(axis=0), 1, atol=1e-6)
    assert parts.test is None
    assert abs(parts.dev.inputs.mean()) > 1e-4


def test_digits_stay_bytes_and_are_scaled_by_scale_and_shift():
    parts = data.load("digits").split()
    assert parts.train.inputs.dtype == np.uint8
    assert parts.input_shape == (8, 8, 1)
    preprocessor = parts.preprocessor
    by_hand = parts.train.inputs.astype(np.float32) * preprocessor.scale + preprocessor.shift
    np.testing.assert_array_equal(preprocessor.scaled(parts.train.inputs), by_hand)
    assert abs(by_hand.mean()) < 1e-4
    assert abs(by_hand.std() - 1) < 1e-4


def test_without_held_out_parts_all_rows_train():
    parts = data.load("xor").split(dev=0, test=0)
    assert parts.dev is None
    assert parts.test is None
    np.testing.assert_array_equal(parts.train.inputs, [[0, 0], [0, 1], [1, 0], [1, 1]])


def test_an_official_test_part_is_kept_and_prepared_like_the_rest():
    test = Dataset("held", np.full((4, 3), 5.0), np.array([0, 1, 0, 1]), "classification")
    made = Dataset("all", numbers(20), np.arange(20) % 2, "classification", test=test)
    parts = made.split(dev=0.1, test=0.5)
    assert len(parts.train) == 18
    assert len(parts.test) == 4
    np.testing.assert_allclose(parts.test.inputs, parts.preprocessor.apply(test.inputs))


def test_rows_in_order_for_a_series():
    made = Dataset("series", np.arange(10.0)[:, None], np.arange(10.0), "regression")
    parts = made.split(dev=0.2, test=0.1, shuffle=False)
    assert parts.train.targets.ravel().tolist() == list(range(7))
    assert parts.test.targets.ravel().tolist() == [9]


@given(st.integers(0, 2**32), st.sampled_from(["standard", "unit"]))
def test_changing_held_out_rows_never_changes_the_preprocessor(seed, scaling):
    inputs = numbers(40)
    labels = np.arange(40) % 3
    first = Dataset("a", inputs, labels, "classification").split(seed=1, scaling=scaling)
    rows = {tuple(row) for row in first.preprocessor.apply(inputs)}
    training = {tuple(row) for row in first.train.inputs}
    held = np.array([tuple(row) not in training for row in first.preprocessor.apply(inputs)])
    assert len(rows) == 40
    assert held.sum() == 8
    changed = inputs.copy()
    changed[held] = np.random.default_rng(seed).normal(1e3, 1e3, size=(8, 3))
    second = Dataset("a", changed, labels, "classification").split(seed=1, scaling=scaling)
    assert second.preprocessor == first.preprocessor
    np.testing.assert_array_equal(second.train.inputs, first.train.inputs)


def test_too_many_bytes_are_streamed_and_not_copied(monkeypatch):
    monkeypatch.setattr(dataset_module, "STREAM_LIMIT_BYTES", 100)
    made = Dataset("big", numbers(50), np.arange(50) % 2, "classification")
    assert made.streamed
    parts = made.split()
    assert parts.streamed
    assert not isinstance(parts.train.inputs, np.ndarray)
    held = Dataset("big", numbers(50), np.arange(50) % 2, "classification", stream=False)
    whole = held.split()
    assert not whole.streamed
    np.testing.assert_allclose(
        parts.train.inputs[np.arange(40)], whole.train.inputs[np.arange(40)], atol=1e-5
    )
    assert Dataset("s", numbers(9), np.arange(9), "regression", stream=True).streamed


def test_it_is_shown_in_a_line():
    made = data.load("digits")
    shown = "Dataset('digits', 1,797 examples, inputs 8x8x1, classification, 10 classes)"
    assert repr(made) == shown
    parts = made.split()
    assert repr(parts.preprocessor) == "Preprocessor(bytes 8x8x1, classification, 10 classes)"
    assert len(repr(parts)) < 400

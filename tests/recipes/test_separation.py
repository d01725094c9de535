from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop import data
from clearprop.data.truth_tables import GATES
from clearprop.recipes.separation import MOST_ENTRIES, inequalities, separate


@pytest.mark.parametrize(("gate", "expected"), [("and", True), ("or", True), ("not", True)])
def test_the_gates_that_one_neuron_can_learn(gate: str, expected: bool) -> None:
    table = data.load(gate)
    known = separate(table.inputs, table.targets)
    assert known.separable is expected
    assert known.weights is not None
    z = table.inputs @ known.weights + known.bias
    assert ((z >= 0) == (table.targets == 1)).all()


def test_xor_is_the_gate_that_it_cannot() -> None:
    assert "xor" in GATES
    table = data.load("xor")
    known = separate(table.inputs, table.targets)
    assert known.separable is False
    np.testing.assert_allclose(known.conflict, 0.5, atol=1e-12)


@pytest.mark.parametrize(
    ("flower", "expected"), [("setosa", True), ("versicolor", False), ("virginica", False)]
)
def test_of_the_irises_only_setosa_can_be_parted(flower: str, expected: bool) -> None:
    iris = data.load("iris")
    labels = (iris.targets == iris.class_names.index(flower)).astype(int)  # type: ignore[union-attr]
    known = separate(iris.inputs, labels)
    assert known.separable is expected
    if known.conflict is not None:
        points = np.asarray(iris.inputs)
        one, zero = (known.conflict * (labels == k) for k in (1, 0))
        assert one.sum() == pytest.approx(1)
        assert zero.sum() == pytest.approx(1)
        np.testing.assert_allclose(one @ points, zero @ points, atol=1e-8)


@given(
    hnp.arrays(np.int8, (12, 2), elements=st.integers(-5, 5)),
    hnp.arrays(np.int8, 12, elements=st.integers(0, 1)),
)
def test_a_verdict_holds(points: np.ndarray, labels: np.ndarray) -> None:
    inputs = points.astype(float)
    known = separate(inputs, labels)
    if known.separable:
        assert known.weights is not None
        assert ((inputs @ known.weights + known.bias >= 0) == (labels == 1)).all()
    else:
        assert known.separable is False
        assert known.conflict is not None
        one, zero = (known.conflict * (labels == k) for k in (1, 0))
        assert one.sum() == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(one @ inputs, zero @ inputs, atol=1e-6)


def test_what_is_too_large_is_left_open() -> None:
    many = np.zeros((MOST_ENTRIES + 1, 1), np.int8)
    assert separate(many, np.zeros(len(many))).separable is None


def test_the_four_inequalities_of_xor() -> None:
    table = data.load("xor")
    lines = [
        line.partition(":")[2].replace(" ", "")
        for line in inequalities(table.inputs, table.targets)
    ]
    assert lines == ["b<0", "w2+b>=0", "w1+b>=0", "w1+w2+b<0"]

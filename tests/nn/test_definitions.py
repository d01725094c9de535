"""Saturation by the output and saturation by the slope agree."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import ops
from clearprop.nn.definitions import SATURATED_SLOPE, STEEPEST, is_dead, is_saturated


@pytest.mark.parametrize("kind", ["sigmoid", "tanh"])
def test_a_unit_is_saturated_where_its_slope_is_small(kind: str) -> None:
    y = np.asarray(getattr(ops, kind)(np.linspace(-6, 6, 1001, dtype=np.float32)))
    slope = y * (1 - y) if kind == "sigmoid" else 1 - y**2
    by_slope = slope < SATURATED_SLOPE * STEEPEST.get(kind, 1.0)
    assert np.array_equal(is_saturated(kind, y), by_slope)
    assert 0.2 < by_slope.mean() < 0.8


def test_units_of_relu_have_one_end_and_others_none() -> None:
    y = np.float32([0.0, 0.001, 5.0])
    assert is_saturated("relu", y).tolist() == [True, False, False]  # type: ignore[union-attr]
    assert is_saturated("gelu", y) is None


def test_a_unit_is_dead_where_it_is_zero_for_all_examples() -> None:
    y = np.zeros((3, 2, 4), np.float32)
    y[1, 1, 2] = 0.5
    assert is_dead(y).tolist() == [True, True, False, True]

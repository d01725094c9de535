"""The comparison of machines and maps: its measures, and one short round."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.without_targets import (
    PAIRS,
    SIDE,
    Pair,
    compare,
    digits,
    errors,
    falling,
    nudged_digits,
    our_map,
    score,
)
from clearprop.models import RBM


def test_both_sides_are_measured_in_the_same_way() -> None:
    x = digits()[: SIDE * SIDE]
    found = errors(x.reshape(SIDE, SIDE, 64), x)
    assert found["quantization"] == pytest.approx(0, abs=1e-3)
    assert found["topographic"] > 0.5  # the examples lie on the map in no order
    assert [falling(6.0, 1.0)(0.0, t, 6) for t in (0, 1, 5)] == [6.0, 5.0, 1.0]
    assert -64 * np.log(2) == pytest.approx(score(RBM(64, 8).init(0), x)[
        "pseudo-log-likelihood"], abs=1)  # fmt: skip


def test_the_pictures_of_the_machines_are_chances_in_a_mixed_order() -> None:
    x = nudged_digits()
    assert x.shape == (8985, 64)
    assert (x.min(), x.max()) == (0, 1)


def test_a_library_that_is_missing_is_left_out() -> None:
    pair = PAIRS[1]._replace(module="a_library_that_is_missing")
    assert compare(pair, 1).endswith("MiniSom is not installed")


def test_one_round_says_how_fast_and_how_good() -> None:
    ours = our_map("batch")
    told = compare(Pair("maps", "ours", ours, ours, 3, 1.0, "torchsom_is_not_asked"), 1)
    assert told.endswith("is not installed")
    told = compare(Pair("maps", "peer", ours, ours, 3, 1.0, "json"), 1)
    assert "times as fast as peer (goal 1)" in told
    assert told.count("quantization") == 2

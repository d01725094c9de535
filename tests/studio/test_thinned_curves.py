"""Curves never have too many points, and what the page has is what was kept."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from clearprop.studio.playground.messages import Curves
from clearprop.studio.thinned_curves import MOST_POINTS, ThinnedCurves
from clearprop.training import EpochDone


def epoch(number: int, test: float | None = 0.5) -> EpochDone:
    return EpochDone(number, 10 * number, 1 / number, 0.5, test, test, 0.1, 1.0, 1.0)


class PageOfCurves:
    """What a page has of a run's curves."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def take(self, curves: Curves | None) -> None:
        if curves is not None:
            assert curves.run == 3
            assert len(curves.epoch) == len(curves.objective) == len(curves.learning_rate)
            self.epochs = ([] if curves.restart else self.epochs) + curves.epoch


def test_new_points_are_sent_once() -> None:
    curves = ThinnedCurves(3)
    assert curves.taken() is None
    curves.add(epoch(1))
    curves.add(epoch(2))
    found = curves.taken()
    assert found == Curves(3, [1, 2], [1, 0.5], [0.5] * 2, [0.5] * 2, [0.5] * 2, [0.1] * 2, False)
    assert curves.taken() is None


def test_a_run_without_a_test_part_has_no_test_curve() -> None:
    curves = ThinnedCurves(3)
    curves.add(epoch(1, None))
    found = curves.taken()
    assert found is not None
    assert found.test_error == found.test_objective == []
    assert found.objective == [1]


def test_a_long_run_is_thinned_evenly() -> None:
    curves, page = ThinnedCurves(3), PageOfCurves()
    for number in range(1, 20_001):
        curves.add(epoch(number))
        if number % 7 == 0:
            page.take(curves.taken())
        assert len(page.epochs) < MOST_POINTS
    page.take(curves.taken())
    assert set(range(32, 20_001, 32)) <= set(page.epochs)


def test_no_peak_of_a_long_run_is_lost() -> None:
    curves = ThinnedCurves(3)
    for number in range(1, 20_001):
        strange = {7_001: 50.0, 11_111: math.nan}.get(number, 0.5)
        curves.add(replace(epoch(number), development_objective=strange))
    found = curves.taken()
    assert found is not None
    assert 50.0 in found.test_objective
    assert sum(map(math.isnan, found.test_objective)) == 1


@given(
    st.lists(st.one_of(st.just("take"), st.integers(1, 400), st.integers(-3000, -1)), max_size=60)
)
def test_the_page_has_what_was_kept(deeds: list[str | int]) -> None:
    curves, page, now = ThinnedCurves(3), PageOfCurves(), 0
    for deed in deeds:
        if isinstance(deed, str):
            page.take(curves.taken())
        elif deed > 0:
            for _ in range(deed):
                now += 1
                curves.add(epoch(now))
        else:
            now = max(0, now + deed)
            curves.forget_after(10 * now)
    page.take(curves.taken())
    assert page.epochs == sorted(set(page.epochs))
    assert len(page.epochs) < MOST_POINTS
    assert not page.epochs or page.epochs[-1] <= now
    if now >= MOST_POINTS:
        assert len(page.epochs) > MOST_POINTS / 8

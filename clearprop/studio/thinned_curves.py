"""Learning curves that never have too many points, and lose no peak.

Of a long run the epochs are parted into groups of 2, 4, 8, ...; of each group the last epoch has a
point, and those in which one of the numbers was largest, or not finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from clearprop.studio.playground.messages import Curves
from clearprop.training import EpochDone

MOST_POINTS = 2000
NUMBERS = ("objective", "training_error", "development_error", "development_objective")


class ThinnedCurves:
    """The points of one run that the page has, or will have with the next message.

    Args:
        run: its number.

    >>> curves = ThinnedCurves(0)
    >>> for epoch in range(1, 10_001):
    ...     loss = 50.0 if epoch == 6_999 else 0.5
    ...     curves.add(EpochDone(epoch, epoch, loss, 0.1, None, None, 0.03, 0.0, 0.0))
    >>> points = curves.taken()
    >>> len(points.epoch) < MOST_POINTS, max(points.objective)
    (True, 50.0)
    """

    def __init__(self, run: int) -> None:
        self.run = run
        self._points: list[EpochDone] = []
        self._group: list[EpochDone] = []
        self._every = 1
        self._sent = 0
        self._restart = False

    def add(self, event: EpochDone) -> None:
        """Take the numbers of an epoch; its group has points when it is whole."""
        self._group.append(event)
        if event.epoch % self._every:
            return
        self._points += _peaks(self._group)
        self._group = []
        while len(self._points) >= MOST_POINTS:
            self._every *= 2
            self._regroup()

    def _regroup(self) -> None:
        groups: dict[int, list[EpochDone]] = {}
        for event in self._points:
            groups.setdefault((event.epoch - 1) // self._every, []).append(event)
        last = groups.popitem()[1]
        whole = last[-1].epoch % self._every == 0
        self._points = [peak for group in groups.values() for peak in _peaks(group)]
        self._points += _peaks(last) if whole else []
        self._group = [] if whole else last
        self._restart = True

    def forget_after(self, step: int) -> None:
        """Drop the points of epochs that ended after a step."""
        self._points = [one for one in self._points if one.step <= step]
        self._group = [one for one in self._group if one.step <= step]
        self._restart = True

    def taken(self) -> Curves | None:
        """Return the points since the last message, or all of them; None where none are new."""
        if not self._restart and self._sent == len(self._points):
            return None
        new = self._points if self._restart else self._points[self._sent :]
        made = _curves(self.run, new, self._restart)
        self._sent, self._restart = len(self._points), False
        return made


def _peaks(group: Sequence[EpochDone]) -> list[EpochDone]:
    """Return the last epoch of a group, and those with the largest numbers, in their order."""
    kept = {len(group) - 1}
    for name in NUMBERS:
        sizes = [_size(getattr(event, name)) for event in group]
        kept.add(sizes.index(max(sizes)))
    return [group[place] for place in sorted(kept)]


def _size(value: float | None) -> float:
    """Return how high a number stands out: nothing is above one that is not finite."""
    if value is None:
        return -math.inf
    return value if math.isfinite(value) else math.inf


def _curves(run: int, points: Sequence[EpochDone], restart: bool) -> Curves:
    has_test = bool(points) and points[0].development_error is not None
    return Curves(
        run,
        [one.epoch for one in points],
        [one.objective for one in points],
        [one.training_error for one in points],
        [_number(one.development_error) for one in points] if has_test else [],
        [_number(one.development_objective) for one in points] if has_test else [],
        [one.learning_rate for one in points],
        restart,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value

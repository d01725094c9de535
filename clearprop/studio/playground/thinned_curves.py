"""Learning curves that never have too many points: the longer the run, the fewer of its epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clearprop.studio.playground.messages import Curves
from clearprop.training import EpochDone

MOST_POINTS = 2000


class ThinnedCurves:
    """The points of one run that the page has, or will have with the next message.

    Of a run of many epochs every second, fourth, ... epoch has a point.

    Args:
        run: its number.
    """

    def __init__(self, run: int) -> None:
        self.run = run
        self._points: list[EpochDone] = []
        self._every = 1
        self._sent = 0
        self._restart = False

    def add(self, event: EpochDone) -> None:
        """Take the numbers of an epoch, if it has a point."""
        if event.epoch % self._every:
            return
        self._points.append(event)
        if len(self._points) >= MOST_POINTS:
            self._every *= 2
            self._points = [one for one in self._points if one.epoch % self._every == 0]
            self._restart = True

    def forget_after(self, step: int) -> None:
        """Drop the points of epochs that ended after a step."""
        self._points = [one for one in self._points if one.step <= step]
        self._restart = True

    def taken(self) -> Curves | None:
        """Return the points since the last message, or all of them; None where none are new."""
        if not self._restart and self._sent == len(self._points):
            return None
        new = self._points if self._restart else self._points[self._sent :]
        made = _curves(self.run, new, self._restart)
        self._sent, self._restart = len(self._points), False
        return made


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

"""How many steps of training a compiled call takes, so that pictures follow each other evenly."""

from __future__ import annotations

import time

TRAINED = 0.025
"""Seconds of training between two pictures: with the picture itself they are 30 in a second."""

STEADY = 0.3
"""The weight of the newest call in the speed that the next one is planned with."""

GROWTH = 4.0
"""How many times longer than the last a call may be: its speed is not known before."""

LATE = 0.05
"""Seconds of steps that may be due at once."""


class Pace:
    """Plans how many steps the next call takes."""

    def __init__(self) -> None:
        self._speed = 0.0
        self._last = 0.0
        self._due = 0.0
        self._since = time.perf_counter()

    def restart(self) -> None:
        """Forget the steps that are due."""
        self._due, self._since = 1.0, time.perf_counter()

    def wait(self, limit: float | None) -> float:
        """Return the seconds until the steps of a call are due; 0 where they are."""
        if limit is None:
            return 0.0
        self._count(limit)
        return max(0.0, (_of_a_call(limit) - self._due) / limit)

    def _count(self, limit: float) -> None:
        now = time.perf_counter()
        # What was not made in time, as the machine is too slow, is not made up for.
        most = _of_a_call(limit) + limit * LATE
        self._due = min(self._due + (now - self._since) * limit, most)
        self._since = now

    def steps(self, limit: float | None, first: int) -> int:
        """Return how many steps the next call takes.

        Args:
            limit: of the steps in a second; None for as many as possible.
            first: of the first call.
        """
        wished = self._speed * TRAINED if self._speed else float(first)
        if self._last:
            wished = min(wished, self._last * GROWTH)
        steps = max(1, int(wished))
        if limit is None:
            return steps
        self._count(limit)
        return min(steps, int(self._due)) if self._due >= _of_a_call(limit) else 0

    def took(self, steps: int, seconds: float, *, was_warm: bool) -> None:
        """Learn from a call; the first one has compiled, and says nothing of the speed."""
        self._due -= steps
        self._last = float(max(1, steps))
        if was_warm and steps and seconds > 0:
            speed = steps / seconds
            self._speed += (speed - self._speed) * (STEADY if self._speed else 1.0)


def _of_a_call(limit: float) -> float:
    """Return the least number of steps of a call: more pictures a second nobody can see."""
    return max(1.0, limit * TRAINED)

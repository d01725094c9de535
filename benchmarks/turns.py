"""Turns as the process of a side sees them.

A side trains without end and reports the end of each epoch. When its turn is over, that call waits
for the next turn, inside the loop of the side. So a turn includes everything that the side does
between epochs, and nothing is compiled again.
"""

from __future__ import annotations

import json
import time
from typing import Any, Protocol, TextIO

from benchmarks.disturbance import Watch


class Finished(BaseException):
    """There are no more turns. Not an `Exception`, so that no training loop catches it."""


class Passed(Protocol):
    """The function that a side calls after every epoch."""

    def __call__(self, loss: float, *, may_pause: bool = True) -> None:
        """Note an epoch.

        Args:
            loss: mean over its steps.
            may_pause: whether the turn may end here. A side with many epochs in one compiled call
                allows it once per call, so that whole calls are counted.
        """


class Turns:
    """Replies to the harness: one line of JSON for each line that it writes.

    A line from the harness is the shortest duration of a turn in seconds; it ends with an epoch.

    Args:
        asks: lines from the harness.
        answers: lines to the harness.
        check_passes: epochs of the first turn, which is not timed: it compiles, and its losses
            show whether the side learns like the others.
    """

    def __init__(self, asks: TextIO, answers: TextIO, check_passes: int) -> None:
        self._asks = asks
        self._answers = answers
        self._check_passes = check_passes
        self._losses: list[float] = []
        self._start_seconds: float | None = None
        self._is_first_turn = True
        self._wanted = 0.0
        self._passes = 0
        self._began = 0.0
        self._watch = Watch()

    def wait(self) -> None:
        """Wait for the first turn."""
        self._next()

    def passed(self, loss: float, *, may_pause: bool = True) -> None:
        """Note an epoch; hold the side when its turn is over.

        Raises:
            Finished: there are no more turns.
        """
        seconds = time.perf_counter() - self._began
        self._passes += 1
        if self._start_seconds is None:
            self._start_seconds = seconds
        if len(self._losses) < self._check_passes:
            self._losses.append(loss)
        if not may_pause or len(self._losses) < self._check_passes or seconds < self._wanted:
            return
        if self._is_first_turn:
            self._is_first_turn = False
            self._answer(start_seconds=self._start_seconds, losses=self._losses)
        else:
            self._answer(
                seconds=seconds,
                passes=self._passes,
                processor_seconds=self._watch.own,
                others=self._watch.others(),
            )
        self._next()

    def _answer(self, **values: Any) -> None:
        self._answers.write(json.dumps(values) + "\n")
        self._answers.flush()

    def _next(self) -> None:
        line = self._asks.readline()
        if not line.strip():
            raise Finished
        self._wanted = float(line)
        self._passes = 0
        self._watch = Watch()
        self._began = time.perf_counter()

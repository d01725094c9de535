"""Taking turns, seen from the process of a side.

A side trains without end and says when it has made a pass over the examples. When its turn is over
it is held right there, inside its own loop, until the next one: so a turn has everything that the
side does between passes, and nothing is compiled anew.
"""

from __future__ import annotations

import json
import time
from typing import Any, Protocol, TextIO

from benchmarks.disturbance import Watch


class Finished(BaseException):
    """Nobody asks for more turns. No `Exception`, so that no training loop swallows it."""


class Passed(Protocol):
    """What a side calls after every pass over the examples."""

    def __call__(self, loss: float, *, may_pause: bool = True) -> None:
        """Note a pass.

        Args:
            loss: mean over its steps.
            may_pause: whether the turn may end here. A side that makes many passes in one compiled
                call says yes only at one place of each call, so that calls are counted whole.
        """


class Turns:
    """Answers the harness: one line of JSON for each line that it writes.

    A line from the harness is the seconds that a turn should last at least; passes are whole.

    Args:
        asks: lines from the harness.
        answers: lines to it.
        check_passes: passes of the first turn, which is not timed: it compiles, and its losses
            show whether the side learns as the others do.
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
        """Note a pass; hold the side when its turn is over.

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

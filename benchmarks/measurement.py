"""Rounds of turns, and what is reckoned from them: medians, ratios and their spread.

Shape letters: R rounds.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import material
from benchmarks.configurations import Configuration
from benchmarks.disturbance import Watch
from benchmarks.interpreters import Interpreters
from benchmarks.seat import Seat, SideError
from benchmarks.sides import GOAL, OURS, Side

QUIET = 0.05
"""The largest fraction of the cores that other programs may use in a turn that counts."""

GLANCE_SECONDS = 0.2
"""How long one look at other programs takes."""

ALIKE = 0.1
"""The largest relative difference between the loss of a side and that of clearprop."""

HERE = Interpreters()


@dataclass
class Timing:
    """The times of one side.

    Attributes:
        side: its name.
        loss: mean of the last epoch before the rounds.
        start_seconds: from the start of training to the end of the first epoch.
        steps: seconds per step in each round, (R,).
        processor: processor seconds per step of all threads together, (R,).
        others: the fraction of the cores that other programs used, (R,), if it is known.
    """

    side: str
    loss: float
    start_seconds: float
    steps: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds per step."""
        return statistics.median(self.steps)


@dataclass
class Measurement:
    """The times of all sides for one configuration.

    Attributes:
        configuration: that was measured.
        timings: of each side that took part, clearprop first.
        absent: side -> why it did not take part.
    """

    configuration: Configuration
    timings: list[Timing]
    absent: dict[str, str]

    def timing(self, side: str) -> Timing | None:
        """Return the times of a side, or None if it did not take part."""
        return next((each for each in self.timings if each.side == side), None)

    def ratio(self, side: str) -> float:
        """Return the median of a side divided by that of clearprop: above 1 clearprop is faster."""
        ours, theirs = self.timing(OURS), self.timing(side)
        assert ours is not None
        assert theirs is not None
        return theirs.median / ours.median

    def spread(self, side: str) -> tuple[float, float]:
        """Return the lowest and the highest ratio of the rounds."""
        ours, theirs = self.timing(OURS), self.timing(side)
        assert ours is not None
        assert theirs is not None
        ratios = [b / a for a, b in zip(ours.steps, theirs.steps, strict=True)]
        return min(ratios), max(ratios)

    def is_alike(self, side: str) -> bool:
        """Return whether a side's loss is near that of clearprop."""
        ours, theirs = self.timing(OURS), self.timing(side)
        assert ours is not None
        assert theirs is not None
        return abs(theirs.loss - ours.loss) <= ALIKE * ours.loss

    @property
    def others(self) -> float | None:
        """The mean fraction of the cores that other programs used in the turns that count."""
        known = [fraction for timing in self.timings for fraction in timing.others]
        return statistics.mean(known) if known else None

    @property
    def was_quiet(self) -> bool:
        """Whether other programs were quiet, as far as it is known."""
        return self.others is None or self.others <= QUIET

    @property
    def goal_is_met(self) -> bool | None:
        """Whether the goal is met; None if PyTorch did not take part."""
        if self.timing(OURS) is None or self.timing(GOAL) is None:
            return None
        return self.ratio(GOAL) >= self.configuration.goal

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "configuration": asdict(self.configuration),
            "sides": {
                each.side: {
                    "microseconds_a_step": [round(1e6 * s, 2) for s in each.steps],
                    "processor_microseconds_a_step": [round(1e6 * s, 2) for s in each.processor],
                    "start_seconds": round(each.start_seconds, 2),
                    "loss": round(each.loss, 4),
                    "ratio": round(self.ratio(each.side), 3),
                    "ratio_spread": [round(r, 3) for r in self.spread(each.side)],
                }
                for each in self.timings
            },
            "absent": self.absent,
            "others_share_of_cores": self.others,
            "was_quiet": self.was_quiet,
            "goal_is_met": self.goal_is_met,
        }


def cores(count: int) -> list[int]:
    """Return the first ``count`` processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))[:count]
    return list(range(min(count, os.cpu_count() or 1)))


def measure(
    configuration: Configuration,
    sides: Sequence[Side],
    *,
    rounds: int,
    seconds: float,
    core_count: int,
    interpreters: Interpreters = HERE,
    patience: float = 0.0,
    say: Callable[[str], None] = lambda text: None,
) -> Measurement:
    """Measure one configuration.

    In a first turn, which is not timed, every side starts and compiles. Then each round gives one
    turn to every side; the next round starts with another side.

    Args:
        configuration: to measure.
        sides: to measure, clearprop among them.
        rounds: R.
        seconds: the shortest duration of a turn, which ends with an epoch.
        core_count: processor cores of every side.
        interpreters: of the sides.
        patience: seconds that each turn may wait until no other program is busy.
        say: receives lines about the progress.
    """
    absent: dict[str, str] = {}
    seats: list[Seat] = []
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        material.write(configuration, folder)
        try:
            for side in sides:
                why = side.why_not(configuration) or interpreters.why_not(side.library)
                if why is not None:
                    absent[side.name] = why
                    continue
                say(f"{side.name}: first turn")
                seat = Seat(side, folder, cores(core_count), interpreters.path(side.library))
                seats.append(seat)
                try:
                    first = seat.turn(0.0)
                except SideError as failure:
                    absent[side.name] = f"failed: {failure}"
                    continue
                timings[side.name] = Timing(side.name, first["losses"][-1], first["start_seconds"])
            for r in range(rounds):
                say(f"round {r + 1} of {rounds}")
                for seat in _rotated([s for s in seats if s.side.name in timings], r):
                    turn = _quiet_turn(seat, seconds, patience)
                    steps = turn["passes"] * configuration.steps_per_pass
                    timing = timings[seat.side.name]
                    timing.steps.append(turn["seconds"] / steps)
                    timing.processor.append(turn["processor_seconds"] / steps)
                    if turn["others"] is not None:
                        timing.others.append(turn["others"])
        finally:
            for seat in seats:
                seat.close()
    return Measurement(configuration, list(timings.values()), absent)


def _quiet_turn(seat: Seat, seconds: float, patience: float) -> dict[str, Any]:
    """Return the report of a side about a turn without busy other programs.

    After ``patience`` seconds of waiting the quietest turn counts.
    """
    until = time.monotonic() + patience
    best: dict[str, Any] | None = None
    while True:
        while not _is_quiet() and time.monotonic() < until:
            pass
        turn = seat.turn(seconds)
        if best is None or turn["others"] < best["others"]:
            best = turn
        if best["others"] is None or best["others"] <= QUIET or time.monotonic() >= until:
            return best


def _is_quiet() -> bool:
    watch = Watch()
    time.sleep(GLANCE_SECONDS)
    others = watch.others()
    return others is None or others <= QUIET


def _rotated(seats: list[Seat], by: int) -> list[Seat]:
    by %= max(1, len(seats))
    return seats[by:] + seats[:by]

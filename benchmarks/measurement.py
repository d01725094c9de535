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
from benchmarks.seat import Seat, SideError, is_installed
from benchmarks.sides import GOAL, OURS, Side

QUIET = 0.05
"""What part of the cores other programs may take in a turn that counts."""

GLANCE_SECONDS = 0.2
"""How long to look whether other programs are busy."""

ALIKE = 0.1
"""How far from ours a side's loss may be at most, as a fraction."""


@dataclass
class Timing:
    """What was measured of one side.

    Attributes:
        side: its name.
        loss: mean of the last pass before the rounds.
        start_seconds: from the beginning of training until the first pass was made.
        steps: seconds a step, one for each round, (R,).
        processor: processor seconds a step of all threads together, (R,).
        others: the part of the cores that other programs took meanwhile, (R,), where it is known.
    """

    side: str
    loss: float
    start_seconds: float
    steps: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds a step."""
        return statistics.median(self.steps)


@dataclass
class Measurement:
    """What was measured of one configuration.

    Attributes:
        configuration: what.
        timings: of each side that took part, ours first.
        absent: side -> why it took no part.
    """

    configuration: Configuration
    timings: list[Timing]
    absent: dict[str, str]

    def timing(self, side: str) -> Timing | None:
        """Return what was measured of a side."""
        return next((each for each in self.timings if each.side == side), None)

    def ratio(self, side: str) -> float:
        """Return the median of a side over ours: above 1 clearprop is quicker."""
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
        """Say whether a side's loss has gone down as ours has."""
        ours, theirs = self.timing(OURS), self.timing(side)
        assert ours is not None
        assert theirs is not None
        return abs(theirs.loss - ours.loss) <= ALIKE * ours.loss

    @property
    def others(self) -> float | None:
        """The part of the cores that other programs took in the turns that count."""
        known = [share for timing in self.timings for share in timing.others]
        return statistics.mean(known) if known else None

    @property
    def was_quiet(self) -> bool:
        """Whether other programs let the cores alone, as far as that is known."""
        return self.others is None or self.others <= QUIET

    @property
    def goal_is_met(self) -> bool | None:
        """Whether the goal is met; None where PyTorch took no part."""
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
    """Return the first so many processor cores that this process may use."""
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
    patience: float = 0.0,
    say: Callable[[str], None] = lambda text: None,
) -> Measurement:
    """Measure one configuration.

    Every side starts and compiles in a first turn that is not timed. Then each round gives each of
    them one turn; the next round begins with another side.

    Args:
        configuration: what.
        sides: who; ours among them.
        rounds: R.
        seconds: how long a turn lasts at least; passes are whole.
        core_count: processor cores of every side.
        patience: seconds to wait, each turn, until no other program is busy.
        say: is told how it goes.
    """
    absent: dict[str, str] = {}
    seats: list[Seat] = []
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        material.write(configuration, folder)
        try:
            for side in sides:
                why = configuration_misses(side, configuration)
                if why is not None:
                    absent[side.name] = why
                    continue
                say(f"{side.name}: first turn")
                seat = Seat(side, folder, cores(core_count))
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
                    told = _quiet_turn(seat, seconds, patience)
                    steps = told["passes"] * configuration.steps_per_pass
                    timing = timings[seat.side.name]
                    timing.steps.append(told["seconds"] / steps)
                    timing.processor.append(told["processor_seconds"] / steps)
                    if told["others"] is not None:
                        timing.others.append(told["others"])
        finally:
            for seat in seats:
                seat.close()
    return Measurement(configuration, list(timings.values()), absent)


def configuration_misses(side: Side, configuration: Configuration) -> str | None:
    """Return why a side takes no part, or None."""
    if not is_installed(side):
        return f"{side.needs} is not installed"
    return side.why_not(configuration)


def _quiet_turn(seat: Seat, seconds: float, patience: float) -> dict[str, Any]:
    """Return what a side told of a turn in which other programs let it alone.

    After so many seconds of waiting the quietest turn counts.
    """
    until = time.monotonic() + patience
    best: dict[str, Any] | None = None
    while True:
        while not _is_quiet() and time.monotonic() < until:
            pass
        told = seat.turn(seconds)
        if best is None or told["others"] < best["others"]:
            best = told
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

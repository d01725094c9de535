"""Compare the ratios of a run with those of an earlier run, so that no speed is lost unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measurement import Measurement
from benchmarks.sides import OURS


@dataclass(frozen=True)
class Change:
    """A ratio of an earlier run and of this run.

    Attributes:
        configuration: its name.
        side: whose time is divided by that of clearprop.
        before: the median of the earlier rounds.
        lowest_before: the lowest ratio of an earlier round.
        now: the median of the rounds.
        highest_now: the highest ratio of a round.
    """

    configuration: str
    side: str
    before: float
    lowest_before: float
    now: float
    highest_now: float

    @property
    def fell(self) -> bool:
        """Whether the ratio fell by more than the spread of the rounds of both runs.

        The median of each run is outside the rounds of the other run.
        """
        return self.now < self.lowest_before and self.highest_now < self.before


def read(path: Path) -> Mapping[str, Any]:
    """Return the measurements in a file that ``--json`` wrote, by configuration.

    Raises:
        SystemExit: the file cannot be read.
    """
    try:
        found: Mapping[str, Any] = json.loads(path.read_text())["measurements"]
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise SystemExit(f"{path} does not hold measurements: {failure!r}") from failure
    return found


def changes(earlier: Mapping[str, Any], measurements: Sequence[Measurement]) -> Iterator[Change]:
    """Yield a change for every side of every configuration that both runs measured."""
    for each in measurements:
        name = each.configuration.name
        sides = earlier[name]["sides"] if name in earlier else {}
        for timing in each.timings:
            if timing.side == OURS or timing.side not in sides:
                continue
            then = sides[timing.side]
            yield Change(
                name,
                timing.side,
                then["ratio"],
                then["ratio_spread"][0],
                each.ratio(timing.side),
                each.spread(timing.side)[1],
            )


def show(earlier: Mapping[str, Any], measurements: Sequence[Measurement], console: Console) -> int:
    """Print what fell and what could not be compared; return 1 if a ratio fell or is missing."""
    found = list(changes(earlier, measurements))
    missing = 0
    compared = {(change.configuration, change.side) for change in found}
    for each in measurements:
        for timing in each.timings:
            key = each.configuration.name, timing.side
            if timing.side != OURS and key not in compared:
                console.print(f"{key[0]}, {key[1]}: the earlier run has no ratio", highlight=False)
        for side in earlier.get(each.configuration.name, {"sides": {}})["sides"]:
            if side != OURS and each.timing(side) is None:
                why = each.absent.get(side, "not asked for")
                missing += side in each.absent
                line = f"{each.configuration.name}, {side}: measured earlier, not now ({why})"
                console.print(line, highlight=False, markup=False)
        if not each.was_quiet:
            console.print(f"{each.configuration.name}: other programs were busy", highlight=False)
    fallen = [change for change in found if change.fell]
    for change in fallen:
        console.print(
            f"[bold]{change.configuration}, {change.side}: {change.before:.2f} x fell to "
            f"{change.now:.2f} x[/bold] (lowest round then {change.lowest_before:.2f} x, "
            f"highest now {change.highest_now:.2f} x)",
            highlight=False,
        )
    console.print(f"{len(found)} ratios compared with the earlier run, {len(fallen)} fell")
    return 1 if fallen or missing or not found else 0

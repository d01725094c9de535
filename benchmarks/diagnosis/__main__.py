"""How often `clearprop.diagnose` is right, and how often its first mend repairs a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.diagnosis.cases import BREAKERS, JUDGED, Case, cases
from benchmarks.diagnosis.rows import known, make
from benchmarks.diagnosis.table import show, show_markdown

RESULTS = Path(__file__).parents[1] / "results" / "diagnosis"


def main(given: Sequence[str] | None = None) -> int:
    """Make the chosen runs, and print the table of all runs that were made so far."""
    parser = argparse.ArgumentParser("python -m benchmarks.diagnosis", description=__doc__)
    parser.add_argument("--part", default="1/1", help="make only the part I of N of the runs")
    parser.add_argument("--only", help="make only the runs of this kind, or only the healthy ones")
    parser.add_argument("--merge", action="store_true", help="make no runs, only print the table")
    again = "repeat diagnosis and mend of the runs that were already trained"
    parser.add_argument("--again", action="store_true", help=again)
    runs = "the runs to count, or to make; the thresholds were chosen on those for tuning"
    choices = ("judged", "tuning", "all")
    parser.add_argument("--runs", choices=choices, default="judged", help=runs)
    until = "stop after this time; call it again to continue"
    parser.add_argument("--seconds", type=float, default=float("inf"), help=until)
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    wrong = "print every run with a wrong or a missing finding, or that was not repaired"
    parser.add_argument("--wrong", action="store_true", help=wrong)
    options = parser.parse_args(given)
    if not options.merge:
        place, parts = (int(text) for text in options.part.split("/"))
        chosen = [case for case in _chosen(options.only) if is_counted(case.number, options.runs)]
        left = make(
            chosen[place - 1 :: parts], RESULTS, options.seconds, options.again, options.jobs
        )
        if left:
            print(f"{left} runs are still to be made")
    rows = [row for row in known(RESULTS) if is_counted(row["number"], options.runs)]
    (show_markdown if options.markdown else show)(rows, options.runs, options.wrong)
    return 0


def is_counted(number: int, runs: str) -> bool:
    """Return whether a run belongs to a part of the benchmark.

    >>> is_counted(3, "judged"), is_counted(3, "tuning"), is_counted(JUDGED + 3, "judged")
    (False, True, True)
    """
    return runs == "all" or (number >= JUDGED) == (runs == "judged")


def _chosen(only: str | None) -> list[Case]:
    every = cases()
    if only is None:
        return every
    if only != "healthy" and only not in BREAKERS:
        raise SystemExit(f"unknown kind {only!r}; known: healthy, {', '.join(BREAKERS)}")
    return [case for case in every if (case.kind or "healthy") == only]


if __name__ == "__main__":
    raise SystemExit(main())

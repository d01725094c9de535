"""Precision and recall of `clearprop.diagnose`: ``python -m benchmarks.diagnosis --help``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.diagnosis.cases import BREAKERS, Case, cases
from benchmarks.diagnosis.table import show
from clearprop import diagnose

RESULTS = Path(__file__).parents[1] / "results" / "diagnosis"


def main(given: Sequence[str] | None = None) -> int:
    """Make the runs that were asked for, and print the table of what is known."""
    parser = argparse.ArgumentParser("python -m benchmarks.diagnosis", description=__doc__)
    parser.add_argument("--part", default="1/1", help="the part I/N of the runs to make")
    parser.add_argument("--only", help="runs of one kind, or healthy")
    parser.add_argument("--merge", action="store_true", help="make none: print what is known")
    parser.add_argument(
        "--again", action="store_true", help="diagnose anew what was trained before"
    )
    halves = "which runs to count: thresholds were chosen on the even ones"
    parser.add_argument("--half", choices=("odd", "even", "both"), default="odd", help=halves)
    parser.add_argument("--seconds", type=float, help="stop after so long; go on by calling again")
    options = parser.parse_args(given)
    if not options.merge:
        place, parts = (int(text) for text in options.part.split("/"))
        make(_chosen(options.only)[place - 1 :: parts], options.seconds, options.again)
    show(known(), options.half)
    return 0


def make(chosen: Sequence[Case], seconds: float | None = None, again: bool = False) -> None:
    """Make runs that are not known yet and write what the diagnosis said of each."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for case in chosen:
        file = RESULTS / f"{case.name}.json"
        if file.is_file() and not again:
            continue
        if seconds is not None and time.monotonic() - began > seconds:
            print(f"stopped before {case.name}")
            return
        file.write_text(json.dumps(judged(case), indent=1) + "\n", encoding="utf-8")


def judged(case: Case) -> dict[str, Any]:
    """Make a run and return what the diagnosis said of it."""
    began = time.perf_counter()
    done, train, dev = case.setting.run(RESULTS / "runs" / case.name)
    trained = time.perf_counter()
    found = diagnose(done, train, dev=dev)
    ended = time.perf_counter()
    return {
        "name": case.name,
        "kind": case.kind,
        "number": case.number,
        "sensible": case.setting.is_sensible(done, dev),
        "faults": [f.kind for f in found.faults],
        "notes": [f.kind for f in found.notes],
        "said": [f"{f.weight:.2f} {f.place}: {f.sentence}" for f in found],
        "seconds": [round(trained - began, 2), round(ended - trained, 2)],
    }


def known() -> list[dict[str, Any]]:
    """Return what is known of all runs of the set."""
    rows = []
    for case in cases():
        file = RESULTS / f"{case.name}.json"
        if file.is_file():
            rows.append(json.loads(file.read_text(encoding="utf-8")))
    return rows


def _chosen(only: str | None) -> list[Case]:
    every = cases()
    if only is None:
        return every
    if only != "healthy" and only not in BREAKERS:
        raise SystemExit(f"unknown kind {only!r}; known: healthy, {', '.join(BREAKERS)}")
    return [case for case in every if (case.kind or "healthy") == only]


if __name__ == "__main__":
    raise SystemExit(main())

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
    """Make the chosen runs, and print the table of all runs that were made so far."""
    parser = argparse.ArgumentParser("python -m benchmarks.diagnosis", description=__doc__)
    parser.add_argument("--part", default="1/1", help="make only the part I of N of the runs")
    parser.add_argument("--only", help="make only the runs of this kind, or only the healthy ones")
    parser.add_argument("--merge", action="store_true", help="make no runs, only print the table")
    parser.add_argument(
        "--again",
        action="store_true",
        help="repeat the diagnosis of runs that were already trained",
    )
    halves = "the runs to count; the thresholds were chosen on the even ones"
    parser.add_argument("--half", choices=("odd", "even", "both"), default="odd", help=halves)
    parser.add_argument(
        "--seconds", type=float, help="stop after this time; call it again to continue"
    )
    options = parser.parse_args(given)
    if not options.merge:
        place, parts = (int(text) for text in options.part.split("/"))
        make(_chosen(options.only)[place - 1 :: parts], options.seconds, options.again)
    show(known(), options.half)
    return 0


def make(chosen: Sequence[Case], seconds: float | None = None, again: bool = False) -> None:
    """Make the runs that are missing and write a file with the diagnosis of each."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for case in chosen:
        file = RESULTS / f"{case.name}.json"
        if file.is_file() and not again:
            continue
        if seconds is not None and time.monotonic() - began > seconds:
            print(f"stopped before {case.name}")
            return
        file.write_text(json.dumps(diagnosed(case), indent=1) + "\n", encoding="utf-8")


def diagnosed(case: Case) -> dict[str, Any]:
    """Make a run and return its diagnosis as plain data."""
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
    """Return the diagnoses of all runs that were made so far."""
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

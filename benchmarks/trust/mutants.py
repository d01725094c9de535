"""Damages files of every format in many ways and reads them: none may end in a traceback.

``python -m benchmarks.trust.mutants --format csv --count 10000 --seed 0`` reads the files of the
seeds 0 to 9999 that were not read before; without ``--format`` those of all formats in turn. The
results of several sittings add up in one file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.trust.formats import FORMATS as DATA_FORMATS
from benchmarks.trust.reading import (
    KINDS,
    SLOW,
    Reading,
    mutant,
    readings,
    sound_files,
    warm_up,
    write,
)
from benchmarks.trust.run_formats import RUN_FORMATS
from clearprop.files import write_atomically

FORMATS = {**DATA_FORMATS, **RUN_FORMATS}

RESULTS = Path(__file__).parents[1] / "results" / "trust-mutants.json"
FAILED = Path("trust-mutants")
PORTION = 50


def empty() -> dict[str, Any]:
    """Return the results of a format of which nothing was read."""
    return {"seeds": [], "counts": dict.fromkeys(KINDS, 0), "slow": 0, "slowest": 0.0, "failed": []}


def add(results: dict[str, Any], found: Iterable[Reading]) -> None:
    """Add readings to the results of a format."""
    seeds = {seed for first, last in results["seeds"] for seed in range(first, last + 1)}
    for reading in found:
        seeds.add(reading.seed)
        results["counts"][reading.kind] += 1
        results["slow"] += reading.seconds > SLOW
        results["slowest"] = max(results["slowest"], reading.seconds)
        if is_failure(reading):
            results["failed"].append(list(reading))
    results["seeds"] = ranges(seeds)


def is_failure(reading: Reading) -> bool:
    """Return whether neither a result nor an error of clearprop came, or not in time."""
    return reading.kind not in ("sound", "refused") or reading.seconds > SLOW


def ranges(seeds: Iterable[int]) -> list[list[int]]:
    """Return numbers as pairs of a first and a last one.

    >>> ranges([3, 1, 2, 7])
    [[1, 3], [7, 7]]
    """
    found: list[list[int]] = []
    for seed in sorted(seeds):
        if found and seed == found[-1][1] + 1:
            found[-1][1] = seed
        else:
            found.append([seed, seed])
    return found


def to_do(results: dict[str, Any], first: int, count: int) -> list[int]:
    """Return the seeds of a range that were not read before."""
    done = {seed for low, high in results["seeds"] for seed in range(low, high + 1)}
    return [seed for seed in range(first, first + count) if seed not in done]


def keep(name: str, reading: Reading, folder: Path) -> None:
    """Write the files of a failure into a folder, with a text that says what happened."""
    place = folder / name / str(reading.seed)
    write(mutant(sound_files(FORMATS[name]), name, reading.seed), place)
    (place / "failure.txt").write_text(
        f"{reading.kind} after {reading.seconds:.1f} s\n{reading.about}\n", encoding="utf-8"
    )


def table(results: dict[str, Any]) -> str:
    """Return the counts of all formats as a table."""
    heads = ["format", "files", *KINDS, "slow", "slowest"]
    rows = [heads]
    for name, one in results.items():
        counts = [one["counts"][kind] for kind in KINDS]
        rows.append(
            [name, *map(str, (sum(counts), *counts, one["slow"])), f"{one['slowest']:.1f} s"]
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    return "\n".join(
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the files of the seeds that are asked for; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", action="append", choices=FORMATS, help="all by default")
    parser.add_argument("--count", type=int, default=1000, help="of seeds for each format")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--minutes", type=float, help="end after so long")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--failed", type=Path, default=FAILED, help="a folder for these files")
    parser.add_argument("--again", action="store_true", help="forget the results of before")
    given = parser.parse_args(arguments)
    names = given.format or list(FORMATS)
    results: dict[str, Any] = {}
    if given.results.is_file():
        results = json.loads(given.results.read_text(encoding="utf-8"))
    for name in names:
        if given.again or name not in results:
            results[name] = empty()
    ends = float("inf") if given.minutes is None else time.monotonic() + 60 * given.minutes
    warm_up()
    left = {name: to_do(results[name], given.seed, given.count) for name in names}
    failures: list[tuple[str, Reading]] = []
    while any(left.values()) and time.monotonic() < ends:
        for name in names:
            portion, left[name] = left[name][:PORTION], left[name][PORTION:]
            if not portion or time.monotonic() >= ends:
                continue
            found = list(readings(FORMATS[name], portion))
            add(results[name], found)
            failures += [(name, reading) for reading in found if is_failure(reading)]
            write_atomically(given.results, json.dumps(results, indent=1) + "\n")
    # The writer of Parquet files starts threads, after which no process can be forked.
    for name, reading in failures:
        keep(name, reading, given.failed)
    print(table({name: results[name] for name in names}))
    for name, reading in failures:
        print(f"{name} {reading.seed}: {reading.kind}, {reading.seconds:.1f} s: {reading.about}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The files of the benchmark's runs: each run is made once, in one of several processes."""

from __future__ import annotations

import functools
import json
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.diagnosis.cases import Case, cases
from benchmarks.diagnosis.trial import diagnosed


def make(
    chosen: Sequence[Case], folder: Path, seconds: float, again: bool = False, jobs: int = 1
) -> int:
    """Make the runs that are missing, and return how many there was no time for.

    Args:
        chosen: the runs.
        folder: of their files.
        seconds: after this time no other run is begun.
        again: repeat diagnosis and mend of runs that were already made.
        jobs: number of processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [case.name for case in chosen if again or not _file(folder, case.name).is_file()]
    work = functools.partial(write, folder, time.time() + seconds)
    if jobs == 1:
        return len(names) - sum(map(work, names))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        return len(names) - sum(pool.map(work, names))


def write(folder: Path, end: float, name: str) -> bool:
    """Make a run and write its file, unless the time is over; return whether it was made."""
    if time.time() > end:
        return False
    file = _file(folder, name)
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    row = diagnosed(_by_name()[name], folder / "runs" / name, before.get("warnings"))
    file.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    return True


def known(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of all runs that were made so far."""
    files = [_file(folder, name) for name in _by_name()]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


@functools.cache
def _by_name() -> dict[str, Case]:
    return {case.name: case for case in cases()}

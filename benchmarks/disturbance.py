"""Measure how busy other programs keep the processor cores during a turn.

Threads that wait for each other suffer most: a library that splits each layer over two threads can
be fifty times slower when one other program is busy. The time of such a turn is useless.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")

IDLE = (3, 4)  # idle, and waiting for a disk
GUEST = 8  # these columns are already counted in earlier ones


class Watch:
    """Measures from its creation on; a value is None if the system does not provide it."""

    def __init__(self) -> None:
        self._wall, self._own, self._all = time.perf_counter(), time.process_time(), _busy()

    @property
    def own(self) -> float:
        """Processor seconds of all threads of this process."""
        return time.process_time() - self._own

    def others(self) -> float | None:
        """Return the fraction of the cores that other programs used, from 0 to 1."""
        seconds = time.perf_counter() - self._wall
        own, busy = self.own, _busy()
        if busy is None or self._all is None:
            return None
        return min(1.0, max(0.0, busy - self._all - own) / (seconds * len(_cores())))


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


def _busy() -> float | None:
    """Return the busy seconds of the cores of this process since the system started."""
    if not STAT.is_file() or not hasattr(os, "sched_getaffinity"):
        return None
    mine = {f"cpu{core}" for core in _cores()}
    lines = [line.split() for line in STAT.read_text().splitlines()]
    ticks = [
        sum(int(x) for i, x in enumerate(counts[:GUEST]) if i not in IDLE)
        for name, *counts in lines
        if name in mine
    ]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")

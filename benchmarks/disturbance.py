"""How much of the processor cores other programs take while a side has its turn.

Threads that wait for each other suffer most: a library that shares each layer out over two threads
can be fifty times slower beside one busy neighbor, so that a disturbed turn says nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")

IDLE = (3, 4)  # idle, and waiting for a disk
GUEST = 8  # from here on what the columns before have counted already


class Watch:
    """Measures from its making on; None where the system does not tell."""

    def __init__(self) -> None:
        self._wall, self._own, self._all = time.perf_counter(), time.process_time(), _busy()

    @property
    def own(self) -> float:
        """Seconds that all threads of this process computed."""
        return time.process_time() - self._own

    def others(self) -> float | None:
        """Return which part of the cores other programs took, from 0 to 1."""
        seconds = time.perf_counter() - self._wall
        own, busy = self.own, _busy()
        if busy is None or self._all is None:
            return None
        return min(1.0, max(0.0, busy - self._all - own) / (seconds * len(_cores())))


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


def _busy() -> float | None:
    """Return for how many seconds the cores of this process have been busy since they started."""
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

"""Whether a process is working in a run folder, found out without taking its lock.

Taking the lock to see whether it is free would keep out a run that begins at this moment.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clearprop.training.run_folder import EVENTS, LOSSES
from clearprop.training.storage.lock import Holder, read_holder

TABLE = Path("/proc/locks")
"""Where Linux lists the locks that processes hold."""

RECENTLY = 600.0
"""A run whose process cannot be seen goes on while its files are younger than so many seconds."""

_ROW = re.compile(
    r"^\d+: FLOCK +\w+ +WRITE +(?P<process>\d+) +[0-9a-f]+:[0-9a-f]+:(?P<inode>\d+) ", re.MULTILINE
)


@dataclass(frozen=True)
class HeldLocks:
    """The locks that are held now, as far as the system lists them.

    Attributes:
        processes: those that hold a lock on a file, by the file's number; None where the system
            has no list.
    """

    processes: Mapping[int, frozenset[int]] | None

    @classmethod
    def now(cls) -> HeldLocks:
        """Return the locks of this moment."""
        try:
            text = TABLE.read_text(encoding="ascii", errors="replace")
        except OSError:
            return cls(None)
        found: dict[int, frozenset[int]] = {}
        for row in _ROW.finditer(text):
            inode = int(row["inode"])
            found[inode] = found.get(inode, frozenset()) | {int(row["process"])}
        return cls(found)

    def holder(
        self, folder: Path, named: Holder | None, inode: int | None, ended: bool
    ) -> Holder | None:
        """Return who works in a run folder; None where nobody does.

        A process of another machine, or of a system without a list of its locks, cannot be seen:
        there it counts that the run has not ended and was written to lately.

        Args:
            folder: of the run.
            named: whom the lock file names.
            inode: the number of the lock file; None where there is none.
            ended: whether the last event is the end of the run.
        """
        here = named is None or named.host == socket.gethostname()
        if here and self.processes is not None:
            return self._listed(named, inode)
        if ended or named is None:
            return None
        if here and sys.platform != "win32":  # there `os.kill` would end it
            return named if _is_alive(named.process) else None
        return named if _youngest(folder) > time.time() - RECENTLY else None

    def _listed(self, named: Holder | None, inode: int | None) -> Holder | None:
        processes = (self.processes or {}).get(inode or 0, frozenset())
        if named is not None:
            # The list names files by numbers that another file system may use for another file.
            return named if named.process in processes else None
        return Holder(socket.gethostname(), min(processes), 0.0) if processes else None


def named_holder(lock: Path) -> Holder | None:
    """Return whom a lock file names; None where it says nothing that could be believed."""
    holder = read_holder(lock)
    if holder is None or not isinstance(holder.host, str):
        return None
    numbers = isinstance(holder.process, int) and isinstance(holder.since, int | float)
    return holder if numbers and holder.process > 0 else None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _youngest(folder: Path) -> float:
    times = [0.0]
    for name in (EVENTS, LOSSES):
        with contextlib.suppress(OSError):
            times.append((folder / name).stat().st_mtime)
    return max(times)

"""The lock of a run folder: one process at a time, and a dead one's lock does not count."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from clearprop.errors import RunError
from clearprop.training.files import disk_errors


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        host: name of the machine.
        process: its number there.
        started: when that process started, in a unit of the system's own; None where the system
            does not say. Numbers are given out again, so the number alone could mean a stranger.
        since: when the lock was taken, in seconds since 1970.
    """

    host: str
    process: int
    started: str | None
    since: float

    @classmethod
    def this_process(cls) -> Holder:
        """Return the process that asks."""
        own = os.getpid()
        return cls(socket.gethostname(), own, start_of(own), time.time())

    def is_alive(self) -> bool:
        """Say whether the holder still runs; of another machine's, that is taken to be so."""
        if self.host != socket.gethostname():
            return True
        if not _exists(self.process):
            return False
        now = start_of(self.process)
        return self.started is None or now is None or now == self.started


def start_of(process: int) -> str | None:
    """Return when a process started (clock ticks since the machine did), where Linux tells."""
    try:
        line = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    # The name, in brackets, may hold anything; the fields that follow it are plain numbers.
    return line.rpartition(")")[2].split()[19]


def _exists(process: int) -> bool:
    if os.name == "nt":
        return _exists_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _exists_on_windows(process: int) -> bool:
    # os.kill(process, 0) would end the process there.
    import ctypes

    query, still_active = 0x1000, 259
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(query, False, process)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == still_active


class Lock:
    """A file that exists while a process works in a folder.

    Raises:
        RunError: a living process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        while not self._take():
            holder = read_holder(path)
            if holder is not None and holder.is_alive():
                raise RunError(
                    "another process is working in this run folder",
                    where=str(path.parent),
                    given=f"process {holder.process} on {holder.host}, "
                    f"since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(holder.since))}",
                    mend="wait for it, or choose another folder; if that machine is gone for "
                    f"good, delete {path.name}",
                )
            path.unlink(missing_ok=True)

    def _take(self) -> bool:
        # The content is whole before the name exists, so that nobody reads a half-written lock,
        # and a link fails where the name is taken, so that only one of two processes gets it.
        own = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        with disk_errors(self.path):
            try:
                own.write_text(json.dumps(asdict(Holder.this_process())))
                os.link(own, self.path)
            except FileExistsError:
                return False
            finally:
                own.unlink(missing_ok=True)
        return True

    def release(self) -> None:
        """Give the folder free."""
        self.path.unlink(missing_ok=True)


def read_holder(path: Path) -> Holder | None:
    """Return who holds a lock; None where there is none, or its file is damaged."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None

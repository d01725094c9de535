"""The lock of a run folder: the system's own, which ends with the process that holds it."""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from clearprop.errors import RunError
from clearprop.files import open_own, write_errors

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""What file systems answer that have no locks, such as some that a network has."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        host: name of the machine.
        process: its number there.
        since: when the lock was taken, in seconds since 1970.
    """

    host: str
    process: int
    since: float


class Lock:
    """A file that the system keeps locked while a process works in a folder.

    The file stays when the lock is given up: taking it away would let two processes lock two files
    of one name. It says who holds the lock, or held it last.

    Raises:
        RunError: another process holds it, or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with write_errors(path):
            # A bare descriptor: a file object would give the lock up when nobody refers to it.
            self._file: int | None = open_own(path, os.O_RDWR)
        with write_errors(path):
            is_own = _lock(self._file, path)
        if not is_own:
            os.close(self._file)
            raise RunError(
                "another process is working in this run folder",
                where=str(path.parent),
                given=_described(read_holder(path)),
                fix="wait for it, or choose another folder",
            )
        own = Holder(socket.gethostname(), os.getpid(), time.time())
        with write_errors(path):
            os.ftruncate(self._file, 0)
            os.write(self._file, json.dumps(asdict(own)).encode())

    def check_in_place(self) -> None:
        """Check that the locked file still has its name, so that the folder is where it was.

        Raises:
            RunError: the folder was removed or renamed.
        """
        if self._file is None or sys.platform == "win32":  # there an open file keeps its name
            return
        own = os.fstat(self._file)
        try:
            found: os.stat_result | None = self.path.stat()
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino):
            folder = self.path.parent
            raise RunError(
                "the run folder was removed or renamed while the run went on, so the run has ended",
                where=str(folder),
                fix="if it was renamed, give it its name back, and go on with the run: "
                f"clearprop resume {shlex.quote(str(folder))}",
            )

    def release(self) -> None:
        """Release the lock, so that another process can work in the folder."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_holder(path: Path) -> Holder | None:
    """Return who holds a lock, or held it last; None where the file does not say."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _described(holder: Holder | None) -> str | None:
    if holder is None:
        return None
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.since))
    return f"process {holder.process} on {holder.host}, since {since}"


if sys.platform == "win32":
    # Windows keeps others from reading what is locked, so a byte far behind the text is.
    _FAR = 2**30

    def _lock(file: int, path: Path) -> bool:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(file, 0, os.SEEK_SET)
        return True

else:

    def _lock(file: int, path: Path) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise
            warnings.warn(
                f"{path.parent}: this file system has no locks ({error.strerror}), so a second "
                "process would not be kept out of the run folder",
                stacklevel=3,
            )
        return True

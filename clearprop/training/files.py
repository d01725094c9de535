"""Writing files so that a crash or a full disk leaves the old or the new one, and never half."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clearprop.errors import RunError


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a write into an error that names the fix.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
        raise RunError(
            "the disk is full" if full else "the file cannot be written",
            where=str(path),
            given=error.strerror or str(error),
            fix="free some space and resume; what had been written before is whole"
            if full
            else "check that the folder exists and that you may write to it",
        ) from error


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace a file by new content in one stroke.

    The content goes to a neighboring temporary file, is forced to the disk, and is then renamed
    over the old file; until then the old one stands untouched.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def append(file: Any, data: bytes, path: Path) -> None:
    """Append to an unbuffered file, whole.

    Raises:
        RunError: the disk is full.
    """
    with disk_errors(path):
        while data:  # on a filling disk a part may be taken before the error comes
            data = data[file.write(data) :]


def sync_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk, where the system can (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

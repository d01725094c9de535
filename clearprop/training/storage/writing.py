"""Writing files: a crash or a full disk leaves the old file or the new one, never a half of it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from clearprop.errors import ConfigurationError, RunError
from clearprop.memory import free_memory

MOST_OF_FREE = 0.5
"""The fraction of the free memory or disk that a run may take."""


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


def append(file: IO[bytes], data: bytes, path: Path) -> None:
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


def free_disk(folder: Path) -> int:
    """Return how many bytes are free where a folder is, or will be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def shown_size(count: float) -> str:
    """Return a number of bytes as it is read.

    >>> shown_size(12_345_678)
    '12.3 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def refuse(
    what: str,
    size: int,
    limit: int | None,
    folder: Path | None,
    *,
    given: str,
    fix: Callable[[int], str],
) -> None:
    """Raise where something is larger than a limit, or than half of what is free.

    Args:
        what: is to be kept.
        size: of it, in bytes.
        limit: in bytes; None for half of the free memory, or of the disk of the folder.
        folder: where it is kept; None for the memory.
        given: what makes it so large.
        fix: what would fit into so many bytes, in words.

    Raises:
        ConfigurationError: it is larger.
    """
    if limit is None:
        free = free_memory() if folder is None else free_disk(folder)
        if free is None:
            return
        limit = int(MOST_OF_FREE * free)
    if size <= limit:
        return
    place = "memory" if folder is None else "disk"
    raise ConfigurationError(
        f"{what} would take {shown_size(size)}, and {shown_size(limit)} of {place} can be taken",
        given=given,
        fix=fix(limit),
    )

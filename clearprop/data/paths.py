"""Files and folders of data: whether they are there, can be read, and fit into the memory."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

from clearprop.errors import DataError, nearest
from clearprop.files import check_file, look_at, read_errors
from clearprop.memory import MOST_OF_FREE, free_memory, shown_size

SURELY_FITS = 1 << 26
"""So many bytes are taken without a look at the free memory."""


def existing(path: str | Path) -> Path:
    """Return the path of a file or folder that is there; ``~`` is the user's folder.

    Raises:
        DataError: it is missing, it is a device or a pipe, or it cannot be looked at; the error
            suggests the nearest name beside it.
    """
    given = Path(path)
    try:
        found = given.expanduser()
    except RuntimeError as error:  # no user has this name
        raise DataError("there is no such folder", where=given.parts[0]) from error
    try:
        mode = look_at(found).st_mode
    except DataError as error:
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise
        close = None
        with contextlib.suppress(OSError):
            close = nearest(found.name, [beside.name for beside in found.parent.iterdir()])
        raise DataError(
            "there is no such file or folder",
            where=str(found),
            fix=f"did you mean {str(found.parent / close)!r}?" if close else None,
        ) from error.__cause__
    if not stat.S_ISDIR(mode):
        check_file(found)
    return found


def listed(folder: Path) -> list[Path]:
    """Return what is in a folder, in the order of the names.

    Raises:
        DataError: the folder cannot be read.
    """
    with read_errors(folder):
        return sorted(folder.iterdir())


def check_room(size: int, path: Path | str, what: str, limit: int | None = None) -> None:
    """Raise if what a file holds would take more than half of the free memory.

    Args:
        size: in bytes, as the file announces it.
        path: the file, for the message.
        what: takes the memory, such as "the array 'x'".
        limit: in bytes; None takes half of the free memory.

    Raises:
        DataError: it would.

    >>> check_room(2**60, "x.npz", "the array 'x'", limit=2**30)
    Traceback (most recent call last):
    clearprop.errors.DataError: x.npz: the array 'x' does not fit into the memory
      given:    1.15e+06 TB
      expected: at most 1.07 GB, half of the free memory
      fix:      take fewer rows, or check that the file is not damaged
    """
    if limit is None:
        limit = None if size <= SURELY_FITS else room()
    if limit is not None and size > limit:
        raise DataError(
            f"{what} does not fit into the memory",
            where=str(path),
            given=shown_size(size),
            expected=f"at most {shown_size(limit)}, half of the free memory",
            fix="take fewer rows, or check that the file is not damaged",
        )


def room() -> int | None:
    """Return how many bytes one file may take: half of the free memory; None if it is unknown."""
    free = free_memory()
    return None if free is None else int(MOST_OF_FREE * free)

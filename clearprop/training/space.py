"""The refusal of what would not fit into the memory or onto the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from clearprop.errors import ConfigurationError
from clearprop.memory import free_memory

SHARE = 0.5
"""The part of what is free that may be taken."""


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
        limit = int(SHARE * free)
    if size <= limit:
        return
    place = "memory" if folder is None else "disk"
    raise ConfigurationError(
        f"{what} would take {shown_size(size)}, and {shown_size(limit)} of {place} can be taken",
        given=given,
        fix=fix(limit),
    )

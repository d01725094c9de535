"""The memory and the disk that this process may use, also inside a container."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from clearprop.errors import ConfigurationError

ROOT = Path("/")

MOST_OF_FREE = 0.5
"""The fraction of the free memory or disk that a run may take."""

SMALL = 2**20
"""Bytes that fit anywhere: to ask for the free memory takes longer than to take them."""


class ControlGroup(NamedTuple):
    """A control group: processes with one memory limit, such as a container or a batch job.

    Attributes:
        limit: bytes that the group may use.
        used: bytes in use that the system cannot reclaim.
    """

    limit: int
    used: int


def total_memory(root: Path = ROOT) -> int | None:
    """Return the largest number of bytes that this process may use; None if it is unknown.

    >>> total_memory() is None or total_memory() > 2**20
    True
    """
    sizes = [group.limit for group in groups(root)]
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(sizes, default=None)


def free_memory(root: Path = ROOT) -> int | None:
    """Return the number of bytes that this process can still use; None if it is unknown."""
    sizes = [max(0, group.limit - group.used) for group in groups(root)]
    sizes += _available(root)
    sizes += _of_address_space(root)
    return min(sizes) if sizes else total_memory(root)


def _of_address_space(root: Path) -> list[int]:
    """Return what a limit of the address space leaves, as ``ulimit -v`` sets it; else nothing."""
    with contextlib.suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int((root / "proc/self/statm").read_text(encoding="ascii").split()[0])
            return [max(0, limit - pages * resource.getpagesize())]
    return []


def usable_memory(root: Path = ROOT) -> int | None:
    """Return how many bytes this process can take before it is killed; None if it is unknown.

    Beside the free memory these are the free swap space, and what the C library keeps of memory
    that the process has freed.

    >>> usable_memory() is None or usable_memory() >= 0
    True
    """
    free = free_memory(root)
    return None if free is None else free + _free_swap(root) + kept_by_malloc()


def _available(root: Path) -> list[int]:
    return _of_system(root, "MemAvailable")  # includes what the system can reclaim


def _of_system(root: Path, name: str) -> list[int]:
    """Return a size that the system tells, in bytes; an empty list where it does not."""
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return [int(line.split()[1]) * 1024]
    return []


def _free_swap(root: Path) -> int:
    """Return the free bytes of swap space; a group with a limit of its own may have none of it."""
    if any(True for _ in groups(root)):
        return 0
    return sum(_of_system(root, "SwapFree"))


class _MallocInfo(ctypes.Structure):
    """What glibc tells of its memory: ``struct mallinfo2`` of its malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


@functools.cache
def _malloc_info() -> Callable[[], _MallocInfo] | None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        found = ctypes.CDLL(None).mallinfo2
        found.restype = _MallocInfo
        return found
    return None


def kept_by_malloc() -> int:
    """Return how many freed bytes the C library keeps for this process: see `cpu.keep_memory`."""
    info = _malloc_info()
    return 0 if info is None else int(info().fordblks)


def groups(root: Path = ROOT) -> Iterator[ControlGroup]:
    """Yield the groups of this process that have a limit, the innermost first.

    Linux has two versions of control groups: in version 2 all groups are in one tree, in version 1
    those for memory have a separate tree. Inside a container the names are those of its host, and
    only the top of the tree is visible.

    Args:
        root: the folder of proc and sys.
    """
    tree = root / "sys/fs/cgroup"
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, name = line.split(":", 2)
            if controllers == "":
                top, limit, used = tree, "memory.max", "memory.current"
            elif "memory" in controllers.split(","):
                top, limit, used = tree / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            else:
                continue
            steps = Path(name.lstrip("/"))
            for folder in (top / step for step in (steps, *steps.parents)):
                group = _group(folder, limit, used)
                if group is not None:
                    yield group


def _group(folder: Path, limit: str, used: str) -> ControlGroup | None:
    # "max" (not a number) and the largest number of pages mean that there is no limit.
    with contextlib.suppress(OSError, ValueError):
        most = int((folder / limit).read_text(encoding="ascii"))
        if most >= 2**60:
            return None
        taken = int((folder / used).read_text(encoding="ascii"))
        return ControlGroup(most, max(0, taken - _reclaimable(folder)))
    return None


def _reclaimable(folder: Path) -> int:
    """Return the number of bytes of cached files that were not used recently."""
    with contextlib.suppress(OSError, ValueError):
        rows = (line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines())
        found = {name: int(value) for name, value in rows}
        return found.get("total_inactive_file", found.get("inactive_file", 0))
    return 0


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
    if size > limit:
        place = "memory" if folder is None else "disk"
        raise too_large(what, size, limit, place=place, given=given, fix=fix(limit))


def make_room(what: str, size: int, *, where: str, given: str, fix: Callable[[int], str]) -> None:
    """Raise where something takes more than the memory that this process can still take.

    Args:
        what: takes it.
        size: in bytes; an estimate that may be too low, but not too high.
        where: the place for the message.
        given: what makes it so large.
        fix: what would fit into so many bytes, in words.

    Raises:
        ConfigurationError: it does not fit.
    """
    limit = usable_memory() if size > SMALL else None
    if limit is not None and size > limit:
        raise too_large(what, size, limit, given=given, fix=fix(limit), where=where)


def too_large(
    what: str,
    size: int,
    limit: int,
    *,
    given: str,
    fix: str,
    place: str = "memory",
    where: str | None = None,
) -> ConfigurationError:
    """Return the error about something that is larger than a limit.

    Args:
        what: is too large.
        size: of it, in bytes.
        limit: in bytes.
        given: what makes it so large.
        fix: what would fit.
        place: "memory" or "disk".
        where: the option or the part of a model that it belongs to.

    >>> print(too_large("the run", 2 * 10**9, 10**9, given="800 units", fix="use 400", where="mlp"))
    mlp: the run would take 2 GB, and 1 GB of memory can be taken
      given:    800 units
      fix:      use 400
    """
    return ConfigurationError(
        f"{what} would take {shown_size(size)}, and {shown_size(limit)} of {place} can be taken",
        where=where,
        given=given,
        fix=fix,
    )

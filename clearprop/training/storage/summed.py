"""Files that grow, with a checksum of each part that was appended in a file beside them.

The file itself holds the data and nothing else, so that other programs can read it. A part's
checksum is written before the part: after a kill there may be a checksum whose part is missing, and
never a part without a checksum.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import RunError
from clearprop.files import append, open_to_append, read_errors, write_errors

SUFFIX = ".crc32"

_SUM = np.dtype([("end", "<u8"), ("crc32", "<u4")])
"""Of a part: where it ends in the file, and the CRC-32 of its bytes."""


class SummedFile:
    """A file that grows, and its checksums.

    What a killed process had written of a part is deleted. If data without checksums is there, as
    in the runs of earlier versions, it gets one.

    Args:
        path: of the file; both files are made if they are missing.

    Raises:
        RunError: one of the files is a link, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sums_path = sums_path(path)
        self._file = open_to_append(path)
        self._sums = open_to_append(self._sums_path)
        with write_errors(path):
            self._end = path.stat().st_size
        whole = check_parts(path).size
        if whole < self._end:
            self.rewind(whole)
        else:
            self._keep(_up_to(_read_sums(path), whole), whole)

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._end

    def append(self, data: bytes) -> None:
        """Append a part; it is in the file even if this process ends now.

        Raises:
            RunError: the disk is full.
        """
        if not data:
            return
        sums = os.fstat(self._sums.fileno()).st_size
        try:
            self._add_sum(self._end + len(data), zlib.crc32(data))
            append(self._file, data, self.path)
        except RunError:
            with contextlib.suppress(OSError):  # what was written of the part
                self._file.truncate(self._end)
                self._sums.truncate(sums)
            raise
        self._end += len(data)

    def rewind(self, size: int) -> None:
        """Delete everything behind the first ``size`` bytes.

        Raises:
            RunError: the file is shorter, or it cannot be written.
        """
        if size > self._end:
            raise RunError("the file is shorter", where=str(self.path))
        kept = _up_to(_read_sums(self.path), size)
        place = int(kept["end"][-1]) if len(kept) else 0
        is_damaged = check_parts(self.path).is_damaged(place, size)
        with write_errors(self.path):
            self._file.truncate(size)
        self._end = size
        self._keep(kept, size, is_damaged)

    def sync(self) -> None:
        """Force the file to the disk, so that it outlives a crash of the machine too."""
        with write_errors(self.path):
            os.fsync(self._sums.fileno())
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close both files."""
        self._file.close()
        self._sums.close()

    def _keep(self, sums: NDArray[np.void], size: int, is_damaged: bool = False) -> None:
        """Keep the first checksums, and add one of the bytes between them and a size."""
        with write_errors(self._sums_path):
            self._sums.truncate(sums.nbytes)
        place = int(sums["end"][-1]) if len(sums) else 0
        if place < size:
            with read_errors(self.path, RunError), self.path.open("rb") as file:
                file.seek(place)
                crc32 = zlib.crc32(file.read(size - place))
            # A part of a damaged part gets a checksum that does not agree either.
            self._add_sum(size, crc32 ^ (2**32 - 1) if is_damaged else crc32)

    def _add_sum(self, end: int, crc32: int) -> None:
        append(self._sums, np.array((end, crc32), _SUM).tobytes(), self._sums_path)


@dataclass(frozen=True)
class Parts:
    """Which bytes of a file agree with their checksums.

    Attributes:
        size: so many bytes count: all but those of a part that a kill cut off.
        damaged: the ranges of bytes, (first, end), that do not agree, or have no checksum.
        missing: how many bytes are missing at the end, besides the last part.
        unknown: whether there are no checksums at all, as in the runs of earlier versions.
    """

    size: int
    damaged: tuple[tuple[int, int], ...] = ()
    missing: int = 0
    unknown: bool = False

    def without(self, content: bytes) -> bytes:
        """Return the bytes of a content that agree."""
        kept, place = [], 0
        for first, end in self.damaged:
            kept.append(content[place:first])
            place = end
        return b"".join([*kept, content[place : self.size]])

    def is_damaged(self, first: int, end: int) -> bool:
        """Return whether a byte of a range does not agree."""
        return any(start < end and first < stop for start, stop in self.damaged)


def sums_path(path: Path) -> Path:
    """Return where the checksums of a file are."""
    return path.with_name(path.name + SUFFIX)


def check_parts(path: Path) -> Parts:
    """Compare a file with its checksums; the file may grow meanwhile.

    Raises:
        RunError: it cannot be read.
    """
    with read_errors(path, RunError):
        before = _read_sums(path) if sums_path(path).is_file() else None
        size = path.stat().st_size
        if before is None:
            return Parts(size, unknown=True)
        content = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
        sums = _read_sums(path)
    size = len(content)
    finished = _up_to(sums, size)
    damaged, place = [], 0
    for end, crc32 in zip(finished["end"].tolist(), finished["crc32"].tolist(), strict=True):
        if end <= place or end > size:  # the checksum itself is damaged
            continue
        if zlib.crc32(content[place:end]) != crc32:
            damaged.append((place, end))
        place = end
    # A killed process leaves one checksum whose part is missing, at least in part; what came after
    # `before` was written while the file was read.
    if len(before) - len(finished) > 1:
        missing = max(int(before["end"].max()) - size, 1)
        return Parts(place, _joined(damaged), missing)
    if place < size and len(finished) < len(sums):
        is_whole = zlib.crc32(content[place:]) == sums["crc32"][len(finished)]
        return Parts(size if is_whole else place, _joined(damaged))
    if place < size:
        damaged.append((place, size))
    return Parts(size, _joined(damaged))


def _up_to(sums: NDArray[np.void], size: int) -> NDArray[np.void]:
    """Return the checksums of the parts that end before a size."""
    inside = np.flatnonzero(sums["end"] <= size)
    return sums[: inside[-1] + 1] if len(inside) else sums[:0]


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return ranges in their order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return tuple(found)


def _read_sums(path: Path) -> NDArray[np.void]:
    file = sums_path(path)
    with read_errors(file, RunError):
        content = file.read_bytes() if file.is_file() else b""
    return np.frombuffer(content[: len(content) // _SUM.itemsize * _SUM.itemsize], _SUM)

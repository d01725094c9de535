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
from typing import IO

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import RunError
from clearprop.files import append, open_to_append, read_errors, write_errors

SUFFIX = ".crc32"

SUM = np.dtype([("end", "<u8"), ("crc32", "<u4")])
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
        is_new = not self._sums_path.is_file()
        self._file = open_to_append(path)
        self._sums = open_to_append(self._sums_path)
        with write_errors(path):
            self._end = path.stat().st_size
        whole = compared_with_sums(path).size
        if whole < self._end:
            self.rewind(whole)
        else:
            self._keep(_up_to(read_sums(path), whole), whole, is_damaged=not is_new)

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
        except BaseException:
            with contextlib.suppress(OSError):  # what was written of the part
                self._file.truncate(self._end)
                self._sums.truncate(sums)
            raise
        self._end += len(data)

    def end_line(self) -> None:
        """Append a newline where the last line, damaged or of an earlier version, has none.

        Raises:
            RunError: the disk is full.
        """
        if not self._end:
            return
        with read_errors(self.path, RunError), self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
        if last != b"\n":
            self.append(b"\n")

    def rewind(self, size: int) -> None:
        """Delete everything behind the first ``size`` bytes.

        Raises:
            RunError: the file is shorter, or it cannot be written.
        """
        if size > self._end:
            raise RunError("the file is shorter", where=str(self.path))
        kept = _up_to(read_sums(self.path), size)
        place = int(kept["end"][-1]) if len(kept) else 0
        is_damaged = compared_with_sums(self.path).is_damaged(place, size)
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
        append(self._sums, np.array((end, crc32), SUM).tobytes(), self._sums_path)


@dataclass(frozen=True)
class Agreement:
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


def compared_with_sums(path: Path) -> Agreement:
    """Compare a file with its checksums; the file may grow meanwhile.

    Raises:
        RunError: it cannot be read.
    """
    for _ in range(MOST_TRIES):
        before = _state(path)
        found = _compared(path)
        is_well = not found.damaged and not found.missing
        if is_well or _state(path) == before:  # else a run has just gone on with the file
            break
    return found


MOST_TRIES = 5


def _state(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    return None


def _compared(path: Path) -> Agreement:
    with read_errors(path, RunError):
        known = sums_path(path).is_file()
        before = read_sums(path)
        if not path.is_file():
            return Agreement(0, missing=int(before["end"].max()) if len(before) else 0)
        # A mapped file would end this process where a resumed run cuts it off.
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if not known:
                return Agreement(size, unknown=True)
            return _agreement(file, size, before, read_sums(path))


def _crc32(file: IO[bytes], place: int, end: int) -> int:
    """Return the checksum of a range of bytes."""
    crc32 = 0
    file.seek(place)
    while place < end and (part := file.read(min(end - place, CHUNK))):
        crc32 = zlib.crc32(part, crc32)
        place += len(part)
    return crc32


CHUNK = 1 << 24
"""Bytes that are read at once."""


def _agreement(
    file: IO[bytes], size: int, before: NDArray[np.void], sums: NDArray[np.void]
) -> Agreement:
    """Compare a file with its checksums.

    Args:
        file: without a buffer.
        size: of it.
        before: the checksums before the size was known.
        sums: those after it.
    """
    finished = _up_to(sums, size)
    damaged, place = [], 0
    for end, crc32 in zip(finished["end"].tolist(), finished["crc32"].tolist(), strict=True):
        if end <= place or end > size:  # the checksum itself is damaged
            continue
        if _crc32(file, place, end) != crc32:
            damaged.append((place, end))
        place = end
    # A killed process leaves one checksum whose part is missing, at least in part; what came after
    # `before` was written while the file was read.
    if len(before) - len(finished) > 1:
        missing = max(int(before["end"].max()) - size, 1)
        return Agreement(place, _joined(damaged), missing)
    if place < size and len(finished) < len(sums):
        is_whole = _crc32(file, place, size) == sums["crc32"][len(finished)]
        return Agreement(size if is_whole else place, _joined(damaged))
    if place < size:
        damaged.append((place, size))
    return Agreement(size, _joined(damaged))


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


def read_sums(path: Path) -> NDArray[np.void]:
    """Return the checksums of a file, `SUM` each; none where there are none.

    Raises:
        RunError: they cannot be read.
    """
    file = sums_path(path)
    with read_errors(file, RunError):
        content = file.read_bytes() if file.is_file() else b""
    return np.frombuffer(content[: len(content) // SUM.itemsize * SUM.itemsize], SUM)

"""A file that grows, read by those who do not write it: only what was appended is read again."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearprop.errors import RunError
from clearprop.files import read_errors
from clearprop.training.storage.summed import (
    SUM,
    Agreement,
    compared_with_sums,
    read_sums,
    sums_path,
)


@dataclass(frozen=True)
class Appended:
    """A part of a file, from some place on to its end.

    Attributes:
        first: where it begins. 0 is the whole file: what was read of it before does not count.
        content: its bytes.
        agreement: of the file with its checksums; its ranges count from the beginning of the file.
    """

    first: int
    content: bytes
    agreement: Agreement


_Known = tuple[int, int, int] | None
"""Number, size and time of change of a file; None where there is none."""

_State = tuple[_Known, _Known]
"""Of a file and of its checksums."""


class FollowedFile:
    """A file with checksums that another process may be writing.

    A part counts once it is whole and agrees with its checksum. If the file was cut back, replaced
    or damaged, the whole of it is read again.

    Args:
        path: of the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: _State | None = None
        self._place = 0
        self._sums = 0
        self._last_sum = b""

    def read(self) -> Appended | None:
        """Return what was appended since the last call; None where nothing has changed.

        Raises:
            RunError: the file cannot be read.
        """
        state = (_known(self.path), _known(sums_path(self.path)))
        if state == self._state:
            return None
        part = self._appended() if self._sums and self._has_grown(state) else None
        if part is None:
            part = self._whole()
        self._state = state
        return part

    def _has_grown(self, state: _State) -> bool:
        """Return whether the file is longer: one that changed otherwise is read again."""
        before, now = self._state and self._state[0], state[0]
        return bool(before and now and now[1] > before[1])

    def _appended(self) -> Appended | None:
        """Return the parts behind those that were read; None where these are no longer there."""
        with read_errors(self.path, RunError):
            try:
                with sums_path(self.path).open("rb") as file:
                    file.seek((self._sums - 1) * SUM.itemsize)
                    content = file.read()
                if content[: SUM.itemsize] != self._last_sum:
                    return None
                content = content[: len(content) // SUM.itemsize * SUM.itemsize]
                sums = np.frombuffer(content[SUM.itemsize :], SUM)
                with self.path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    file.seek(self._place)
                    parts, place = [], self._place
                    for end, crc32 in zip(
                        sums["end"].tolist(), sums["crc32"].tolist(), strict=True
                    ):
                        if end > size:  # it is being written
                            break
                        part = file.read(end - place) if end > place else b""
                        if not part or zlib.crc32(part) != crc32:
                            return None
                        parts.append(part)
                        place = end
            except FileNotFoundError:
                return None
        if size < self._place:
            return None
        first, self._place = self._place, place
        self._sums += len(parts)
        start = len(parts) * SUM.itemsize
        self._last_sum = content[start : start + SUM.itemsize]
        return Appended(first, b"".join(parts), Agreement(place))

    def _whole(self) -> Appended:
        agreement = compared_with_sums(self.path)
        with read_errors(self.path, RunError):
            content = self.path.read_bytes()[: agreement.size] if agreement.size else b""
            sums = read_sums(self.path)
        known = np.flatnonzero(sums["end"] == agreement.size)
        # Where the end of what counts is no end of a part, the whole file is read each time.
        self._place = agreement.size
        self._sums = int(known[-1]) + 1 if len(known) and not agreement.damaged else 0
        self._last_sum = sums[self._sums - 1].tobytes() if self._sums else b""
        return Appended(0, content, agreement)


def _known(path: Path) -> _Known:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns

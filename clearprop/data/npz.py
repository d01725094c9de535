"""The arrays of a .npz file, a zip archive; sizes are checked before memory is taken for them."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop.data.paths import check_room
from clearprop.errors import DataError
from clearprop.files import check_file, content_errors

KINDS = "biufSU"
"""Truth values, whole numbers, floating-point numbers and texts; see ``numpy.dtype.kind``."""

WIDEST = 8
"""Bytes of a number; ``float128`` is another type on every processor."""

ENCRYPTED = 0x1
MOST_UNFOLDED = 1032
"""One compressed byte becomes at most so many: the limit of the format deflate."""

SUFFIX = ".npy"
FIX = "write it again with numpy.savez(path, x=..., y=...)"


class Header(NamedTuple):
    """What an array says of itself before its numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    size: int
    """How many bytes the array takes in the archive, with this header."""


class NpzFile:
    """The arrays of a .npz file by name; each is read when it is asked for.

    Args:
        path: the file.

    Raises:
        DataError: the file is missing, cannot be read, or is no archive of arrays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = check_file(path).st_size
        with self._errors(), zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        self._entries = {entry.filename.removesuffix(SUFFIX): entry for entry in entries}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return tuple(self._entries)

    def read(self, name: str) -> NDArray[Any]:
        """Return an array.

        Raises:
            DataError: the array is damaged, is of a kind that no model takes, or does not fit into
                the memory.
        """
        entry, where = self._entries[name], f"{self.path}, array {name!r}"
        self._check_entry(entry, where)
        with self._errors(where), zipfile.ZipFile(self.path) as archive, archive.open(entry) as raw:
            header = _header(raw)
        _check_kind(header.dtype, where)
        check_room(header.size, where, "the array")
        if header.size != entry.file_size:
            raise _damaged(
                where,
                f"{entry.file_size} bytes, where {header.dtype} of shape {header.shape} takes "
                f"{header.size}",
            )
        with self._errors(where), zipfile.ZipFile(self.path) as archive, archive.open(entry) as raw:
            array: NDArray[Any] = np.lib.format.read_array(raw, allow_pickle=False)
            raw.read()  # up to the end, where the checksum is compared
            return array

    def _errors(self, where: str | None = None) -> Any:
        problem = "the file is cut off, damaged or not a .npz file"
        return content_errors(where or self.path, problem=problem, fix=FIX)

    def _check_entry(self, entry: zipfile.ZipInfo, where: str) -> None:
        if entry.flag_bits & ENCRYPTED:
            raise DataError("the archive is encrypted", where=where, fix=FIX)
        is_plain = entry.compress_type == zipfile.ZIP_STORED
        if not is_plain and entry.compress_type != zipfile.ZIP_DEFLATED:
            raise DataError(
                "the archive is compressed in a way that NumPy does not write",
                where=where,
                given=f"method {entry.compress_type}",
                expected=f"{zipfile.ZIP_STORED} (none) or {zipfile.ZIP_DEFLATED} (deflate)",
                fix=FIX,
            )
        most = entry.compress_size * (1 if is_plain else MOST_UNFOLDED)
        if entry.compress_size > self._size or entry.file_size > most:
            raise _damaged(
                where,
                f"{entry.file_size} bytes announced, from {entry.compress_size} in a file of "
                f"{self._size}",
            )


def _damaged(where: str, given: str) -> DataError:
    return DataError(
        "the file is cut off, damaged or not a .npz file", where=where, given=given, fix=FIX
    )


_READERS: dict[tuple[int, int], Callable[[IO[bytes]], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _header(file: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"version {version[0]}.{version[1]} of the format of arrays")
    with warnings.catch_warnings():  # of Python, about strange signs in a damaged header
        warnings.simplefilter("ignore")
        shape, _, dtype = _READERS[version](file)
    if any(length < 0 for length in shape):
        raise ValueError(f"the shape {shape}")
    size = file.tell() + math.prod(shape) * dtype.itemsize
    return Header(shape, dtype, size)


def _check_kind(dtype: np.dtype[Any], where: str) -> None:
    if dtype.hasobject:
        raise DataError(
            "the file holds pickled objects, which can run any code when they are read",
            where=where,
            fix="save arrays of numbers or text: numpy.savez(path, x=..., y=...)",
        )
    if dtype.kind not in KINDS or (dtype.kind == "f" and dtype.itemsize > WIDEST):
        raise DataError(
            "the array is of a kind that no model takes",
            where=where,
            given=str(dtype)[:80],
            expected="numbers of at most 64 bits, truth values or texts",
            fix="save it as another kind: numpy.savez(path, x=x.astype('float32'), y=...)",
        )

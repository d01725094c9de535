"""The idx format of MNIST: a magic number, sizes and the numbers themselves.

Layout: two zero bytes, one byte for the type of number, one for the number of axes, a big-endian
32-bit size for each axis, then the numbers in row order. Source: http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import struct
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.data.paths import check_room
from clearprop.errors import DataError
from clearprop.files import check_file, content_errors

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 24
MOST_AXES = 32
MOST_UNFOLDED = 1032
"""One compressed byte becomes at most so many: the limit of the format deflate."""
COPY_AGAIN = "copy or download it again"


def read_idx(path: str | Path) -> NDArray[np.generic]:
    """Return the array that an idx file holds, compressed by gzip or not, in native byte order.

    Raises:
        DataError: the file is missing, is not an idx file, is cut off, too long or damaged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    ...     read_idx(path).tolist()
    [7, 8, 9]
    """
    path = Path(path)
    size = check_file(path).st_size
    with content_errors(path, problem="the file is cut off or damaged", fix=COPY_AGAIN):
        with path.open("rb") as file:
            compressed = file.read(2) == GZIP_MAGIC
        with gzip.open(path, "rb") if compressed else path.open("rb") as stream:
            return _read(stream, path, size * MOST_UNFOLDED if compressed else size)


def _read(stream: BufferedIOBase, path: Path, most: int) -> NDArray[np.generic]:
    """Return the array; the file cannot hold more than ``most`` bytes."""
    magic = stream.read(4)
    axes = magic[3] if len(magic) == 4 else 0
    if not 0 < axes <= MOST_AXES or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise DataError(
            "this is not an idx file",
            where=str(path),
            given=f"first bytes {magic.hex(' ') or 'none: the file is empty'}",
            expected="00 00, a type (08 is bytes) and the number of axes, such as 00 00 08 03",
            fix="use files in the format of MNIST, named like train-images-idx3-ubyte",
        )
    header = stream.read(4 * axes)
    if len(header) < 4 * axes:
        raise DataError(
            "the file ends inside its header",
            where=str(path),
            given=f"{4 + len(header)} bytes",
            expected=f"{4 + 4 * axes} bytes of header for {axes} axes",
            fix=COPY_AGAIN,
        )
    shape = struct.unpack(f">{axes}I", header)
    dtype = np.dtype(TYPES[magic[2]])
    expected = math.prod(shape) * dtype.itemsize
    if expected > most:
        word = "at most" if isinstance(stream, gzip.GzipFile) else "only"
        left = max(0, most - 4 - 4 * axes)
        given = f"{word} {left} bytes after the header"
        raise _of_another_size(path, shape, expected, given)
    check_room(expected, path, "the array")
    payload = _read_at_most(stream, expected + 1)
    if len(payload) > expected:
        raise _of_another_size(path, shape, expected, "more bytes after the header")
    if len(payload) < expected:
        given = f"only {len(payload)} bytes after the header"
        raise _of_another_size(path, shape, expected, given)
    array = np.frombuffer(payload, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _of_another_size(path: Path, shape: tuple[int, ...], expected: int, given: str) -> DataError:
    return DataError(
        "the file is too long" if given.startswith("more") else "the file is cut off",
        where=str(path),
        given=given,
        expected=f"{expected} bytes for the shape {shape} that the header announces",
        fix=COPY_AGAIN,
    )


def _read_at_most(stream: BufferedIOBase, count: int) -> bytearray:
    # A damaged header can announce any size, so memory grows only with the bytes that are read.
    payload = bytearray()
    while len(payload) < count:
        part = stream.read(min(CHUNK_BYTES, count - len(payload)))
        if not part:
            break
        payload += part
    return payload

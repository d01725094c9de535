"""The idx format of MNIST: a magic number, sizes and the numbers themselves.

Layout: two zero bytes, one byte for the type of number, one for the number of axes, a big-endian
32-bit size for each axis, then the numbers in row order. Source: http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 24
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
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == GZIP_MAGIC
        with gzip.open(path, "rb") if compressed else path.open("rb") as stream:
            return _read(stream, path)
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=str(path)) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        what = "cut off" if isinstance(error, EOFError) else "damaged"
        raise DataError(
            f"the compressed file is {what}", where=str(path), given=str(error), fix=COPY_AGAIN
        ) from error
    except OSError as error:
        raise DataError("the file cannot be read", where=str(path), given=str(error)) from error


def _read(stream: BufferedIOBase, path: Path) -> NDArray[np.generic]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] == 0:
        raise DataError(
            "this is not an idx file",
            where=str(path),
            given=f"first bytes {magic.hex(' ') or 'none: the file is empty'}",
            expected="00 00, a type (08 is bytes) and the number of axes, such as 00 00 08 03",
            fix="use files in the format of MNIST, named like train-images-idx3-ubyte",
        )
    axes = magic[3]
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
    payload = _read_at_most(stream, expected + 1)
    if len(payload) != expected:
        found = "more" if len(payload) > expected else f"only {len(payload)}"
        raise DataError(
            "the file is cut off" if len(payload) < expected else "the file is too long",
            where=str(path),
            given=f"{found} bytes after the header",
            expected=f"{expected} bytes for the shape {shape} that the header announces",
            fix=COPY_AGAIN,
        )
    array = np.frombuffer(payload, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_at_most(stream: BufferedIOBase, count: int) -> bytearray:
    # A damaged header can announce any size, so memory grows only with the bytes that are read.
    payload = bytearray()
    while len(payload) < count:
        part = stream.read(min(CHUNK_BYTES, count - len(payload)))
        if not part:
            break
        payload += part
    return payload

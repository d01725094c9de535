"""Binary frames: what changes with every picture, as a short header and raw arrays.

A frame is, in little-endian order:

====================  =========================================================================
4 bytes               length of the header in bytes
the header            JSON: ``{"kind": ..., ..., "arrays": [{"name", "dtype", "shape", "offset"}]}``
padding               zeros, so that the arrays begin at a multiple of 8
the arrays            each at its offset from the beginning of this part, a multiple of 8
====================  =========================================================================

``dtype`` is "float32", "uint8" or "int32", so that the page reads an array without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 8
DTYPES = ("float32", "uint8", "int32")


def pack(kind: str, fields: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a frame.

    Args:
        kind: what it is.
        fields: of the header, plain data; numbers that are not finite are written as null.
        arrays: by name, in their order; others than float32, uint8 and int32 are an error.

    >>> frame = pack("picture", {"step": 3}, {"bias": np.zeros(2, np.float32)})
    >>> unpack(frame)[0]["step"], unpack(frame)[1]["bias"].tolist()
    (3, [0.0, 0.0])
    """
    described, parts, offset = [], [], 0
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise TypeError(f"{name} is {array.dtype.name}, not one of {', '.join(DTYPES)}")
        raw = np.ascontiguousarray(array).tobytes()
        described.append(
            {
                "name": name,
                "dtype": array.dtype.name,
                "shape": list(array.shape),
                "offset": offset,
            }
        )
        padded = raw + bytes(-len(raw) % ALIGNMENT)
        parts.append(padded)
        offset += len(padded)
    header = msgspec.json.encode({"kind": kind, **fields, "arrays": described})
    begun = len(header).to_bytes(4, "little") + header
    return b"".join((begun, bytes(-len(begun) % ALIGNMENT), *parts))


def unpack(frame: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a frame, as the page reads them."""
    length = int.from_bytes(frame[:4], "little")
    header: dict[str, Any] = msgspec.json.decode(frame[4 : 4 + length])
    start = 4 + length
    start += -start % ALIGNMENT
    arrays = {}
    for one in header.pop("arrays"):
        count = int(np.prod(one["shape"], dtype=np.int64))
        flat = np.frombuffer(frame, one["dtype"], count, start + one["offset"])
        arrays[one["name"]] = flat.reshape(one["shape"])
    return header, arrays

"""Named arrays in one safetensors file, with a record and a checksum of each in its header."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from clearprop.errors import CheckpointError
from clearprop.training.files import disk_errors, write_atomically

_HEADER = "clearprop"
_DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def save_arrays(path: Path, arrays: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Write arrays and a record (JSON-compatible) to a file, in one stroke.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # ascontiguousarray gives numbers without axes one.
    plain = {name: array.reshape(np.shape(arrays[name])) for name, array in plain.items()}
    header = {
        "record": dict(record),
        "crc32": {name: _checksum(array) for name, array in plain.items()},
    }
    content = safetensors.numpy.save(plain, {_HEADER: json.dumps(header)})
    write_atomically(path, content)


def load_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a file, and its record (empty where another program wrote the file).

    Raises:
        CheckpointError: there is no such file, or it is cut off or damaged.
    """
    if not path.is_file():
        raise CheckpointError("there is no such file", where=str(path))
    with disk_errors(path):
        content = path.read_bytes()
    try:
        tensors = safetensors.deserialize(content)  # type: ignore[no-untyped-call,unused-ignore]
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size]).get("__metadata__", {}).get(_HEADER)
        known = json.loads(header) if header is not None else {"record": {}, "crc32": {}}
        arrays = {
            name: np.frombuffer(tensor["data"], _DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
            for name, tensor in tensors
        }
        for name, expected in known["crc32"].items():
            if _checksum(arrays[name]) != expected:
                raise ValueError(f"the checksum of {name} does not agree")
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "the file is cut off or damaged",
            where=str(path),
            given=str(error),
            fix="take an earlier checkpoint, or copy the file again",
        ) from error
    return arrays, known["record"]


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data)

"""Files in the form of `torch.save`, written byte by byte: harmless ones and others."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(whole, values)) + b"t"


def storage(key: str, size: int, kind: str = "FloatStorage", module: str = "torch") -> bytes:
    name = f"c{module}\n{kind}\n".encode()
    return b"(" + text("storage") + name + text(key) + text("cpu") + whole(size) + b"tQ"


def tensor(
    place: bytes,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int = 0,
    hooks: bytes = b"}",
    more: bytes = b"",
) -> bytes:
    arguments = place + whole(offset) + numbers(shape) + numbers(strides) + b"\x89" + hooks + more
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def pickle_of(**entries: bytes) -> bytes:
    """Return the pickle of a dict whose values are given as instructions."""
    content = b"".join(text(name) + value for name, value in entries.items())
    return b"\x80\x02}(" + content + b"u."


def write(path: Path, pickle: bytes, storages: dict[str, np.ndarray], **entries: bytes) -> Path:
    """Write an archive of `torch.save`; ``entries`` are further ones, or others in their place."""
    content = {"data.pkl": pickle, "byteorder": b"little", "version": b"3\n"}
    content |= {f"data/{key}": x.tobytes() for key, x in storages.items()} | entries
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"model/{name}", data)
    return path


VALUES = np.arange(24, dtype=np.float32)
WEIGHTS = pickle_of(
    weight=tensor(storage("0", 24), (4, 6), (6, 1)),
    columns=tensor(storage("0", 24), (6, 4), (1, 6)),
    part=tensor(storage("0", 24), (2, 3), (6, 2), 6),
    number=tensor(storage("1", 1, "LongStorage"), (), ()),
)
STORAGES = {"0": VALUES, "1": np.array([7], np.int64)}

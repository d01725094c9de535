"""Files in the idx format and tables, made for the tests."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from clearprop.data.mnist import STEMS, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from tests.data.tables import Write

CODES = {"uint8": 8, "int8": 9, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx_bytes(array):
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="session")
def as_idx():
    return idx_bytes


@pytest.fixture
def make_idx_folder():
    """Return a function that writes a small set of four idx files and returns its arrays."""

    def make(folder: Path, compress: bool = True, train: int = 30, test: int = 10):
        rng = np.random.default_rng(0)
        arrays = {
            TRAIN_IMAGES: rng.integers(0, 256, (train, 28, 28), np.uint8),
            TRAIN_LABELS: (np.arange(train) % 10).astype(np.uint8),
            TEST_IMAGES: rng.integers(0, 256, (test, 28, 28), np.uint8),
            TEST_LABELS: (np.arange(test) % 10).astype(np.uint8),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for stem in STEMS:
            content = idx_bytes(arrays[stem])
            if compress:
                (folder / f"{stem}.gz").write_bytes(gzip.compress(content, mtime=0))
            else:
                (folder / stem).write_bytes(content)
        return arrays

    return make


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write columns of texts as a table with quoted cells; the target ``y`` is added."""

    def write(
        columns: dict[str, Sequence[object]], name: str = "t.csv", targets: object = None
    ) -> Path:
        rows = max(len(cells) for cells in columns.values())
        every = {**columns, "y": targets or [str(i * 37 + 1005) for i in range(rows)]}
        lines = [",".join(f'"{key}"' for key in every)]
        lines += [
            ",".join(f'"{cells[row % len(cells)]}"' for cells in every.values())
            for row in range(rows)
        ]
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write

"""States in pieces: what joins, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.errors import CheckpointError
from clearprop.training.callback import Position
from clearprop.training.storage.checkpoint import StateFolder, save_arrays

WHOLE = np.arange(12, dtype=np.float32).reshape(4, 3)
STEP = 7


def part(path: str, start: list[int], array: Any) -> dict[str, Any]:
    return {"path": path, "shape": [4, 3], "start": start, "array": array}


def write(folder: Path, *pieces: list[dict[str, Any]], last: str = "one") -> None:
    """Write a state in pieces; the last of them has a token of its own."""
    names = []
    for number, parts in enumerate(pieces):
        name = f"step-{STEP:012d}.piece-{number}-of-{len(pieces)}.safetensors"
        arrays = {f"{one['path']}#0": one["array"] for one in parts}
        places = {
            f"{one['path']}#0": {key: one[key] for key in ("path", "shape", "start")}
            for one in parts
        }
        token = last if number == len(pieces) - 1 else "one"
        save_arrays(folder / name, arrays, {"parts": places, "token": token})
        names.append(name)
    record = {**asdict(Position(step=STEP)), "pieces": names, "token": "one"}
    save_arrays(folder / f"step-{STEP:012d}.safetensors", {}, record)


UPPER, LOWER = part("w", [0, 0], WHOLE[:2]), part("w", [2, 0], WHOLE[2:])


def test_pieces_join_to_whole_arrays(tmp_path: Path) -> None:
    write(tmp_path, [UPPER], [LOWER, part("v", [0, 0], WHOLE + 1)])
    saved = StateFolder(tmp_path).load(STEP)
    assert sorted(saved.arrays) == ["v", "w"]
    np.testing.assert_array_equal(saved.arrays["w"], WHOLE)
    np.testing.assert_array_equal(saved.arrays["v"], WHOLE + 1)
    assert Position.of(saved.record).step == STEP


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: write(folder, [UPPER], [LOWER], last="two"), "one of another state"),
        (lambda folder: write(folder, [UPPER], []), "6 of the 12 numbers of w are there"),
        (lambda folder: write(folder, [UPPER], [UPPER]), "is there twice"),
    ],
)
def test_pieces_that_do_not_belong_together_are_refused(
    spoil: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    spoil(tmp_path)
    with pytest.raises(CheckpointError, match=said):
        StateFolder(tmp_path).load(STEP)


def test_a_missing_piece_is_named(tmp_path: Path) -> None:
    write(tmp_path, [UPPER], [LOWER])
    (tmp_path / f"step-{STEP:012d}.piece-1-of-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match="piece-1-of-2"):
        StateFolder(tmp_path).load(STEP)


def test_a_state_is_deleted_with_its_pieces(tmp_path: Path) -> None:
    write(tmp_path, [UPPER], [LOWER])
    StateFolder(tmp_path).remove([STEP])
    assert list(tmp_path.iterdir()) == []

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.errors import CheckpointError, RunError
from clearprop.training.callback import Position
from clearprop.training.storage.checkpoint import (
    Checkpoints,
    check_architecture,
    load_arrays,
    restore,
    save_arrays,
)


def state(value: float = 1.0) -> dict[str, Any]:
    return {
        "parameters": {"layers.0.weight": jnp.full((2, 3), value), "bias": jnp.zeros(())},
        "step": jnp.array(int(value), jnp.int32),
        "done": jnp.array(True),
        "half": jnp.array([1.5], jnp.bfloat16),
    }


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    name = checkpoints.add(state(1 / 3), Position(step=7, objective=0.1 + 0.2))
    saved = checkpoints.latest()
    assert saved is not None
    assert saved.file == name
    assert (saved.record["step"], saved.record["objective"]) == (7, 0.1 + 0.2)
    back = restore(state(0.0), saved.arrays, name)
    for old, new in zip(*(map(np.asarray, _leaves(s)) for s in (state(1 / 3), back)), strict=True):
        assert old.dtype == new.dtype
        assert old.shape == new.shape
        assert old.tobytes() == new.tobytes()


def _leaves(tree: Any) -> list[Any]:
    import jax

    return jax.tree.leaves(tree)


def test_the_last_few_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c", keep=2)
    for step in (10, 20, 30, 40, 50):
        checkpoints.add(state(), Position(step=step, best_step=20 if step >= 20 else None))
    steps = sorted(int(p.name[5:17]) for p in (tmp_path / "c").iterdir())
    assert steps == [20, 40, 50]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    first = checkpoints.add(state(1.0), Position(step=10))
    last = tmp_path / "c" / checkpoints.add(state(2.0), Position(step=20))
    content = last.read_bytes()
    if damage == "cut":
        last.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        last.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    else:
        last.write_bytes(b"")
    with pytest.warns(UserWarning, match=f"{last.name}: .* {first} is used instead"):
        saved = checkpoints.latest()
    assert saved is not None
    assert saved.file == first
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        load_arrays(last)


def test_a_half_written_temporary_file_is_no_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / ".step-000000000010.safetensors.123.tmp").write_bytes(b"half")
    assert checkpoints.latest() is None


def test_a_full_disk_keeps_the_earlier_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path / "c", keep=1)
    checkpoints.add(state(1.0), Position(step=10))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(RunError, match="the disk is full"):
            checkpoints.add(state(2.0), Position(step=20))
    saved = checkpoints.latest()
    assert saved is not None
    assert saved.record["step"] == 10


def test_another_architecture_is_refused_with_the_first_differences() -> None:
    model = {f"layers.{i}.weight": ((2, 3), np.float32) for i in range(5)}
    file = {f"layers.{i}.weight": ((2, 4), np.float32) for i in range(4)}
    file["head"] = ((1,), np.float16)
    with pytest.raises(CheckpointError, match="another architecture") as caught:
        check_architecture(model, file, "x.safetensors")
    assert caught.value.given == (
        "layers.0.weight is (2, 4) float32 in the file and (2, 3) float32 in the model; "
        "layers.1.weight is (2, 4) float32 in the file and (2, 3) float32 in the model; "
        "layers.2.weight is (2, 4) float32 in the file and (2, 3) float32 in the model; "
        "and 3 more"
    )


def test_a_dtype_that_differs_is_another_architecture() -> None:
    with pytest.raises(CheckpointError, match="float16"):
        check_architecture({"w": ((1,), "float32")}, {"w": ((1,), "float16")}, "x")


def test_a_file_of_another_program_has_no_record(tmp_path: Path) -> None:
    import safetensors.numpy

    safetensors.numpy.save_file({"w": np.ones(3, np.float32)}, tmp_path / "other.safetensors")
    arrays, record = load_arrays(tmp_path / "other.safetensors", foreign=True)
    assert arrays["w"].tolist() == [1, 1, 1]
    assert record == {}


def test_arrays_that_are_not_contiguous_are_written_right(tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3).T
    save_arrays(tmp_path / "a.safetensors", {"x": x}, {})
    assert load_arrays(tmp_path / "a.safetensors")[0]["x"].tolist() == x.tolist()

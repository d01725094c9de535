"""Files that PyTorch has written give the numbers that PyTorch reads from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.errors import CheckpointError
from clearprop.interop.pytorch import read

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

NAMES = """float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128
    uint16 uint32 uint64 float8_e5m2 float8_e4m3fn float8_e5m2fnuz float8_e4m3fnuz float8_e8m0fnu"""
FORMS = [{}, {"pickle_protocol": 5}, {"_use_new_zipfile_serialization": False}]


def raw(tensor: Any) -> bytes:
    """Return the numbers of a tensor in the order of its axes."""
    plain = tensor.detach().clone(memory_format=torch.contiguous_format)
    return bytes(plain.view(-1).view(torch.uint8).numpy())


def same(ours: Any, theirs: Any) -> None:
    assert ours.shape == tuple(theirs.shape)
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
    assert ours.tobytes() == raw(theirs)


@pytest.mark.parametrize("form", FORMS, ids=["archive", "protocol 5", "before archives"])
def test_all_number_types_and_views(form: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    grid = torch.randn(6, 8)
    state: dict[str, Any] = {
        name: (torch.randn(3, 4) * 3).abs().add(1).to(getattr(torch, name))
        for name in NAMES.split()
    }
    state |= {
        "grid": grid,
        "transposed": grid.T,
        "strided": grid[1::2, 2::3],
        "row": grid[3],
        "number": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "expanded": torch.randn(3, 1).expand(3, 500),
        "permuted": torch.randn(2, 3, 4, 5).permute(3, 1, 0, 2),
        "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "diagonal": grid.diagonal(),
    }
    torch.save({**state, "inner": {"deep": {"a": grid}}}, tmp_path / "a.pt", **form)
    found: Any = read(tmp_path / "a.pt")
    for name, theirs in state.items():
        same(found[name], theirs)
    assert np.shares_memory(found["grid"], found["diagonal"])
    assert np.shares_memory(found["grid"], found["inner"]["deep"]["a"])


def test_drawn_views_of_one_storage(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    whole = torch.arange(1000, dtype=torch.float64)
    state = {}
    for number in range(300):
        shape = tuple(int(n) for n in draws.integers(0, 5, draws.integers(0, 5)))
        strides = tuple(int(n) for n in draws.integers(0, 40, len(shape)))
        state[str(number)] = whole.as_strided(shape, strides, int(draws.integers(0, 300)))
    torch.save(state, tmp_path / "a.pt")
    found: Any = read(tmp_path / "a.pt")
    for name, theirs in state.items():
        same(found[name], theirs)


def test_the_state_of_a_module_and_of_a_checkpoint(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    torch.save(module.state_dict(), tmp_path / "a.pt")
    found: Any = read(tmp_path / "a.pt")
    assert list(found) == list(module.state_dict())
    checkpoint = {"epoch": 3, "model": module.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(checkpoint, tmp_path / "b.pt")
    found = read(tmp_path / "b.pt", part="model")
    for name, theirs in module.state_dict().items():
        same(found[name], theirs)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: torch.nn.Linear(2, 3), "torch.nn.modules.linear.Linear"),
        (lambda: torch.ones(3).to_sparse(), "_rebuild_sparse_tensor"),
        (lambda: torch.ones(3, dtype=torch.complex64).conj(), "conj"),
        (lambda: torch.ones(3, dtype=torch.complex64).conj().imag, "neg"),
        (lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "_rebuild_qtensor"),
        (lambda: torch.ones(3, device="meta"), "_rebuild_meta_tensor_no_storage"),
        (lambda: torch.Size([3]), "torch.Size"),
        (lambda: torch.float32, "torch.float32"),
        (lambda: np.ones(3), "numpy"),
        (lambda: {1, 2}, "set"),
    ],
)
@pytest.mark.parametrize("form", FORMS[::2], ids=["archive", "before archives"])
@pytest.mark.filterwarnings("ignore")  # of PyTorch, which renames what it quantizes
def test_what_is_no_plain_tensor_is_named(
    make: Any, named: str, form: dict[str, Any], tmp_path: Path
) -> None:
    torch.save({"w": make()}, tmp_path / "a.pt", **form)
    with pytest.raises(CheckpointError) as refused:
        read(tmp_path / "a.pt")
    assert named in str(refused.value.given)

"""Time-delay layers and memory blocks are PyTorch's convolutions along time."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import value_and_grad

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

WITHIN: dict[str, Any] = {
    "float32": {"rtol": 1e-5, "atol": 1e-5},
    "float64": {"rtol": 1e-10, "atol": 1e-10},
}
B, T, D, H = 2, 6, 3, 4


def convolved(x: Any, kernel: Any, before: int, after: int, groups: int = 1) -> Any:
    padded = torch.nn.functional.pad(x.transpose(1, 2), (before, after))
    return torch.nn.functional.conv1d(padded, kernel, groups=groups).transpose(1, 2)


def time_delay(w: dict[str, Any], x: Any, path: str = "") -> Any:
    # clearprop has the newest step first, a convolution the oldest.
    taps = w[f"{path}linear.weight"].view(3, D, H).flip(0)
    return convolved(x, taps.permute(2, 1, 0), 2, 0) + w[f"{path}linear.bias"]


def memory_block(w: dict[str, Any], h: Any, path: str = "") -> Any:
    rows = w[f"{path}coefficients"]  # a_0, a_1, a_2, c_1
    kernel = torch.cat([rows[:3].flip(0), rows[3:]]).expand(-1, h.shape[-1])
    return convolved(h, kernel.T[:, None], 2, 1, groups=h.shape[-1])


def fsmn(w: dict[str, Any], x: Any) -> Any:
    h = (x @ w["input.weight"] + w["input.bias"]).relu()
    memory = memory_block(w, h, "memory.")
    return (h @ w["direct.weight"] + w["direct.bias"] + memory @ w["remembered.weight"]).relu()


PAIRS: dict[str, tuple[nn.Module, Any]] = {
    "time-delay": (nn.TimeDelay(D, H, taps=3), time_delay),
    "vector": (nn.MemoryBlock(D, look_back=2, look_ahead=1), memory_block),
    "scalar": (nn.MemoryBlock(D, look_back=2, look_ahead=1, memory="scalar"), memory_block),
    "fsmn": (nn.FSMN(D, H, look_back=2, look_ahead=1), fsmn),
}


@pytest.mark.parametrize("dtype", WITHIN)
@pytest.mark.parametrize("name", PAIRS)
def test_outputs_and_gradients(name: str, dtype: str) -> None:
    layer, twin = PAIRS[name]
    x = np.random.default_rng(0).standard_normal((B, T, D)).astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        layer = layer.init(0, dtype=dtype)
        ours = nn.parameters(layer)
        theirs = {path: torch.tensor(np.array(w), requires_grad=True) for path, w in ours.items()}
        given = torch.tensor(x, requires_grad=True)
        expected = twin(theirs, given)
        expected.sin().sum().backward()

        def loss(weights: Any, x: Any) -> Any:
            y = tree.replace(layer, weights)(x)
            return ops.sum(ops.sin(y)), y

        (_, y), (gradients, of_x) = value_and_grad(loss, (0, 1), has_aux=True)(ours, jnp.asarray(x))
    assert str(y.dtype) == dtype
    np.testing.assert_allclose(y, expected.detach().numpy(), **WITHIN[dtype])
    np.testing.assert_allclose(of_x, given.grad.numpy(), **WITHIN[dtype])
    for path, w in theirs.items():
        np.testing.assert_allclose(gradients[path], w.grad.numpy(), **WITHIN[dtype], err_msg=path)

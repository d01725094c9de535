"""Scaling and clipping, compared with NumPy and PyTorch."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from clearprop import optim

PARAMETERS = {"0.weight": jnp.zeros((2, 3)), "0.bias": jnp.zeros(3)}
GRADIENTS = {"0.weight": jnp.arange(6.0).reshape(2, 3) - 2, "0.bias": jnp.array([4.0, -5.0, 0.0])}


def passed(part: optim.Optimizer, gradients: Any = GRADIENTS) -> Any:
    return part.update(gradients, part.init(PARAMETERS), PARAMETERS)[0]


def test_scale_multiplies() -> None:
    assert passed(optim.scale(-2))["0.bias"].tolist() == [-8, 10, 0]


def test_scale_by_learning_rate_descends_and_counts() -> None:
    rule = optim.scale_by_learning_rate(optim.schedules.piecewise((1, 0.5), boundaries=(1,)))
    first, state = rule.update(GRADIENTS, rule.init(PARAMETERS), PARAMETERS)
    second, state = rule.update(GRADIENTS, state, PARAMETERS)
    assert first["0.bias"].tolist() == [-4, 5, 0]
    assert second["0.bias"].tolist() == [-2, 2.5, 0]
    assert int(state.step) == 2


def test_clip_by_value_bounds_each_element() -> None:
    clipped = passed(optim.clip_by_value(1.5))
    assert clipped["0.weight"].tolist() == [[-1.5, -1, 0], [1, 1.5, 1.5]]
    assert clipped["0.bias"].tolist() == [1.5, -1.5, 0]


@given(
    elements=st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3),
    max_norm=st.floats(0.01, 100),
)
def test_clip_by_global_norm_keeps_the_direction(elements: list[float], max_norm: float) -> None:
    gradients = {"0.weight": GRADIENTS["0.weight"], "0.bias": jnp.array(elements, jnp.float32)}
    clipped = passed(optim.clip_by_global_norm(max_norm), gradients)
    whole = np.concatenate([np.ravel(gradients[k]).astype(np.float64) for k in sorted(gradients)])
    norm = np.linalg.norm(whole)
    expected = whole * min(1, max_norm / norm)
    result = np.concatenate([np.ravel(clipped[k]) for k in sorted(clipped)])
    assert_allclose(result, expected, rtol=1e-5, atol=1e-30)


def test_clip_by_global_norm_is_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensors = {k: torch.zeros(w.shape, requires_grad=True) for k, w in PARAMETERS.items()}
    for path, tensor in tensors.items():
        tensor.grad = torch.tensor(np.asarray(GRADIENTS[path]))
    torch.nn.utils.clip_grad_norm_(tensors.values(), 2.0)
    clipped = passed(optim.clip_by_global_norm(2.0))
    for path, tensor in tensors.items():
        assert_allclose(clipped[path], tensor.grad.numpy(), rtol=2e-6)


def test_a_short_gradient_passes_unchanged_and_a_zero_one_stays_zero() -> None:
    assert passed(optim.clip_by_global_norm(100.0))["0.bias"].tolist() == [4, -5, 0]
    zeros = {path: jnp.zeros_like(g) for path, g in GRADIENTS.items()}
    assert passed(optim.clip_by_global_norm(1.0), zeros)["0.bias"].tolist() == [0, 0, 0]


def test_clipping_does_not_hide_a_gradient_that_is_not_finite() -> None:
    broken = {**GRADIENTS, "0.bias": jnp.array([jnp.nan, 1.0, 1.0])}
    assert jnp.isnan(passed(optim.clip_by_global_norm(1.0), broken)["0.weight"]).all()
    assert jnp.isnan(passed(optim.clip_by_value(1.0), broken)["0.bias"][0])


def test_the_global_norm_of_narrow_arrays_is_summed_in_float32() -> None:
    # 300 * 300 overflows float16, and 4096 ones summed in bfloat16 stop at 256.
    assert optim.global_norm({"a": jnp.array([300, 400], jnp.float16)}) == 500
    assert optim.global_norm([jnp.ones(4096, jnp.bfloat16)]) == 64
    assert optim.global_norm({}) == 0

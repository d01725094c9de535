"""XLA's own convolution: shapes at which it ends the process, and oneDNN behind it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import backend, ops
from clearprop.autodiff import grad


@pytest.mark.parametrize("way", ["native", "patches"])
@pytest.mark.parametrize(
    ("sizes", "window"), [((4, 3), (2, 3)), ((4, 4, 3), (2, 3, 3)), ((3, 2), (2, 1)), ((3,), (2,))]
)
def test_a_window_of_two_with_stride_two_has_its_gradient(
    way: str, sizes: tuple[int, ...], window: tuple[int, ...]
) -> None:
    """The gradient of `jax.lax.conv_general_dilated` ends the process for some of these shapes."""
    random = np.random.default_rng(0)
    x, kernel = random.normal(size=(1, *sizes, 1)), random.normal(size=(*window, 1, 2))
    with jax.enable_x64(True):

        def loss(x: jax.Array, kernel: jax.Array, way: str) -> jax.Array:
            y = ops.convolution(x, kernel, stride=2, padding=1, formulation=way)
            return ops.sum(ops.square(y))

        arrays = jnp.asarray(x), jnp.asarray(kernel)
        found = jax.jit(grad(lambda *a: loss(*a, way), (0, 1)))(*arrays)
        expected = jax.grad(lambda *a: loss(*a, "tiles"), (0, 1))(*arrays)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.optimized
@pytest.mark.skipif(not backend.HAS_ONEDNN, reason="the engine has no oneDNN")
@pytest.mark.parametrize("channels", [16, 33])
@pytest.mark.parametrize("padding", ["same", 0, ((2, 0), (1, 3))])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_by_onednn_are_those_of_xla(channels: int, padding: Any, stride: int) -> None:
    random = np.random.default_rng(channels)
    x = jnp.asarray(random.normal(size=(16, 9, 8, channels)), jnp.float32)
    kernel = jnp.asarray(random.normal(size=(3, 3, channels, 20)), jnp.float32)

    def loss(x: jax.Array, kernel: jax.Array) -> jax.Array:
        y = ops.convolution(x, kernel, padding=padding, stride=stride, formulation="native")
        return ops.sum(ops.square(y))

    def slope(x: jax.Array, kernel: jax.Array) -> jax.Array:
        of_x, of_kernel = grad(loss, (0, 1))(x, kernel)
        return ops.sum(ops.square(of_x)) + ops.sum(ops.square(of_kernel))

    for function in (loss, grad(loss, (0, 1)), grad(slope, (0, 1))):
        fast = backend.jit_convolutions(function)
        assert "onednn" in fast.lower(x, kernel).compile().as_text()
        for ours, theirs in zip(
            jax.tree.leaves(fast(x, kernel)),
            jax.tree.leaves(jax.jit(function)(x, kernel)),
            strict=True,
        ):
            scale = float(jnp.abs(theirs).max())
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * scale)
    assert not backend.convolves_by_onednn()

"""Programs without transpositions compute what they computed with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from clearprop.interop.onnx.layouts import without_transpositions

X = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
ROW = np.arange(4, dtype=np.float32)


def to_last(x: Any) -> Any:
    return jnp.transpose(x, (0, 2, 3, 1))


def to_first(x: Any) -> Any:
    return jnp.transpose(x, (0, 3, 1, 2))


BETWEEN: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: jnp.tanh(2 * x + 1) / (jnp.abs(x) + 3),
    "a row": lambda x: x * ROW,
    "an array of the same shape": lambda x: x - X,
    "another layout": lambda x: x + jnp.transpose(jnp.reshape(X, (4, 5, 3, 2)), (3, 2, 1, 0)),
    "a choice": lambda x: jnp.where(x > 0, x, -x),
    "bounds": lambda x: jnp.clip(x, -0.5, 0.5),
    "whole numbers": lambda x: jnp.round(10 * x).astype(jnp.int32) // 3,
    "padding": lambda x: jnp.pad(x, ((0, 0), (1, 0), (0, 2), (3, 1)), constant_values=-1),
    "a slice": lambda x: x[:, 1:, ::2, 1:3],
    "a place": lambda x: x[:, 1],
    "squeezed": lambda x: jnp.squeeze(x[:, :, 2:3], 2),
    "joined": lambda x: jnp.concatenate([x, X, 2 * x], 1),
    "largest": lambda x: jnp.max(x, (1, 3)),
    "a sum that keeps its axes": lambda x: x - jnp.sum(x, (2, 3), keepdims=True),
    "the place of the largest": lambda x: jnp.argmax(x, 1),
    "a product of matrices": lambda x: x @ jnp.ones((4, 2)),
    "another shape": lambda x: jnp.reshape(x, (2, -1)),
    "sorted": lambda x: jnp.sort(x, 1),
    "running sums": lambda x: jnp.cumsum(x, 1),
    "a loop": lambda x: lax.fori_loop(0, 3, lambda i, y: y * 0.5 + i, x),
    "a choice of branches": lambda x: lax.cond(x[0, 0, 0, 0] > 0, jnp.sin, jnp.cos, x),
    "a function with a rule of its own": lambda x: jax.nn.relu(x) + jax.nn.softmax(x, 1),
    "two results": lambda x: jnp.stack(jnp.split(x, 2, 3), 1),
    "a barrier": lambda x: lax.optimization_barrier(x) * 2,
    "flipped": lambda x: x[:, ::-1],
}


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize("order", [(0, 3, 1, 2), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_what_is_computed_on_an_array_that_lies_otherwise(
    name: str, order: tuple[int, ...]
) -> None:
    def function(x: Any) -> Any:
        return BETWEEN[name](jnp.transpose(x, order))

    back = np.transpose(X, np.argsort(order))
    expected = function(back)
    found = jax.jit(without_transpositions(function))(back)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


def test_transpositions_between_convolutions_vanish() -> None:
    kernels = [jnp.ones((3, 3, 3, 8)), jnp.ones((3, 3, 8, 8)), jnp.ones((1, 1, 8, 3))]

    def network(x: Any) -> Any:
        for kernel in kernels:
            y = lax.conv_general_dilated(
                to_last(x), kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = jax.nn.relu(to_first(y) + 0.1)
        return x

    before = jax.make_jaxpr(network)(X)
    after = jax.make_jaxpr(without_transpositions(network))(X)
    assert str(before).count("transpose[") == 6
    assert str(after).count("transpose[") == 2
    np.testing.assert_array_equal(without_transpositions(network)(X), network(X))


def test_a_long_chain_that_two_read_is_computed_once() -> None:
    def chain(x: Any) -> Any:
        for _ in range(20):
            x = x * 0.5 + 1
        return x

    both = jax.make_jaxpr(without_transpositions(lambda x: (chain(x).sum(), chain(x) * 2)))(X)
    assert "optimization_barrier" not in str(both)

    def read_twice(x: Any) -> Any:
        y = chain(x)
        return y.sum(), y * 2

    traced = jax.make_jaxpr(without_transpositions(read_twice))(X)
    assert str(traced).count("optimization_barrier") == 1
    np.testing.assert_array_equal(without_transpositions(read_twice)(X)[1], read_twice(X)[1])

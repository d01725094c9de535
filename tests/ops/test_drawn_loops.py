"""Drawn loops have the value and the gradients of `jax.lax.scan`, at first and second order."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.autodiff import value_and_grad
from tests.ops.drawn_loops import JAX, OURS, drawn_function, is_compiled


def check_loop(seed: int) -> None:
    """Compare value, gradient and Hessian product of a drawn loop."""
    of, parameters = drawn_function(seed)
    random = np.random.default_rng(seed)
    direction = jax.tree.map(lambda x: jnp.asarray(random.normal(size=x.shape)), parameters)

    def along(tree: Any) -> Any:
        value, gradient = value_and_grad(of(OURS))(tree)
        products = jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)
        return sum(jax.tree.leaves(products)), (value, gradient)

    with nullcontext() if is_compiled(seed) else jax.disable_jit():
        (_, first), second = value_and_grad(along, has_aux=True)(parameters)
        derive = jax.value_and_grad(of(JAX))
        expected, (_, expected_second) = jax.jvp(derive, (parameters,), (direction,))
    ours, theirs = (*first, second), (*expected, expected_second)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        scale = max(1.0, float(jnp.abs(b).max(initial=0)))
        np.testing.assert_allclose(a / scale, b / scale, rtol=1e-9, atol=1e-10)


def check_loops(seeds: range) -> None:
    with jax.enable_x64(True):
        for seed in seeds:
            try:
                check_loop(seed)
            except Exception as error:
                error.add_note(f"the loop of seed {seed}")
                raise


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_drawn_loops_have_the_derivatives_of_jax(first: int) -> None:
    check_loops(range(first, first + 20))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 50))
def test_a_thousand_drawn_loops_have_the_derivatives_of_jax(first: int) -> None:
    check_loops(range(first, first + 50))

"""Arithmetic: ties, edge cases, broadcasting and its errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.errors import ShapeError


def _total(function: Callable[[Any, Any], Any], y: Any) -> Callable[[Any], Any]:
    return lambda x: function(x, y).sum()


def test_equal_numbers_share_the_error_of_the_larger_one() -> None:
    x = jnp.array([1.0, 2.0, 3.0])
    y = jnp.array([1.0, 3.0, 2.0])
    for name, expected in (("maximum", [0.5, 0.0, 1.0]), ("minimum", [0.5, 1.0, 0.0])):
        ours = grad(_total(getattr(ops, name), y))(x)
        np.testing.assert_array_equal(ours, expected)
        theirs = jax.grad(_total(getattr(jnp, name), y))(x)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("exponent", [0, 0.0, 1, 1.0, 2, 2.0, 3])
def test_powers_of_zero(exponent: float) -> None:
    derivatives = [float(grad(lambda x: x**exponent)(0.0))]
    derivatives.append(float(grad(grad(lambda x: x**exponent))(0.0)))
    assert derivatives == [1.0 if exponent == 1 else 0.0, 2.0 if exponent == 2 else 0.0]


def test_powers_of_zero_with_an_array_for_an_exponent() -> None:
    x, y = jnp.zeros(4), jnp.array([0.0, 1.0, 2.0, 3.0])
    in_base, in_exponent = grad(lambda x, y: ops.power(x, y).sum(), argnums=(0, 1))(x, y)
    np.testing.assert_array_equal(in_base, [0, 1, 0, 0])
    np.testing.assert_array_equal(in_exponent, [0, 0, 0, 0])


def test_a_negative_base_takes_whole_exponents() -> None:
    assert grad(lambda x: x**3)(-2.0) == 12
    assert grad(lambda x: x**-1)(-2.0) == -0.25


def test_what_was_not_chosen_lets_no_nan_in() -> None:
    def safe_root(x: jax.Array) -> jax.Array:
        positive = x > 0
        return ops.where(positive, ops.sqrt(ops.where(positive, x, 1.0)), 0.0).sum()

    np.testing.assert_allclose(grad(safe_root)(jnp.array([-1.0, 0.0, 4.0])), [0, 0, 0.25])
    nan = jnp.array([jnp.nan, 1.0])
    gradient = grad(lambda x: (ops.where(jnp.array([False, True]), x, 2.0) * 3).sum())(nan)
    np.testing.assert_array_equal(gradient, [0, 3])


def test_clip_passes_the_error_of_what_lies_inside() -> None:
    x = jnp.array([-2.0, 0.5, 2.0])
    np.testing.assert_array_equal(grad(lambda x: ops.clip(x, -1.0, 1.0).sum())(x), [0, 1, 0])
    np.testing.assert_array_equal(grad(lambda x: ops.clip(x, low=0.0).sum())(x), [0, 1, 1])


def test_numbers_keep_the_type_of_the_array() -> None:
    x = jnp.ones(3, jnp.bfloat16)
    for y in (x + 1.5, ops.maximum(x, 0.0), ops.where(x > 0, x, 0.0), 2 / x, x**2):
        assert y.dtype == jnp.bfloat16
    assert grad(lambda x: (ops.maximum(x, 0.0) * 2.0).sum())(x).dtype == jnp.bfloat16


def test_mixed_types_give_each_input_its_own() -> None:
    x, y = jnp.ones(3, jnp.bfloat16), jnp.ones(3, jnp.float32)
    in_x, in_y = grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, y)
    assert (in_x.dtype, in_y.dtype) == (x.dtype, y.dtype)


@pytest.mark.parametrize("name", ["sign", "floor", "round"])
def test_steps_pass_no_error(name: str) -> None:
    assert grad(lambda x: x * getattr(ops, name)(x))(1.7) == getattr(ops, name)(1.7)


def test_dropout_keeps_the_expected_value() -> None:
    keep = jax.random.bernoulli(jax.random.key(0), 0.75, (20_000,))
    x = jnp.ones(20_000)
    y = ops.dropout(x, keep, 0.25)
    assert float(y.mean()) == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(grad(lambda x: ops.dropout(x, keep, 0.25).sum())(x), y)


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum"]
)
def test_shapes_that_do_not_fit_are_named(name: str) -> None:
    with pytest.raises(ShapeError) as caught:
        getattr(ops, name)(jnp.ones((2, 3)), jnp.ones((2, 4)))
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert "(2, 3) and (2, 4)" in message
    with pytest.raises(ShapeError):
        grad(lambda x: getattr(ops, name)(x, jnp.ones((3, 2))).sum())(jnp.ones((2, 3)))


def test_where_names_three_shapes() -> None:
    with pytest.raises(ShapeError, match=r"\(2,\) and \(3,\) and \(\)"):
        ops.where(jnp.ones(2) > 0, jnp.ones(3), 0.0)


def test_smooth_functions_of_numbers_are_the_mathematical_ones() -> None:
    for name in ("sin", "cos", "exp", "log", "sqrt", "erf", "expm1", "log1p"):
        assert float(getattr(ops, name)(0.7)) == pytest.approx(getattr(math, name)(0.7), rel=1e-5)
    assert float(ops.rsqrt(0.7)) == pytest.approx(1 / math.sqrt(0.7), rel=1e-5)
    assert float(ops.reciprocal(0.7)) == pytest.approx(1 / 0.7, rel=1e-5)

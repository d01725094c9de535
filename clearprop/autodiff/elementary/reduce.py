"""Sums, means and extremes over axes.

``axis`` is a number, a tuple of numbers, or None for all axes; ``keepdims`` leaves axes of size 1.
A rule first reshapes the error of the output so that it broadcasts against the input (`kept`).
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from clearprop.autodiff.elementary.shape import broadcast_to, reshape, widened
from clearprop.autodiff.operation import operation
from clearprop.autodiff.shapes import Array, ArrayLike, Axis, Shaped, check_axis, named_axes
from clearprop.autodiff.tape import Value, strip
from clearprop.errors import ShapeError


def axes_of(x: Shaped, axis: Axis) -> tuple[int, ...]:
    """Return the axes as numbers counted from the front."""
    rank = len(x.shape)
    if axis is None:
        return tuple(range(rank))
    return tuple(a % rank for a in named_axes(axis))


def kept(value: Array, x: Shaped, axis: Axis) -> Array:
    """Return the output of a reduction of x in the shape that it has with ``keepdims``."""
    axes = axes_of(x, axis)
    return reshape(value, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def terms(x: Shaped, axis: Axis) -> int:
    """Return how many entries of x one entry of the output is computed from."""
    return math.prod(x.shape[a] for a in axes_of(x, axis))


def count_inputs(z: Value, x: Value, **parameters: object) -> int:
    """Count the arithmetic of a reduction: one operation for each entry of x."""
    return math.prod(x.shape)


def check_axes(name: str, x: Shaped | ArrayLike, axis: Axis) -> None:
    """Check that an array has every axis.

    Raises:
        ShapeError: one axis is missing.
    """
    if axis is not None and hasattr(x, "shape"):
        for a in named_axes(axis):
            check_axis(name, x, a)


def _check_entries(name: str, x: ArrayLike, axis: Axis) -> None:
    check_axes(name, x, axis)
    if hasattr(x, "shape") and math.prod(x.shape) == 0 and terms(x, axis) == 0:
        raise ShapeError(
            f"there is no entry to take the {name} of",
            where=name,
            given=f"shape {tuple(x.shape)}, axis {axis}",
            expected="at least one entry along the axes",
        )


def _error_of_sum(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return broadcast_to(kept(error, x, axis), shape=x.shape)


@operation(errors=(_error_of_sum,), count=count_inputs)
def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum: ``z = sum_i x_i``. Every term gets the error of the sum.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(sum(jnp.ones((2, 3)), axis=0))
    [2. 2. 2.]

    Source: NumPy's `sum`.
    """
    check_axes("sum", x, axis)
    return jnp.sum(x, axis=axis, keepdims=keepdims)


def _error_of_mean(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return broadcast_to(kept(widened(error) / terms(x, axis), x, axis), shape=x.shape)


@operation(errors=(_error_of_mean,), count=count_inputs)
def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean of n numbers: ``z = 1/n sum_i x_i``. Each of them gets an n-th of the error.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(mean(jnp.array([1.0, 2.0, 6.0])))
    3.0

    Source: NumPy's `mean`.
    """
    check_axes("mean", x, axis)
    return jnp.mean(x, axis=axis, keepdims=keepdims)


def _error_of_extreme(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    chosen = widened((strip(x) == kept(strip(z), x, axis)).astype(x.dtype))
    fractions = chosen / chosen.sum(axis=axis, keepdims=True)
    return kept(error, x, axis) * fractions


@operation(errors=(_error_of_extreme,), count=count_inputs)
def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Largest entry: ``z = max_i x_i``. Only it gets the error; equal ones get equal parts.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis, or no entry along it.

    >>> print(max(jnp.array([[1.0, 4.0], [3.0, 2.0]]), axis=1))
    [4. 3.]

    Source: NumPy's `max`; the equal parts are the mean of the one-sided derivatives, as in JAX.
    """
    _check_entries("max", x, axis)
    return jnp.max(x, axis=axis, keepdims=keepdims)


@operation(errors=(_error_of_extreme,), count=count_inputs)
def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Smallest entry: ``z = min_i x_i``. Only it gets the error; equal ones get equal parts.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis, or no entry along it.

    >>> print(min(jnp.array([[1.0, 4.0], [3.0, 2.0]]), axis=1))
    [1. 2.]

    Source: NumPy's `min`; the equal parts are as in JAX.
    """
    _check_entries("min", x, axis)
    return jnp.min(x, axis=axis, keepdims=keepdims)

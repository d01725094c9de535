"""Reductions over axes.

``axis`` is a number, a tuple of them or None for all; ``keepdims`` leaves axes of size 1. A rule
first gives the error of the smaller output the shape that broadcasts against the input (`_kept`).
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation, stop_gradient
from clearprop.ops.elementwise import abs, exp, where
from clearprop.ops.index import getitem
from clearprop.ops.shape import broadcast_to, flip, pad, reshape
from clearprop.ops.types import Array, ArrayLike, Axis, check_axis


def _axes(x: Any, axis: Axis) -> tuple[int, ...]:
    rank = len(x.shape)
    if axis is None:
        return tuple(range(rank))
    return tuple(a % rank for a in ((axis,) if isinstance(axis, int) else axis))


def _kept(value: Any, x: Any, axis: Axis) -> Any:
    """Give an output of the reduction of x the shape that it has with ``keepdims``."""
    axes = _axes(x, axis)
    return reshape(value, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _terms(x: Any, axis: Axis) -> int:
    """Count the entries that meet in one entry of the output."""
    return math.prod(x.shape[a] for a in _axes(x, axis))


def _freedom(x: Any, axis: Axis, ddof: int) -> float:
    """Return n - ddof, by which a variance divides; NaN where nothing is left."""
    left = _terms(x, axis) - ddof
    return left if left > 0 else math.nan


def _count_inputs(z: Any, x: Any, **parameters: Any) -> int:
    return math.prod(x.shape)


def _check_axes(name: str, x: Any, axis: Axis) -> None:
    if axis is not None and hasattr(x, "shape"):
        for a in (axis,) if isinstance(axis, int) else axis:
            check_axis(name, x, a)


def _error_of_sum(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return broadcast_to(_kept(error, x, axis), shape=x.shape)


@operation(errors=(_error_of_sum,), count=_count_inputs)
def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum: z = sum_i x_i; every term gets the error of the sum.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(sum(jnp.ones((2, 3)), axis=0))
    [2. 2. 2.]
    """
    _check_axes("sum", x, axis)
    return jnp.sum(x, axis=axis, keepdims=keepdims)


def _error_of_mean(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return broadcast_to(_kept(error / _terms(x, axis), x, axis), shape=x.shape)


@operation(errors=(_error_of_mean,), count=_count_inputs)
def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean of n numbers: z = 1/n sum_i x_i; every one gets an n-th of the error.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(mean(jnp.array([1.0, 2.0, 6.0])))
    3.0
    """
    _check_axes("mean", x, axis)
    return jnp.mean(x, axis=axis, keepdims=keepdims)


def _error_of_extreme(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    chosen = (stop_gradient(x) == _kept(stop_gradient(z), x, axis)).astype(x.dtype)
    shared = chosen / chosen.sum(axis=axis, keepdims=True)
    return _kept(error, x, axis) * shared


@operation(errors=(_error_of_extreme,), count=_count_inputs)
def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Largest entry; it alone gets the error, in equal shares where several are largest.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(max(jnp.array([[1.0, 4.0], [3.0, 2.0]]), axis=1))
    [4. 3.]
    """
    _check_axes("max", x, axis)
    return jnp.max(x, axis=axis, keepdims=keepdims)


@operation(errors=(_error_of_extreme,), count=_count_inputs)
def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Smallest entry; it alone gets the error, in equal shares where several are smallest.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(min(jnp.array([[1.0, 4.0], [3.0, 2.0]]), axis=1))
    [1. 2.]
    """
    _check_axes("min", x, axis)
    return jnp.min(x, axis=axis, keepdims=keepdims)


def _error_of_var(
    error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0
) -> Any:
    deviation = x - mean(x, axis=axis, keepdims=True)
    return _kept(error * (2 / _freedom(x, axis, ddof)), x, axis) * deviation


@operation(errors=(_error_of_var,), count=lambda z, x, **_: 4 * math.prod(x.shape))
def var(x: ArrayLike, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Array:
    """Variance of n numbers: z = sum_i (x_i - mean)^2 / (n - ddof).

    Raises:
        ShapeError: the array has not that axis.

    >>> print(var(jnp.array([1.0, 3.0])))
    1.0
    """
    _check_axes("var", x, axis)
    return jnp.var(x, axis=axis, keepdims=keepdims, ddof=ddof)


def _error_of_std(
    error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0
) -> Any:
    deviation = x - mean(x, axis=axis, keepdims=True)
    return _kept(error / (z * _freedom(x, axis, ddof)), x, axis) * deviation


@operation(errors=(_error_of_std,), count=lambda z, x, **_: 4 * math.prod(x.shape))
def std(x: ArrayLike, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Array:
    """Standard deviation: the square root of the variance. Its slope has no bound at 0.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(std(jnp.array([1.0, 3.0])))
    1.0
    """
    _check_axes("std", x, axis)
    return jnp.std(x, axis=axis, keepdims=keepdims, ddof=ddof)


def _product_of_others(x: Any, axis: int) -> Any:
    """Return for every entry the product of the others, without a division that fails at 0."""
    return _product_before(x, axis) * flip(_product_before(flip(x, axis=axis), axis), axis=axis)


def _product_before(x: Any, axis: int) -> Any:
    if not x.shape[axis]:
        return x
    product, reach, size = _shifted(x, 1, axis), 1, x.shape[axis]
    while reach < size:
        product = product * _shifted(product, reach, axis)
        reach *= 2
    return product


def _shifted(x: Any, by: int, axis: int) -> Any:
    """Move entries along an axis; ones come in, and what passes the end falls out."""
    before = (slice(None),) * axis
    rest = getitem(x, (*before, slice(0, x.shape[axis] - by)))
    return pad(rest, [(by, 0) if i == axis else (0, 0) for i in range(len(x.shape))], value=1.0)


def _error_of_prod(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    if x.shape == ():
        return error
    if isinstance(axis, int):
        return _kept(error, x, axis) * _product_of_others(x, axis % len(x.shape))
    # Over several axes: the product of what is left of each axis in turn.
    total = _kept(error, x, axis)
    axes = _axes(x, axis)
    smaller, partial = x, []
    for a in axes:
        partial.append(_product_of_others(smaller, a))
        smaller = prod(smaller, axis=a, keepdims=True)
    for others in partial:
        total = total * others
    return total


@operation(errors=(_error_of_prod,), count=_count_inputs)
def prod(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Product: z = prod_i x_i; each factor's error is the output's times the other factors.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(prod(jnp.array([2.0, 3.0, 4.0])))
    24.0
    """
    _check_axes("prod", x, axis)
    return jnp.prod(x, axis=axis, keepdims=keepdims)


def _error_of_cumsum(error: Any, z: Any, x: Any, axis: int = 0) -> Any:
    return flip(cumsum(flip(error, axis=axis), axis=axis), axis=axis)


@operation(errors=(_error_of_cumsum,))
def cumsum(x: Array, axis: int = 0) -> Array:
    """Running sum along one axis: z_i = x_0 + ... + x_i.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(cumsum(jnp.array([1.0, 2.0, 3.0])))
    [1. 3. 6.]
    """
    _check_axes("cumsum", x, axis)
    return jnp.cumsum(x, axis=axis)


def _error_of_logsumexp(
    error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False
) -> Any:
    # Not e^(x - z): the rounding of a large z would be the share's relative error.
    top = max(stop_gradient(x), axis=axis, keepdims=True)
    powers = exp(x - where(abs(top) == math.inf, 0.0, top))
    total = sum(powers, axis=axis, keepdims=True)
    return _kept(error, x, axis) * powers / where(stop_gradient(total) == 0, 1.0, total)


@operation(errors=(_error_of_logsumexp,), count=lambda z, x, **_: 3 * math.prod(x.shape))
def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Logarithm of a sum of exponentials, without overflow: z = log sum_i e^(x_i).

    The largest entry is taken out before the exponential. The error is shared by softmax.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(f"{logsumexp(jnp.array([1000.0, 1000.0])):.3f}")
    1000.693
    """
    _check_axes("logsumexp", x, axis)
    return jax.scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


@operation(count=_count_inputs)
def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the largest entry, the first of several. It passes no error.

    >>> print(argmax(jnp.array([1.0, 4.0, 2.0])))
    1
    """
    _check_axes("argmax", x, axis)
    return jnp.argmax(x, axis=axis, keepdims=keepdims)


@operation(count=_count_inputs)
def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the smallest entry, the first of several. It passes no error.

    >>> print(argmin(jnp.array([1.0, 4.0, 0.0])))
    2
    """
    _check_axes("argmin", x, axis)
    return jnp.argmin(x, axis=axis, keepdims=keepdims)

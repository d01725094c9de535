"""Reductions over axes.

``axis`` is a number, a tuple of numbers, or None for all axes; ``keepdims`` leaves axes of size 1.
A rule first reshapes the error of the output so that it broadcasts against the input (`kept`).
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import (
    abs,
    astype,
    broadcast_to,
    getitem,
    max,
    mean,
    min,
    sum,
    where,
)
from clearprop.autodiff.elementary.reduce import axes_of, check_axes, count_inputs, kept, terms
from clearprop.autodiff.elementary.shape import widened
from clearprop.autodiff.precision import at_least_float32, floating
from clearprop.autodiff.shapes import Array, ArrayLike, Axis, check_broadcast
from clearprop.autodiff.tape import strip
from clearprop.errors import ConfigurationError
from clearprop.ops.activations import sigmoid
from clearprop.ops.elementwise import exp
from clearprop.ops.shape import flip, pad


def _freedom(x: Any, axis: Axis, ddof: int) -> float:
    """Return n - ddof, by which a variance divides; NaN where that is not positive."""
    left = terms(x, axis) - ddof
    return left if left > 0 else math.nan


def _error_of_var(
    error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0
) -> Any:
    error, x = widened(error), widened(x)
    deviation = x - mean(x, axis=axis, keepdims=True)
    return kept(error * (2 / _freedom(x, axis, ddof)), x, axis) * deviation


@operation(errors=(_error_of_var,), count=lambda z, x, **_: 4 * math.prod(x.shape))
def var(x: ArrayLike, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Array:
    """Variance of n numbers: ``z = sum_i (x_i - mean)^2 / (n - ddof)``.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(var(jnp.array([1.0, 3.0])))
    1.0

    Source: NumPy's `var`.
    """
    check_axes("var", x, axis)
    wide = at_least_float32(x)
    variance = jnp.var(wide, axis=axis, keepdims=keepdims, ddof=ddof)
    return variance.astype(floating(x).dtype)


def _error_of_std(
    error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0
) -> Any:
    error, z, x = widened(error), widened(z), widened(x)
    deviation = x - mean(x, axis=axis, keepdims=True)
    flat = strip(z) == 0
    slope = where(flat, 0.0, error / (where(flat, 1.0, z) * _freedom(x, axis, ddof)))
    return kept(slope, x, axis) * deviation


@operation(errors=(_error_of_std,), count=lambda z, x, **_: 4 * math.prod(x.shape))
def std(x: ArrayLike, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Array:
    """Standard deviation: ``z = sqrt(sum_i (x_i - mean)^2 / (n - ddof))``.

    Its derivative is ``dz/dx_i = (x_i - mean) / (z (n - ddof))``, and 0 where all x_i are equal.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(std(jnp.array([1.0, 3.0])))
    1.0

    Source: NumPy's `std`.
    """
    check_axes("std", x, axis)
    wide = at_least_float32(x)
    deviation = jnp.std(wide, axis=axis, keepdims=keepdims, ddof=ddof)
    return deviation.astype(floating(x).dtype)


def _product_of_others(x: Any, axis: int) -> Any:
    """Return for every entry the product of the others, without a division that fails at 0."""
    return _product_before(x, axis) * flip(_product_before(flip(x, axis=axis), axis), axis=axis)


def _product_before(x: Any, axis: int) -> Any:
    """Return for every entry the product of those before it; each round doubles its length."""
    if not x.shape[axis]:
        return x
    product, reach = _shifted(x, 1, axis), 1
    while reach < x.shape[axis]:
        product = product * _shifted(product, reach, axis)
        reach *= 2
    return product


def _shifted(x: Any, by: int, axis: int, value: float = 1.0) -> Any:
    """Move entries along an axis; a value fills the start, entries beyond the end are dropped."""
    before = (slice(None),) * axis
    rest = getitem(x, (*before, slice(0, x.shape[axis] - by)))
    return pad(rest, [(by, 0) if i == axis else (0, 0) for i in range(len(x.shape))], value=value)


def _error_of_prod(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    if x.shape == ():
        return error
    # Over several axes: reduce one axis after the other, and multiply the parts.
    total, smaller = kept(error, x, axis), x
    for a in axes_of(x, axis):
        total = total * _product_of_others(smaller, a)
        smaller = prod(smaller, axis=a, keepdims=True)
    return total


@operation(errors=(_error_of_prod,), count=count_inputs)
def prod(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Product: ``z = prod_i x_i``. The error of each factor is that of z times the other factors.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(prod(jnp.array([2.0, 3.0, 4.0])))
    24.0

    Source: NumPy's `prod`; the rule does not divide by x, so the error of a factor 0 is finite.
    """
    check_axes("prod", x, axis)
    return jnp.prod(x, axis=axis, keepdims=keepdims)


def _error_of_cumsum(error: Any, z: Any, x: Any, axis: int = 0) -> Any:
    return flip(cumsum(flip(error, axis=axis), axis=axis), axis=axis)


@operation(errors=(_error_of_cumsum,))
def cumsum(x: Array, axis: int = 0) -> Array:
    """Running sum along one axis: ``z_i = x_0 + ... + x_i``.

    Shapes: x of any shape, z of the same.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(cumsum(jnp.array([1.0, 2.0, 3.0])))
    [1. 3. 6.]

    Source: NumPy's `cumsum`; the axis is the first unless given, and never all of them.
    """
    check_axes("cumsum", x, axis)
    return jnp.cumsum(x, axis=axis)


def _error_of_cumprod(error: Any, z: Any, x: Any, axis: int = 0) -> Any:
    axis %= len(x.shape)
    if not x.shape[axis]:
        return error
    # The product of the entries before x_i times g_i = error_i + x_(i+1) g_(i+1), from the last i
    # on. Nothing is divided by x; each round doubles how far g reaches.
    total = flip(error, axis=axis)
    factor, reach = _shifted(flip(x, axis=axis), 1, axis), 1
    while reach < x.shape[axis]:
        total = total + factor * _shifted(total, reach, axis, value=0.0)
        factor = factor * _shifted(factor, reach, axis)
        reach *= 2
    return _product_before(x, axis) * flip(total, axis=axis)


@operation(errors=(_error_of_cumprod,))
def cumprod(x: Array, axis: int = 0) -> Array:
    """Running product along one axis: ``z_i = x_0 x_1 ... x_i``.

    Shapes: x of any shape, z of the same.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(cumprod(jnp.array([1.0, 2.0, 3.0])))
    [1. 2. 6.]

    Source: NumPy's `cumprod`; the axis is the first unless given, and never all of them. The rule
    does not divide by x, so the error of a factor 0 is finite.
    """
    check_axes("cumprod", x, axis)
    return jnp.cumprod(x, axis=axis)


def norm(x: Array, p: float = 2, axis: Axis = None, keepdims: bool = False) -> Array:
    """Length of a vector of n numbers: ``z = (sum_i |x_i|^p)^(1/p)``, for p = 1, 2 or infinity.

    For ``p=inf`` it is the largest of all ``|x_i|``, for ``p=-inf`` the smallest. The derivative
    for p = 2 is ``dz/dx_i = x_i / z``, and 0 where all x_i are 0.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.
        ConfigurationError: another p.

    >>> print(norm(jnp.array([3.0, -4.0])), norm(jnp.array([3.0, -4.0]), 1))
    5.0 7.0

    Source: NumPy's `linalg.norm` of a vector. Over two axes it is the length of all entries, which
    for p = 2 is the Frobenius norm.
    """
    if p == 2:
        return _norm(x, axis=axis, keepdims=keepdims)
    reduced = {1: sum, math.inf: max, -math.inf: min}.get(p)
    if reduced is None:
        raise ConfigurationError(
            "there is no such norm",
            where="norm",
            given=f"p={p!r}",
            expected="p of 1, 2, inf or -inf",
            fix=f"ops.sum(ops.abs(x) ** {p}) ** (1 / {p})",
        )
    if not jnp.issubdtype(x.dtype, jnp.floating):
        x = astype(x, dtype=jnp.result_type(float))
    return reduced(abs(x), axis=axis, keepdims=keepdims)


def _error_of_norm(error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    error, z, x = widened(error), widened(z), widened(x)
    zero = strip(z) == 0
    return kept(where(zero, 0.0, error / where(zero, 1.0, z)), x, axis) * x


@operation(errors=(_error_of_norm,), count=lambda z, x, **_: 2 * math.prod(x.shape), name="norm")
def _norm(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    check_axes("norm", x, axis)
    wide = at_least_float32(x)
    length = jnp.sqrt(jnp.sum(jnp.square(wide), axis=axis, keepdims=keepdims))
    return length.astype(floating(x).dtype)


def _error_of_logsumexp(
    error: Any, z: Any, x: Any, axis: Axis = None, keepdims: bool = False
) -> Any:
    if not terms(x, axis):
        return broadcast_to(kept(error, x, axis), shape=x.shape)
    error, x = widened(error), widened(x)
    # Not e^(x - z): the rounding error of a large z would be a relative error of the result.
    top = max(strip(x), axis=axis, keepdims=True)
    powers = exp(x - where(abs(top) == math.inf, 0.0, top))
    total = sum(powers, axis=axis, keepdims=True)
    return kept(error, x, axis) * powers / where(strip(total) == 0, 1.0, total)


@operation(errors=(_error_of_logsumexp,), count=lambda z, x, **_: 3 * math.prod(x.shape))
def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Logarithm of a sum of exponentials, without overflow: ``z = log sum_i e^(x_i)``.

    The largest entry is subtracted before the exponential. The derivative is the softmax: ``dz/dx_i
    = e^(x_i - z)``. Of no entries it is minus infinity.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(f"{logsumexp(jnp.array([1000.0, 1000.0])):.3f}")
    1000.693

    Source: SciPy's `special.logsumexp`.
    """
    check_axes("logsumexp", x, axis)
    wide = at_least_float32(x)
    total: Array = jax.scipy.special.logsumexp(wide, axis=axis, keepdims=keepdims)
    return total.astype(floating(x).dtype)


def _error_of_exponent(error: Any, this: Any, other: Any) -> Any:
    same = (strip(this) == strip(other)) & (abs(strip(this)) == math.inf)
    # The difference of two equal infinities is not a number.
    slope = sigmoid(where(same, 0.0, this - other))
    return where(same & (strip(this) < 0), 0.0, error * slope)


@operation(
    errors=(
        lambda error, z, x, y: _error_of_exponent(error, x, y),
        lambda error, z, x, y: _error_of_exponent(error, y, x),
    ),
    stacks=True,
)
def logaddexp(x: ArrayLike, y: ArrayLike) -> Array:
    """Logarithm of a sum of two exponentials, without overflow: ``z = log(e^x + e^y)``.

    Its derivatives are ``dz/dx = s(x - y)`` and ``dz/dy = s(y - x)`` with the sigmoid s. Where both
    are minus infinity, z is too, and no error passes.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(f"{logaddexp(1000.0, 1000.0):.3f}")
    1000.693

    Source: NumPy's `logaddexp`.
    """
    check_broadcast("logaddexp", x, y)
    return jnp.logaddexp(x, y)


@operation(count=count_inputs)
def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the largest entry: ``z = argmax_i x_i``, the first of several. It passes no error.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(argmax(jnp.array([1.0, 4.0, 2.0])))
    1

    Source: NumPy's `argmax`.
    """
    check_axes("argmax", x, axis)
    return jnp.argmax(x, axis=axis, keepdims=keepdims)


@operation(count=count_inputs)
def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the smallest entry: ``z = argmin_i x_i``, the first of several. It passes no error.

    Shapes: x of any shape; z has the shape of x without the axes, or with size 1 there.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(argmin(jnp.array([1.0, 4.0, 0.0])))
    2

    Source: NumPy's `argmin`.
    """
    check_axes("argmin", x, axis)
    return jnp.argmin(x, axis=axis, keepdims=keepdims)

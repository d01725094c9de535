"""Arithmetic and elementary functions, entry by entry.

In the rules ``error`` is the error signal of the output, ``z`` the output, ``x`` and ``y`` the
inputs. Inputs broadcast as in NumPy; the sweep sums their errors over the broadcast axes.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation, stop_gradient
from clearprop.autodiff.elementary import where
from clearprop.autodiff.shapes import Array, ArrayLike, check_broadcast


@operation(errors=(lambda error, z, x: error * z,), stacks=True)
def exp(x: ArrayLike) -> Array:
    """Exponential: z = e^x, its own derivative.

    >>> print(exp(0.0))
    1.0
    """
    return jnp.exp(x)


@operation(errors=(lambda error, z, x: error * (z + 1),), stacks=True)
def expm1(x: ArrayLike) -> Array:
    """Exponential less one, exact near 0: z = e^x - 1.

    >>> print(expm1(1e-10))
    1e-10
    """
    return jnp.expm1(x)


@operation(errors=(lambda error, z, x: error / (1 + x),), stacks=True)
def log1p(x: ArrayLike) -> Array:
    """Logarithm of one more, exact near 0: z = log(1 + x).

    >>> print(log1p(1e-10))
    1e-10
    """
    return jnp.log1p(x)


@operation(errors=(lambda error, z, x: 0.5 * error / z,), stacks=True)
def sqrt(x: ArrayLike) -> Array:
    """Square root: z = x^(1/2), with dz/dx = 1 / 2z (infinite at 0).

    >>> print(sqrt(9.0))
    3.0
    """
    return jnp.sqrt(x)


def _error_of_rsqrt(error: Any, z: Any, x: Any) -> Any:
    return -0.5 * error * z * z * z


@operation(errors=(_error_of_rsqrt,), stacks=True)
def rsqrt(x: ArrayLike) -> Array:
    """Reciprocal of the square root: z = x^(-1/2), with dz/dx = -z^3 / 2.

    >>> print(rsqrt(4.0))
    0.5
    """
    return jax.lax.rsqrt(jnp.asarray(x))


@operation(errors=(lambda error, z, x: error * (2 * x),), stacks=True)
def square(x: ArrayLike) -> Array:
    """Square: z = x^2, with dz/dx = 2x.

    >>> print(square(-3.0))
    9.0
    """
    return jnp.square(x)


@operation(errors=(lambda error, z, x: -error * z * z,), stacks=True)
def reciprocal(x: ArrayLike) -> Array:
    """Reciprocal: z = 1/x, with dz/dx = -z^2.

    >>> print(reciprocal(4.0))
    0.25
    """
    return jnp.reciprocal(x)


def _error_of_sine(error: Any, z: Any, x: Any) -> Any:
    return error * cos(x)


@operation(errors=(_error_of_sine,), stacks=True)
def sin(x: ArrayLike) -> Array:
    """Sine of an angle in radians, with derivative cos x.

    >>> print(sin(0.0))
    0.0
    """
    return jnp.sin(x)


@operation(errors=(lambda error, z, x: -error * sin(x),), stacks=True)
def cos(x: ArrayLike) -> Array:
    """Cosine of an angle in radians, with derivative -sin x.

    >>> print(cos(0.0))
    1.0
    """
    return jnp.cos(x)


@operation(
    errors=(lambda error, z, x: error * exp(-x * x) * (2 / math.sqrt(math.pi)),), stacks=True
)
def erf(x: ArrayLike) -> Array:
    """Error function: z = 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x.

    >>> print(erf(0.0))
    0.0
    """
    return jax.scipy.special.erf(x)


def _share(error: Any, mine: Any, other: Any) -> Any:
    """Give the error to the chosen input; the two share it equally where they are equal."""
    mine, other = stop_gradient(mine), stop_gradient(other)
    return where(mine == other, 0.5 * error, where(mine > other, error, 0.0))


@operation(
    errors=(
        lambda error, z, x, y: _share(error, x, y),
        lambda error, z, x, y: _share(error, y, x),
    ),
    stacks=True,
)
def maximum(x: ArrayLike, y: ArrayLike) -> Array:
    """Larger of two: z = max(x, y); the error goes to the larger one, by halves to equal ones.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(maximum(2.0, 3.0))
    3.0
    """
    check_broadcast("maximum", x, y)
    return jnp.maximum(x, y)


@operation(
    errors=(
        lambda error, z, x, y: _share(error, y, x),
        lambda error, z, x, y: _share(error, x, y),
    ),
    stacks=True,
)
def minimum(x: ArrayLike, y: ArrayLike) -> Array:
    """Smaller of two: z = min(x, y); the error goes to the smaller one, by halves to equal ones.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(minimum(2.0, 3.0))
    2.0
    """
    check_broadcast("minimum", x, y)
    return jnp.minimum(x, y)


def _error_of_kept(error: Any, z: Any, x: Any, keep: Any, rate: float) -> Any:
    return dropout(error, keep, rate)


@operation(errors=(_error_of_kept, None), stacks=True)
def dropout(x: ArrayLike, keep: ArrayLike, rate: float) -> Array:
    """Drop what the mask does not keep: z = x / (1 - rate) where it is kept, else 0.

    The division keeps the expected value of z at x; what was dropped passes no error. ``keep`` is
    true with probability 1 - rate, drawn by the caller.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(dropout(jnp.array([1.0, 2.0]), jnp.array([True, False]), 0.5))
    [2. 0.]

    Source: Srivastava et al. (2014); scaled in training rather than in evaluation.
    """
    check_broadcast("dropout", x, keep)
    return jnp.where(keep, jnp.asarray(x) / (1 - rate), 0)


def _error_of_clipped(
    error: Any, z: Any, x: Any, low: float | None = None, high: float | None = None
) -> Any:
    x = stop_gradient(x)
    inside = x == x
    if low is not None:
        inside &= x > low
    if high is not None:
        inside &= x < high
    return where(inside, error, 0.0)


@operation(errors=(_error_of_clipped,), stacks=True)
def clip(x: ArrayLike, low: float | None = None, high: float | None = None) -> Array:
    """Limit to an interval: z = min(max(x, low), high); only what lies inside passes the error.

    >>> print(clip(jnp.array([-2.0, 0.5, 2.0]), -1.0, 1.0))
    [-1.   0.5  1. ]
    """
    return jnp.clip(x, low, high)


@operation(stacks=True)
def floor(x: ArrayLike) -> Array:
    """Largest whole number that is not above x. It passes no error.

    >>> print(floor(2.7))
    2.0
    """
    return jnp.floor(x)


@operation(stacks=True)
def round(x: ArrayLike) -> Array:
    """Nearest whole number, halves to the even one. It passes no error.

    >>> print(round(jnp.array([2.5, 2.7])))
    [2. 3.]
    """
    return jnp.round(x)

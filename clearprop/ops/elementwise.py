"""Elementary functions, entry by entry.

In the rules ``error`` is the error signal of the output, ``z`` the output, ``x`` and ``y`` the
inputs. Inputs broadcast as in NumPy; the sweep sums their errors over the broadcast axes.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import log, where
from clearprop.autodiff.precision import floating
from clearprop.autodiff.shapes import Array, ArrayLike, check_broadcast
from clearprop.autodiff.tape import strip


@operation(errors=(lambda error, z, x: error * z,), stacks=True)
def exp(x: ArrayLike) -> Array:
    """Exponential: ``z = e^x``, its own derivative.

    Shapes: x of any shape, z of the same.

    >>> print(exp(0.0))
    1.0

    Source: NumPy's `exp`.
    """
    return jnp.exp(x)


@operation(errors=(lambda error, z, x: error * exp(x),), stacks=True)
def expm1(x: ArrayLike) -> Array:
    """Exponential minus one, exact near 0: ``z = e^x - 1``, with ``dz/dx = e^x``.

    Shapes: x of any shape, z of the same.

    >>> print(expm1(1e-10))
    1e-10

    Source: NumPy's `expm1`.
    """
    return jnp.expm1(x)


@operation(errors=(lambda error, z, x: error / (1 + x),), stacks=True)
def log1p(x: ArrayLike) -> Array:
    """Logarithm of 1 + x, exact near 0: ``z = log(1 + x)``, with ``dz/dx = 1 / (1 + x)``.

    Shapes: x of any shape, z of the same.

    >>> print(log1p(1e-10))
    1e-10

    Source: NumPy's `log1p`.
    """
    return jnp.log1p(x)


@operation(errors=(lambda error, z, x: 0.5 * error / z,), stacks=True)
def sqrt(x: ArrayLike) -> Array:
    """Square root: ``z = x^(1/2)``, with ``dz/dx = 1 / 2z`` (infinite at 0).

    Shapes: x of any shape, z of the same.

    >>> print(sqrt(9.0))
    3.0

    Source: NumPy's `sqrt`.
    """
    return jnp.sqrt(x)


@operation(errors=(lambda error, z, x: -0.5 * error * z * z * z,), stacks=True)
def rsqrt(x: ArrayLike) -> Array:
    """Reciprocal of the square root: ``z = x^(-1/2)``, with ``dz/dx = -z^3 / 2``.

    Shapes: x of any shape, z of the same.

    >>> print(rsqrt(4.0))
    0.5

    Source: `jax.lax.rsqrt`.
    """
    return jax.lax.rsqrt(floating(x))


@operation(errors=(lambda error, z, x: error * (2 * x),), stacks=True)
def square(x: ArrayLike) -> Array:
    """Square: ``z = x^2``, with ``dz/dx = 2x``.

    Shapes: x of any shape, z of the same.

    >>> print(square(-3.0))
    9.0

    Source: NumPy's `square`.
    """
    return jnp.square(x)


@operation(errors=(lambda error, z, x: -error * z * z,), stacks=True)
def reciprocal(x: ArrayLike) -> Array:
    """Reciprocal: ``z = 1 / x``, with ``dz/dx = -z^2``.

    Shapes: x of any shape, z of the same.

    >>> print(reciprocal(4.0))
    0.25

    Source: NumPy's `reciprocal`.
    """
    return jnp.reciprocal(x)


@operation(
    errors=(lambda error, z, x: error * exp(-x * x) * (2 / math.sqrt(math.pi)),), stacks=True
)
def erf(x: ArrayLike) -> Array:
    """Error function: ``z = 2 / sqrt(pi) integral of e^(-t^2) dt from 0 to x``.

    Its derivative is ``dz/dx = 2 / sqrt(pi) e^(-x^2)``.

    Shapes: x of any shape, z of the same.

    >>> print(erf(0.0))
    0.0

    Source: SciPy's `special.erf`.
    """
    return jax.scipy.special.erf(x)


@operation(
    errors=(lambda error, z, x: error * exp(-x * x) * (-2 / math.sqrt(math.pi)),), stacks=True
)
def erfc(x: ArrayLike) -> Array:
    """Error function's complement, exact where it is small: ``z = 1 - erf(x)``.

    Its derivative is ``dz/dx = -2 / sqrt(pi) e^(-x^2)``.

    Shapes: x of any shape, z of the same.

    >>> print(erfc(0.0))
    1.0

    Source: SciPy's `special.erfc`.
    """
    return jax.scipy.special.erfc(x)


def _error_of_factor(error: Any, z: Any, x: Any, y: Any) -> Any:
    none = (strip(x) == 0) & (strip(y) == 0)
    return where(none, 0.0, error * log(where(none, 1.0, y)))


def _error_of_argument(error: Any, z: Any, x: Any, y: Any) -> Any:
    none = (strip(x) == 0) & (strip(y) == 0)
    return where(none, 0.0, error * x / where(none, 1.0, y))


@operation(errors=(_error_of_factor, _error_of_argument), stacks=True)
def xlogy(x: ArrayLike, y: ArrayLike) -> Array:
    """Multiply by a logarithm, where 0 log 0 is 0: ``z = x log y``.

    Its derivatives are ``dz/dx = log y`` and ``dz/dy = x / y``; both are 0 where x and y are 0.
    The entropy of probabilities p is ``-xlogy(p, p).sum()``.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(xlogy(jnp.array([0.0, 2.0]), jnp.array([0.0, 1.0])))
    [0. 0.]

    Source: SciPy's `special.xlogy`.
    """
    check_broadcast("xlogy", x, y)
    return jax.scipy.special.xlogy(x, y)


def _to_chosen(error: Any, this: Any, other: Any) -> Any:
    """Pass the error to the chosen input, and half of it to each where both are equal."""
    this, other = strip(this), strip(other)
    return where(this == other, 0.5 * error, where(this > other, error, 0.0))


@operation(
    errors=(
        lambda error, z, x, y: _to_chosen(error, x, y),
        lambda error, z, x, y: _to_chosen(error, y, x),
    ),
    stacks=True,
)
def maximum(x: ArrayLike, y: ArrayLike) -> Array:
    """Larger of two: ``z = max(x, y)``. The larger gets the error; two equal ones get half each.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(maximum(2.0, 3.0))
    3.0

    Source: NumPy's `maximum`; equal entries as in JAX.
    """
    check_broadcast("maximum", x, y)
    return jnp.maximum(x, y)


@operation(
    errors=(
        lambda error, z, x, y: _to_chosen(error, y, x),
        lambda error, z, x, y: _to_chosen(error, x, y),
    ),
    stacks=True,
)
def minimum(x: ArrayLike, y: ArrayLike) -> Array:
    """Smaller of two: ``z = min(x, y)``. The smaller gets the error; two equal ones get half each.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(minimum(2.0, 3.0))
    2.0

    Source: NumPy's `minimum`; equal entries as in JAX.
    """
    check_broadcast("minimum", x, y)
    return jnp.minimum(x, y)


def _error_of_kept(error: Any, z: Any, x: Any, keep: Any, rate: float) -> Any:
    return dropout(error, keep, rate)


@operation(
    errors=(_error_of_kept, None),
    stacks=True,
    instead={"rate": "ops.where(keep, x / (1 - rate), 0.0)"},
)
def dropout(x: ArrayLike, keep: ArrayLike, rate: float) -> Array:
    """Drop the entries that the mask does not keep: ``z = x / (1 - rate) where kept, else 0``.

    The division keeps the expected value of z at x; a dropped entry passes no error. ``keep`` is
    true with probability 1 - rate; the caller draws it.

    Shapes: x and keep broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(dropout(jnp.array([1.0, 2.0]), jnp.array([True, False]), 0.5))
    [2. 0.]

    Source: Srivastava et al. 2014, *Dropout*; scaled in training rather than in evaluation.
    """
    check_broadcast("dropout", x, keep)
    return jnp.where(keep, jnp.asarray(x) / (1 - rate), 0)


def _error_of_clipped(
    error: Any, z: Any, x: Any, low: float | None = None, high: float | None = None
) -> Any:
    x = strip(x)
    inside = x == x
    if low is not None:
        inside &= x > low
    if high is not None:
        inside &= x < high
    return where(inside, error, 0.0)


@operation(
    errors=(_error_of_clipped,),
    stacks=True,
    instead={"low": "ops.maximum(x, low)", "high": "ops.minimum(x, high)"},
)
def clip(x: ArrayLike, low: float | None = None, high: float | None = None) -> Array:
    """Limit to an interval: ``z = min(max(x, low), high)``. Only entries strictly inside pass the
    error.

    Shapes: x of any shape, z of the same.

    >>> print(clip(jnp.array([-2.0, 0.5, 2.0]), -1.0, 1.0))
    [-1.   0.5  1. ]

    Source: NumPy's `clip`.
    """
    return jnp.clip(x, low, high)


@operation(stacks=True)
def isnan(x: ArrayLike) -> Array:
    """Find what is not a number: ``z = True where x is NaN``. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(isnan(jnp.array([1.0, jnp.nan, jnp.inf])))
    [False  True False]

    Source: NumPy's `isnan`.
    """
    return jnp.isnan(x)


@operation(stacks=True)
def isinf(x: ArrayLike) -> Array:
    """Find what is infinite: ``z = True where x is inf or -inf``. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(isinf(jnp.array([1.0, jnp.nan, -jnp.inf])))
    [False False  True]

    Source: NumPy's `isinf`.
    """
    return jnp.isinf(x)


@operation(stacks=True)
def isfinite(x: ArrayLike) -> Array:
    """Find numbers: ``z = True where x is neither infinite nor NaN``. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(isfinite(jnp.array([1.0, jnp.nan, jnp.inf])))
    [ True False False]

    Source: NumPy's `isfinite`.
    """
    return jnp.isfinite(x)

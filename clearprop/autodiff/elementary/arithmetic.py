"""Arithmetic, entry by entry: the operations behind Python's operators on traced values.

In the rules ``error`` is the error signal of the output, ``z`` the output, ``x`` and ``y`` the
inputs. Inputs broadcast as in NumPy; the sweep sums their errors over the broadcast axes.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop.autodiff.operation import operation
from clearprop.autodiff.shapes import Array, ArrayLike, check_broadcast
from clearprop.autodiff.tape import strip


@operation(errors=(lambda error, z, x, y: error, lambda error, z, x, y: error), stacks=True)
def add(x: ArrayLike, y: ArrayLike) -> Array:
    """Add: ``z = x + y``.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(add(2.0, 3.0))
    5.0

    Source: NumPy's `add`.
    """
    check_broadcast("add", x, y)
    return jnp.add(x, y)


@operation(errors=(lambda error, z, x, y: error, lambda error, z, x, y: -error), stacks=True)
def subtract(x: ArrayLike, y: ArrayLike) -> Array:
    """Subtract: ``z = x - y``.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(subtract(2.0, 3.0))
    -1.0

    Source: NumPy's `subtract`.
    """
    check_broadcast("subtract", x, y)
    return jnp.subtract(x, y)


@operation(errors=(lambda error, z, x, y: error * y, lambda error, z, x, y: error * x), stacks=True)
def multiply(x: ArrayLike, y: ArrayLike) -> Array:
    """Multiply: ``z = x y``. The error of each factor is that of z times the other factor.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(multiply(4.0, -3.0))
    -12.0

    Source: NumPy's `multiply`.
    """
    check_broadcast("multiply", x, y)
    return jnp.multiply(x, y)


@operation(
    errors=(lambda error, z, x, y: error / y, lambda error, z, x, y: -error * z / y), stacks=True
)
def divide(x: ArrayLike, y: ArrayLike) -> Array:
    """Divide: ``z = x / y``, with ``dz/dx = 1 / y`` and ``dz/dy = -z / y``.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(divide(3.0, 2.0))
    1.5

    Source: NumPy's `divide`.
    """
    check_broadcast("divide", x, y)
    return jnp.divide(x, y)


def _error_of_base(error: Any, z: Any, x: Any, y: Any) -> Any:
    if isinstance(y, int | float):
        # With a constant exponent of 0 the error is 0; 0 * x**-1 would be NaN at x = 0.
        if y == 0:
            return error * 0
        return error if y == 1 else error * (y * x ** (y - 1))
    zero = strip(y) == 0
    return where(zero, 0.0, error * y * power(x, where(zero, 1.0, y - 1)))


def _error_of_exponent(error: Any, z: Any, x: Any, y: Any) -> Any:
    # 0**y is 0 for every y > 0, so its slope is 0: log 0 counts as 0.
    return error * z * log(where(strip(x) == 0, 1.0, x))


@operation(errors=(_error_of_base, _error_of_exponent), stacks=True)
def power(x: ArrayLike, y: ArrayLike) -> Array:
    """Raise to a power: ``z = x^y``, with ``dz/dx = y x^(y-1)`` and ``dz/dy = x^y log x``.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(power(5.0, 2))
    25.0

    Source: NumPy's `power`. At x = 0 the logarithm counts as 0, so that dz/dy is 0 there.
    """
    check_broadcast("power", x, y)
    return jnp.power(x, y)


@operation(errors=(lambda error, z, x: -error,), stacks=True)
def negative(x: ArrayLike) -> Array:
    """Change the sign: ``z = -x``.

    Shapes: x of any shape, z of the same.

    >>> print(negative(2.0))
    -2.0

    Source: NumPy's `negative`.
    """
    return jnp.negative(x)


@operation(stacks=True)
def sign(x: ArrayLike) -> Array:
    """Sign: ``z = -1, 0 or 1`` for x below, at and above 0. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(sign(jnp.array([-2.0, 0.0, 3.0])))
    [-1.  0.  1.]

    Source: NumPy's `sign`.
    """
    return jnp.sign(x)


@operation(errors=(lambda error, z, x: error * sign(x),), stacks=True)
def abs(x: ArrayLike) -> Array:
    """Absolute value: ``z = |x|``, with slope 0 at 0.

    Shapes: x of any shape, z of the same.

    >>> print(abs(-2.0))
    2.0

    Source: NumPy's `absolute`; the slope at 0 is a choice among -1 to 1.
    """
    return jnp.abs(x)


@operation(errors=(lambda error, z, x: error / x,), stacks=True)
def log(x: ArrayLike) -> Array:
    """Natural logarithm: ``z = log x``, with ``dz/dx = 1 / x``.

    Shapes: x of any shape, z of the same.

    >>> print(log(1.0))
    0.0

    Source: NumPy's `log`.
    """
    return jnp.log(x)


def _error_of_chosen(error: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
    return where(condition, error, 0.0)


def _error_of_other(error: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
    return where(condition, 0.0, error)


@operation(errors=(None, _error_of_chosen, _error_of_other), stacks=True)
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Array:
    """Choose entry by entry: ``z = x where the condition holds, else y``.

    The entry that was not chosen gets the error 0, also where its own value is not finite.

    Shapes: condition, x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(where(jnp.array([True, False]), 1.0, 2.0))
    [1. 2.]

    Source: NumPy's `where`.
    """
    check_broadcast("where", condition, x, y)
    return jnp.where(condition, x, y)

"""Rounding to whole numbers, and the remainder of a division, entry by entry.

A small step does not change a rounded number, so rounding passes no error.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.shapes import Array, ArrayLike, check_broadcast


@operation(stacks=True)
def floor(x: ArrayLike) -> Array:
    """Round down: ``z = the largest whole number up to x``. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(floor(2.7))
    2.0

    Source: NumPy's `floor`.
    """
    return jnp.floor(x)


@operation(stacks=True)
def round(x: ArrayLike) -> Array:
    """Round: ``z = the whole number nearest to x``, between two the even one. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(round(jnp.array([2.5, 2.7])))
    [2. 3.]

    Source: NumPy's `round`.
    """
    return jnp.round(x)


@operation(stacks=True)
def ceil(x: ArrayLike) -> Array:
    """Round up: ``z = the smallest whole number from x on``. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(ceil(2.1))
    3.0

    Source: NumPy's `ceil`.
    """
    return jnp.ceil(x)


@operation(stacks=True)
def trunc(x: ArrayLike) -> Array:
    """Round toward 0: ``z = x without its digits after the point``. It passes no error.

    Shapes: x of any shape, z of the same.

    >>> print(trunc(jnp.array([-2.7, 2.7])))
    [-2.  2.]

    Source: NumPy's `trunc`.
    """
    return jnp.trunc(x)


def _error_of_divisor(error: Any, z: Any, x: Any, y: Any) -> Any:
    return -error * floor(x / y)


@operation(errors=(lambda error, z, x, y: error, _error_of_divisor), stacks=True)
def remainder(x: ArrayLike, y: ArrayLike) -> Array:
    """Remainder of a division, with the sign of the divisor: ``z = x - y floor(x / y)``.

    Its derivatives are ``dz/dx = 1`` and ``dz/dy = -floor(x / y)``, also where z jumps. It is
    Python's operator %.

    Shapes: x and y broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(remainder(jnp.array([-1.0, 5.0]), 3.0))
    [2. 2.]

    Source: NumPy's `remainder`.
    """
    check_broadcast("remainder", x, y)
    return jnp.remainder(x, y)

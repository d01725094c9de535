"""Sorting, and the largest entries.

A small step does not change the order of unequal entries, so an error goes back to the place from
which its entry came. Equal entries keep their order.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation, stop_gradient
from clearprop.autodiff.shapes import Array, check_axis
from clearprop.errors import ShapeError
from clearprop.ops.index import take_along_axis


def _count_comparisons(z: Any, x: Any, **parameters: object) -> int:
    size: int = math.prod(x.shape)
    return size * max(1, size.bit_length())


def _error_of_sorted(error: Any, z: Any, x: Any, axis: int = -1, descending: bool = False) -> Any:
    order = argsort(stop_gradient(x), axis=axis, descending=descending)
    return take_along_axis(error, argsort(order, axis=axis), axis=axis)


@operation(errors=(_error_of_sorted,), count=_count_comparisons)
def sort(x: Array, axis: int = -1, descending: bool = False) -> Array:
    """Sort along an axis: ``z = x_o0, x_o1, ...`` with ``x_o0 <= x_o1 <= ...`` or from the largest.

    Shapes: x of any shape, z of the same.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(sort(jnp.array([3.0, 1.0, 2.0])))
    [1. 2. 3.]

    Source: NumPy's `sort`; not a number counts as the largest.
    """
    check_axis("sort", x, axis)
    return jnp.sort(x, axis=axis, stable=True, descending=descending)


@operation(count=_count_comparisons)
def argsort(x: Array, axis: int = -1, descending: bool = False) -> Array:
    """Places of the sorted entries: ``z = o`` with ``x_o0 <= x_o1 <= ...``. It passes no error.

    Shapes: x of any shape, z of the same.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(argsort(jnp.array([3.0, 1.0, 2.0])))
    [1 2 0]

    Source: NumPy's `argsort`, where equal entries keep their order.
    """
    check_axis("argsort", x, axis)
    return jnp.argsort(x, axis=axis, stable=True, descending=descending)


def top_k(x: Array, k: int, axis: int = -1) -> tuple[Array, Array]:
    """Return the k largest entries along an axis, the largest first, and their places.

    ``z_i = x[places_i]`` with ``z_0 >= z_1 >= ...``. Of equal entries the first come first. The
    places pass no error.

    Shapes: x (..., n, ...); values and places (..., k, ...).

    Raises:
        ShapeError: the array does not have that axis, or fewer than k entries there.

    >>> values, places = top_k(jnp.array([1.0, 4.0, 2.0]), 2)
    >>> print(values, places)
    [4. 2.] [1 2]

    Source: `jax.lax.top_k`.
    """
    axis = check_axis("top_k", x, axis)
    if not 0 <= k <= x.shape[axis]:
        raise ShapeError(
            f"there are no {k} largest entries",
            where="top_k",
            given=f"shape {tuple(x.shape)}, axis {axis}",
            expected=f"k from 0 to {x.shape[axis]}",
        )
    places = _places_of_largest(stop_gradient(x), k=k, axis=axis)
    return take_along_axis(x, places, axis=axis), places


@operation(count=_count_comparisons, name="top_k")
def _places_of_largest(x: Array, k: int, axis: int) -> Array:
    return jax.lax.top_k(jnp.asarray(x), k, axis=axis)[1]

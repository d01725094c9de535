"""The product of matrices, and the sum of outer products that is its rule."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff.elementary.shape import expand_dims, reshape, transpose
from clearprop.autodiff.operation import operation
from clearprop.autodiff.shapes import Array, shape_of
from clearprop.errors import ShapeError


def swapped(x: Array) -> Array:
    """Return the matrices of an array transposed: its last two axes in the other order."""
    rank = len(x.shape)
    return transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def _error_of_left(error: Any, z: Any, x: Any, y: Any) -> Any:
    if len(y.shape) == 1:
        return expand_dims(error, -1) * y
    if len(x.shape) == 1:
        return reshape(matmul(y, expand_dims(error, -1)), shape=y.shape[:-1])
    return matmul(error, swapped(y))


def _error_of_right(error: Any, z: Any, x: Any, y: Any) -> Any:
    # One product over all leading axes also sums over examples and over the steps of a scan. The
    # axes are not merged before it: where the examples are sharded over devices and are not the
    # first axis, every device would have to gather them all.
    if len(y.shape) == 2:
        return outer_sum(x, error)
    if len(y.shape) == 1:
        return reshape(outer_sum(x, expand_dims(error, -1)), shape=y.shape)
    if len(x.shape) == 1 or x.shape[-2] != error.shape[-2]:
        # One vector, or in a scan the vectors of all steps, stacked to (T, 1, n).
        return expand_dims(x, -1) * expand_dims(error, -2)
    return matmul(swapped(x), error)


@operation(
    errors=(_error_of_left, _error_of_right),
    stacks=(False, True),
    count=lambda z, x, y: 2 * math.prod(z.shape) * x.shape[-1],
)
def matmul(x: Array, y: Array) -> Array:
    """Multiply matrices: ``z = x y``, over leading axes that broadcast.

    The error signals are ``e y^T`` for x and ``x^T e`` for y.

    Shapes: x (..., m, n) and y (..., n, p) give z (..., m, p); a vector is a row on the left and a
    column on the right.

    Raises:
        ShapeError: the inner sizes differ, or the leading axes do not broadcast.

    >>> print(matmul(jnp.array([[1.0, 2.0]]), jnp.array([[3.0], [4.0]])))
    [[11.]]

    Source: NumPy's `matmul`.
    """
    left, right = shape_of(x), shape_of(y)
    if not left or not right or left[-1] != right[-2 if len(right) > 1 else 0]:
        raise ShapeError(
            "shapes do not fit together",
            where="matmul",
            given=f"{left} and {right}",
            expected=_matmul_rule(left, right),
        )
    leading = zip(left[-3::-1], right[-3::-1], strict=False)
    if any(m != n and 1 not in (m, n) for m, n in leading):
        raise ShapeError(
            "the leading axes do not fit together",
            where="matmul",
            given=f"{left} and {right}",
            expected="equal sizes before the last two axes, or 1",
        )
    return jnp.matmul(x, y)


def _matmul_rule(left: tuple[int, ...], right: tuple[int, ...]) -> str:
    if not left or not right:
        return "arrays with at least one axis; multiply by a number with *"
    inner = right[-2 if len(right) > 1 else 0]
    return f"(..., m, n) and (..., n, p): the inner sizes {left[-1]} and {inner} must be equal"


@operation(
    errors=(
        lambda error, z, x, y: matmul(y, transpose(error)),
        lambda error, z, x, y: matmul(x, error),
    ),
    count=lambda z, x, y: 2 * math.prod(x.shape) * y.shape[-1],
)
def outer_sum(x: Array, y: Array) -> Array:
    """Sum the outer products of rows: ``z = sum_n x_n y_n^T = x^T y``, the gradient of a weight.

    Shapes: x (..., m), y (..., n), z (m, n). The sum is over all leading axes.

    Raises:
        ShapeError: x and y do not have the same leading axes.

    >>> print(outer_sum(jnp.array([[1.0, 2.0]]), jnp.array([[3.0]])))
    [[3.]
     [6.]]

    Source: the gradient of a linear layer's weight (Rumelhart, Hinton and Williams 1986).
    """
    if not x.shape or not y.shape or x.shape[:-1] != y.shape[:-1]:
        raise ShapeError(
            "the arrays do not have the same number of rows",
            where="outer_sum",
            given=f"{shape_of(x)} and {shape_of(y)}",
            expected="(..., m) and (..., n)",
        )
    leading = tuple(range(len(x.shape) - 1))
    over_rows = (leading, leading), ((), ())
    if _reads_slowly(x, y):
        # Without the barrier XLA would recognize x^T y and compute it directly.
        turned: Array = jax.lax.optimization_barrier(jax.lax.dot_general(y, x, over_rows))
        return turned.T
    return jax.lax.dot_general(x, y, over_rows)


def _reads_slowly(x: Any, y: Any) -> bool:
    """Say whether y^T x is faster to compute on a processor.

    The product reads x column by column. If its rows are a large power of 2 apart in memory, few
    lines of the cache hold them all: (1024, 1024)^T (1024, 256) took 5.3 ms, the product in the
    other order 3.4 ms, and its transpose less than 0.5 ms. There was no difference at widths of
    256, 512 or 784.
    """
    return bool(
        jax.default_backend() == "cpu"
        and x.shape[-1] % 1024 == 0
        and x.shape[-1] >= 2 * y.shape[-1]
        and min(math.prod(x.shape[:-1]), y.shape[-1]) >= 128
    )

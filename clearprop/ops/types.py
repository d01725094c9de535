"""Names of types that the operations share, and the checks of shapes that they make first."""

from __future__ import annotations

from typing import Any, TypeAlias

import jax
import numpy as np
from jax.typing import ArrayLike

from clearprop.errors import ShapeError

__all__ = ["Array", "ArrayLike", "Axis", "check_axis", "check_broadcast", "nothing"]

Array: TypeAlias = jax.Array
Axis: TypeAlias = int | tuple[int, ...] | None


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of an array or number.

    >>> shape_of(2.0), shape_of(np.ones((2, 3)))
    ((), (2, 3))
    """
    shape = getattr(x, "shape", None)
    return tuple(np.shape(x)) if shape is None else tuple(shape)


def check_broadcast(name: str, *arrays: Any) -> None:
    """Raise unless the arrays' shapes fit: aligned at the last axis, equal or 1 along each.

    >>> check_broadcast("add", np.ones((3, 1)), np.ones(4))
    >>> check_broadcast("add", np.ones((3, 2)), np.ones((2, 3)))
    Traceback (most recent call last):
        ...
    clearprop.errors.ShapeError: add: shapes do not fit together
      given:    (3, 2) and (2, 3)
      expected: equal sizes along each axis, counted from the last, or 1
    """
    # Most calls are of equal shapes or with a number: they cost a comparison.
    if len({shape for x in arrays if (shape := getattr(x, "shape", ()))}) < 2:
        return
    shapes = [shape_of(x) for x in arrays]
    for sizes in _aligned(shapes):
        if len(set(sizes) - {1}) > 1:
            raise ShapeError(
                "shapes do not fit together",
                where=name,
                given=" and ".join(str(shape) for shape in shapes),
                expected="equal sizes along each axis, counted from the last, or 1",
            )


def _aligned(shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    longest = max(len(shape) for shape in shapes)
    padded = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    return list(zip(*padded, strict=True))


def check_axis(name: str, x: Any, axis: int) -> int:
    """Return the axis counted from the front; raise where the array does not have it.

    >>> check_axis("sum", np.ones((2, 3)), -1)
    1
    """
    rank = len(x.shape)
    if not -rank <= axis < rank:
        raise ShapeError(
            f"there is no axis {axis}",
            where=name,
            given=f"shape {tuple(x.shape)}",
            expected=f"an axis from {-rank} to {rank - 1}" if rank else "an array with axes",
        )
    return axis % rank


def nothing(output: Any, *inputs: Any, **parameters: Any) -> int:
    """Count the arithmetic of operations that only move numbers: none.

    >>> nothing(np.ones(3))
    0
    """
    return 0

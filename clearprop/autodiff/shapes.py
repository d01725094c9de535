"""The types of arrays and axes, and the checks of shapes that operations make first."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Protocol, TypeAlias

import jax
import numpy as np
from jax.typing import ArrayLike

from clearprop.errors import ShapeError

__all__ = [
    "Array",
    "ArrayLike",
    "Axis",
    "Shaped",
    "check_axis",
    "check_broadcast",
    "named_axes",
    "shape_of",
]

Array: TypeAlias = jax.Array
Axis: TypeAlias = int | tuple[int, ...] | None


class Shaped(Protocol):
    """An array, or another value that has a shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along each axis."""


def shape_of(x: object) -> tuple[int, ...]:
    """Return the shape of an array or number.

    >>> shape_of(2.0), shape_of(np.ones((2, 3)))
    ((), (2, 3))
    """
    shape = getattr(x, "shape", None)
    return np.asarray(x).shape if shape is None else tuple(shape)


def check_broadcast(name: str, *arrays: object) -> None:
    """Raise unless the shapes fit: counted from the last axis, sizes are equal or 1.

    Args:
        name: of the operation, for the message.
        arrays: arrays or numbers.

    Raises:
        ShapeError: two sizes along one axis differ, and neither is 1.

    >>> check_broadcast("add", np.ones((3, 1)), np.ones(4))
    >>> check_broadcast("add", np.ones((3, 2)), np.ones((2, 3)))
    Traceback (most recent call last):
        ...
    clearprop.errors.ShapeError: add: shapes do not fit together
      given:    (3, 2) and (2, 3)
      expected: equal sizes along each axis, counted from the last, or 1
    """
    # In most calls the shapes are equal or one side is a number: one comparison decides.
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


def named_axes(axis: int | Sequence[int]) -> tuple[int, ...]:
    """Return axes as a tuple of Python's whole numbers; a single number names one axis.

    >>> named_axes(np.int64(1)), named_axes([0, np.int32(-1)])
    ((1,), (0, -1))
    """
    given = axis if isinstance(axis, tuple | list) else (axis,)
    return tuple(operator.index(a) for a in given)


def check_axis(name: str, x: Shaped, axis: int) -> int:
    """Return an axis counted from the front.

    Args:
        name: of the operation, for the message.
        x: the array.
        axis: counted from the front, or from the end when negative.

    Raises:
        ShapeError: the array does not have that axis.

    >>> check_axis("sum", np.ones((2, 3)), -1)
    1
    """
    rank, axis = len(x.shape), operator.index(axis)
    if not -rank <= axis < rank:
        raise ShapeError(
            f"there is no axis {axis}",
            where=name,
            given=f"shape {tuple(x.shape)}",
            expected=f"an axis from {-rank} to {rank - 1}" if rank else "an array with axes",
        )
    return axis % rank

"""Reading slices by an array of indices, and adding into them.

Each is the rule of the other: the error of an entry that was read is added at its index, and an
entry that was read twice gets both errors.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from clearprop.autodiff import operation, stop_gradient
from clearprop.autodiff.elementary import getitem, where
from clearprop.autodiff.elementary.index import HOLE, filled, place_at, read_at
from clearprop.autodiff.operation import count_nothing
from clearprop.autodiff.shapes import Array, ArrayLike, check_axis
from clearprop.errors import ConfigurationError, ShapeError


def _error_of_taken(error: Any, z: Any, x: Any, indices: Any, axis: int = 0) -> Any:
    return place_at(error, indices, index=_at_axis(x, axis), shape=x.shape)


def _at_axis(x: Any, axis: int) -> tuple[Any, ...]:
    return (*(slice(None) for _ in range(axis % len(x.shape))), HOLE)


@operation(errors=(_error_of_taken, None), count=count_nothing)
def take(x: Array, indices: ArrayLike, axis: int = 0) -> Array:
    """Read whole slices along one axis: ``z[s] = x[indices[s]]``.

    An embedding is ``take(table, words)``. The error of a slice is the sum over all places where it
    was read. Negative indices count from the end, as in NumPy. An index outside the axis raises no
    error, eager or compiled: it reads the nearest end.

    Shapes: x (..., n, ...), indices (whole numbers) of any shape S; in z, S replaces the axis of n.
    A table (V, D) gives S + (D,).

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(take(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1, 1, 0])))
    [[3. 4.]
     [3. 4.]
     [1. 2.]]

    Source: NumPy's `take`; an index outside reads the nearest end, as with ``mode="clip"``.
    """
    axis = check_axis("take", x, axis)
    return read_at(x, filled(_at_axis(x, axis), (jnp.asarray(indices),)))


gather = take


def _along_axis(indices: Any, shape: tuple[int, ...], axis: int) -> list[Any]:
    """Return the full index of `take_along_axis`: a range along every axis but one."""
    ranges = np.ogrid[tuple(slice(n) for n in indices.shape)]
    grid: list[Any] = [
        np.zeros_like(g) if n == 1 else g for n, g in zip(shape, ranges, strict=True)
    ]
    grid[axis % len(shape)] = indices
    return grid


def _error_of_taken_along(error: Any, z: Any, x: Any, indices: Any, axis: int = -1) -> Any:
    grid = _along_axis(stop_gradient(indices), x.shape, axis)
    return place_at(error, *grid, index=(HOLE,) * len(grid), shape=x.shape)


@operation(errors=(_error_of_taken_along, None), count=count_nothing)
def take_along_axis(x: Array, indices: Array, axis: int = -1) -> Array:
    """Read entries of each row: ``z[..., k] = x[..., indices[..., k]]`` along the axis.

    Shapes: x and indices have the same rank, and equal sizes along the other axes; z has the shape
    of indices.

    Raises:
        ShapeError: the ranks differ, or the array does not have that axis.

    >>> print(take_along_axis(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[1], [0]])))
    [[2.]
     [3.]]

    Source: NumPy's `take_along_axis`.
    """
    axis = check_axis("take_along_axis", x, axis)
    same = len(indices.shape) == len(x.shape) and all(
        i == axis or m == n for i, (m, n) in enumerate(zip(indices.shape, x.shape, strict=True))
    )
    if not same:
        raise ShapeError(
            "shapes do not fit together",
            where="take_along_axis",
            given=f"{tuple(x.shape)} and indices {tuple(indices.shape)}",
            expected=f"equal sizes along every axis but {axis}",
        )
    return read_at(x, tuple(_along_axis(indices, x.shape, axis)))


def _inside(indices: Any, shape: tuple[int, ...]) -> Array:
    """Return a mask of the indices inside the first axis, which broadcasts with the addend."""
    places = jnp.asarray(stop_gradient(indices))
    inside = (places >= -shape[0]) & (places < shape[0])
    return inside.reshape(inside.shape + (1,) * (len(shape) - 1))


def _error_of_addend(error: Any, z: Any, x: Any, indices: Any, addend: Any) -> Any:
    return where(_inside(indices, x.shape), getitem(error, indices), 0.0)


@operation(errors=(lambda error, z, x, indices, addend: error, None, _error_of_addend))
def scatter_add(x: Array, indices: ArrayLike, addend: ArrayLike) -> Array:
    """Add into a copy of x: ``z = x``, then ``z[indices[i]] += addend[i]`` for every i.

    A slice whose index occurs twice gets both addends. The addend of an index outside changes
    nothing and gets no error.

    Shapes: x (n, ...), indices (whole numbers) of shape S, addend of shape S + x.shape[1:] or one
    that broadcasts to it; z of the shape and the dtype of x.

    Raises:
        ConfigurationError: the addend is floating-point or complex, and x is not.

    >>> print(scatter_add(jnp.zeros(3), jnp.array([0, 2, 2]), jnp.array([1.0, 2.0, 3.0])))
    [1. 0. 5.]

    Source: JAX's `x.at[indices].add`, and NumPy's `add.at`.
    """
    sum_type = jnp.result_type(x, addend)
    for kind in (jnp.complexfloating, jnp.floating):
        if jnp.issubdtype(sum_type, kind) and not jnp.issubdtype(x.dtype, kind):
            raise ConfigurationError(
                "the addend does not fit into the number type of x: its value would be changed, "
                "and its gradient lost",
                where="scatter_add",
                given=f"x of {x.dtype}, addend of {jnp.result_type(addend)}",
                fix=f"scatter_add(x.astype({str(sum_type)!r}), indices, addend)",
            )
    return jnp.asarray(x).at[jnp.asarray(indices)].add(jnp.asarray(addend, x.dtype), mode="drop")


@operation(count=count_nothing)
def one_hot(labels: ArrayLike, classes: int, dtype: DTypeLike | None = None) -> Array:
    """Write labels as unit vectors: ``z[..., k] = 1 if labels[...] = k else 0``.

    A label outside 0 to ``classes - 1`` gives zeros. It passes no error.

    Shapes: labels of any shape S (whole numbers), z of shape S + (classes,).

    >>> print(one_hot(jnp.array([2, 0]), 3))
    [[0. 0. 1.]
     [1. 0. 0.]]

    Source: `jax.nn.one_hot`.
    """
    return jax.nn.one_hot(labels, classes, dtype=dtype or jnp.float32)

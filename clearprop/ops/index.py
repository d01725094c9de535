"""Reading entries by arrays of indices, and writing and adding at them.

Reading and adding are the rules of each other: the error of an entry that was read is added at its
index, and an entry that was read twice gets both errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from clearprop.autodiff import operation, stop_gradient
from clearprop.autodiff.elementary import astype, broadcast_to, getitem, reshape, where
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


def _check_along(name: str, x: Any, indices: Any, axis: int) -> int:
    """Return the axis, counted from the front, along which the indices point."""
    axis = check_axis(name, x, axis)
    same = len(indices.shape) == len(x.shape) and all(
        i == axis or m == n for i, (m, n) in enumerate(zip(indices.shape, x.shape, strict=True))
    )
    if not same:
        raise ShapeError(
            "shapes do not fit together",
            where=name,
            given=f"{tuple(x.shape)} and indices {tuple(indices.shape)}",
            expected=f"equal sizes along every axis but {axis}",
        )
    return axis


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
    axis = _check_along("take_along_axis", x, indices, axis)
    return read_at(x, tuple(_along_axis(indices, x.shape, axis)))


def _inside(indices: Any, shape: tuple[int, ...]) -> Array:
    """Return a mask of the indices inside the first axis, which broadcasts with the addend."""
    places = jnp.asarray(stop_gradient(indices))
    inside = (places >= -shape[0]) & (places < shape[0])
    return inside.reshape(inside.shape + (1,) * (len(shape) - 1))


def _check_kind(name: str, what: str, x: Array, given: ArrayLike) -> None:
    """Raise if numbers that are written into x would be changed by its number type."""
    common = jnp.result_type(x, given)
    for kind in (jnp.complexfloating, jnp.floating):
        if jnp.issubdtype(common, kind) and not jnp.issubdtype(x.dtype, kind):
            raise ConfigurationError(
                f"the {what} does not fit into the number type of x: its value would be changed, "
                "and its gradient lost",
                where=name,
                given=f"x of {x.dtype}, {what} of {jnp.result_type(given)}",
                fix=f"{name}(x.astype({str(common)!r}), indices, {what})",
            )


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
    _check_kind("scatter_add", "addend", x, addend)
    return jnp.asarray(x).at[jnp.asarray(indices)].add(jnp.asarray(addend, x.dtype), mode="drop")


@operation(count=count_nothing)
def last_written(indices: Array, shape: tuple[int, ...], axis: int) -> Array:
    """Return which index points to a place: ``z[..., j] = the last i with indices[..., i] = j``.

    The indices are counted in their order over all axes; where none points to, z is -1. It passes
    no error.

    Shapes: indices (..., m, ...), z of the given shape (..., n, ...).

    >>> print(last_written(jnp.array([2, 0, 2]), shape=(4,), axis=0))
    [ 1 -1  2 -1]

    Source: part of `put_along_axis`.
    """
    numbers = jnp.arange(math.prod(indices.shape)).reshape(indices.shape)
    grid = tuple(_along_axis(jnp.asarray(indices), shape, axis))
    return jnp.full(shape, -1).at[grid].max(numbers, mode="drop")


def put_along_axis(x: Array, indices: Array, values: ArrayLike, axis: int = -1) -> Array:
    """Write entries into a copy of each row: ``z = x``, then ``z[..., indices[..., k]] = values``.

    Of several values for one place the last counts, and gets the error. A value whose index is
    outside changes nothing.

    Shapes: x and indices have the same rank, and equal sizes along the other axes; values have the
    shape of indices or one that broadcasts to it; z has the shape and the number type of x.

    Raises:
        ShapeError: the ranks differ, or the array does not have that axis.
        ConfigurationError: the values are floating-point or complex, and x is not.

    >>> print(put_along_axis(jnp.zeros((2, 2)), jnp.array([[1], [0]]), 5.0))
    [[0. 5.]
     [5. 0.]]

    Source: NumPy's `put_along_axis`, which changes x itself.
    """
    axis = _check_along("put_along_axis", x, indices, axis)
    _check_kind("put_along_axis", "values", x, stop_gradient(values))
    if not math.prod(indices.shape):
        return x
    written = last_written(stop_gradient(indices), shape=tuple(x.shape), axis=axis)
    flat = reshape(broadcast_to(values, shape=tuple(indices.shape)), shape=(-1,))
    put = take(flat, jnp.maximum(written, 0))
    return astype(where(written >= 0, put, x), dtype=x.dtype)


def add_along_axis(x: Array, indices: Array, addend: ArrayLike, axis: int = -1) -> Array:
    """Add into a copy of each row: ``z = x``, then ``z[..., indices[..., k]] += addend[..., k]``.

    A place whose index occurs twice gets both addends. The addend of an index outside changes
    nothing and gets no error.

    Shapes: x and indices have the same rank, and equal sizes along the other axes; addend has the
    shape of indices or one that broadcasts to it; z has the shape and the number type of x.

    Raises:
        ShapeError: the ranks differ, or the array does not have that axis.
        ConfigurationError: the addend is floating-point or complex, and x is not.

    >>> print(add_along_axis(jnp.zeros((1, 3)), jnp.array([[2, 2]]), jnp.array([[1.0, 2.0]])))
    [[0. 0. 3.]]

    Source: PyTorch's `scatter_add`.
    """
    axis = _check_along("add_along_axis", x, indices, axis)
    _check_kind("add_along_axis", "addend", x, stop_gradient(addend))
    places, size = stop_gradient(indices), x.shape[axis]
    every = astype(broadcast_to(addend, shape=tuple(places.shape)), dtype=x.dtype)
    inside = where((places >= -size) & (places < size), every, 0)
    grid = _along_axis(places, tuple(x.shape), axis)
    return x + place_at(inside, *grid, index=(HOLE,) * len(grid), shape=tuple(x.shape))


Starts = Array | Sequence[Any]


def _as_array(starts: Any) -> Any:
    """Return one number for each axis as an array."""
    if not isinstance(starts, tuple | list):
        return stop_gradient(starts)
    numbers = [jnp.asarray(stop_gradient(start)) for start in starts]
    return jnp.stack(numbers) if numbers else jnp.zeros(0, int)


def _nothing(x: Any, shape: Sequence[int]) -> Array:
    return jnp.zeros(tuple(shape), x.dtype)


def _check_part(name: str, x: Array, starts: Array, sizes: Sequence[int]) -> None:
    rank = len(x.shape)
    if tuple(starts.shape) != (rank,) or len(sizes) != rank:
        raise ShapeError(
            "a part of an array has one start and one size for each axis",
            where=name,
            given=f"{tuple(starts.shape)} starts and {len(sizes)} sizes for {tuple(x.shape)}",
        )
    if any(not 0 <= m <= n for m, n in zip(sizes, x.shape, strict=True)):
        raise ShapeError(
            "the part is larger than the array",
            where=name,
            given=f"{tuple(sizes)} of {tuple(x.shape)}",
        )


def dynamic_slice(x: Array, starts: Starts, sizes: Sequence[int]) -> Array:
    """Read a part of a fixed size: ``z[i] = x[start + i]``.

    The starts may be computed, also while JAX compiles; they pass no error. A part that would reach
    over an end is moved to it.

    Shapes: x (..., n, ...); starts whole numbers, one for each axis; z of the given sizes.

    Raises:
        ShapeError: there is not one start and one size for each axis, or a size is too large.

    >>> print(dynamic_slice(jnp.arange(5.0), [1], [3]), dynamic_slice(jnp.arange(5.0), [4], [3]))
    [1. 2. 3.] [2. 3. 4.]

    Source: `jax.lax.dynamic_slice`.
    """
    return _dynamic_slice(x, _as_array(starts), sizes=tuple(int(size) for size in sizes))


def _error_of_part(error: Any, z: Any, x: Any, starts: Any, sizes: Any) -> Any:
    return _dynamic_update_slice(_nothing(error, x.shape), error, starts)


@operation(errors=(_error_of_part, None), count=count_nothing, name="dynamic_slice")
def _dynamic_slice(x: Array, starts: Array, sizes: tuple[int, ...]) -> Array:
    _check_part("dynamic_slice", x, starts, sizes)
    return jax.lax.dynamic_slice(jnp.asarray(x), tuple(jnp.asarray(starts)), sizes)


def dynamic_update_slice(x: Array, part: Array, starts: Starts) -> Array:
    """Write a part into a copy of x: ``z = x``, then ``z[start + i] = part[i]``.

    The starts may be computed, also while JAX compiles; they pass no error. A part that would reach
    over an end is moved to it.

    Shapes: x (..., n, ...); part (..., m, ...) of the same rank; starts whole numbers, one for each
    axis; z of the shape and the number type of x.

    Raises:
        ShapeError: there is not one start for each axis, or the part is too large.
        ConfigurationError: the part is floating-point or complex, and x is not.

    >>> print(dynamic_update_slice(jnp.zeros(4), jnp.ones(2), [1]))
    [0. 1. 1. 0.]

    Source: `jax.lax.dynamic_update_slice`.
    """
    return _dynamic_update_slice(x, part, _as_array(starts))


def _error_around_part(error: Any, z: Any, x: Any, part: Any, starts: Any) -> Any:
    return _dynamic_update_slice(error, _nothing(error, part.shape), starts)


def _error_in_part(error: Any, z: Any, x: Any, part: Any, starts: Any) -> Any:
    return _dynamic_slice(error, starts, sizes=tuple(part.shape))


@operation(
    errors=(_error_around_part, _error_in_part, None),
    count=count_nothing,
    name="dynamic_update_slice",
)
def _dynamic_update_slice(x: Array, part: Array, starts: Array) -> Array:
    _check_part("dynamic_update_slice", x, starts, part.shape)
    _check_kind("dynamic_update_slice", "part", x, part)
    given = jnp.asarray(part, x.dtype)
    return jax.lax.dynamic_update_slice(jnp.asarray(x), given, tuple(jnp.asarray(starts)))


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

"""Reading entries of an array by index, and adding entries into one.

Reading and adding are each other's rules: what is read at an index gets its error back at that
index, and an index that is read twice gets both errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import operation, stop_gradient
from clearprop.errors import ShapeError
from clearprop.ops.elementwise import where
from clearprop.ops.types import Array, ArrayLike, check_axis, nothing

_HOLE = "array"
"""Stands in a static index where an array of indices belongs."""


def getitem(x: Array, index: Any) -> Array:
    """Read entries: z = x[index], for every index that NumPy knows.

    Arrays in the index are inputs (without error); numbers, slices, None and ``...`` are static. An
    index array beyond the end reads the last entry, as in JAX.

    Raises:
        ShapeError: more indices than axes, a number outside its axis, an index that is no whole
            number, or a mask whose number of True entries is not known while JAX compiles.

    >>> print(getitem(jnp.arange(6.0).reshape(2, 3), (0, slice(None, None, 2))))
    [0. 2.]
    """
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(place for part in parts for place in _places(stop_gradient(part)))
    arrays = tuple(part for part in parts if _is_array(part))
    static = tuple(_HOLE if _is_array(part) else part for part in parts)
    return _getitem(x, *arrays, index=static)


def _is_array(part: Any) -> bool:
    return isinstance(part, jax.Array | np.ndarray)


def _places(part: Any) -> tuple[Any, ...]:
    """Turn a list into an array, and a mask into the places of its True entries."""
    if isinstance(part, list | bool | np.bool_):
        part = np.asarray(part, int if part == [] else None)
    _check_whole(part)
    if not _is_array(part) or part.dtype != bool or not part.ndim:
        return (part,)
    if isinstance(part, jax.core.Tracer):
        raise ShapeError(
            "the number of True entries of a mask is not known while JAX compiles",
            where="getitem",
            given=f"a mask of shape {part.shape}",
            fix="use ops.where(mask, x, 0.0), which keeps the shape",
        )
    return np.nonzero(np.asarray(part))


def _check_whole(part: Any) -> None:
    if part is None or part is Ellipsis or isinstance(part, slice):
        return
    whole = part.dtype.kind in "iub" if _is_array(part) else hasattr(part, "__index__")
    if not whole:
        raise ShapeError(
            "an index is no whole number",
            where="getitem",
            given=f"an array of {part.dtype}" if _is_array(part) else repr(part),
            expected="whole numbers, slices, None, ... or a mask",
            fix="x[int(i)] for a number, x[i.astype(int)] for an array",
        )


def _filled(index: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    following = iter(arrays)
    return tuple(next(following) if part is _HOLE else part for part in index)


def _error_of_read(error: Any, z: Any, x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
    return (_place(error, *arrays, index=index, shape=x.shape), *(None for _ in arrays))


@operation(joint=_error_of_read, count=nothing, name="getitem")
def _getitem(x: Array, *arrays: Array, index: tuple[Any, ...]) -> Array:
    if not arrays:
        return _Cut.of(tuple(x.shape), index).read(x)
    return _read(x, _filled(index, arrays))


def _error_of_placed(error: Any, z: Any, x: Any, *arrays: Any, index: Any, shape: Any) -> Any:
    return (_getitem(error, *arrays, index=index), *(None for _ in arrays))


@operation(joint=_error_of_placed, count=nothing, name="place")
def _place(x: Array, *arrays: Array, index: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Add x into zeros of a shape at an index: the rule of `getitem`."""
    if not arrays:
        return _Cut.of(shape, index).write(x)
    return jnp.zeros(shape, x.dtype).at[_filled(index, arrays)].add(x, mode="clip")


def _read(x: Array, index: tuple[Any, ...]) -> Array:
    # The mode is that of `_place`: a place outside is read from, and gives its error to, the end.
    return x.at[index].get(mode="clip")


@dataclass(frozen=True)
class _Cut:
    """A static index as one slice with steps: XLA cuts and pads far faster than it gathers."""

    shape: tuple[int, ...]
    starts: tuple[int, ...]
    limits: tuple[int, ...]
    steps: tuple[int, ...]
    reversed_axes: tuple[int, ...]
    answer: tuple[int, ...]
    """Shape of what is read: without the axes of numbers, with those of None."""

    @classmethod
    def of(cls, shape: tuple[int, ...], index: tuple[Any, ...]) -> _Cut:
        starts, limits, steps, backwards, answer = [], [], [], [], []
        axis = 0
        for part in _with_every_axis(shape, index):
            if part is None:
                answer.append(1)
                continue
            size = shape[axis]
            if isinstance(part, slice):
                places = range(*part.indices(size))
                answer.append(len(places))
            else:
                places = range(_checked(int(part), size, axis, shape), size)[:1]
            if places.step < 0:
                backwards.append(axis)
                places = places[::-1]
            starts.append(places.start if places else 0)
            limits.append(places[-1] + 1 if places else 0)
            steps.append(places.step)
            axis += 1
        return cls(
            shape, tuple(starts), tuple(limits), tuple(steps), tuple(backwards), tuple(answer)
        )

    @property
    def kept(self) -> tuple[int, ...]:
        spans = zip(self.starts, self.limits, self.steps, strict=True)
        return tuple(len(range(start, limit, step)) for start, limit, step in spans)

    def read(self, x: Array) -> Array:
        if self.kept != self.shape:
            x = jax.lax.slice(x, self.starts, self.limits, self.steps)
        return jax.lax.rev(x, self.reversed_axes).reshape(self.answer)

    def write(self, x: Array) -> Array:
        x = jax.lax.rev(x.reshape(self.kept), self.reversed_axes)
        if self.kept == self.shape:
            return x
        edges = []
        for i, (start, step) in enumerate(zip(self.starts, self.steps, strict=True)):
            covered = (self.kept[i] - 1) * step + 1 if self.kept[i] else 0
            edges.append((start, self.shape[i] - start - covered, step - 1))
        return jax.lax.pad(x, jnp.zeros((), x.dtype), edges)


def _with_every_axis(shape: tuple[int, ...], index: tuple[Any, ...]) -> list[Any]:
    """Put the slices that ``...`` and a short index leave out."""
    given = sum(part is not None and part is not Ellipsis for part in index)
    if given > len(shape):
        raise ShapeError(
            "more indices than axes", where="getitem", given=f"{index} of shape {shape}"
        )
    rest = [slice(None)] * (len(shape) - given)
    parts: list[Any] = []
    for part in index:
        if part is Ellipsis:
            parts += rest
            rest = []
        else:
            parts.append(part)
    return parts + rest


def _checked(place: int, size: int, axis: int, shape: tuple[int, ...]) -> int:
    if not -size <= place < size:
        raise ShapeError(
            f"index {place} is outside axis {axis}",
            where="getitem",
            given=f"shape {shape}",
            expected=f"an index from {-size} to {size - 1}",
        )
    return place % size


def _error_of_taken(error: Any, z: Any, x: Any, indices: Any, axis: int = 0) -> Any:
    return _place(error, indices, index=_at_axis(x, axis), shape=x.shape)


def _at_axis(x: Any, axis: int) -> tuple[Any, ...]:
    return (*(slice(None) for _ in range(axis % len(x.shape))), _HOLE)


@operation(errors=(_error_of_taken, None), count=nothing)
def take(x: Array, indices: ArrayLike, axis: int = 0) -> Array:
    """Read whole slices along one axis: an embedding is ``take(table, words)``.

    ``indices`` (integers of any shape S) replace the axis: a table (V, D) gives S + (D,). The error
    of a slice is the sum over all places where it was read. Negative indices count from the end,
    as in NumPy; one outside the axis is no error, eager or compiled: it reads the nearest end.

    Raises:
        ShapeError: the array has not that axis.

    >>> print(take(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1, 1, 0])))
    [[3. 4.]
     [3. 4.]
     [1. 2.]]
    """
    axis = check_axis("take", x, axis)
    return _read(x, _filled(_at_axis(x, axis), (jnp.asarray(indices),)))


gather = take


def _along_axis(indices: Any, shape: tuple[int, ...], axis: int) -> list[Any]:
    """Return the full index of `take_along_axis`: a range along every axis but one."""
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid = [
        np.zeros_like(g) if shape[i] == 1 and i != axis % len(shape) else g
        for i, g in enumerate(grid)
    ]
    grid[axis % len(shape)] = indices
    return grid


def _error_of_taken_along(error: Any, z: Any, x: Any, indices: Any, axis: int = -1) -> Any:
    grid = _along_axis(stop_gradient(indices), x.shape, axis)
    return _place(error, *grid, index=(_HOLE,) * len(grid), shape=x.shape)


@operation(errors=(_error_of_taken_along, None), count=nothing)
def take_along_axis(x: Array, indices: Array, axis: int = -1) -> Array:
    """Read one place per row: z[..., k] = x[..., indices[..., k]] along the axis.

    The arrays have the same rank, and equal sizes along the other axes.

    Raises:
        ShapeError: the ranks differ, or the array has not that axis.

    >>> print(take_along_axis(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[1], [0]])))
    [[2.]
     [3.]]
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
    return _read(x, tuple(_along_axis(indices, x.shape, axis)))


def _inside(indices: Any, shape: tuple[int, ...]) -> Array:
    """Say which places are on the first axis, as a mask that broadcasts with what stands there."""
    places = jnp.asarray(stop_gradient(indices))
    inside = (places >= -shape[0]) & (places < shape[0])
    return inside.reshape(inside.shape + (1,) * (len(shape) - 1))


def _error_of_addend(error: Any, z: Any, x: Any, indices: Any, addend: Any) -> Any:
    return where(_inside(indices, x.shape), getitem(error, indices), 0.0)


@operation(errors=(lambda error, z, x, indices, addend: error, None, _error_of_addend))
def scatter_add(x: Array, indices: ArrayLike, addend: ArrayLike) -> Array:
    """Add into a copy of x: z = x, then z[indices[i]] += addend[i] for every i.

    ``indices`` (integers of shape S) name slices along the first axis; ``addend`` has the shape
    S + x.shape[1:], or broadcasts to it. A slice that is named twice gets both; an
    index outside names none, so that its addend changes nothing and gets no error.

    >>> print(scatter_add(jnp.zeros(3), jnp.array([0, 2, 2]), jnp.array([1.0, 2.0, 3.0])))
    [1. 0. 5.]
    """
    return x.at[jnp.asarray(indices)].add(addend, mode="drop")


@operation(count=nothing)
def one_hot(labels: ArrayLike, classes: int, dtype: Any = None) -> Array:
    """Write labels as unit vectors: shape S becomes S + (classes,); a label outside gives zeros.

    >>> print(one_hot(jnp.array([2, 0]), 3))
    [[0. 0. 1.]
     [1. 0. 0.]]
    """
    return jax.nn.one_hot(labels, classes, dtype=dtype or jnp.float32)

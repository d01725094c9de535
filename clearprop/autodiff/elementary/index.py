"""Reading entries of an array by index, and adding entries into zeros at an index.

Each is the rule of the other: the error of an entry that was read is added at its index, and an
entry that was read twice gets both errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff.operation import count_nothing, operation
from clearprop.autodiff.shapes import Array
from clearprop.autodiff.tape import strip
from clearprop.errors import ShapeError

Index: TypeAlias = tuple[object, ...]

HOLE = "array"
"""Marks the places of arrays in a static index."""


def getitem(x: Array, index: object) -> Array:
    """Read entries: ``z = x[index]``, for every kind of index that NumPy has.

    Arrays in the index are inputs (without error); numbers, slices, None and ``...`` are static. An
    index array that points beyond the end reads the last entry.

    Shapes: x of any shape; z has the shape that NumPy gives the result.

    Raises:
        ShapeError: more indices than axes, a number outside its axis, an index that is not a
            whole number, or a mask whose number of True entries is not known while JAX compiles.

    >>> print(getitem(jnp.arange(6.0).reshape(2, 3), (0, slice(None, None, 2))))
    [0. 2.]

    Source: NumPy's indexing; an index array may point outside, as in JAX, which NumPy forbids.
    """
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(place for part in parts for place in _places(jax.tree.map(strip, part)))
    arrays = tuple(part for part in parts if _is_array(part))
    static = tuple(HOLE if _is_array(part) else part for part in parts)
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
            "an index is not a whole number",
            where="getitem",
            given=f"an array of {part.dtype}" if _is_array(part) else repr(part),
            expected="whole numbers, slices, None, ... or a mask",
            fix="x[int(i)] for a number, x[i.astype(int)] for an array",
        )


def filled(index: Index, arrays: Sequence[Array]) -> Index:
    """Return a static index with its arrays put back."""
    following = iter(arrays)
    return tuple(next(following) if part is HOLE else part for part in index)


def _error_of_read(error: Any, z: Any, x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
    return (place_at(error, *arrays, index=index, shape=x.shape), *(None for _ in arrays))


@operation(joint=_error_of_read, count=count_nothing, name="getitem")
def _getitem(x: Array, *arrays: Array, index: tuple[Any, ...]) -> Array:
    if not arrays:
        return _Cut.of(tuple(x.shape), index).read(x)
    return read_at(x, filled(index, arrays))


def _error_of_placed(error: Any, z: Any, x: Any, *arrays: Any, index: Any, shape: Any) -> Any:
    return (_getitem(error, *arrays, index=index), *(None for _ in arrays))


@operation(joint=_error_of_placed, count=count_nothing)
def place_at(x: Array, *arrays: Array, index: Index, shape: tuple[int, ...]) -> Array:
    """Add x into zeros of a shape at an index: the rule of `getitem`."""
    if not arrays:
        return _Cut.of(shape, index).write(x)
    return jnp.zeros(shape, x.dtype).at[filled(index, arrays)].add(x, mode="clip")


def read_at(x: Array, index: Index) -> Array:
    """Return x[index]; a place outside reads the nearest end."""
    # The mode is that of `place_at`: a place outside reads from the end and gives its error to it.
    return jnp.asarray(x).at[index].get(mode="clip")


@dataclass(frozen=True)
class _Cut:
    """A static index as one slice with steps: XLA slices and pads far faster than it gathers."""

    shape: tuple[int, ...]
    starts: tuple[int, ...]
    limits: tuple[int, ...]
    steps: tuple[int, ...]
    reversed_axes: tuple[int, ...]
    result: tuple[int, ...]
    """Shape of what is read: without the axes of numbers, with those of None."""

    @classmethod
    def of(cls, shape: tuple[int, ...], index: tuple[Any, ...]) -> _Cut:
        starts, limits, steps, backwards, result = [], [], [], [], []
        axis = 0
        for part in _with_every_axis(shape, index):
            if part is None:
                result.append(1)
                continue
            size = shape[axis]
            if isinstance(part, slice):
                places = range(*part.indices(size))
                result.append(len(places))
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
            shape, tuple(starts), tuple(limits), tuple(steps), tuple(backwards), tuple(result)
        )

    @property
    def kept(self) -> tuple[int, ...]:
        spans = zip(self.starts, self.limits, self.steps, strict=True)
        return tuple(len(range(start, limit, step)) for start, limit, step in spans)

    def read(self, x: Array) -> Array:
        if self.kept != self.shape:
            x = jax.lax.slice(x, self.starts, self.limits, self.steps)
        return jax.lax.rev(x, self.reversed_axes).reshape(self.result)

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
    """Return an index with the slices that ``...`` and a short index stand for."""
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

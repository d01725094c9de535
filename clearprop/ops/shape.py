"""Moving numbers without changing them: shapes, axes, pieces and types.

Every rule moves the error signal back to where its number came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.errors import ShapeError
from clearprop.ops.index import getitem
from clearprop.ops.types import Array, ArrayLike, check_axis, nothing, shape_of


def _back_to_shape(error: Any, z: Any, x: Any, *parameters: Any, **named: Any) -> Any:
    return reshape(error, shape=x.shape)


@operation(errors=(_back_to_shape,), count=nothing)
def reshape(x: ArrayLike, shape: int | Sequence[int]) -> Array:
    """Give the same numbers, in the same order, another shape; one size may be -1.

    Raises:
        ShapeError: the shape holds another number of entries.

    >>> reshape(jnp.arange(6.0), (2, -1)).shape
    (2, 3)
    """
    new = (shape,) if isinstance(shape, int) else tuple(shape)
    size, known = math.prod(shape_of(x)), math.prod(n for n in new if n != -1)
    free = new.count(-1)
    if free > 1 or (size != known if free == 0 else known == 0 or size % known):
        raise ShapeError(
            "the entries do not fill the new shape",
            where="reshape",
            given=f"{shape_of(x)}, which is {size} entries, to {new}",
            expected="the same number of entries, and -1 for one size at most",
        )
    return jnp.reshape(x, new)


def _back_to_order(error: Any, z: Any, x: Any, axes: Sequence[int] | None = None) -> Any:
    if axes is None:
        return transpose(error)
    order = [axis % len(axes) for axis in axes]
    return transpose(error, axes=tuple(sorted(range(len(order)), key=order.__getitem__)))


@operation(errors=(_back_to_order,), count=nothing)
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Reorder the axes: axis i of the result is axis ``axes[i]``; all in reverse when None.

    Raises:
        ShapeError: ``axes`` is no order of the array's axes.

    >>> transpose(jnp.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    shape = shape_of(x)
    if axes is not None and sorted(a % (len(shape) or 1) for a in axes) != [*range(len(shape))]:
        raise ShapeError(
            "the axes are no order of the array's axes",
            where="transpose",
            given=f"axes {tuple(axes)} of shape {shape}",
            expected=f"each of 0 to {len(shape) - 1} once",
        )
    return jnp.transpose(x, axes)


def moveaxis(x: Array, source: int, destination: int) -> Array:
    """Move one axis to another place; the others keep their order.

    Raises:
        ShapeError: the array has not one of the axes.

    >>> moveaxis(jnp.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    source = check_axis("moveaxis", x, source)
    order = [axis for axis in range(len(x.shape)) if axis != source]
    order.insert(check_axis("moveaxis", x, destination), source)
    return transpose(x, axes=tuple(order))


@operation(errors=(lambda error, z, x, shape: error,), count=nothing)
def broadcast_to(x: ArrayLike, shape: Sequence[int]) -> Array:
    """Repeat along new axes and axes of size 1; the errors of all copies are summed.

    Raises:
        ShapeError: the array does not broadcast to the shape.

    >>> broadcast_to(jnp.ones((3, 1)), (2, 3, 4)).shape
    (2, 3, 4)
    """
    old, new = shape_of(x), tuple(shape)
    pairs = zip(old[::-1], new[::-1], strict=False)
    if len(old) > len(new) or any(m not in (1, n) for m, n in pairs):
        raise ShapeError(
            "the array does not broadcast to the shape",
            where="broadcast_to",
            given=f"{old} to {new}",
            expected="equal sizes, or 1 to be repeated, along each axis counted from the last",
        )
    return jnp.broadcast_to(x, new)


def squeeze(x: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Drop axes of size 1: those named, or all when None.

    Raises:
        ShapeError: a named axis is not of size 1.

    >>> squeeze(jnp.zeros((1, 3, 1)), -1).shape
    (1, 3)
    """
    shape = tuple(x.shape)
    if axis is None:
        axes = {i for i, n in enumerate(shape) if n == 1}
    else:
        named = (axis,) if isinstance(axis, int) else axis
        axes = {check_axis("squeeze", x, a) for a in named}
    if any(shape[a] != 1 for a in axes):
        raise ShapeError(
            "only axes of size 1 can be dropped", where="squeeze", given=f"{axis} of {shape}"
        )
    return reshape(x, shape=tuple(n for i, n in enumerate(shape) if i not in axes))


def expand_dims(x: Array, axis: int | Sequence[int]) -> Array:
    """Insert axes of size 1, which stand at ``axis`` in the result.

    Raises:
        ShapeError: the result has not that axis, or one is named twice.

    >>> expand_dims(jnp.zeros((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    named = (axis,) if isinstance(axis, int) else tuple(axis)
    rank = len(x.shape) + len(named)
    places = {a % rank for a in named if -rank <= a < rank}
    if len(places) < len(named):
        raise ShapeError(
            "these axes cannot be inserted", where="expand_dims", given=f"{axis} of {x.shape}"
        )
    rest = iter(x.shape)
    return reshape(x, shape=tuple(1 if i in places else next(rest) for i in range(rank)))


def _pieces(error: Any, z: Any, *arrays: Any, axis: int = 0) -> list[Any]:
    answer, start = [], 0
    before = (slice(None),) * (axis % len(z.shape))
    for x in arrays:
        stop = start + x.shape[axis]
        answer.append(getitem(error, (*before, slice(start, stop))))
        start = stop
    return answer


@operation(joint=_pieces, count=nothing)
def concatenate(*arrays: Array | Sequence[Array], axis: int = 0) -> Array:
    """Join arrays along an axis that they have: ``concatenate(x, y)`` or ``concatenate([x, y])``.

    Raises:
        ShapeError: there is no array, or they differ along another axis.

    >>> concatenate(jnp.zeros((2, 3)), jnp.ones((1, 3))).shape
    (3, 3)
    """
    _check_alike("concatenate", arrays, axis)
    return jnp.concatenate(arrays, axis=axis)  # type: ignore[arg-type]


def _layers(error: Any, z: Any, *arrays: Any, axis: int = 0) -> list[Any]:
    before = (slice(None),) * (axis % len(z.shape))
    return [getitem(error, (*before, i)) for i in range(len(arrays))]


@operation(joint=_layers, count=nothing)
def stack(*arrays: Array | Sequence[Array], axis: int = 0) -> Array:
    """Join arrays of one shape along a new axis: ``stack(x, y)`` or ``stack([x, y])``.

    Raises:
        ShapeError: there is no array, or their shapes differ.

    >>> stack(jnp.zeros(3), jnp.ones(3), axis=-1).shape
    (3, 2)
    """
    _check_alike("stack", arrays, None)
    return jnp.stack(arrays, axis=axis)  # type: ignore[arg-type]


def _check_alike(name: str, arrays: Sequence[Any], axis: int | None) -> None:
    shapes = [shape_of(x) for x in arrays]
    rest = [list(shape) for shape in shapes]
    if axis is not None:
        for x, sizes in zip(arrays, rest, strict=True):
            sizes[check_axis(name, x, axis)] = -1
    if not rest or any(sizes != rest[0] for sizes in rest):
        raise ShapeError(
            "shapes do not fit together",
            where=name,
            given=" and ".join(str(shape) for shape in shapes) or "no array",
            expected="equal shapes" if axis is None else f"equal sizes along all axes but {axis}",
        )


def _joined(error: Any, z: Any, x: Any, sections: Any, axis: int = 0) -> Any:
    return concatenate(*(error if isinstance(error, tuple) else (error,)), axis=axis)


@operation(errors=(_joined,), count=nothing)
def split(x: Array, sections: int | Sequence[int], axis: int = 0) -> tuple[Array, ...]:
    """Cut into pieces along an axis: so many equal ones, or pieces that begin at the given places.

    Raises:
        ShapeError: the axis does not part into so many equal pieces.

    >>> [piece.shape for piece in split(jnp.zeros((2, 6)), 3, axis=-1)]
    [(2, 2), (2, 2), (2, 2)]
    >>> [piece.shape for piece in split(jnp.zeros(6), [1, 4])]
    [(1,), (3,), (2,)]
    """
    size = x.shape[check_axis("split", x, axis)]
    if isinstance(sections, int) and (sections < 1 or size % sections):
        raise ShapeError(
            f"an axis of size {size} does not part into {sections} equal pieces",
            where="split",
            given=f"shape {tuple(x.shape)}, axis {axis}",
        )
    places = sections if isinstance(sections, int) else tuple(sections)
    return tuple(jnp.split(x, places, axis=axis))


def _inner(
    error: Any, z: Any, x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0
) -> Any:
    spans = zip(widths, x.shape, strict=True)
    return getitem(error, tuple(slice(before, before + n) for (before, _), n in spans))


@operation(errors=(_inner,), count=nothing)
def pad(x: Array, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    """Put a constant before and after the entries: one pair (before, after) an axis.

    Raises:
        ShapeError: there is not one pair an axis.

    >>> print(pad(jnp.ones(2), [(1, 2)]))
    [0. 1. 1. 0. 0.]
    """
    if len(widths) != len(x.shape):
        raise ShapeError(
            "padding needs one pair (before, after) an axis",
            where="pad",
            given=f"{widths} for shape {tuple(x.shape)}",
        )
    edges = [(before, after, 0) for before, after in widths]
    return jax.lax.pad(x, jnp.asarray(value, x.dtype), edges)


def _flipped_back(error: Any, z: Any, x: Any, axis: int | Sequence[int] | None = None) -> Any:
    return flip(error, axis=axis)


@operation(errors=(_flipped_back,), count=nothing)
def flip(x: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Reverse the order along axes (all when None).

    >>> print(flip(jnp.arange(3.0)))
    [2. 1. 0.]
    """
    return jnp.flip(x, axis if axis is None or isinstance(axis, int) else tuple(axis))


@operation(errors=(lambda error, z, x, dtype: error,), stacks=True, count=nothing)
def astype(x: ArrayLike, dtype: Any) -> Array:
    """Convert the numbers; the error is converted back. Whole numbers carry no error.

    >>> astype(jnp.ones(2), jnp.bfloat16).dtype
    dtype(bfloat16)
    """
    return jnp.asarray(x).astype(dtype)

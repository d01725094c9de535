"""Operations that change shapes, axes and number types, and no number.

Every rule moves each error signal back to the place of its number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop.autodiff.elementary.index import getitem
from clearprop.autodiff.operation import count_nothing, operation
from clearprop.autodiff.shapes import Array, ArrayLike, Shaped, check_axis, named_axes, shape_of
from clearprop.errors import ShapeError


def _back_to_shape(error: Any, z: Any, x: Any, *parameters: Any, **named: Any) -> Any:
    return reshape(error, shape=x.shape)


@operation(errors=(_back_to_shape,), count=count_nothing)
def reshape(x: ArrayLike, shape: int | Sequence[int]) -> Array:
    """Change the shape; the entries keep their order: ``z.ravel() = x.ravel()``.

    Shapes: x of any shape, z of the given one. One size may be -1: it follows from the others.

    Raises:
        ShapeError: the shape holds another number of entries.

    >>> reshape(jnp.arange(6.0), (2, -1)).shape
    (2, 3)

    Source: NumPy's `reshape`.
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


@operation(errors=(_back_to_order,), count=count_nothing)
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Reorder the axes: ``z.shape[i] = x.shape[axes[i]]``; all in reverse order when None.

    Shapes: x of any shape, z of the same sizes in another order.

    Raises:
        ShapeError: ``axes`` does not name each axis once.

    >>> transpose(jnp.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)

    Source: NumPy's `transpose`.
    """
    shape = shape_of(x)
    if axes is not None and sorted(a % (len(shape) or 1) for a in axes) != [*range(len(shape))]:
        raise ShapeError(
            "the axes are not each axis of the array once",
            where="transpose",
            given=f"axes {tuple(axes)} of shape {shape}",
            expected=f"each of 0 to {len(shape) - 1} once",
        )
    return jnp.transpose(x, axes)


@operation(errors=(lambda error, z, x, shape: error,), count=count_nothing)
def broadcast_to(x: ArrayLike, shape: Sequence[int]) -> Array:
    """Repeat entries: ``z[..., i, j] = x[..., 0, j]`` along new axes and axes of size 1.

    The error of x is the sum of the errors of all copies.

    Shapes: x of any shape that broadcasts to the given one; z of the given one.

    Raises:
        ShapeError: the array does not broadcast to the shape.

    >>> broadcast_to(jnp.ones((3, 1)), (2, 3, 4)).shape
    (2, 3, 4)

    Source: NumPy's `broadcast_to`.
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


def expand_dims(x: Array, axis: int | Sequence[int]) -> Array:
    """Insert axes of size 1: ``z[0, i] = x[i]``. ``axis`` gives their places in the result.

    Shapes: x of any shape, z of the same with sizes of 1 inserted.

    Raises:
        ShapeError: the result does not have that axis, or one is named twice.

    >>> expand_dims(jnp.zeros((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)

    Source: NumPy's `expand_dims`.
    """
    named = named_axes(axis)
    rank = len(x.shape) + len(named)
    places = {a % rank for a in named if -rank <= a < rank}
    if len(places) < len(named):
        raise ShapeError(
            "these axes cannot be inserted", where="expand_dims", given=f"{axis} of {x.shape}"
        )
    rest = iter(x.shape)
    return reshape(x, shape=tuple(1 if i in places else next(rest) for i in range(rank)))


def _layers(error: Any, z: Any, *arrays: Any, axis: int = 0) -> list[Any]:
    before = (slice(None),) * (axis % len(z.shape))
    return [getitem(error, (*before, i)) for i in range(len(arrays))]


@operation(joint=_layers, count=count_nothing)
def stack(*arrays: Array | Sequence[Array], axis: int = 0) -> Array:
    """Join arrays along a new axis: ``z[k] = x_k``. Write ``stack(x, y)`` or ``stack([x, y])``.

    Shapes: K arrays of one shape; z has one axis of size K more, at ``axis``.

    Raises:
        ShapeError: there is no array, or their shapes differ.

    >>> stack(jnp.zeros(3), jnp.ones(3), axis=-1).shape
    (3, 2)

    Source: NumPy's `stack`.
    """
    joined = cast("tuple[Array, ...]", arrays)  # `splitter` has unpacked a list
    check_alike("stack", joined, None)
    return jnp.stack(joined, axis=axis)


def check_alike(name: str, arrays: Sequence[Shaped], axis: int | None) -> None:
    """Check that there are arrays, and that they have one shape, except along an axis.

    Raises:
        ShapeError: there is no array, or two shapes differ.
    """
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


@operation(errors=(lambda error, z, x, dtype: error,), stacks=True, count=count_nothing)
def astype(x: ArrayLike, dtype: DTypeLike) -> Array:
    """Convert the number type: ``z = x`` up to rounding. The error is converted back.

    Whole numbers and booleans carry no error.

    Shapes: x of any shape, z of the same.

    >>> astype(jnp.ones(2), jnp.bfloat16).dtype
    dtype(bfloat16)

    Source: NumPy's `ndarray.astype`.
    """
    return jnp.asarray(x).astype(dtype)


def widened(x: Array) -> Array:
    """Return numbers narrower than float32 as float32, in which statistics are computed.

    >>> widened(jnp.ones(2, jnp.bfloat16)).dtype
    dtype('float32')
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return x if x.dtype == wide else astype(x, dtype=wide)


def narrowed(y: Array, like: Array) -> Array:
    """Return numbers that were `widened` in the number type of ``like`` again.

    >>> narrowed(jnp.ones(2), jnp.ones(2, jnp.bfloat16)).dtype
    dtype(bfloat16)
    """
    return astype(y, dtype=like.dtype) if like.dtype.itemsize < 4 else y

"""Operations that join, cut, pad and reorder arrays, and change no number.

Every rule moves each error signal back to the place of its number.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import getitem, reshape, transpose
from clearprop.autodiff.elementary.shape import check_alike
from clearprop.autodiff.operation import count_nothing
from clearprop.autodiff.shapes import Array, check_axis, named_axes
from clearprop.errors import ShapeError


def moveaxis(x: Array, source: int, destination: int) -> Array:
    """Move one axis to another place: ``z[j, i] = x[i, j]``; the other axes keep their order.

    Shapes: x of any shape, z of the same sizes in another order.

    Raises:
        ShapeError: the array does not have one of the axes.

    >>> moveaxis(jnp.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)

    Source: NumPy's `moveaxis`.
    """
    source = check_axis("moveaxis", x, source)
    order = [axis for axis in range(len(x.shape)) if axis != source]
    order.insert(check_axis("moveaxis", x, destination), source)
    return transpose(x, axes=tuple(order))


def squeeze(x: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Drop axes of size 1: ``z[i] = x[0, i]``. ``axis`` names them; None drops all of size 1.

    Shapes: x of any shape, z of the same without the dropped sizes.

    Raises:
        ShapeError: a named axis is not of size 1.

    >>> squeeze(jnp.zeros((1, 3, 1)), -1).shape
    (1, 3)

    Source: NumPy's `squeeze`.
    """
    shape = tuple(x.shape)
    if axis is None:
        axis = tuple(i for i, n in enumerate(shape) if n == 1)
    axes = {check_axis("squeeze", x, a) for a in named_axes(axis)}
    if any(shape[a] != 1 for a in axes):
        raise ShapeError(
            "only axes of size 1 can be dropped", where="squeeze", given=f"{axis} of {shape}"
        )
    return reshape(x, shape=tuple(n for i, n in enumerate(shape) if i not in axes))


def _pieces(error: Any, z: Any, *arrays: Any, axis: int = 0) -> list[Any]:
    before = (slice(None),) * (axis % len(z.shape))
    ends = itertools.accumulate((x.shape[axis] for x in arrays), initial=0)
    return [getitem(error, (*before, slice(*span))) for span in itertools.pairwise(ends)]


@operation(joint=_pieces, count=count_nothing)
def concatenate(*arrays: Array | Sequence[Array], axis: int = 0) -> Array:
    """Join arrays along an axis that they have: ``z = [x_1, x_2, ...]``.

    Write ``concatenate(x, y)`` or ``concatenate([x, y])``.

    Shapes: arrays (..., n_k, ...) with equal sizes along the other axes; z (..., sum of n_k, ...).

    Raises:
        ShapeError: there is no array, or they differ along another axis.

    >>> concatenate(jnp.zeros((2, 3)), jnp.ones((1, 3))).shape
    (3, 3)

    Source: NumPy's `concatenate`.
    """
    joined = cast("tuple[Array, ...]", arrays)  # `splitter` has unpacked a list
    check_alike("concatenate", joined, axis)
    return jnp.concatenate(joined, axis=axis)


def _joined(error: Any, z: Any, x: Any, sections: Any, axis: int = 0) -> Any:
    return concatenate(*error, axis=axis)


@operation(errors=(_joined,), count=count_nothing)
def split(x: Array, sections: int | Sequence[int], axis: int = 0) -> tuple[Array, ...]:
    """Cut into pieces along an axis: ``x = [z_1, z_2, ...]``.

    ``sections`` is the number of equal pieces, or the places where the second and later pieces
    begin.

    Shapes: x (..., n, ...); pieces (..., n_k, ...) whose sizes n_k add up to n.

    Raises:
        ShapeError: the axis cannot be cut into that many equal pieces.

    >>> [piece.shape for piece in split(jnp.zeros((2, 6)), 3, axis=-1)]
    [(2, 2), (2, 2), (2, 2)]
    >>> [piece.shape for piece in split(jnp.zeros(6), [1, 4])]
    [(1,), (3,), (2,)]

    Source: NumPy's `split`.
    """
    size = x.shape[check_axis("split", x, axis)]
    if isinstance(sections, int) and (sections < 1 or size % sections):
        raise ShapeError(
            f"an axis of size {size} cannot be cut into {sections} equal pieces",
            where="split",
            given=f"shape {tuple(x.shape)}, axis {axis}",
        )
    places = sections if isinstance(sections, int) else tuple(sections)
    return tuple(jnp.split(x, places, axis=axis))


def _inner(
    error: Any, z: Any, x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0
) -> Any:
    if any(min(pair) < 0 for pair in widths):  # the error of what was cut off is 0
        return pad(error, [(-before, -after) for before, after in widths])
    spans = zip(widths, x.shape, strict=True)
    return getitem(error, tuple(slice(before, before + n) for (before, _), n in spans))


@operation(
    errors=(_inner,),
    count=count_nothing,
    instead={"value": "ops.pad(x - value, widths) + value"},
)
def pad(x: Array, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    """Put a constant before and after the entries: ``z[i + before] = x[i]``.

    A negative number cuts as many entries off at that end.

    Shapes: x (..., n, ...); z (..., before + n + after, ...), with one pair (before, after) for
    each axis.

    Raises:
        ShapeError: there is not one pair for each axis, or more is cut off than there is.

    >>> print(pad(jnp.ones(2), [(1, 2)]), pad(jnp.arange(4.0), [(-1, 0)]))
    [0. 1. 1. 0. 0.] [1. 2. 3.]

    Source: NumPy's `pad` in its mode "constant"; negative numbers as in `jax.lax.pad`.
    """
    if len(widths) != len(x.shape):
        raise ShapeError(
            "padding needs one pair (before, after) for each axis",
            where="pad",
            given=f"{widths} for shape {tuple(x.shape)}",
        )
    for axis, ((before, after), n) in enumerate(zip(widths, x.shape, strict=True)):
        if before + n + after < 0 or n + min(before, after) < 0:
            raise ShapeError(
                f"more entries are cut off along axis {axis} than there are",
                where="pad",
                given=f"{widths} for shape {tuple(x.shape)}",
                expected=f"at most {n} cut off along axis {axis}",
            )
    edges = [(before, after, 0) for before, after in widths]
    return jax.lax.pad(x, jnp.asarray(value, x.dtype), edges)


def _flipped_back(error: Any, z: Any, x: Any, axis: int | Sequence[int] | None = None) -> Any:
    return flip(error, axis=axis)


@operation(errors=(_flipped_back,), count=count_nothing)
def flip(x: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Reverse the order along axes (all when None): ``z[i] = x[n - 1 - i]``.

    Shapes: x of any shape, z of the same.

    >>> print(flip(jnp.arange(3.0)))
    [2. 1. 0.]

    Source: NumPy's `flip`.
    """
    return jnp.flip(x, None if axis is None else named_axes(axis))

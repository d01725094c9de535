"""Operations that join, cut, pad, repeat and reorder arrays, and change no number.

Every rule moves each error signal back to the place of its number.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import broadcast_to, getitem, reshape, transpose
from clearprop.autodiff.elementary.index import HOLE, place_at
from clearprop.autodiff.elementary.shape import check_alike
from clearprop.autodiff.operation import count_nothing
from clearprop.autodiff.shapes import Array, check_axis, named_axes
from clearprop.errors import ShapeError, unknown_name


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


PADDINGS = ("constant", "edge", "reflect", "symmetric", "wrap")
"""What `pad` puts around the entries, by NumPy's names."""


def _inner(
    error: Any,
    z: Any,
    x: Any,
    widths: Sequence[tuple[int, int]],
    value: float = 0.0,
    mode: str = "constant",
) -> Any:
    if mode != "constant":
        for axis, pair in enumerate(widths):
            error = _folded(error, axis, x.shape[axis], pair, mode)
        return error
    if any(min(pair) < 0 for pair in widths):  # the error of what was cut off is 0
        return pad(error, [(-before, -after) for before, after in widths])
    spans = zip(widths, x.shape, strict=True)
    return getitem(error, tuple(slice(before, before + n) for (before, _), n in spans))


def _folded(error: Any, axis: int, size: int, pair: tuple[int, int], mode: str) -> Any:
    """Add the errors of the entries that were put around an axis to those that they repeat."""
    if not any(pair):
        return error
    every = (slice(None),) * axis
    inner = slice(pair[0], pair[0] + size)
    edges = [slice(0, inner.start), slice(inner.stop, None)]
    outer = concatenate([getitem(error, (*every, edge)) for edge in edges], axis=axis)
    repeated = np.pad(np.arange(size), pair, _numpys(mode))
    places = np.concatenate([repeated[edge] for edge in edges])
    middle = getitem(error, (*every, inner))
    return middle + place_at(outer, jnp.asarray(places), index=(*every, HOLE), shape=middle.shape)


def _numpys(mode: str) -> Any:
    """Return a mode as the type checker knows it, which asks for one of several literals."""
    return mode


@operation(
    errors=(_inner,),
    count=count_nothing,
    instead={"value": "ops.pad(x - value, widths) + value"},
)
def pad(
    x: Array,
    widths: Sequence[tuple[int, int]],
    value: float = 0.0,
    mode: str = "constant",
) -> Array:
    """Put entries before and after those of x: ``z[i + before] = x[i]``.

    A negative number cuts as many entries off at that end, if the mode is "constant". Every entry
    that is repeated gets the errors of its repetitions too.

    Shapes: x (..., n, ...); z (..., before + n + after, ...), with one pair (before, after) for
    each axis.

    Args:
        x: of any shape.
        widths: a pair (before, after) for each axis.
        value: of the entries that are put around, in the mode "constant".
        mode: "constant", or what is put around: the first and the last entry ("edge"), the entries
            mirrored at these ("reflect") or behind these ("symmetric"), or the other end ("wrap").

    Raises:
        ShapeError: there is not one pair for each axis, or more is cut off than there is, or
            there is no entry to repeat.
        ConfigurationError: there is no such mode.

    >>> print(pad(jnp.ones(2), [(1, 2)]), pad(jnp.arange(4.0), [(-1, 0)]))
    [0. 1. 1. 0. 0.] [1. 2. 3.]
    >>> print(*(pad(jnp.arange(3), [(2, 1)], mode=m) for m in ("edge", "reflect", "wrap")))
    [0 0 0 1 2 2] [2 1 0 1 2 1] [1 2 0 1 2 0]

    Source: NumPy's `pad`; negative numbers as in `jax.lax.pad`.
    """
    if len(widths) != len(x.shape):
        raise ShapeError(
            "padding needs one pair (before, after) for each axis",
            where="pad",
            given=f"{widths} for shape {tuple(x.shape)}",
        )
    if mode not in PADDINGS:
        raise unknown_name("mode", mode, PADDINGS, where="pad")
    if mode != "constant":
        return _repeated_around(x, widths, mode)
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


def _repeated_around(x: Array, widths: Sequence[tuple[int, int]], mode: str) -> Array:
    """Put entries of the array itself around it."""
    for axis, (pair, n) in enumerate(zip(widths, x.shape, strict=True)):
        if min(pair) < 0 or (not n and any(pair)):
            raise ShapeError(
                "only entries that are there can be repeated"
                if not n
                else f"entries are cut off in the mode 'constant' alone, not in {mode!r}",
                where="pad",
                given=f"{widths} for shape {tuple(x.shape)}",
                expected="widths from 0 up, along axes with entries",
            )
        if any(pair):
            places = np.pad(np.arange(n), pair, _numpys(mode))
            x = jnp.take(x, places, axis=axis)
    return jnp.asarray(x)


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


def _rolled_back(
    error: Any,
    z: Any,
    x: Any,
    shift: int | Sequence[int],
    axis: int | Sequence[int] | None = None,
) -> Any:
    back = -shift if isinstance(shift, int) else tuple(-by for by in shift)
    return roll(error, back, axis=axis)


@operation(errors=(_rolled_back,), count=count_nothing)
def roll(x: Array, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Array:
    """Move entries along axes in a circle: ``z[(i + shift) mod n] = x[i]``.

    Without an axis all entries move in their order, as if the array had one axis.

    Shapes: x of any shape, z of the same.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(roll(jnp.arange(4.0), 1))
    [3. 0. 1. 2.]

    Source: NumPy's `roll`.
    """
    if axis is not None:
        axis = tuple(check_axis("roll", x, a) for a in named_axes(axis))
        shift = (shift,) * len(axis) if isinstance(shift, int) else tuple(shift)
        if len(shift) != len(axis):
            raise ShapeError(
                "there is not one shift for each axis",
                where="roll",
                given=f"{len(shift)} shifts, {len(axis)} axes",
            )
    return jnp.roll(x, shift, axis)


def _check_matrices(name: str, x: Array) -> None:
    if len(x.shape) < 2:
        raise ShapeError(
            f"{name} takes matrices",
            where=name,
            given=f"shape {tuple(x.shape)}",
            expected="(..., rows, columns)",
        )


def _error_of_lower(error: Any, z: Any, x: Any, k: int = 0) -> Any:
    return tril(error, k=k)


@operation(errors=(_error_of_lower,), count=count_nothing)
def tril(x: Array, k: int = 0) -> Array:
    """Keep the lower triangle of matrices: ``z_ij = x_ij if j <= i + k else 0``.

    Shapes: x (..., rows, columns), z of the same.

    Raises:
        ShapeError: the array has fewer than two axes.

    >>> print(tril(jnp.ones((2, 3))))
    [[1. 0. 0.]
     [1. 1. 0.]]

    Source: NumPy's `tril`.
    """
    _check_matrices("tril", x)
    return jnp.tril(x, k)


def _error_of_upper(error: Any, z: Any, x: Any, k: int = 0) -> Any:
    return triu(error, k=k)


@operation(errors=(_error_of_upper,), count=count_nothing)
def triu(x: Array, k: int = 0) -> Array:
    """Keep the upper triangle of matrices: ``z_ij = x_ij if j >= i + k else 0``.

    Shapes: x (..., rows, columns), z of the same.

    Raises:
        ShapeError: the array has fewer than two axes.

    >>> print(triu(jnp.ones((2, 3))))
    [[1. 1. 1.]
     [0. 1. 1.]]

    Source: NumPy's `triu`.
    """
    _check_matrices("triu", x)
    return jnp.triu(x, k)


def tile(x: Array, repeats: int | Sequence[int]) -> Array:
    """Put copies of an array side by side: ``z[i + k n] = x[i]`` for k below the repeats.

    With fewer repeats than axes, the first axes are not repeated; with more, z has new first axes.

    Shapes: x (..., n, ...), z (..., repeats * n, ...).

    Raises:
        ShapeError: a number of repeats is negative.

    >>> print(tile(jnp.arange(2.0), 3), tile(jnp.arange(2.0), (2, 1)).shape)
    [0. 1. 0. 1. 0. 1.] (2, 2)

    Source: NumPy's `tile`.
    """
    times = named_axes(repeats)
    if any(n < 0 for n in times):
        raise ShapeError("a number of repeats is negative", where="tile", given=str(repeats))
    rank = max(len(times), len(x.shape))
    times = (1,) * (rank - len(times)) + times
    sizes = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    apart = reshape(x, shape=tuple(m for n in sizes for m in (1, n)))
    pairs = zip(times, sizes, strict=True)
    copies = broadcast_to(apart, shape=tuple(m for pair in pairs for m in pair))
    return reshape(copies, shape=tuple(t * n for t, n in zip(times, sizes, strict=True)))


def repeat(x: Array, repeats: int | Sequence[int], axis: int | None = None) -> Array:
    """Repeat each entry along an axis: ``z = [x_0, x_0, ..., x_1, x_1, ...]``.

    Without an axis the array is laid out along one axis first.

    Shapes: x (..., n, ...), z (..., repeats * n, ...), or the sum of the repeats in place of n.

    Args:
        x: of any shape.
        repeats: of each entry, one number or one for each.
        axis: along which entries, or slices, are repeated.

    Raises:
        ShapeError: the array does not have that axis, or there is not one number for each entry,
            or one is negative.

    >>> print(repeat(jnp.arange(2.0), 2), repeat(jnp.arange(2.0), [1, 3]))
    [0. 0. 1. 1.] [0. 1. 1. 1.]

    Source: NumPy's `repeat`.
    """
    if axis is None:
        x, axis = reshape(x, shape=(-1,)), 0
    axis = check_axis("repeat", x, axis)
    size = x.shape[axis]
    times = named_axes(repeats)
    if len(times) not in (1, size) or min(times, default=0) < 0:
        raise ShapeError(
            "repeats needs a number from 0 up for each entry, or one for all",
            where="repeat",
            given=f"repeats={repeats} for {size} entries",
        )
    if len(times) != 1:
        index = (*(slice(None),) * axis, np.repeat(np.arange(size), times))
        return getitem(x, index)
    (number,) = times
    before, after = tuple(x.shape[:axis]), tuple(x.shape[axis + 1 :])
    apart = reshape(x, shape=(*before, size, 1, *after))
    copies = broadcast_to(apart, shape=(*before, size, number, *after))
    return reshape(copies, shape=(*before, size * number, *after))

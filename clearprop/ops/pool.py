"""Pooling: the largest entry or the mean of each window, channel by channel.

A small step does not change which entry of a window is the largest. So the rule of `max_pool` adds
the error into the windows at fixed places, and the rule of this operation reads at these places.

Shapes: x (batch, *sizes, channels), y (batch, *places, channels), with one to three axes of sizes.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from clearprop.autodiff import operation
from clearprop.autodiff.operation import count_nothing
from clearprop.autodiff.precision import at_least_float32, floating
from clearprop.autodiff.shapes import Array
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.ops.conv.choice import batch_last_pays
from clearprop.ops.conv.geometry import Geometry, Padding, Size, per_axis


def geometry_of_pool(shape: Sequence[int], operation: str, options: Mapping[str, Any]) -> Geometry:
    """Return how the windows of a call of `max_pool` or `average_pool` lie over its input.

    Args:
        shape: of the input.
        operation: name of the operation.
        options: the arguments of the call but its input, by name.

    Raises:
        ShapeError: a window larger than the input, or an input of another rank.
        ConfigurationError: a window, stride, padding or dilation that is not allowed.

    >>> geometry_of_pool((1, 7, 3), "max_pool", {"window": 2, "dilation": 3}).reach
    (4,)
    """
    named = {name: value for name, value in options.items() if name != "count_padding"}
    return _resolve(shape, operation, **named)


def _resolve(
    shape: Sequence[int],
    where: str,
    window: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Geometry:
    axes = len(shape) - 2
    if not 1 <= axes <= 3:
        raise ShapeError(
            "the input does not have one to three axes between batch and channels",
            where=where,
            given=f"input {tuple(shape)}",
            expected="(batch, *sizes, channels)",
            fix="x[None] adds a batch of one, x[..., None] a channel",
        )
    taps = per_axis(window, axes, name="window", where=where)
    geometry = Geometry.of(
        shape[1:-1],
        taps,
        stride=taps if stride is None else stride,
        padding=padding,
        dilation=dilation,
        where=where,
    )
    only_padding = any(max(pair) >= taps for pair, taps in zip(geometry.padding, taps, strict=True))
    geometry = geometry.covering() if ceil_mode else geometry
    gaps = set(geometry.dilation) != {1}
    if only_padding or (gaps and not all(map(_sees_entries, *_rows(geometry)))):
        raise ConfigurationError(
            "a window would hold only padding",
            where=where,
            given=f"padding={geometry.padding}, window={taps}",
            expected="less padding than the window has entries",
        )
    return geometry


def _rows(g: Geometry) -> tuple[tuple[Any, ...], ...]:
    return g.sizes, g.window, g.stride, g.padding, g.dilation, g.outputs


def _sees_entries(n: int, f: int, s: int, pair: tuple[int, int], d: int, outputs: int) -> bool:
    """Say whether every window of an axis has a tap on an entry, between its gaps."""
    taps = np.arange(outputs)[:, None] * s - pair[0] + np.arange(f) * d
    return bool(((taps >= 0) & (taps < n)).any(axis=1).all())


@dataclass(frozen=True)
class _Windows:
    """Windows over an array, in the layout that is fastest for the array's shape.

    Attributes:
        geometry: sizes, strides and padding of the windows.
        first: the first spatial axis: 1, or 0 where the examples are the last axis in memory.
    """

    geometry: Geometry
    first: int

    @classmethod
    def over(cls, x: Array, geometry: Geometry) -> _Windows:
        return cls(geometry, 0 if batch_last_pays(x.shape[0], x.shape[-1] // 2) else 1)

    def enter(self, x: Array) -> Array:
        """Return an array (b, sizes, f) in the layout."""
        return x if self.first else jnp.moveaxis(x, 0, -1)

    def leave(self, x: Array) -> Array:
        """Return an array in the layout as (b, sizes, f)."""
        return x if self.first else jnp.moveaxis(x, -1, 0)

    @property
    def disjoint(self) -> bool:
        """Whether no entry is in two windows, and no window holds padding."""
        g = self.geometry
        return g.stride == g.window == g.reach and not any(map(sum, g.padding))

    @property
    def offsets(self) -> list[tuple[int, ...]]:
        """The places within a window, in order."""
        return list(itertools.product(*map(range, self.geometry.window)))

    @property
    def within(self) -> tuple[int, ...]:
        """The axes of `blocks` that count the entries of a window."""
        return tuple(self.first + 1 + 2 * i for i in range(len(self.geometry.window)))

    def blocks(self, x: Array) -> Array:
        """Split each spatial axis into (places, window), for disjoint windows."""
        g = self.geometry
        covered = [n * w for n, w in zip(g.outputs, g.window, strict=True)]
        pairs = itertools.chain.from_iterable(zip(g.outputs, g.window, strict=True))
        before, after = x.shape[: self.first], x.shape[self.first + len(covered) :]
        kept = (slice(None),) * self.first + tuple(map(slice, covered))
        return x[kept].reshape(*before, *pairs, *after)

    def unblocked(self, blocks: Array) -> Array:
        """Undo `blocks`; entries that no window covers are 0."""
        g, axes = self.geometry, len(self.geometry.window)
        covered = [n * w for n, w in zip(g.outputs, g.window, strict=True)]
        before, after = blocks.shape[: self.first], blocks.shape[self.first + 2 * axes :]
        whole = blocks.reshape(*before, *covered, *after)
        rest = [(0, n - m) for n, m in zip(g.sizes, covered, strict=True)]
        return self._pad(whole, rest, 0) if any(n for _, n in rest) else whole

    def padded(self, x: Array, value: float) -> Array:
        """Put the padding around x."""
        return self._pad(x, list(self.geometry.padding), value)

    def _pad(self, x: Array, widths: list[tuple[int, int]], value: float) -> Array:
        none = [(0, 0)]
        after = none * (x.ndim - self.first - len(widths))
        return jnp.pad(x, none * self.first + widths + after, constant_values=value)

    def at(self, padded: Array, offset: tuple[int, ...]) -> Array:
        """Return the entry at one offset of every window."""
        g = self.geometry
        rows = zip(offset, g.dilation, g.outputs, g.stride, strict=True)
        spans = [slice(o * d, o * d + (n - 1) * s + 1, s) for o, d, n, s in rows]
        return padded[(slice(None),) * self.first + tuple(spans)]

    def into(self, y: Array, offset: tuple[int, ...]) -> Array:
        """Return zeros in the input's shape, with y at one offset of every window."""
        g = self.geometry
        none = (0, 0, 0)
        spans = []
        rows = zip(offset, g.dilation, g.outputs, g.stride, g.padding, g.sizes, strict=True)
        for o, d, outputs, stride, (before, _), size in rows:
            start = o * d - before
            spans.append((start, size - start - (outputs - 1) * stride - 1, stride - 1))
        after = [none] * (y.ndim - self.first - len(spans))
        return lax.pad(y, jnp.zeros((), y.dtype), [none] * self.first + spans + after)

    def over_window(self, y: Array) -> Array:
        """Insert axes of size 1 after each place, which broadcasts with `blocks`."""
        return jnp.expand_dims(y, self.within)

    def numbers(self, ndim: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        """Return the numbers of the places within a window, which broadcast with `blocks`."""
        g = self.geometry
        shape = [1] * (ndim + len(g.window))
        for axis, taps in zip(self.within, g.window, strict=True):
            shape[axis] = taps
        return np.arange(g.taps, dtype=np.int32).reshape(shape)


def _error_of_max(
    error: Any,
    y: Any,
    x: Any,
    window: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Any:
    geometry = _resolve(x.shape, "max_pool", window, stride, padding, dilation, ceil_mode)
    return write_in_windows(error, first_largest(x, y, geometry), geometry)


@operation(errors=(_error_of_max,), count=lambda y, x, *_, **__: math.prod(x.shape))
def max_pool(
    x: Array,
    window: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Array:
    """Take the largest entry of each window: ``y[b, j, f] = max over i of x[b, s j + d i - p, f]``.

    The first largest entry of a window gets the error of the output. Padding is never the largest,
    also not where all entries of a window are minus infinity.

    Shapes: x (batch, *sizes, channels), y (batch, *places, channels).

    Args:
        x: (batch, *sizes, channels).
        window: entries of a window, one number for all axes or one for each.
        stride: from one window to the next; the window's size when None, so that windows do
            not overlap.
        padding: as of `convolution`.
        dilation: from one entry of a window to the next.
        ceil_mode: whether one more window, which reaches over the end, takes the entries that would
            be left out there.

    Raises:
        ShapeError: a window larger than the input, or an input of another rank.
        ConfigurationError: a window, stride, padding or dilation that is not allowed.

    >>> x = jnp.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    >>> print(max_pool(x[None, :, :, None], 2)[0, :, :, 0])
    [[6. 8.]
     [3. 4.]]

    Source: LeCun et al. 1998, *Gradient-based learning applied to document recognition*, and
    Ranzato et al. 2007, *Unsupervised learning of invariant feature hierarchies*.
    """
    geometry = _resolve(x.shape, "max_pool", window, stride, padding, dilation, ceil_mode)
    w = _Windows.over(x, geometry)
    entries = w.enter(x)
    if w.disjoint:
        return w.leave(w.blocks(entries).max(axis=w.within))
    padded = w.padded(entries, _lowest(x))
    return w.leave(functools.reduce(jnp.maximum, [w.at(padded, o) for o in w.offsets]))


def _lowest(x: Array) -> float:
    """Return the value that is not larger than any other of the number type."""
    floats = jnp.issubdtype(x.dtype, jnp.floating)
    return -math.inf if floats else int(np.iinfo(x.dtype).min)


@operation(count=lambda y, x, *_, **__: math.prod(x.shape))
def first_largest(x: Array, y: Array, geometry: Geometry) -> Array:
    """Return which entry of each window is its largest, y: ``z = first i with x[s j+i-p] = y[j]``.

    Shapes: x (batch, *sizes, channels), y and z (batch, *places, channels); z holds numbers of
    places within a window.

    >>> x = jnp.array([1.0, 5, 5, 2])[None, :, None]
    >>> pairs = Geometry.of([4], [2], stride=2, where="max_pool")
    >>> print(first_largest(x, max_pool(x, 2), pairs)[0, :, 0])
    [1 0]

    Source: part of the rule of `max_pool`.
    """
    w = _Windows.over(x, geometry)
    entries, largest = w.enter(x), w.enter(y)
    if w.disjoint:
        blocks, every = w.blocks(entries), slice(None)
        pairs = [itertools.chain.from_iterable((every, o) for o in offset) for offset in w.offsets]
        parts = [blocks[(every,) * w.first + tuple(index)] for index in pairs]
    else:
        # NaN equals nothing: padding is not the largest either where all entries are -inf.
        nothing = jnp.nan if jnp.issubdtype(x.dtype, jnp.floating) else _lowest(x)
        padded = w.padded(entries, nothing)
        parts = [w.at(padded, offset) for offset in w.offsets]
    place = jnp.full(largest.shape, len(parts) - 1, jnp.int32)
    for number in range(len(parts) - 2, -1, -1):
        place = jnp.where(parts[number] == largest, number, place)
    return w.leave(place)


def _error_of_written(passed: Any, dx: Any, y: Any, place: Any, geometry: Geometry) -> Any:
    return read_in_windows(passed, place, geometry)


@operation(errors=(_error_of_written, None), count=count_nothing)
def write_in_windows(y: Array, place: Array, geometry: Geometry) -> Array:
    """Add each entry of y into its window: ``z[s j + i - p] += y[j]`` with ``i = place[j]``.

    Shapes: y and place (batch, *places, channels), z (batch, *sizes, channels).

    >>> pairs = Geometry.of([4], [2], stride=2, where="max_pool")
    >>> y, place = jnp.array([7.0, 8]), jnp.array([1, 0])
    >>> print(write_in_windows(y[None, :, None], place[None, :, None], pairs)[0, :, 0])
    [0. 7. 8. 0.]

    Source: the rule of `max_pool`.
    """
    w = _Windows.over(y, geometry)
    entries, chosen = w.enter(y), w.enter(place)
    if w.disjoint:
        here = w.over_window(chosen) == w.numbers(y.ndim)
        return w.leave(w.unblocked(jnp.where(here, w.over_window(entries), 0)))
    parts = [
        w.into(jnp.where(chosen == number, entries, 0), offset)
        for number, offset in enumerate(w.offsets)
    ]
    return w.leave(functools.reduce(jnp.add, parts))


def _error_of_read(passed: Any, y: Any, x: Any, place: Any, geometry: Geometry) -> Any:
    return write_in_windows(passed, place, geometry)


@operation(errors=(_error_of_read, None), count=count_nothing)
def read_in_windows(x: Array, place: Array, geometry: Geometry) -> Array:
    """Read one entry of each window: ``z[j] = x[s j + i - p]`` with ``i = place[j]``.

    Shapes: x (batch, *sizes, channels), place and z (batch, *places, channels).

    >>> pairs = Geometry.of([4], [2], stride=2, where="max_pool")
    >>> x, place = jnp.array([1.0, 2, 3, 4]), jnp.array([1, 0])
    >>> print(read_in_windows(x[None, :, None], place[None, :, None], pairs)[0, :, 0])
    [2. 3.]

    Source: the rule of `write_in_windows`.
    """
    w = _Windows.over(x, geometry)
    padded, chosen = w.padded(w.enter(x), 0), w.enter(place)
    parts = [
        jnp.where(chosen == number, w.at(padded, offset), 0)
        for number, offset in enumerate(w.offsets)
    ]
    return w.leave(functools.reduce(jnp.add, parts))


def _error_of_average(
    error: Any,
    y: Any,
    x: Any,
    window: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    count_padding: bool = True,
    ceil_mode: bool = False,
) -> Any:
    geometry = _resolve(x.shape, "average_pool", window, stride, padding, ceil_mode=ceil_mode)
    return spread_over_windows(error, geometry, count_padding)


@operation(errors=(_error_of_average,), count=lambda y, x, *_, **__: math.prod(x.shape))
def average_pool(
    x: Array,
    window: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    count_padding: bool = True,
    ceil_mode: bool = False,
) -> Array:
    """Take the mean of each window: ``y[b, j, f] = 1/n sum over i of x[b, s j + i - p, f]``.

    Each of its n entries gets an n-th of the error.

    Shapes: x (batch, *sizes, channels), y (batch, *places, channels).

    Args:
        x: (batch, *sizes, channels); whole numbers become floats.
        window: entries of a window, one number for all axes or one for each.
        stride: from one window to the next; the window's size when None, so that windows do
            not overlap.
        padding: as of `convolution`.
        count_padding: whether n counts the padding in the window (as PyTorch does) or not.
        ceil_mode: whether one more window, which reaches over the end, takes the entries that would
            be left out there; n does not count what it has beyond the padding.

    Raises:
        ShapeError: a window larger than the input, or an input of another rank.
        ConfigurationError: a window, stride or padding that is not allowed.

    >>> print(average_pool(jnp.array([1.0, 3, 5, 9])[None, :, None], 2)[0, :, 0])
    [2. 7.]

    Source: LeCun et al. 1998, *Gradient-based learning applied to document recognition*, without
    its trained factor and bias.
    """
    geometry = _resolve(x.shape, "average_pool", window, stride, padding, ceil_mode=ceil_mode)
    w = _Windows.over(x, geometry)
    x = floating(x)
    entries = w.enter(at_least_float32(x))
    if w.disjoint:
        return w.leave(w.blocks(entries).mean(axis=w.within)).astype(x.dtype)
    padded = w.padded(entries, 0)
    total = functools.reduce(jnp.add, [w.at(padded, offset) for offset in w.offsets])
    return w.leave(total * _one_over_count(w, entries, count_padding)).astype(x.dtype)


def _error_of_spread(passed: Any, dx: Any, y: Any, geometry: Geometry, count_padding: bool) -> Any:
    added = geometry.added or (0,) * len(geometry.sizes)
    given = [
        (before, after - n) for (before, after), n in zip(geometry.padding, added, strict=True)
    ]
    return average_pool(
        passed,
        geometry.window,
        geometry.stride,
        given,
        count_padding=count_padding,
        ceil_mode=any(added),
    )


@operation(errors=(_error_of_spread,), count=lambda dx, *_, **__: math.prod(dx.shape))
def spread_over_windows(y: Array, geometry: Geometry, count_padding: bool) -> Array:
    """Distribute each entry of y over its window: ``z[s j + i - p] += y[j] / n`` for every i.

    Shapes: y (batch, *places, channels), z (batch, *sizes, channels).

    >>> pairs = Geometry.of([4], [2], stride=2, where="average_pool")
    >>> print(spread_over_windows(jnp.array([4.0, 6])[None, :, None], pairs, True)[0, :, 0])
    [2. 2. 3. 3.]

    Source: the rule of `average_pool`.
    """
    w = _Windows.over(y, geometry)
    entries = w.enter(at_least_float32(y))
    parts = entries * _one_over_count(w, entries, count_padding)
    if w.disjoint:
        counted = w.numbers(y.ndim).shape
        wide = w.over_window(parts)
        whole = w.unblocked(jnp.broadcast_to(wide, np.maximum(wide.shape, counted)))
    else:
        whole = functools.reduce(jnp.add, [w.into(parts, offset) for offset in w.offsets])
    return w.leave(whole).astype(floating(y).dtype)


def _one_over_count(w: _Windows, like: Array, count_padding: bool) -> Array:
    """Return 1/n for each window, in the layout and dtype of an array."""
    g = w.geometry
    count = functools.reduce(np.multiply.outer, counted_entries(g, count_padding))
    shape = (1,) * w.first + g.outputs + (1,) * (like.ndim - w.first - len(g.outputs))
    return jnp.asarray((1 / count).reshape(shape), like.dtype)


def counted_entries(geometry: Geometry, count_padding: bool) -> tuple[NDArray[np.int64], ...]:
    """Return how many entries of each window an average counts, along each axis for its places.

    Their product over the axes is the n of `average_pool`.

    >>> pairs = Geometry.of([3], [2], stride=2, padding=1, where="average_pool")
    >>> counted_entries(pairs, True)[0].tolist(), counted_entries(pairs, False)[0].tolist()
    ([2, 2], [1, 2])
    """
    g, found = geometry, []
    added = g.added or (0,) * len(g.sizes)
    rows = zip(g.sizes, g.outputs, g.stride, g.padding, g.window, g.dilation, added, strict=True)
    for size, outputs, stride, (before, after), taps, gap, more in rows:
        entries = np.arange(outputs)[:, None] * stride - before + np.arange(taps) * gap
        first, last = (-before, size + after - more) if count_padding else (0, size)
        found.append(((entries >= first) & (entries < last)).sum(axis=1))
    return tuple(found)

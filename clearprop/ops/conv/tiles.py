"""Convolution as one matrix product, for many small examples with few channels.

Computed one window at a time, such a convolution is a product of small matrices, which is slow. Two
changes make it fast. The examples are the last axis in memory, so that every step, from padding to
pooling, runs along them. And a tile of t places is computed at once: all inputs that these places
see form one column, and the kernel becomes a matrix with one shifted copy of the kernel for each
place (a Toeplitz matrix), with zeros where a place does not see an input:

    tile (t f', Y, b) = matrix (t f', k f) @ patches (k f, Y, b)

Larger tiles multiply more zeros and copy fewer inputs. A convolution and its derivatives are three
products of the same patches and the same matrix, which the compiler computes once.

Letters: b examples, f input channels, f' output channels, t places of a tile, Y tiles, k inputs
that a tile sees, a taps of the kernel, h places of the input. Each of t, Y, k, a, h runs over all
spatial axes together.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import lax

from clearprop.autodiff.shapes import Array
from clearprop.ops.conv.geometry import Geometry

Table = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

NOWHERE = -1
MOST_TILE = 8
SHORT_SIDE = 16
COPY = 30


@dataclass(frozen=True)
class Axis:
    """Which entries are multiplied with each other along one axis.

    Attributes:
        tiles: how many tiles cover the outputs.
        input: (k, Y) the place of the input.
        tap: (t, k) the tap of the kernel through which a place of the tile sees an input.
        seen: (a, t) the input k that a place of the tile sees through a tap.
        sources: (h, m) where in (k, Y) a place of the input was copied to.
    """

    tiles: int
    input: Table
    tap: Table
    seen: Table
    sources: Table


def seen_by_tile(tile: int, window: int, stride: int, dilation: int) -> Table:
    """Return the offsets of the inputs that a tile sees, in order.

    >>> print(seen_by_tile(2, 3, 1, 1), seen_by_tile(1, 3, 1, 2))
    [0 1 2 3] [0 2 4]
    """
    taps = np.arange(window) * dilation
    return np.unique(np.arange(tile)[:, None] * stride + taps)


@functools.lru_cache(maxsize=512)
def axis_tables(
    size: int, window: int, stride: int, before: int, dilation: int, outputs: int, tile: int
) -> Axis:
    """Return the tables of one axis."""
    tiles = -(-outputs // tile)
    offsets = seen_by_tile(tile, window, stride, dilation)
    place = offsets[:, None] + np.arange(tiles) * tile * stride - before
    place[(place < 0) | (place >= size)] = NOWHERE
    apart = offsets - np.arange(tile)[:, None] * stride
    tap = np.where(apart % dilation == 0, apart // dilation, NOWHERE)
    tap[(tap < 0) | (tap >= window)] = NOWHERE
    seen = np.searchsorted(
        offsets, np.arange(tile) * stride + np.arange(window)[:, None] * dilation
    )
    found = [np.flatnonzero(place == h) for h in range(size)]
    most = max(1, *(len(copies) for copies in found)) if found else 1
    sources = np.full((size, most), NOWHERE)
    for h, copies in enumerate(found):
        sources[h, : len(copies)] = copies
    return Axis(tiles, place, tap, seen, sources)


@dataclass(frozen=True)
class Tables:
    """Which entries are multiplied with each other along all axes, as indices for gathering."""

    geometry: Geometry
    channels: int
    features: int
    tile: tuple[int, ...]

    @functools.cached_property
    def axes(self) -> list[Axis]:
        """The tables of each axis."""
        g = self.geometry
        befores = [before for before, _ in g.padding]
        rows = zip(
            g.sizes, g.window, g.stride, befores, g.dilation, g.outputs, self.tile, strict=True
        )
        return [axis_tables(*row) for row in rows]

    @property
    def tiles(self) -> tuple[int, ...]:
        """Tiles along each axis."""
        return tuple(axis.tiles for axis in self.axes)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Inputs that a tile sees along each axis."""
        return tuple(axis.input.shape[0] for axis in self.axes)

    @functools.cached_property
    def patches(self) -> Table:
        """(k f, Y): the place (h, f) in the flattened input."""
        place = _together([axis.input for axis in self.axes], self.geometry.sizes)[:, None]
        index = _within(place, self.channels, np.arange(self.channels)[:, None])
        return index.reshape(-1, place.shape[-1])

    @functools.cached_property
    def matrix(self) -> Table:
        """(t f', k f): the place (a, f, f') in the flattened kernel."""
        tap = _together([axis.tap for axis in self.axes], self.geometry.window)[:, None, :, None]
        entry = _within(tap, self.channels, np.arange(self.channels))
        index = _within(entry, self.features, np.arange(self.features)[:, None, None])
        return index.reshape(tap.shape[0] * self.features, -1)

    @functools.cached_property
    def copies(self) -> Table:
        """(t, a f f'): where in the flattened matrix an entry of the kernel was copied to."""
        k = _together([axis.seen for axis in self.axes], self.inputs).T[:, :, None, None]
        t = np.arange(len(k))[:, None, None, None]
        row = t * self.features + np.arange(self.features)
        column = k * self.channels + np.arange(self.channels)[:, None]
        return (row * self.matrix.shape[1] + column).reshape(len(k), -1)

    @functools.cached_property
    def sources(self) -> Table:
        """(m, h f): where in the flattened patches (k f, Y) an input was copied to."""
        rows = []
        for picks in itertools.product(*(range(axis.sources.shape[1]) for axis in self.axes)):
            found = [axis.sources[:, m, None] for axis, m in zip(self.axes, picks, strict=True)]
            k = [_keep(place, place // n) for place, n in zip(found, self.tiles, strict=True)]
            tile = [_keep(place, place % n) for place, n in zip(found, self.tiles, strict=True)]
            row = _within(_together(k, self.inputs), self.channels, np.arange(self.channels))
            index = _within(row, math.prod(self.tiles), _together(tile, self.tiles))
            rows.append(index.reshape(-1))
        return np.stack(rows)


tables = functools.lru_cache(maxsize=128)(Tables)


def _keep(place: Table, index: Table) -> Table:
    return np.where(place < 0, NOWHERE, index)


def _within(outer: Table, size: int, inner: Table) -> Table:
    """Return the index of an inner place within an outer one; NOWHERE stays NOWHERE."""
    return _keep(outer, outer * size + inner)


def _together(parts: Sequence[Table], sizes: Sequence[int]) -> Table:
    """Return one table (p, q), flattened over the axes, from a table (p, q) of each axis."""
    index = np.zeros((1, 1), np.int64)
    for part, size in zip(parts, sizes, strict=True):
        outer, inner = index[:, None, :, None], part[None, :, None, :]
        joined = np.where((outer < 0) | (inner < 0), NOWHERE, outer * size + inner)
        index = joined.reshape(index.shape[0] * part.shape[0], -1)
    return index


def choose_tile(geometry: Geometry, channels: int, features: int) -> tuple[int, ...]:
    """Return the tile that costs least: large tiles multiply zeros, small tiles copy inputs.

    >>> image = Geometry((14, 14), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1))
    >>> choose_tile(image, channels=6, features=16)
    (2, 2)
    """
    options = []
    for size in geometry.outputs:
        steps = {-(-size // tile): tile for tile in range(min(MOST_TILE, size), 0, -1)}
        options.append(sorted(steps.values()))
    return min(
        itertools.product(*options), key=lambda tile: _cost(geometry, channels, features, tile)
    )


def product_sizes(
    geometry: Geometry, channels: int, features: int, tile: tuple[int, ...]
) -> tuple[int, int, int]:
    """Return how many tiles there are, and how many inputs and outputs each of them has."""
    g = geometry
    tiles = math.prod(-(-n // t) for n, t in zip(g.outputs, tile, strict=True))
    axes = zip(tile, g.window, g.stride, g.dilation, strict=True)
    column = math.prod(len(seen_by_tile(*axis)) for axis in axes) * channels
    return tiles, column, math.prod(tile) * features


def _cost(geometry: Geometry, channels: int, features: int, tile: tuple[int, ...]) -> float:
    tiles, column, row = product_sizes(geometry, channels, features, tile)
    # SHORT_SIDE: products of small matrices are slower. COPY: how many multiplications take as long
    # as copying one number.
    return tiles * ((row + SHORT_SIDE) * (column + SHORT_SIDE) + COPY * (row + column))


def _gather(x: Array, index: Table) -> Array:
    """Read rows of x; the row at NOWHERE is zeros."""
    flat = index.reshape(-1)
    missing = flat < 0
    rows = x.at[np.where(missing, 0, flat).astype(np.int32)].get(mode="promise_in_bounds")
    if missing.any():
        rows = jnp.where(~missing.reshape(-1, *(1,) * (x.ndim - 1)), rows, 0)
    return rows.reshape(*index.shape, *x.shape[1:])


def _batch_last(x: Array) -> Array:
    return jnp.moveaxis(x, 0, -1)


def _patches(x: Array, t: Tables) -> Array:
    """(b, h, f) -> (k f, Y, b)."""
    flat = _batch_last(x).reshape(-1, x.shape[0])
    return _gather(flat, t.patches).reshape(len(t.patches), -1, x.shape[0])


def _matrix(kernel: Array, t: Tables) -> Array:
    """(a, f, f') -> (t f', k f)."""
    return _gather(kernel.reshape(-1), t.matrix)


def _cut(error: Array, t: Tables) -> Array:
    """(b, places, f') -> (t f', Y, b): into tiles."""
    rank = len(t.tile)
    whole = [n * size for n, size in zip(t.tiles, t.tile, strict=True)]
    spare = [(0, n - m) for n, m in zip(whole, t.geometry.outputs, strict=True)]
    last = _batch_last(error)
    if any(after for _, after in spare):
        last = jnp.pad(last, (*spare, (0, 0), (0, 0)))
    pairs = itertools.chain.from_iterable(zip(t.tiles, t.tile, strict=True))
    split = last.reshape(*pairs, *last.shape[rank:])
    order = (*range(1, 2 * rank, 2), 2 * rank, *range(0, 2 * rank, 2), 2 * rank + 1)
    return split.transpose(order).reshape(len(t.matrix), -1, error.shape[0])


def _join(y: Array, t: Tables, batch: int) -> Array:
    """(t f', Y, b) -> (b, places, f'): the inverse of cutting."""
    rank = len(t.tile)
    split = y.reshape(*t.tile, t.features, *t.tiles, batch)
    pairs = itertools.chain.from_iterable((rank + 1 + i, i) for i in range(rank))
    whole = [n * size for n, size in zip(t.tiles, t.tile, strict=True)]
    last = split.transpose(*pairs, rank, 2 * rank + 1).reshape(*whole, t.features, batch)
    return jnp.moveaxis(last[tuple(slice(n) for n in t.geometry.outputs)], -1, 0)


def forward(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """Return the convolution of x (b, sizes, f) and kernel (window, f, f')."""
    t = _tables(geometry, kernel.shape)
    # The batch stays an axis of its own: merged into another, it could not be sharded over devices.
    product = lax.dot_general(_matrix(kernel, t), _patches(x, t), (((1,), (0,)), ((), ())))
    return _join(product, t, x.shape[0])


def input_error(error: Array, kernel: Array, geometry: Geometry) -> Array:
    """Return the error of x, given that of the convolution."""
    t, batch = _tables(geometry, kernel.shape), error.shape[0]
    copies = lax.dot_general(_matrix(kernel, t), _cut(error, t), (((0,), (0,)), ((), ())))
    flat = copies.reshape(-1, batch)
    total = functools.reduce(jnp.add, [_gather(flat, index) for index in t.sources])
    return jnp.moveaxis(total.reshape(*geometry.sizes, t.channels, batch), -1, 0)


def kernel_error(x: Array, error: Array, geometry: Geometry) -> Array:
    """Return the error of the kernel, given that of the convolution."""
    shape = (*geometry.window, x.shape[-1], error.shape[-1])
    t = _tables(geometry, shape)
    copies = lax.dot_general(_cut(error, t), _patches(x, t), (((1, 2), (1, 2)), ((), ())))
    copies = copies.reshape(-1)
    return functools.reduce(jnp.add, [_gather(copies, i) for i in t.copies]).reshape(shape)


def bias_error(error: Array) -> Array:
    """Return the sum of the error over all but the features.

    The compiler repeats the computation of an error in each fused loop that reads it, unless one of
    these is a sum. It sums over many examples fastest if they are first in memory. So the sum is
    over the places, and a product adds up the examples.
    """
    sums = error.sum(axis=tuple(range(1, error.ndim - 1)))
    return jnp.ones(sums.shape[0], sums.dtype) @ sums


def _tables(geometry: Geometry, kernel: Sequence[int]) -> Tables:
    channels, features = kernel[-2:]
    return tables(geometry, channels, features, choose_tile(geometry, channels, features))

"""The numbers of an array for a page: statistics, 8-bit codes, and which part of it is shown.

Shape letters: R rows, C columns, P panels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.errors import ConfigurationError
from clearprop.glass.colors import largest
from clearprop.glass.nodes.array_summary import ArraySummary
from clearprop.nn.definitions import is_saturated
from clearprop.studio.models.headers import STATISTICS

ZERO, NOT_FINITE = 127, 255
"""The codes of 0 and of a number that is not finite."""

MOST_PIXELS = 1 << 18
MOST_SIDE = 512
MOST_TILES = 256
WISHED_TILES = 64
"""So many tiles are shown before their pixels stand for several entries."""

LONGEST_ROW = 20
"""A vector of so many entries is not broken into rows."""

Layout = Literal["picture", "kernel", ""]


class Axes(NamedTuple):
    """Which axes of an array tiles, rows and columns run over; see `ArrayShown`."""

    tiles: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    wrap: int = 0


class TiledPart(NamedTuple):
    """A part of an array as a picture.

    Attributes:
        axes: which axes its tiles, rows and columns run over.
        entries: (P, R, C), the entries that the pixels show.
        tiles: how many tiles there are in all.
        factor: rows and columns of a pixel.
    """

    axes: Axes
    entries: NDArray[np.float32]
    tiles: int
    factor: int


def statistics(summary: ArraySummary, size: int, saturated: float = math.nan) -> list[float]:
    """Return the columns `STATISTICS` of an array.

    Args:
        summary: of it.
        size: how many entries it has.
        saturated: the fraction of its entries that are at an end of the activation's range.

    >>> from clearprop.glass.nodes.array_summary import summary_of
    >>> statistics(summary_of(np.array([2.0, -2.0])), 2)[2:5]
    [-2.0, 2.0, 2.0]
    """
    finite = max(size - summary.nonfinite, 1)
    # Double precision: the difference is exact enough unless the mean is a million deviations.
    variance = max(summary.norm**2 / finite - summary.mean**2, 0.0)
    if summary.smallest == summary.largest:
        variance = 0.0
    known = {**summary._asdict(), "deviation": math.sqrt(variance), "saturated": saturated}
    return [float(known[name]) for name in STATISTICS]


def saturated_fraction(operation: str, values: ArrayLike) -> float:
    """Return which fraction of an activation's outputs is at an end of its range; NaN for none.

    >>> saturated_fraction("relu", np.array([0.0, 2.0])), saturated_fraction("add", np.ones(2))
    (0.5, nan)
    """
    at_end = is_saturated(operation, np.asarray(values))
    return math.nan if at_end is None or not at_end.size else float(at_end.mean())


def codes_of(values: NDArray[Any], limit: float | None = None) -> tuple[NDArray[np.uint8], float]:
    """Return 8-bit codes and their limit: value = (code - 127) / 127 * limit, 255 is not finite.

    Args:
        values: of any shape.
        limit: the size of the darkest color; None takes the largest size that is finite.

    >>> codes, limit = codes_of(np.array([-2.0, 0.0, 1.0, np.nan]))
    >>> codes.tolist(), limit
    ([0, 127, 191, 255], 2.0)
    """
    top = largest(values) if limit is None else limit
    wide = np.asarray(values, np.float64)
    finite = np.isfinite(wide)
    fractions = np.clip(np.where(finite, wide, 0.0) / (top or 1.0), -1.0, 1.0)
    codes = np.rint(fractions * ZERO) + ZERO
    return np.where(finite, codes, NOT_FINITE).astype(np.uint8), top


def axes_of(shape: Sequence[int], layout: Layout = "") -> Axes:
    """Return how an array is laid out as tiles.

    Args:
        shape: of it.
        layout: "picture" (B, R, C, P), "kernel" (R, C, in, out), or "" for (..., R, C). Of kernels
            those of one input channel come first, one for each filter.

    >>> axes_of((1, 28, 28, 6), "picture"), axes_of((1, 16, 32)).rows, axes_of((1, 10)).wrap
    (Axes(tiles=(3,), rows=(1,), columns=(2,), wrap=0), (1,), 10)
    """
    if layout == "picture" and len(shape) == 4:
        return Axes((3,), (1,), (2,))
    if layout == "kernel" and len(shape) == 4:
        return Axes((2, 3), (0,), (1,))
    long = [axis for axis, size in enumerate(shape) if size > 1]
    if not long:
        return Axes((), (), ())
    if len(long) == 1:
        return Axes((), (), (long[0],), _row_of(shape[long[0]]))
    return Axes(tuple(long[:-2]), (long[-2],), (long[-1],))


def _row_of(size: int) -> int:
    """Return how many entries of a vector stand in a row."""
    # Rows that are twice as long as there are rows, in powers of 2.
    return size if size <= LONGEST_ROW else 1 << round(math.log2(math.sqrt(2 * size)))


def shown(array: ArrayLike, layout: Layout = "", first: int = 0) -> TiledPart:
    """Return the part of an array that a page shows, from a tile on.

    Raises:
        ConfigurationError: there is no such tile.

    >>> shown(np.arange(6.0).reshape(2, 3)).entries[0].tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    >>> shown(np.ones((1, 600, 600, 8)), "picture").factor
    4
    """
    values = np.asarray(array)
    axes = axes_of(values.shape, layout)
    if not values.size:
        return TiledPart(axes, np.zeros((0, 0, 0), np.float32), 0, 1)
    tiles = math.prod(values.shape[axis] for axis in axes.tiles)
    if not 0 <= first < tiles:
        raise ConfigurationError(
            "there is no such tile", given=str(first), expected=f"0 to {tiles - 1}"
        )
    rows = math.prod(values.shape[axis] for axis in axes.rows)
    columns = math.prod(values.shape[axis] for axis in axes.columns)
    if axes.wrap:
        rows, columns = -(-columns // axes.wrap), axes.wrap
    factor = _factor(min(tiles - first, WISHED_TILES), rows, columns)
    room = MOST_PIXELS // (-(-rows // factor) * -(-columns // factor))
    many = min(tiles - first, MOST_TILES, max(1, room))
    entries = _tiles(values, axes, first, many)
    if axes.wrap:
        # Zeros behind the end change no pixel; the page leaves pixels of them alone out.
        filled = np.zeros((1, rows * columns), np.float32)
        filled[0, : entries.size] = entries.ravel()
        entries = filled.reshape(1, rows, columns)
    return TiledPart(axes, pooled(entries, factor), tiles, factor)


def _tiles(values: NDArray[Any], axes: Axes, first: int, many: int) -> NDArray[np.float32]:
    """Return some tiles, (P, R, C), without a copy of the others."""
    order = (*axes.tiles, *axes.rows, *axes.columns)
    whole = tuple(slice(None) if axis in order else 0 for axis in range(values.ndim))
    kept = [axis for axis in range(values.ndim) if axis in order]
    moved = np.transpose(values[whole], [kept.index(axis) for axis in order])
    rows = math.prod(values.shape[axis] for axis in axes.rows)
    columns = math.prod(values.shape[axis] for axis in axes.columns)
    sizes = [values.shape[axis] for axis in axes.tiles]
    places = [np.unravel_index(k, sizes) for k in range(first, first + many)] if sizes else [()]
    made = np.stack([moved[place].reshape(rows, columns) for place in places])
    return made.astype(np.float32)


def _factor(tiles: int, rows: int, columns: int) -> int:
    """Return how many rows and columns a pixel stands for, so that the wished tiles fit."""
    factor = 1
    while (
        tiles * -(-rows // factor) * -(-columns // factor) > MOST_PIXELS
        or -(-max(rows, columns) // factor) > MOST_SIDE
    ):
        factor += 1
    return factor


def pooled(tiles: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return tiles in which a pixel is the entry of the largest size among factor x factor.

    One that is not finite counts as the largest.

    >>> pooled(np.array([[[1.0, -3.0], [2.0, 0.5]]], np.float32), 2).tolist()
    [[[-3.0]]]
    """
    if factor == 1:
        return tiles
    many, rows, columns = tiles.shape
    down, right = -(-rows // factor), -(-columns // factor)
    padded = np.zeros((many, down * factor, right * factor), np.float32)
    padded[:, :rows, :columns] = tiles
    blocks = padded.reshape(many, down, factor, right, factor).transpose(0, 1, 3, 2, 4)
    flat = blocks.reshape(many, down, right, factor * factor)
    sizes = np.where(np.isfinite(flat), np.abs(flat), np.inf)
    best = sizes.argmax(axis=-1)[..., None]
    return np.take_along_axis(flat, best, axis=-1)[..., 0]

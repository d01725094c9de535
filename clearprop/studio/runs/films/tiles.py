"""Arrays of any shape as small pictures side by side, which the page draws.

Shape letters: N tiles, H height, W width, O units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.glass.boundary import heaviest
from clearprop.glass.colors import largest
from clearprop.glass.kernels import MOST_FILTERS, of_convolution
from clearprop.studio.frames import pack

MOST_SIDE = 256
"""A tile with more rows or columns is shown by some of them."""

MOST_TILES = 64

Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TiledArray:
    """An array as tiles.

    Attributes:
        tiles: float32 (N, H, W).
        labels: the number of each tile, such as that of its unit.
        across: how many tiles stand in a row; 0 leaves it to the page.
        every: of how many rows and of how many columns one is shown.
        shape: of the whole array.
        axes: what tiles, rows and columns are.
    """

    tiles: Numbers
    labels: tuple[int, ...]
    across: int
    every: tuple[int, int]
    shape: tuple[int, ...]
    axes: tuple[str, str, str]

    def frame(self, kind: str, fields: Mapping[str, object]) -> bytes:
        """Return the frame of these tiles.

        Header: what is given, ``labels``, ``across``, ``every``, ``shape``, ``axes`` and
        ``limit``, the largest size of a finite number. Array: ``tiles`` float32 (N, H, W).
        """
        known: dict[str, Any] = {
            "limit": largest(self.tiles),
            **fields,
            "labels": self.labels,
            "across": self.across,
            "every": self.every,
            "shape": self.shape,
            "axes": self.axes,
        }
        return pack(kind, known, {"tiles": self.tiles})


def matrix_tile(values: NDArray[Any], rows: str, columns: str) -> TiledArray:
    """Return a matrix as one tile; of a large one some rows and columns.

    >>> found = matrix_tile(np.zeros((784, 10)), "input", "unit")
    >>> found.tiles.shape, found.every
    ((1, 196, 10), (4, 1))
    """
    down, right = (-(-size // MOST_SIDE) or 1 for size in values.shape)
    shown = values[::down, ::right]
    return TiledArray(
        np.asarray(shown, np.float32)[None],
        (0,),
        1,
        (down, right),
        tuple(values.shape),
        ("", rows, columns),
    )


def parameter_tiles(
    values: NDArray[Any], picture: Sequence[int] = (), chosen: Sequence[int] | None = None
) -> TiledArray:
    """Return a parameter as tiles.

    Args:
        values: of the parameter.
        picture: (height, width, 1) of what the units of a matrix (inputs, O) see; () for none.
        chosen: the units that are shown of these.

    >>> parameter_tiles(np.zeros((64, 10)), (8, 8, 1)).tiles.shape
    (10, 8, 8)
    >>> parameter_tiles(np.zeros((5, 5, 6, 16))).tiles.shape
    (96, 5, 5)
    """
    whole = tuple(values.shape)
    if values.ndim == 2 and sees_pictures(whole, picture):
        units = list(chosen) if chosen is not None else shown_units(values)
        tiles = np.asarray(values[:, units].T, np.float32).reshape(-1, *picture[:2])
        axes = ("unit", "row of the picture", "column of the picture")
        return TiledArray(tiles, tuple(units), 0, (1, 1), whole, axes)
    if values.ndim == 4:
        kernels = of_convolution(values, colors=False)
        # With several input channels each has a row of tiles, one tile for each filter.
        across = len(kernels.filters) if kernels.channels else 0
        labels = tuple(kernels.filters) * max(1, kernels.channels)
        tiles = np.asarray(kernels.tiles, np.float32)
        return TiledArray(tiles, labels, across, (1, 1), whole, ("filter", "row", "column"))
    if values.ndim == 2:
        return matrix_tile(values, "input", "unit")
    if values.ndim < 2:
        return replace(matrix_tile(values.reshape(1, -1), "", "unit"), shape=whole)
    flat = values.reshape(-1, values.shape[-1])
    return replace(matrix_tile(flat, "entry", "unit"), shape=whole)


def sees_pictures(shape: Sequence[int], picture: Sequence[int]) -> bool:
    """Return whether the rows of a matrix are the pixels of gray pictures."""
    is_gray = len(picture) == 3 and picture[2] == 1 and min(picture[:2]) > 1
    return is_gray and len(shape) == 2 and shape[0] == math.prod(picture)


def shown_units(values: NDArray[Any]) -> list[int]:
    """Return which units of a matrix (inputs, O) are shown: those with the longest weights."""
    return sorted(heaviest(np.asarray(values, np.float64), MOST_FILTERS).tolist())


def output_tiles(values: NDArray[Any]) -> TiledArray:
    """Return the output of a layer for one example, without the axis of the batch, as tiles.

    >>> output_tiles(np.zeros((24, 24, 6))).tiles.shape
    (6, 24, 24)
    >>> output_tiles(np.zeros(10)).tiles.shape
    (1, 1, 10)
    """
    whole = tuple(values.shape)
    if values.ndim == 3:
        maps = np.moveaxis(np.asarray(values, np.float32), -1, 0)[:MOST_TILES]
        down, right = (-(-size // MOST_SIDE) or 1 for size in maps.shape[1:])
        labels = tuple(range(len(maps)))
        axes = ("channel", "row", "column")
        return TiledArray(maps[:, ::down, ::right], labels, 0, (down, right), whole, axes)
    if values.ndim == 2:
        return matrix_tile(values, "place", "unit")
    if values.ndim < 2:
        return replace(matrix_tile(values.reshape(1, -1), "", "unit"), shape=whole)
    flat = values.reshape(-1, values.shape[-1])
    return replace(matrix_tile(flat, "place", "unit"), shape=whole)

"""The weights that are drawn as pictures: kernels, and units that see pictures.

Shape letters: H height and W width of a kernel, I input channels, O filters or units, N tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.glass.boundary import heaviest
from clearprop.glass.wording import count

MOST_FILTERS = 32
MOST_ROWS = 8


@dataclass(frozen=True, eq=False)
class Kernels:
    """Weights of a layer as tiles.

    Attributes:
        tiles: (N, H, W), or (N, H, W, 3) where the inputs are colors.
        filters: the number of each filter shown.
        channels: 0 where a tile is a whole filter; else the number of input channels shown, each
            with a row of tiles, one for each filter.
        note: what is shown, and how much of all there is.
    """

    tiles: NDArray[np.float64]
    filters: tuple[int, ...]
    channels: int
    note: str


def of_convolution(weight: ArrayLike, *, colors: bool = True) -> Kernels:
    """Return the kernels (H, W, I, O) of a convolution over a picture.

    Args:
        weight: of the layer.
        colors: whether three input channels are red, green and blue: those of a first layer.

    >>> kernels = of_convolution(np.ones((5, 5, 6, 16)))
    >>> kernels.tiles.shape, kernels.note
    ((96, 5, 5), '16 filters of 5 x 5 over 6 channels')
    """
    values = np.asarray(weight, np.float64)
    height, width, inputs, filters = values.shape
    note = f"{count(filters, 'filter')} of {height} x {width}"
    columns = min(filters, MOST_FILTERS)
    if inputs == 1 or (inputs == 3 and colors):
        rows = 0
        tiles = np.moveaxis(values, -1, 0)[:columns]
        tiles = tiles[..., 0] if inputs == 1 else tiles
        note += " x 3 colors" if inputs == 3 else ""
        note += f"; the first {columns} are shown" if columns < filters else ""
    else:
        rows = min(inputs, MOST_ROWS)
        tiles = values[:, :, :rows, :columns].transpose(2, 3, 0, 1).reshape(-1, height, width)
        note += f" over {count(inputs, 'channel')}"
        if rows * columns < inputs * filters:
            note += f"; the first {rows} x {columns} kernels are shown"
    return Kernels(tiles, tuple(range(columns)), rows, note)


def of_units(weight: ArrayLike, shape: Sequence[int]) -> Kernels:
    """Return the weights (H W C, O) of units that see pictures of a shape (H, W, 1 or 3).

    Of many units those with the longest weight vectors are shown.

    >>> of_units(np.ones((64, 10)), (8, 8, 1)).note
    'weights of 10 units on 8 x 8 pixels'
    """
    values = np.asarray(weight, np.float64)
    strongest = heaviest(values, MOST_FILTERS)
    tiles = values[:, strongest].T.reshape(-1, *shape)
    note = f"weights of {count(values.shape[1], 'unit')} on {shape[0]} x {shape[1]} pixels"
    if len(strongest) < values.shape[1]:
        note += f"; the largest {len(strongest)} are shown"
    tiles = tiles[..., 0] if shape[2] == 1 else tiles
    return Kernels(tiles, tuple(strongest.tolist()), 0, note)

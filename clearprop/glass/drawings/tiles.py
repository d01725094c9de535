"""Arrays side by side, in the colors of numbers around zero, for several drawings.

Shape letters: N tiles, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop.glass.colors import largest
from clearprop.glass.style import LINE, axes_grid, canvas, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Aspect: TypeAlias = Literal["auto", "equal"]

MOST_COLUMNS = 8


def bare(axes: Axes) -> None:
    """Remove ticks and grid from axes that show an array; a thin frame stays."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=LINE)


def show(
    axes: Axes,
    values: NDArray[np.number],
    limit: float | None = None,
    aspect: Aspect | None = None,
) -> AxesImage:
    """Show an array on axes, zero near white, and return the image for a color bar.

    Args:
        axes: of matplotlib.
        values: (H, W), numbers around zero; or (H, W, 3), colors from 0 to 1.
        limit: the absolute value that has the full color; the largest one where None.
        aspect: "equal" for square pixels; matplotlib's default where None.
    """
    top = (largest(values) if limit is None else limit) or 1.0
    bare(axes)
    return axes.imshow(
        np.where(np.isfinite(values), values, np.nan), cmap=signed(), vmin=-top, vmax=top,
        interpolation="nearest", aspect=aspect,
    )  # fmt: skip


def tiled(
    tiles: Sequence[NDArray[np.number]],
    names: Sequence[str] = (),
    *,
    columns: int | None = None,
    label: str = "",
    width: float = 6.4,
) -> tuple[Figure, list[Axes]]:
    """Return a figure of tiles with one scale of colors, and its axes.

    Args:
        tiles: each (H, W), or (H, W, 3) from 0 to 1.
        names: one above each tile.
        columns: tiles in a row.
        label: of the color bar; "" for none.
        width: of the figure in inches.
    """
    across = columns or -(-len(tiles) // -(-len(tiles) // MOST_COLUMNS))
    down = -(-len(tiles) // across)
    tall = max(tile.shape[0] / tile.shape[1] for tile in tiles)
    side = (width - (0.9 if label else 0.1)) / across
    figure, grid = axes_grid(
        down, across, width=width, height=down * (min(side * tall, 4.0) + (0.2 if names else 0.06))
        + 0.1,
    )  # fmt: skip
    limit = max((largest(tile) for tile in tiles if tile.ndim == 2), default=0.0)
    for axes in grid[len(tiles) :]:
        axes.set_axis_off()
    image = None
    for axes, tile, name in zip(grid, tiles, names or [""] * len(tiles), strict=False):
        drawn = show(axes, tile, limit)
        image = drawn if tile.ndim == 2 else image
        axes.set_title(name, fontsize=8, weight="normal", loc="center", pad=2)
    if label and image is not None:
        bar = figure.colorbar(image, ax=grid, label=label, shrink=min(1.0, 3.2 / (down * side)))
        bar.outline.set_visible(False)
    return figure, grid


def table(
    tiles: NDArray[np.number], rows: int, columns: Sequence[int], label: str
) -> tuple[Figure, Axes]:
    """Return a figure of one array made of tiles, in rows and columns with numbers, and its axes.

    It draws many tiles at once; axes for each tile would take seconds.

    Args:
        tiles: (rows times columns, H, W), row by row.
        rows: how many.
        columns: the number above each.
        label: of the color bar.
    """
    height, width = tiles.shape[1:]
    across = len(columns)
    whole = tiles.reshape(rows, across, height, width).transpose(0, 2, 1, 3)
    side = 5.4 / across
    tall = min(7.0, rows * side * height / width + 0.4)
    figure, axes = canvas(width=6.4, height=max(1.4, tall))
    image = show(axes, whole.reshape(rows * height, across * width))
    gap = 0.07 * 72 * side
    for edge in range(1, across):
        axes.axvline(edge * width - 0.5, color="white", linewidth=gap)
    for edge in range(1, rows):
        axes.axhline(edge * height - 0.5, color="white", linewidth=gap)
    for set_ticks, size, numbers in (
        (axes.set_xticks, width, columns),
        (axes.set_yticks, height, range(rows)),
    ):
        set_ticks(
            np.arange(len(numbers)) * size + (size - 1) / 2, list(map(str, numbers)), fontsize=8
        )
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    bar = figure.colorbar(image, ax=axes, label=label, shrink=min(1.0, 3.2 / tall), pad=0.02)
    bar.outline.set_visible(False)
    return figure, axes

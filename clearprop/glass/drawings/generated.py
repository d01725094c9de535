"""What a generator makes: points beside the data, pictures over time and between two pictures.

Shape letters: N points or pictures, T times, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ShapeError
from clearprop.glass.drawings.tiles import bare
from clearprop.glass.style import COLORS, SOFT, Drawing, axes_grid, canvas, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS = 2000


@drawn
def points_over_time(
    real: NDArray[np.floating], samples: Sequence[tuple[int, NDArray[np.floating]]]
) -> Drawing:
    """Draw generated points beside real ones after some steps of a training.

    Args:
        real: (N, 2) or more columns, of which the first two are drawn.
        samples: pairs of a step and the points (N, 2) that the generator then made of the same
            noise.

    Raises:
        ShapeError: the points have fewer than two numbers.
    """
    if real.ndim != 2 or real.shape[1] < 2:
        raise ShapeError("points need two numbers to be drawn", given=f"shape {real.shape}")
    across = min(3, len(samples))
    down = -(-len(samples) // across)
    figure, grid = axes_grid(down, across, width=7.6, height=2.6 * down, sharex=True, sharey=True)
    low, high = real[:, :2].min(), real[:, :2].max()
    room = 0.25 * (high - low)
    for axes, (step, points) in zip(grid, samples, strict=False):
        axes.plot(*real[:MOST_POINTS, :2].T, ".", color=SOFT, markersize=2, alpha=0.5)
        axes.plot(*points[:MOST_POINTS, :2].T, ".", color=COLORS[1], markersize=2.5)
        axes.set(title=f"step {step:,}", aspect="equal")
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    for axes in grid[len(samples) :]:
        axes.set_axis_off()
    return Drawing(
        "Generated points over time",
        figure,
        "Real points are gray, generated ones orange; the noise is the same in every panel. Points "
        "outside the frame are not shown.",
    )


@drawn
def pictures_over_time(samples: Sequence[tuple[int, NDArray[np.floating]]]) -> Drawing:
    """Draw pictures that a generator made of the same noise after some steps of a training.

    Args:
        samples: pairs of a step and pictures (N, H, W, C) with pixels from 0 to 1, in the same
            order at each step.
    """
    rows = [_row(pictures) for _, pictures in samples]
    figure, axes = _shown(np.concatenate(rows))
    height = rows[0].shape[0]
    places = (np.arange(len(rows)) + 0.5) * height - 0.5
    axes.set_yticks(places, [f"step {step:,}" for step, _ in samples], fontsize=8)
    axes.tick_params(length=0)
    return Drawing(
        "Generated pictures over time",
        figure,
        "Each column is made of the same noise in every row. If all columns of a row look alike, "
        "the generator has collapsed.",
    )


@drawn
def between_pictures(pictures: NDArray[np.floating]) -> Drawing:
    """Draw the pictures that lie between two points of noise, a row for each pair.

    Args:
        pictures: (rows, T, H, W, C), from one end to the other, pixels from 0 to 1.
    """
    figure, _ = _shown(np.concatenate([_row(row) for row in pictures]))
    return Drawing(
        "Between two pictures",
        figure,
        "The noise at the left and right ends is random, and goes from one to the other in equal "
        "steps along the sphere. Where the pictures change gradually, the generator has not "
        "memorized single examples.",
    )


@drawn
def pictures_beside_data(
    real: NDArray[np.floating], made: NDArray[np.floating], columns: int = 12
) -> Drawing:
    """Draw random pictures of the data above random generated ones, none of them chosen.

    Args:
        real: (N, H, W, C), pixels from 0 to 1.
        made: (N, H, W, C).
        columns: pictures in a row.
    """
    rows = len(real) // columns
    parts = [x[i * columns : (i + 1) * columns] for x in (real, made) for i in range(rows)]
    figure, axes = _shown(np.concatenate([_row(part) for part in parts]))
    height = real.shape[1]
    axes.axhline(rows * height - 0.5, color=COLORS[1], linewidth=2.5)
    return Drawing(
        "Real pictures above generated ones",
        figure,
        "Above the line are pictures of the test part, below it generated ones, both drawn at "
        "random.",
    )


def _row(pictures: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return pictures (N, H, W, C) side by side, (H, N W, C)."""
    n, height, width, channels = pictures.shape
    side_by_side = pictures.transpose(1, 0, 2, 3).reshape(height, n * width, channels)
    return np.asarray(np.clip(side_by_side, 0, 1))


def _shown(whole: NDArray[np.floating]) -> tuple[Figure, Axes]:
    """Return a figure of one array (H, W, C), and its axes."""
    height, width = whole.shape[:2]
    figure, axes = canvas(width=7.6, height=max(1.2, 7.0 * height / width + 0.1))
    bare(axes)
    gray = whole.shape[2] == 1
    axes.imshow(
        whole[..., 0] if gray else whole[..., :3], cmap="gray_r" if gray else None, vmin=0, vmax=1,
        interpolation="nearest",
    )  # fmt: skip
    return figure, axes

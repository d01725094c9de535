"""The loss surface around a trained model, drawn, with the path of its descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data import Preprocessor
from clearprop.glass.drawings.landscape import Directions, Landscape, landscape_of
from clearprop.glass.drawings.snapshots import ExampleData, Training
from clearprop.glass.style import INK, Drawing, canvas, drawn
from clearprop.glass.wording import number, percent
from clearprop.nn.recording import LossLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = 14


@drawn
def loss_surface(
    training: Training,
    data: ExampleData,
    loss: LossLike = "cross_entropy",
    *,
    directions: Directions = "random",
    side: int = 25,
    reach: float = 1.0,
    seed: int = 0,
    preprocessor: Preprocessor | None = None,
) -> Drawing:
    """Draw the loss on a plane through a model's weights, and the path of the training.

    The heights are mean losses in evaluation, with the running statistics of the model in the
    middle. The path consists of the point of the plane that is nearest to each snapshot.

    Args:
        training: a model, a run with snapshots (``fit(..., snapshots=20)``), or a list of
            (step, model); the last model is the middle.
        data: the examples: a data set, its splits (of which the training part is used) or (x, y).
            Every point needs all examples once, so a few hundred are enough.
        loss: the name of a loss, a `nn.Loss`, or a function (outputs, targets) -> values.
        directions: "random", two random directions with filters as long as the model's; or "pca",
            the two directions in which the path goes farthest.
        side: points along a side of the grid, an odd number.
        reach: random directions go from -reach to reach, or farther where the path does; at 1 every
            filter is changed by its own length.
        seed: of the random directions.
        preprocessor: of the run that trained the model, where the data is raw.

    Raises:
        ConfigurationError: unknown directions, an even side, too short a path for "pca", no data.
        ModelError: a model has no values or another architecture.

    >>> from clearprop import nn
    >>> model = nn.Linear(2, 1).init(0)
    >>> loss_surface(model, (np.eye(2), np.ones((2, 1))), "squared_error", side=5).title
    'Loss surface along two random directions'

    Source: Li, Xu, Taylor, Studer and Goldstein (2018), *Visualizing the loss landscape of neural
    nets*.
    """
    found = landscape_of(training, data, loss, directions=directions, side=side, reach=reach,
                         seed=seed, preprocessor=preprocessor)  # fmt: skip
    figure, axes = canvas(width=6.4, height=4.8)
    _heights(figure, axes, found)
    several = len(found.steps) > 1
    if several:
        axes.plot(*found.path.T, color="white", linewidth=3.4, zorder=3)
        axes.plot(*found.path.T, color=INK, linewidth=1.4, marker="o", markersize=4, zorder=4,
                  markeredgecolor="white", label="descent")  # fmt: skip
    axes.scatter(0, 0, s=150, marker="*", color="white", edgecolors=INK, zorder=5)
    corner = np.array([found.across[-1], found.up[-1]])
    name = f"step {found.steps[-1]}" if several else "the model"
    if several and np.abs(found.path[0] / corner).max() < 0.15:
        name = f"steps {found.steps[0]} to {found.steps[-1]}"
    elif several:
        _name(axes, f"step {found.steps[0]}", found.path[0], corner)
    _name(axes, name, np.zeros(2), corner)
    adjective = "principal" if directions == "pca" else "random"
    axes.set(
        xlabel=f"first {adjective} direction",
        ylabel=f"second {adjective} direction",
        xlim=(found.across[0], found.across[-1]),
        ylim=(found.up[0], found.up[-1]),
    )
    of_path = ""
    if several and found.fraction is not None:
        of_path = (
            "The line is the path of the training, projected on the plane, which contains "
            f"{percent(found.fraction)} of the variance of the path about its end. "
        )
    kind = "the path's principal directions" if directions == "pca" else "two random directions"
    return Drawing(
        f"Loss surface along {kind}",
        figure,
        f"Dark is low; the star is the model, with a loss of {number(found.center)}. {of_path}In "
        "a wide valley, small changes of the weights hardly raise the loss; in a narrow one they "
        "raise it much.",
    )


_PLATE = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}


def _name(axes: Axes, text: str, point: NDArray[np.float64], corner: NDArray[np.float64]) -> None:
    """Write beside a point, on the side with room for it."""
    right, above = point[0] < 0.5 * corner[0], point[1] < -0.5 * corner[1]
    axes.annotate(text, (point[0], point[1]), xytext=(8 if right else -8, 12 if above else -12),
                  textcoords="offset points", ha="left" if right else "right", va="center",
                  zorder=6, bbox=_PLATE)  # fmt: skip


def _heights(figure: Figure, axes: Axes, found: Landscape) -> None:
    """Draw levels of the loss, evenly spread, or logarithmic over a wide range."""
    from matplotlib.colors import LogNorm, Normalize

    heights = np.ma.MaskedArray(found.losses, mask=~np.isfinite(found.losses))
    low, high = float(heights.min()), float(heights.max())
    norm: Normalize
    if low > 0 and high / low > 30:
        levels, norm = np.geomspace(low, high, LEVELS), LogNorm(low, high)
    else:
        high = high if high > low else low + 1.0
        levels, norm = np.linspace(low, high, LEVELS), Normalize(low, high)
    axes.contourf(found.across, found.up, heights, levels=levels, norm=norm)
    axes.contour(found.across, found.up, heights, levels=levels, colors=[INK],
                 linewidths=0.5)  # fmt: skip
    axes.grid(visible=False)
    bar = figure.colorbar(axes.collections[0], ax=axes, label="mean loss")
    bar.set_ticks(levels[::2].tolist(), labels=[number(float(level), 2) for level in levels[::2]])
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)

"""Feature maps: what a layer makes of one example.

Shape letters: H height, W width, C channels, T steps, F features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ModelError
from clearprop.glass.drawings.choice import (
    Examples,
    examples_of,
    one_example,
    outputs_of,
    pixels_of,
    ready,
)
from clearprop.glass.drawings.tiles import bare, show, tiled
from clearprop.glass.style import Drawing, canvas, drawn
from clearprop.glass.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_MAPS = 32


def maps_of(model: nn.Module, x: Examples, layer: str, example: int = 0) -> NDArray[np.float64]:
    """Return what a layer gives for one example: (H, W, C), (T, F) or (F,).

    Raises:
        ConfigurationError: there is no such layer or example.
        ModelError: the layer gives no array of these ranks.

    >>> model = nn.Sequential([nn.Conv2d(1, 6, 5), "relu"]).init(0)
    >>> maps_of(model, np.zeros((2, 28, 28, 1), np.float32), "layers.1").shape
    (24, 24, 6)
    """
    ready(model)
    values = outputs_of(model, one_example(x, example, "feature maps"), layer)[0]
    if not 1 <= values.ndim <= 3:
        raise ModelError(
            "the output of this layer is no map",
            where=layer,
            given=f"{tuple(values.shape)} for one example",
            expected="(height, width, channels), (steps, features) or (units,)",
        )
    return np.asarray(values, np.float64)


@drawn
def feature_maps(model: nn.Module, x: Examples, layer: str, *, example: int = 0) -> Drawing:
    """Draw what a layer makes of one example: a picture for each channel, beside the input.

    Args:
        model: with values.
        x: inputs as the model takes them, (N, ...).
        layer: any layer's path, with ``#2`` for its second call.
        example: which of the inputs.

    Raises:
        ConfigurationError: there is no such layer or example.
        ModelError: the layer's output is no map, or the model has no values.
        ShapeError: the inputs do not fit the model, or there are none.

    >>> model = nn.Sequential([nn.Conv2d(1, 6, 5), "relu"]).init(0)
    >>> feature_maps(model, np.ones((2, 28, 28, 1), np.float32), "layers.1").title
    'Feature maps of layers.1'
    """
    values = maps_of(model, x, layer, example)
    given = examples_of(x, "feature maps")
    seen = np.asarray(given[example]) if isinstance(given, jax.Array) else None
    look = "Orange is what the layer passes on, blue what it gives below 0"
    silent = float((values == 0).mean())
    if values.ndim == 3:
        maps = np.moveaxis(values, -1, 0)[:MOST_MAPS]
        tiles, names = list(maps), [str(i) for i in range(len(maps))]
        if seen is not None and seen.ndim == 3:
            tiles, names = [np.zeros((1, 1)), *tiles], ["input", *names]
        figure, grid = tiled(tiles, names, label="output")
        if len(tiles) > len(maps) and seen is not None:
            axes = grid[0]
            axes.images[0].remove()
            _picture(axes, seen)
        look = "Each map shows where in the input its filter found what it looks for"
        what = f"{count(values.shape[2], 'map')} of {values.shape[0]} x {values.shape[1]}"
        what += f"; the first {MOST_MAPS} are shown" if values.shape[2] > MOST_MAPS else ""
    else:
        rows = values.T if values.ndim == 2 else values.reshape(1, -1)
        figure, axes = canvas(width=6.4, height=min(5.0, 1.3 + 0.1 * len(rows)))
        image = show(axes, rows, aspect="auto")
        figure.colorbar(image, ax=axes, label="output", pad=0.01).outline.set_visible(False)
        ticks = range(0, rows.shape[1], max(1, rows.shape[1] // 10))
        axes.set_xticks(ticks)
        axes.set_xlabel("step" if values.ndim == 2 else "unit")
        axes.set_ylabel("feature" if values.ndim == 2 else "")
        what = count(values.shape[-1], "feature" if values.ndim == 2 else "unit")
    return Drawing(
        f"Feature maps of {layer or type(model).__name__}",
        figure,
        f"{what[0].upper()}{what[1:]}. {look}; {100 * silent:.0f} % of all outputs are exactly 0.",
    )


def _picture(axes: Axes, seen: NDArray[np.number]) -> None:
    bare(axes)
    axes.imshow(pixels_of(seen), cmap="gray", interpolation="nearest")
    axes.set_title("input", fontsize=8, weight="normal", loc="center", pad=2)

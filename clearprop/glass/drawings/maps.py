"""Feature maps: the output of a layer for one example.

Shape letters: H height, W width, C channels, T steps, F features.
"""

from __future__ import annotations

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ModelError
from clearprop.glass.colors import stretched
from clearprop.glass.drawings.choice import (
    Examples,
    examples_of,
    flat,
    one_example,
    outputs_of,
    pixels_of,
    ready,
)
from clearprop.glass.drawings.tiles import show, tiled
from clearprop.glass.style import Drawing, canvas, drawn
from clearprop.glass.wording import count

MOST_MAPS = 32


def maps_of(model: nn.Module, x: Examples, layer: str, example: int = 0) -> NDArray[np.float64]:
    """Return the output of a layer for one example: (H, W, C), (T, F) or (F,).

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
    """Draw the output of a layer for one example: a picture for each channel, beside the input.

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
    look = "Orange outputs are above 0, blue ones below"
    silent = float((values == 0).mean())
    if values.ndim == 3:
        maps = np.moveaxis(values, -1, 0)[:MOST_MAPS]
        tiles, names = list(maps), [str(i) for i in range(len(maps))]
        if seen is not None and seen.ndim == 3:
            picture = stretched(pixels_of(seen))
            gray = picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2)
            tiles, names = [gray, *tiles], ["input", *names]
        figure, _ = tiled(tiles, names, label="output")
        look = "Each map shows where in the input its filter found what it looks for"
        what = f"{count(values.shape[2], 'map')} of {values.shape[0]} x {values.shape[1]}"
        what += f"; the first {MOST_MAPS} are shown" if values.shape[2] > MOST_MAPS else ""
    else:
        rows = flat(values)
        figure, axes = canvas(width=6.4, height=min(5.0, 1.3 + 0.1 * len(rows)))
        image = show(axes, rows, aspect="auto")
        figure.colorbar(image, ax=axes, label="output", pad=0.01).outline.set_visible(False)
        ticks = range(0, rows.shape[1], max(1, rows.shape[1] // 10))
        axes.set_xticks(ticks)
        step, feature = ("step", "feature") if values.ndim == 2 else ("unit", "")
        axes.set(xlabel=step, ylabel=feature)
        what = count(values.shape[-1], feature or step)
    return Drawing(
        f"Feature maps of {layer or type(model).__name__}",
        figure,
        f"{what[0].upper()}{what[1:]}. {look}; {100 * silent:.0f} % of all outputs are exactly 0.",
    )

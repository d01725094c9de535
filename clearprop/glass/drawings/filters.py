"""Learned filters: what a layer looks for, drawn as pictures.

Shape letters: H height and W width of a kernel, I input channels, O filters or units, N tiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clearprop import nn
from clearprop.errors import ShapeError
from clearprop.glass.colors import largest
from clearprop.glass.drawings.choice import chosen
from clearprop.glass.drawings.tiles import table, tiled
from clearprop.glass.kernels import Kernels, of_convolution, of_units
from clearprop.glass.style import Drawing, drawn

Filters = nn.Conv2d | nn.Conv1d | nn.Linear
KINDS = (nn.Conv2d, nn.Conv1d, nn.Linear)


def kernels_of(
    layer: Filters, shape: Sequence[int] | None = None, *, colors: bool = True
) -> Kernels:
    """Return the weights of a layer as tiles.

    The kernels of a `nn.Conv2d` have the shape (H, W, I, O); those of a `nn.Conv1d` become pictures
    of I rows and W columns. The weights of a `nn.Linear` become a picture for each unit, where
    ``shape`` says which picture the unit sees, else one matrix.

    Args:
        layer: with values.
        shape: of the pictures that a linear layer's units see.
        colors: whether three input channels of a convolution are red, green and blue.

    Raises:
        ShapeError: the layer does not have as many inputs as the picture has numbers.

    >>> kernels_of(nn.Linear(64, 10).init(0), (8, 8)).tiles.shape
    (10, 8, 8)
    """
    weight = np.asarray(layer.weight, np.float64)
    if isinstance(layer, nn.Conv2d):
        return of_convolution(weight, colors=colors)
    if isinstance(layer, nn.Conv1d):
        kernels = of_convolution(weight.transpose(1, 0, 2)[:, :, None, :])
        size = f"of {weight.shape[0]} steps over {weight.shape[1]} channels"
        note = f"{weight.shape[2]} filters {size}"
        return replace(kernels, channels=0, note=note)
    if shape is None:
        note = f"weights of {weight.shape[1]} units, a column each, on {weight.shape[0]} inputs"
        return Kernels(weight[None], (0,), 0, note)
    picture = tuple(shape) if len(shape) == 3 else (*shape, 1)
    if math.prod(picture) != len(weight) or len(picture) != 3 or picture[2] not in (1, 3):
        raise ShapeError(
            "the units do not see pictures of this shape",
            given=f"shape={tuple(shape)}: {math.prod(shape)} numbers, for {len(weight)} inputs",
            expected="(height, width), or (height, width, 1 or 3)",
        )
    return of_units(weight, picture)


@drawn
def filters(
    model: nn.Module, layer: str | None = None, *, shape: Sequence[int] | None = None
) -> Drawing:
    """Draw what a layer has learned to look for: the kernels of a convolution, or weights of units.

    Where a filter's weight is orange, bright input raises its output; where it is blue, it lowers
    it. All tiles have one scale.

    Args:
        model: with values.
        layer: path of a convolution over pictures or series, or of a linear layer; the first one
            where None.
        shape: of the pictures that the units of a linear layer see, such as (28, 28).

    Raises:
        ConfigurationError: there is no such layer; the nearest path is suggested.
        ModelError: the layer is of another kind.
        ShapeError: the shape is not that of the layer's inputs.

    >>> filters(nn.Sequential([nn.Conv2d(1, 6, 5)]).init(0)).file_name
    'filters-of-layers-0.png'
    """
    found: Filters
    path, found = chosen(model, layer, KINDS, "filters")
    first = chosen(model, None, KINDS, "filters")[0]
    kernels = kernels_of(found, shape, colors=path == first)
    look = ": orange weights raise the output where the input is bright, blue ones lower it"
    if kernels.channels:
        figure, axes = table(kernels.tiles, kernels.channels, kernels.filters, "weight")
        axes.set_ylabel("input channel")
        look = f"; each row is an input channel, each column a filter{look}"
    else:
        tiles = kernels.tiles
        if tiles.ndim == 4:  # zero is middle gray, and each color shows its own weight
            tiles = 0.5 + tiles / (2 * (largest(tiles) or 1.0))
            look = ": gray is 0, and a color shows the weight of that color"
        names = [str(i) for i in kernels.filters] if len(tiles) > 1 else []
        figure, _ = tiled(list(tiles), names, label="weight")
    return Drawing(
        f"Filters of {path or type(found).__name__}",
        figure,
        f"{kernels.note[0].upper()}{kernels.note[1:]}{look}. A first layer learns edges, spots "
        "and strokes; a filter that looks like noise has learned nothing.",
    )

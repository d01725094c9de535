"""Learned filters: what a layer looks for, drawn as pictures.

Shape letters: H height and W width of a kernel, I input channels, O filters or units, N tiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    layer: nn.Conv2d | nn.Conv1d | nn.Linear,
    shape: Sequence[int] | None = None,
    *,
    colors: bool = True,
) -> Kernels:
    """Return the weights of a layer as tiles.

    Of a `nn.Conv2d` its kernels, (H, W, I, O); of a `nn.Conv1d` they are pictures of I rows and W
    columns; of a `nn.Linear` the weights of each unit, where ``shape`` says which picture it sees,
    else all of them as one matrix.

    Args:
        layer: with values.
        shape: of the pictures that a linear layer's units see.
        colors: whether three input channels of a convolution are red, green and blue.

    Raises:
        ShapeError: the layer has not as many inputs as the picture has numbers.

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
        return Kernels(kernels.tiles, kernels.filters, 0, note)
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
    """Draw what a layer has learned to look for: the kernels of a convolution, or a unit's weights.

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
    tiles, names = list(kernels.tiles), [str(i) for i in kernels.filters]
    if kernels.tiles.ndim == 4:  # zero is middle gray, and each color shows its own weight
        limit = largest(kernels.tiles) or 1.0
        tiles = [0.5 + tile / (2 * limit) for tile in tiles]
    if kernels.channels:
        figure, axes = table(kernels.tiles, kernels.channels, kernels.filters, "weight")
        axes.set_ylabel("input channel")
    else:
        figure, _ = tiled(tiles, names if len(tiles) > 1 else [], label="weight")
    where = "; each row is an input channel, each column a filter" if kernels.channels else ""
    colors = (
        "gray is 0, and a color stands for the weight of that color"
        if kernels.tiles.ndim == 4
        else "orange weights raise the output where the input is bright, blue ones lower it"
    )
    return Drawing(
        f"Filters of {path or type(found).__name__}",
        figure,
        f"{kernels.note[0].upper()}{kernels.note[1:]}{where}: {colors}. Edges, spots and strokes "
        "are what a first layer learns; noise is what it has not.",
    )

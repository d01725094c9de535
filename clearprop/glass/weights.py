"""The weights that a report shows as pictures: kernels of convolutions, weights of first layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clearprop import nn
from clearprop.glass.boundary import heaviest, weighted_layers
from clearprop.glass.colors import diverging, largest
from clearprop.glass.kernels import Kernels, of_convolution, of_units
from clearprop.glass.pictures import data_address, is_picture, mosaic
from clearprop.glass.subject import Subject
from clearprop.glass.wording import number

MOST_LAYERS = 6
MOST_INPUTS, MOST_UNITS = 24, 16


@dataclass(frozen=True)
class FilterPictures:
    """The filters of one layer.

    Attributes:
        path: of the layer.
        note: what is shown, and how much of all there is.
        tiles: a picture of each filter, as data addresses; none where they are in one table.
        table: all kernels in one picture, with a row for each input channel and a column for each
            filter; "" where there are tiles.
        alt: the description for screen readers.
        limit: the weight that has the full color.
    """

    path: str
    note: str
    tiles: tuple[str, ...]
    table: str
    alt: str
    limit: str


@dataclass(frozen=True)
class WeightTable:
    """The weights of a first layer on named inputs: a row for each input, a column for each unit.

    Attributes:
        path: of the layer.
        rows: name of an input, and its weights as (text, fraction of the largest, from -1 to 1).
        units: how many units are shown.
        of: how many there are.
        left_out: how many inputs are not shown.
    """

    path: str
    rows: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    units: int
    of: int
    left_out: int


def filter_pictures(subject: Subject) -> tuple[FilterPictures, ...]:
    """Return the kernels of the convolutions, and a first linear layer's weights on pictures."""
    found: list[FilterPictures] = []
    shape = subject.input_shape
    for path, layer in nn.modules(subject.model).items():
        if isinstance(layer, nn.Conv2d):
            found.append(_pictures(path, of_convolution(layer.weight, colors=not found)))
        elif isinstance(layer, nn.Linear) and not found:
            if is_picture(shape) and layer.in_features == math.prod(shape):
                found.append(_pictures(path, of_units(layer.weight, shape)))
            else:
                break
    return tuple(found[:MOST_LAYERS])


def _pictures(path: str, kernels: Kernels) -> FilterPictures:
    limit = largest(kernels.tiles)
    if kernels.tiles.ndim == 4:  # zero is middle gray, and each color shows its own weight
        pixels = np.round(127.5 + 127.5 * kernels.tiles / (limit or 1.0)).astype(np.uint8)
    else:
        pixels = diverging(kernels.tiles, limit)
    tiles, table, alt = tuple[str, ...](), "", f"{path}: {kernels.note}"
    if kernels.channels:
        columns = len(kernels.filters)
        table = data_address(mosaic(pixels, columns))
        alt = (
            f"Kernels of {path}: {kernels.channels} rows of input channels, "
            f"{columns} columns of filters"
        )
    else:
        tiles = tuple(data_address(tile) for tile in pixels)
    return FilterPictures(path, kernels.note, tiles, table, alt, number(limit))


def weight_table(subject: Subject) -> WeightTable | None:
    """Return a first linear layer's weights on inputs that are a row of numbers, or None."""
    shape = subject.input_shape
    path, first = next(iter(weighted_layers(subject.model)), ("", None))
    if not isinstance(first, nn.Linear) or shape != (first.in_features,):
        return None
    weight = np.asarray(first.weight, np.float64)
    inputs = np.sort(heaviest(weight.T, MOST_INPUTS))
    units = np.sort(heaviest(weight, MOST_UNITS))
    limit = largest(weight) or 1.0
    digits = "z.2f" if limit >= 0.1 else ".1g"  # z: a small negative number is no -0.00
    rows = tuple(
        (
            subject.feature_name(int(i)),
            tuple((format(w, digits), float(w / limit)) for w in weight[i, units]),
        )
        for i in inputs
    )
    return WeightTable(path, rows, len(units), weight.shape[1], len(weight) - len(inputs))

"""The weights that a report shows as pictures: kernels of convolutions, weights of first layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clearprop import nn
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
        tiles: one picture a filter, as data addresses; none where they are in one table.
        table: all kernels in one picture, a row an input channel and a column a filter; or "".
        alt: what is read out to people who do not see it.
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
    """The weights of a first layer on named inputs: a row an input, a column a unit.

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
    first = next(
        ((p, m) for p, m in nn.modules(subject.model).items() if nn.parameters(m) and _is_leaf(m)),
        None,
    )
    if first is None or not isinstance(first[1], nn.Linear) or len(shape) != 1:
        return None
    path, weight = first[0], np.asarray(first[1].weight, np.float64)
    if len(weight) != shape[0]:
        return None
    strength = np.linalg.norm(weight, axis=1)
    inputs = np.sort(np.argsort(-strength, kind="stable")[:MOST_INPUTS])
    units = np.sort(np.argsort(-np.linalg.norm(weight, axis=0), kind="stable")[:MOST_UNITS])
    limit = largest(weight) or 1.0
    rows = tuple(
        (
            subject.feature_name(int(i)),
            tuple((_short(w, limit), float(w / limit)) for w in weight[i, units]),
        )
        for i in inputs
    )
    return WeightTable(path, rows, len(units), weight.shape[1], len(weight) - len(inputs))


def _short(weight: float, limit: float) -> str:
    return f"{weight:.2f}" if limit >= 0.1 else f"{weight:.1g}"


def _is_leaf(module: nn.Module) -> bool:
    return len(nn.modules(module)) == 1

"""What a network has learned to look for: kernels of convolutions, weights of first layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.answers import feature_name
from clearprop.glass.colors import diverging, largest
from clearprop.glass.pictures import data_address, is_picture, mosaic
from clearprop.glass.subject import Subject
from clearprop.glass.wording import count, number

MOST_FILTERS = 32
MOST_ROWS = 8
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
        rows: name of an input, and its weights as (text, share of the largest from -1 to 1).
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
    found = []
    shape = subject.input_shape
    for path, layer in nn.modules(subject.model).items():
        if isinstance(layer, nn.Conv2d):
            found.append(_kernels(path, np.asarray(layer.weight, np.float64)))
        elif isinstance(layer, nn.Linear) and not found:
            if is_picture(shape) and layer.in_features == math.prod(shape):
                found.append(_unit_pictures(path, np.asarray(layer.weight, np.float64), shape))
            else:
                break
    return tuple(found[:MOST_LAYERS])


def _kernels(path: str, weight: NDArray[Any]) -> FilterPictures:
    height, width, inputs, filters = weight.shape
    size = f"{height} x {width}"
    if inputs in (1, 3):
        shown = np.moveaxis(weight, -1, 0)[:MOST_FILTERS]
        note = f"{count(filters, 'filter')} of {size}" + (" x 3 colors" if inputs == 3 else "")
        return _tiles(path, note, shown, filters)
    rows, columns = min(inputs, MOST_ROWS), min(filters, MOST_FILTERS)
    shown = weight[:, :, :rows, :columns].transpose(2, 3, 0, 1).reshape(-1, height, width)
    note = f"{count(filters, 'filter')} of {size} over {count(inputs, 'channel')}"
    if rows * columns < inputs * filters:
        note += f"; the first {rows} x {columns} kernels are shown"
    limit = largest(shown)
    return FilterPictures(
        path=path,
        note=note,
        tiles=(),
        table=data_address(mosaic(diverging(shown, limit), columns)),
        alt=f"Kernels of {path}: {rows} rows of input channels, {columns} columns of filters",
        limit=number(limit),
    )


def _unit_pictures(path: str, weight: NDArray[Any], shape: tuple[int, ...]) -> FilterPictures:
    strongest = np.argsort(-np.linalg.norm(weight, axis=0), kind="stable")[:MOST_FILTERS]
    shown = weight[:, strongest].T.reshape(-1, *shape)
    units = weight.shape[1]
    note = f"weights of {count(units, 'unit')} on {shape[0]} x {shape[1]} pixels"
    return _tiles(path, note, shown, units, "largest")


def _tiles(
    path: str, note: str, shown: NDArray[Any], of: int, which: str = "first"
) -> FilterPictures:
    limit = largest(shown)
    if shown.shape[-1] == 3:  # zero is middle gray, and each color shows its own weight
        pixels = np.round(127.5 + 127.5 * shown / (limit or 1.0)).astype(np.uint8)
    else:
        pixels = diverging(shown[..., 0], limit)
    if len(shown) < of:
        note += f"; the {which} {len(shown)} are shown"
    return FilterPictures(
        path=path,
        note=note,
        tiles=tuple(data_address(tile) for tile in pixels),
        table="",
        alt=f"{path}: {note}",
        limit=number(limit),
    )


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
            feature_name(subject, int(i)),
            tuple((_short(w, limit), float(w / limit)) for w in weight[i, units]),
        )
        for i in inputs
    )
    return WeightTable(path, rows, len(units), weight.shape[1], len(weight) - len(inputs))


def _short(weight: float, limit: float) -> str:
    return f"{weight:.2f}" if limit >= 0.1 else f"{weight:.1g}"


def _is_leaf(module: nn.Module) -> bool:
    return len(nn.modules(module)) == 1

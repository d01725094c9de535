"""The order of the entries where a picture becomes a vector, or a vector a picture.

PyTorch's pictures are (C, H, W) and ours (H, W, C). Entry (c, h, w) of a flattened picture is
number (c H + h) W + w there and (h W + w) C + c here, so the weights that read it stand in another
order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.interop.pytorch.layers import CONVOLUTIONS, Numbers
from clearprop.nn.module import Module

Order: TypeAlias = tuple[int, ...] | None
"""The shape of a picture in PyTorch, channels first; None where nothing was flattened."""

_NORMS = (nn.BatchNorm, nn.LayerNorm)


def check_orders(
    layers: Mapping[str, Module], flattened: Mapping[str, Order], unflattened: Mapping[str, Order]
) -> None:
    """Check the shapes that are given, and that none seems to be missing.

    A layer reads a flattened picture where it has several times as many inputs as a convolution
    before it has channels; likewise its output becomes a picture before a convolution.

    Args:
        layers: of the model, by path, in the order in which they are called.
        flattened: as of `load_state_dict`.
        unflattened: likewise.

    Raises:
        ConfigurationError: a shape does not fit its layer, or one is missing.
    """
    for option, given in (("flattened", flattened), ("unflattened", unflattened)):
        for path, order in given.items():
            size = _size(layers[path], option == "flattened")
            if order is not None and math.prod(order) != size:
                raise ConfigurationError(
                    "this picture has not as many entries as the layer has features",
                    where=path,
                    given=f"{option}={{{path!r}: {order}}}, {math.prod(order)} entries",
                    expected=f"{size} entries" if size else "a Linear, BatchNorm or LayerNorm",
                )
    _look_for_missing(layers, flattened, unflattened)


def _look_for_missing(
    layers: Mapping[str, Module], flattened: Mapping[str, Order], unflattened: Mapping[str, Order]
) -> None:
    channels: list[int] = []
    before: int | None = None  # features at the end of the last layer with weights
    vectors: list[str] = []  # since the last Linear
    for path, layer in layers.items():
        if isinstance(layer, CONVOLUTIONS):
            for one in vectors:
                size = _size(layers[one], False)
                if size > layer.in_channels and not size % layer.in_channels:
                    _must_say("unflattened", one, size, layer.in_channels, unflattened)
            channels.append(layer.out_channels)
            before, vectors = layer.out_channels, []
        elif isinstance(layer, nn.Linear | nn.BatchNorm | nn.LayerNorm):
            size = _size(layer, True)
            several = [c for c in channels if size > c and not size % c]
            if size != before and several:
                _must_say("flattened", path, size, several[-1], flattened)
            if isinstance(layer, nn.Linear):
                before, vectors = layer.out_features, [path]
            elif vectors:
                vectors.append(path)
        elif isinstance(layer, nn.Embedding):
            before, vectors = layer.features, []


def _must_say(option: str, path: str, size: int, channels: int, given: Mapping[str, Order]) -> None:
    if path in given:
        return
    side = math.isqrt(size // channels)
    sides = f"{side}, {side}" if side * side * channels == size else "height, width"
    what = "reads a flattened picture" if option == "flattened" else "makes a picture"
    raise ConfigurationError(
        f"this layer seems to be one that {what}, whose entries PyTorch has in another order",
        where=path,
        given=f"{size} features, and a convolution with {channels} channels",
        expected="the shape of the picture in PyTorch, channels first",
        fix=f"{option}={{{path!r}: ({channels}, {sides})}}, or None in place of the shape if it is "
        "no picture",
    )


def _size(layer: Module, inputs: bool) -> int:
    if isinstance(layer, nn.Linear):
        return layer.in_features if inputs else layer.out_features
    return layer.features if isinstance(layer, _NORMS) else 0


def reordered(
    layers: Mapping[str, Module],
    arrays: Mapping[str, Numbers],
    flattened: Mapping[str, Order],
    unflattened: Mapping[str, Order],
) -> dict[str, Numbers]:
    """Return the arrays of a model with the entries of flattened pictures in our order."""
    found = dict(arrays)
    for given, axis in ((flattened, 0), (unflattened, -1)):
        for path, order in given.items():
            if order is None:
                continue
            places = np.moveaxis(np.arange(math.prod(order)).reshape(order), 0, -1).ravel()
            for name in _ordered_fields(layers[path], axis):
                own: Any = f"{path}.{name}" if path else name
                if own in found:
                    found[own] = np.take(found[own], places, axis=axis)
    return found


def _ordered_fields(layer: Module, axis: int) -> tuple[str, ...]:
    if isinstance(layer, nn.Linear):
        return ("weight",) if axis == 0 else ("weight", "bias")
    return ("scale", "shift", "running_mean", "running_variance")

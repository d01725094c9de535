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

    A layer may read a flattened picture where it has several times as many inputs as a convolution
    of the model has channels, and the layer before it has not as many outputs; its output may
    become a picture where a convolution follows. With one channel both orders are the same.

    Args:
        layers: of the model, by path, in the order of its fields.
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
    convolutions = [x for x in layers.values() if isinstance(x, CONVOLUTIONS)]
    channels = [x.out_channels for x in convolutions if x.out_channels > 1]
    before: int | None = None  # features at the end of the last layer with weights
    vectors: list[str] = []  # the last Linear, and the norms after it
    early: list[tuple[str, int, int]] | None = []  # what may read a picture before the first one
    for path, layer in layers.items():
        if isinstance(layer, CONVOLUTIONS):
            sizes = {one: _size(layers[one], False) for one in vectors}
            made = [one for one, size in sizes.items() if _is_several(size, layer.in_channels)]
            for one in made:
                _must_say("unflattened", one, sizes[one], layer.in_channels, unflattened)
            # A generator begins with vectors. Else the fields are not in the order of the calls.
            is_generator = any(unflattened[one] is not None for one in made)
            for found in () if is_generator else early or ():
                _must_say("flattened", *found, flattened)
            before, vectors, early = layer.out_channels, [], None
        elif isinstance(layer, nn.Linear | nn.BatchNorm | nn.LayerNorm):
            size = _size(layer, True)
            several = [c for c in channels if _is_several(size, c)]
            if size != before and several and early is not None:
                early.append((path, size, several[-1]))
            elif size != before and several:
                _must_say("flattened", path, size, several[-1], flattened)
            if isinstance(layer, nn.Linear):
                before, vectors = layer.out_features, [path]
            elif vectors:
                vectors.append(path)
        elif isinstance(layer, nn.Embedding):
            before, vectors = layer.features, []


def _is_several(size: int, channels: int) -> bool:
    """Return whether a vector can be a picture of so many channels, in an order that matters."""
    return size > channels > 1 and not size % channels


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

"""Values and error signals of every layer as pictures, and the receptive field of a unit.

Shape letters: H height, W width, M maps of a layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.receptive import box_of, field_of
from clearprop.glass.explain import GlassNode
from clearprop.studio.frames import pack
from clearprop.studio.models.graph import CalledLayer, Folding
from clearprop.studio.models.headers import FieldShown, MapsLayer, MapsShown
from clearprop.studio.models.numbers import codes_of, pooled
from clearprop.studio.models.passes import ViewedPass, entry, fields_of

MOST_BYTES = 4 << 20
"""Of all maps of a pass together."""

MOST_MAPS, LARGEST_SIDE = 64, 64
INPUT = "input"


def maps_frame(seen: ViewedPass) -> bytes:
    """Return the frame "maps": the input, then the output of every layer in their order."""
    folding = Folding.of(seen.glass.structure, seen.opened.subject.model)
    layers: list[tuple[int, GlassNode, str, str]] = []
    inputs = [node for node in seen.glass if node.operation == INPUT]
    layers += [(-1, node, node.name, INPUT) for node in inputs]
    known = set[int]()
    for number in sorted(range(len(folding.calls)), key=lambda k: folding.calls[k].output):
        call = folding.calls[number]
        if number and call.path != "loss" and call.output not in known:
            known.add(call.output)
            kind = folding.kinds.get(call.path, "")
            layers.append((number, seen.glass[call.output], _named(call, folding), kind))
    room = MOST_BYTES // (2 * max(1, len(layers)))
    shown, arrays = [], dict[str, NDArray[Any]]()
    for k, (group, node, title, kind) in enumerate(layers):
        maps, factor = _maps(np.asarray(node.value), room)
        shown.append(MapsLayer(node.index, group, title, kind, node.shape, len(maps), factor))
        _add(arrays, "value", k, maps)
        if (error := node.error) is not None:
            _add(arrays, "error", k, _maps(np.asarray(error), room)[0])
    header = MapsShown(seen.name, tuple(shown))
    return pack("maps", fields_of(header), arrays)


def _named(call: CalledLayer, folding: Folding) -> str:
    """Return the path of a layer, with the number of the call where there are several."""
    several = sum(each.path == call.path for each in folding.calls) > 1
    return f"{call.path} #{call.number}" if several else call.path


def _add(arrays: dict[str, NDArray[Any]], what: str, k: int, maps: NDArray[np.float32]) -> None:
    codes, limit = codes_of(maps)
    arrays[f"{what}.{k}"] = codes
    arrays[f"{what}_limit.{k}"] = np.array([limit], np.float32)


def _maps(values: NDArray[Any], room: int) -> tuple[NDArray[np.float32], int]:
    """Return the first maps (M, H, W) of the first example, and rows and columns of a pixel."""
    one = np.asarray(values[0] if values.ndim > 1 else values, np.float32)
    if one.ndim == 3:
        maps = np.moveaxis(one, -1, 0)
    else:
        maps = one.reshape(1, -1, one.shape[-1] if one.ndim else 1)
    factor = -(-max(maps.shape[1:]) // LARGEST_SIDE) if one.ndim == 3 else 1
    pixels = -(-maps.shape[1] // factor) * -(-maps.shape[2] // factor)
    many = max(1, min(len(maps), MOST_MAPS, room // max(1, pixels)))
    return pooled(maps[:many], factor), factor


def field_frame(seen: ViewedPass, group: int, index: str) -> bytes:
    """Return the frame "field": which part of the input can reach a unit, and how much it does.

    Args:
        seen: the pass.
        group: number of the layer's group in the graph.
        index: of the unit, the batch first.

    Raises:
        ConfigurationError: there is no such group or unit.
        ShapeError: the input is no picture.
    """
    folding = Folding.of(seen.glass.structure, seen.opened.subject.model)
    if not 0 < group < len(folding.calls) or folding.calls[group].path == "loss":
        raise ConfigurationError("there is no such layer", given=str(group))
    call = folding.calls[group]
    layer = call.path if call.number == 1 else f"{call.path}#{call.number}"
    if seen.opened.picture_shape is None:
        raise ConfigurationError(
            "receptive fields are drawn on pictures", where=layer, given="another input"
        )
    place = entry(index, seen.glass[call.output].shape)[1:]
    x: Any = seen.aim.x
    found = field_of(seen.opened.model, x, layer, place)
    reached = np.asarray(found.reached.any(axis=-1))
    influence = found.influence
    assert influence is not None
    header = FieldShown(
        seen.name, group, place, box_of(reached), float(reached.mean(dtype=np.float64))
    )
    arrays = {
        "reached": reached.astype(np.uint8),
        "influence": influence.sum(axis=-1).astype(np.float32),
    }
    return pack("field", fields_of(header), arrays)

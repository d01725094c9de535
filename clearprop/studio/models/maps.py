"""Values and error signals of every layer as pictures, and the receptive field of a unit.

Shape letters: H height, W width, M maps of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.receptive import box_of, field_of
from clearprop.studio.frames import pack
from clearprop.studio.models.graph import CalledLayer, Folding
from clearprop.studio.models.headers import FieldShown, LayerRead, MapsLayer, MapsShown
from clearprop.studio.models.numbers import codes_of, pooled
from clearprop.studio.models.passes import ViewedPass, entry, fields_of
from clearprop.studio.models.spans import Spans

MOST_BYTES = 4 << 20
"""Of all maps of a pass together."""

MOST_MAPS, LARGEST_SIDE = 64, 64
INPUT, ENLARGED = "input", "Enlarge"

MOST_EXACT = 1 << 17
"""So many exact numbers of a pass come with its maps."""


def maps_frame(seen: ViewedPass) -> bytes:
    """Return the frame "maps": the input, then the output of every layer in their order."""
    layers = LayerMaps.of(seen)
    return pack("maps", fields_of(layers.header(seen)), {**layers.arrays(seen), **layers.spans})


@dataclass(frozen=True)
class _MapsOf:
    """A layer whose output is shown.

    Attributes:
        node: number of its output.
        group: number of its group in the graph; -1 for the input.
        title: its path, or "input".
        kind: class of the layer, or the activation that it applies.
    """

    node: int
    group: int
    title: str
    kind: str


class LayerMaps:
    """The input and the layers of a network, whose maps are shown; equal for all of its passes.

    Attributes:
        layers: the input, then the layers in the order of computation.
        spans: arrays of a frame: which rows and columns each layer reads.
    """

    def __init__(self, seen: ViewedPass, layers: Sequence[_MapsOf], enlarged: dict[int, int]):
        self.layers = tuple(layers)
        spans = Spans(seen.glass, enlarged)
        self._reads = tuple(self._reads_of(seen, spans, k) for k in range(len(layers)))
        self.spans = dict(self._ranges(spans))

    @classmethod
    def of(cls, seen: ViewedPass) -> LayerMaps:
        """Return those of a pass."""
        folding = Folding.of(seen.glass.structure, seen.opened.subject.model)
        inputs = [node for node in seen.glass if node.operation == INPUT]
        layers = [_MapsOf(node.index, -1, node.name, INPUT) for node in inputs]
        known = set[int]()
        calls = folding.calls
        # Of several that end with the same node it is the innermost.
        for number in sorted(range(len(calls)), key=lambda k: (calls[k].output, -k)):
            call = calls[number]
            if number and call.path != "loss" and call.output not in known:
                known.add(call.output)
                kind = folding.kinds.get(call.path, "")
                layers.append(_MapsOf(call.output, number, _named(call, folding), kind))
        enlarged = {
            layer.node: source
            for layer in layers
            if layer.kind == ENLARGED and (source := _source_of(seen, folding, layer)) is not None
        }
        return cls(seen, layers, enlarged)

    def header(self, seen: ViewedPass) -> MapsShown:
        """Return the header of the frame "maps"."""
        shown = []
        for layer, reads in zip(self.layers, self._reads, strict=True):
            node = seen.glass[layer.node]
            maps, factor = self._form(node.shape)
            kernel = node.sources[1] if node.operation == "convolution" else None
            shown.append(
                MapsLayer(
                    layer.node,
                    layer.group,
                    layer.title,
                    layer.kind,
                    node.shape,
                    maps,
                    factor,
                    kernel,
                    reads,
                )
            )
        return MapsShown(seen.name, tuple(shown))

    def arrays(self, seen: ViewedPass) -> dict[str, NDArray[Any]]:
        """Return values and error signals of a pass for a frame."""
        arrays = dict[str, NDArray[Any]]()
        sizes = [int(np.prod(seen.glass[layer.node].shape)) for layer in self.layers]
        is_exact = 2 * sum(sizes) <= MOST_EXACT
        for k, layer in enumerate(self.layers):
            node = seen.glass[layer.node]
            maps, factor = self._form(node.shape)
            for what, values in (("value", node.value), ("error", node.error)):
                if values is None:
                    continue
                plain = _planes(np.asarray(values))[:maps]
                codes, limit = codes_of(pooled(plain, factor))
                arrays[f"{what}.{k}"] = codes
                arrays[f"{what}_limit.{k}"] = np.array([limit], np.float32)
                if is_exact and factor == 1:
                    arrays[f"{what}_numbers.{k}"] = plain
        return arrays

    def _form(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return how many maps of a layer are shown, and rows and columns of a pixel."""
        *_, high, wide, many = (
            shape if len(shape) == 4 else (1, math.prod(shape[1:-1]), shape[-1], 1)
        )
        factor = -(-max(high, wide) // LARGEST_SIDE) if len(shape) == 4 else 1
        pixels = -(-high // factor) * -(-wide // factor)
        room = MOST_BYTES // (2 * max(1, len(self.layers)))
        return max(1, min(many, MOST_MAPS, room // max(1, pixels))), factor

    def _reads_of(self, seen: ViewedPass, spans: Spans, k: int) -> tuple[LayerRead, ...]:
        """Return the layers that a layer reads with no other one between them."""
        numbers = {layer.node: i for i, layer in enumerate(self.layers)}
        found = set[int]()
        waiting = list(seen.glass[self.layers[k].node].sources)
        checked = set[int]()
        while waiting:
            source = waiting.pop()
            if source is None or source in checked:
                continue
            checked.add(source)
            if source in numbers:
                found.add(numbers[source])
            else:
                waiting += seen.glass[source].sources
        stops = frozenset(numbers)
        made = []
        for i in sorted(found):
            span = spans.between(self.layers[k].node, self.layers[i].node, stops)
            made.append(LayerRead(i, None if span is None else span.same_channel))
        return tuple(made)

    def _ranges(self, spans: Spans) -> Iterator[tuple[str, NDArray[np.int32]]]:
        """Yield the arrays that say which rows and columns are read."""
        stops = frozenset(layer.node for layer in self.layers)
        of_input = [layer.node for layer in self.layers if layer.kind == INPUT]
        for k, (layer, reads) in enumerate(zip(self.layers, self._reads, strict=True)):
            whole = spans.between(layer.node, of_input[0]) if len(of_input) == 1 else None
            if whole is not None:
                yield f"rows.{k}", whole.rows
                yield f"columns.{k}", whole.columns
            for i, read in enumerate(reads):
                span = spans.between(layer.node, self.layers[read.layer].node, stops)
                if span is not None:
                    yield f"rows.{k}.{i}", span.rows
                    yield f"columns.{k}.{i}", span.columns


def _source_of(seen: ViewedPass, folding: Folding, layer: _MapsOf) -> int | None:
    """Return the node that a layer reads; None where there are several."""
    inside = {k for k, group in enumerate(folding.group_of) if group == layer.group}
    sources = {
        source
        for k in inside
        for source in seen.glass[k].sources
        if source is not None and source not in inside
    }
    return sources.pop() if len(sources) == 1 else None


def _named(call: CalledLayer, folding: Folding) -> str:
    """Return the path of a layer, with the number of the call where there are several."""
    several = sum(each.path == call.path for each in folding.calls) > 1
    return f"{call.path} #{call.number}" if several else call.path


def _planes(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the maps (M, H, W) of the first example; units without places are one map."""
    one = np.asarray(values[0] if values.ndim > 1 else values, np.float32)
    if one.ndim == 3:
        return np.moveaxis(one, -1, 0)
    return one.reshape(1, -1, one.shape[-1] if one.ndim else 1)


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

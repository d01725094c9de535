"""Which rows and columns of a picture an entry of a later picture reads, straight from the wiring.

For windows, entrywise operations and enlarged pictures, a place (i, j) reads a rectangle, and its
rows depend on i alone, its columns on j alone. For all other operations nothing is said here:
`clearprop.glass.drawings.support` knows every operation, but takes a pass for each entry.

Shape letters: H height, W width of the later picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearprop.autodiff import OPERATIONS
from clearprop.glass.explain import Glass, GlassNode
from clearprop.ops.conv.geometry import Geometry
from clearprop.studio.models.cell import geometry_of

Ranges = NDArray[np.int32]
"""First and last index for each place of an axis, (places, 2); a first behind the last is none."""

STORED = "stored"
"""It gives its input, so that it is computed once."""

WINDOWS = ("convolution", "max_pool", "average_pool")


@dataclass(frozen=True, eq=False)
class ReadSpan:
    """What the entries of a picture read of an earlier one.

    Attributes:
        rows: (H, 2), columns: (W, 2), first and last.
        same_channel: whether an entry reads its own channel alone.
    """

    rows: Ranges
    columns: Ranges
    same_channel: bool = True


@dataclass(frozen=True)
class _Unknown:
    """What an operation of another kind reads."""


UNKNOWN = _Unknown()
Found = ReadSpan | _Unknown | None


class Spans:
    """The spans of the nodes of a pass.

    Args:
        glass: the pass.
        enlarged: nodes that repeat the pixels of another node, by number, with that node's.
    """

    def __init__(self, glass: Glass, enlarged: Mapping[int, int]) -> None:
        self._glass = glass
        self._enlarged = enlarged
        self._known: dict[tuple[int, int, frozenset[int]], Found] = {}

    def between(
        self, node: int, target: int, stops: frozenset[int] = frozenset()
    ) -> ReadSpan | None:
        """Return what a node reads of an earlier one; None where that is no rectangle, or nothing.

        Args:
            node: the later one.
            target: the earlier one.
            stops: nodes through which nothing is looked for.
        """
        found = self._found(node, target, stops - {node, target})
        return found if isinstance(found, ReadSpan) else None

    def _found(self, node: int, target: int, stops: frozenset[int]) -> Found:
        key = (node, target, stops)
        if key not in self._known:
            self._known[key] = self._traced(self._glass[node], target, stops)
        return self._known[key]

    def _traced(self, node: GlassNode, target: int, stops: frozenset[int]) -> Found:
        if node.index == target:
            return _whole(node) if len(node.shape) == 4 else UNKNOWN
        if node.index in stops or node.index < target:
            return None
        if node.index in self._enlarged:
            return self._of_enlarged(node, target, stops)
        inputs = [
            (k, source, self._found(source, target, stops))
            for k, source in enumerate(node.sources)
            if source is not None
        ]
        reading = [(k, source, span) for k, source, span in inputs if span is not None]
        if not reading:
            return None
        if len(node.shape) != 4 or any(isinstance(span, _Unknown) for _, _, span in reading):
            return UNKNOWN
        spans = [span for _, _, span in reading if isinstance(span, ReadSpan)]
        if node.operation in WINDOWS:
            return _of_window(node, spans[0]) if [k for k, *_ in reading] == [0] else UNKNOWN
        row = OPERATIONS.get(node.operation)
        is_entrywise = node.operation == STORED or (row is not None and row.stacks is True)
        shapes = {self._glass[source].shape for _, source, _ in reading}
        if is_entrywise and shapes == {node.shape}:
            return _union(spans)
        return UNKNOWN

    def _of_enlarged(self, node: GlassNode, target: int, stops: frozenset[int]) -> Found:
        """Return the span of pixels that are repeated in squares."""
        small = self._glass[self._enlarged[node.index]]
        inner = self._found(small.index, target, stops)
        if not isinstance(inner, ReadSpan):
            return inner
        factor = node.shape[1] // small.shape[1]
        rows, columns = (np.arange(size) // factor for size in node.shape[1:3])
        return ReadSpan(inner.rows[rows], inner.columns[columns], inner.same_channel)


def _whole(node: GlassNode) -> ReadSpan:
    rows, columns = (np.arange(size, dtype=np.int32) for size in node.shape[1:3])
    return ReadSpan(rows[:, None].repeat(2, 1), columns[:, None].repeat(2, 1))


def _of_window(node: GlassNode, inner: ReadSpan) -> ReadSpan:
    geometry = geometry_of(node)
    rows, columns = (_covered(of, geometry, k) for k, of in enumerate((inner.rows, inner.columns)))
    is_pool = node.operation != "convolution"
    return ReadSpan(rows, columns, inner.same_channel and is_pool)


def _covered(inner: Ranges, geometry: Geometry, axis: int) -> Ranges:
    """Return what the window at each place covers, in terms of what its input reads."""
    places = np.arange(geometry.outputs[axis])
    taps = np.arange(geometry.window[axis]) * geometry.dilation[axis]
    starts = places * geometry.stride[axis] - geometry.padding[axis][0]
    made = np.empty((len(places), 2), np.int32)
    for place, start in enumerate(starts):
        entries = start + taps
        part = inner[entries[(entries >= 0) & (entries < len(inner))]]
        filled = part[part[:, 0] <= part[:, 1]]
        made[place] = (filled[:, 0].min(), filled[:, 1].max()) if len(filled) else (0, -1)
    return made


def _union(spans: list[ReadSpan]) -> ReadSpan:
    first, *others = spans
    for other in others:
        first = ReadSpan(
            _joined(first.rows, other.rows),
            _joined(first.columns, other.columns),
            first.same_channel and other.same_channel,
        )
    return first


def _joined(a: Ranges, b: Ranges) -> Ranges:
    """Return the ranges that hold both; one that is empty adds nothing."""
    both = np.stack([np.minimum(a[:, 0], b[:, 0]), np.maximum(a[:, 1], b[:, 1])], axis=1)
    empty_a, empty_b = (of[:, 0] > of[:, 1] for of in (a, b))
    return np.where(empty_a[:, None], b, np.where(empty_b[:, None], a, both)).astype(np.int32)

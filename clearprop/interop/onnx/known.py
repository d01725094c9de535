"""Which inputs of a graph decide shapes: they have to be known before it is compiled."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from clearprop import nn
from clearprop.interop.onnx.graph import GraphStep, OnnxGraph, graph_from_text, outer_reads, reads
from clearprop.interop.onnx.rows import find_row
from clearprop.interop.onnx.table import ALL, OperatorRow

_OF_SHAPE = {"Shape", "Size"}
"""Their outputs follow from the shape of the input, which is always known."""


def needed_inputs(text: str, model: nn.Module) -> tuple[str, ...]:
    """Return the names of the inputs whose values decide shapes, in the order of the graph."""
    layers = nn.modules(model)
    versions = tuple(
        sorted(
            (path, layer.domain, layer.operator, layer.version)
            for path, layer in layers.items()
            if hasattr(layer, "operator") and hasattr(layer, "version")
        )
    )
    return _needed_inputs(text, versions)


@functools.lru_cache(maxsize=64)
def _needed_inputs(text: str, versions: tuple[tuple[str, Any, Any, Any], ...]) -> tuple[str, ...]:
    graph = graph_from_text(text)
    rows = {path: find_row(domain, name, version) for path, domain, name, version in versions}
    needed = needed_values(graph, rows, set())
    return tuple(slot.name for slot in graph.inputs if slot.name in needed)


def needed_values(
    graph: OnnxGraph, rows: Mapping[str, OperatorRow | None], of_outputs: set[str]
) -> set[str]:
    """Return the names of all values that have to be known while a graph is compiled.

    Args:
        graph: whose steps are looked through, from the last one to the first.
        rows: of the operators, by path.
        of_outputs: the outputs of the graph that have to be known.
    """
    needed = set(of_outputs)
    floats = _float_values(graph)
    for step in reversed(graph.steps):
        found = rows.get(step.path)
        if step.operator == "If" and step.inputs[0] not in floats:
            needed.add(step.inputs[0])  # then one branch is compiled, and not both
        if any(name in needed for name in step.outputs) and step.operator not in _OF_SHAPE:
            needed.update(filter(None, step.inputs))
            for inner in step.graphs.values():
                needed.update(outer_reads(inner))
        if found is not None:
            places = range(len(step.inputs)) if ALL in found.known else found.known
            needed.update(step.inputs[i] for i in places if i < len(step.inputs))
        needed.update(_in_graphs(step, rows))
    return needed - {""}


def _float_values(graph: OnnxGraph) -> set[str]:
    """Return the values that depend on inputs of floats, or on weights."""
    found = {slot.name for slot in graph.inputs if not slot.dtype or "float" in slot.dtype}
    found |= set(graph.parameters)
    for step in graph.steps:
        if step.operator not in _OF_SHAPE and any(name in found for name in reads(step)):
            found.update(step.outputs)
    return found


def _in_graphs(step: GraphStep, rows: Mapping[str, OperatorRow | None]) -> set[str]:
    """Return what the graphs of a step need of the values around them."""
    found: set[str] = set()
    for inner in step.graphs.values():
        of_inner = needed_values(inner, rows, set())
        found |= of_inner & set(outer_reads(inner))
        if step.operator in ("Loop", "Scan", "SequenceMap"):
            own = [slot.name for slot in inner.inputs]
            if any(name in of_inner for name in own):
                found.update(filter(None, step.inputs))
    return found

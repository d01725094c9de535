"""An imported model, written as its own nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from clearprop import nn
from clearprop.interop.onnx.export.protos import Contents
from clearprop.interop.onnx.export.writer import WrittenGraph, WrittenNode
from clearprop.interop.onnx.graph import OnnxGraph, array_from_data, dtype_named
from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel, value_at
from clearprop.interop.onnx.placing import every_step


def is_as_imported(model: object) -> TypeGuard[OnnxModel]:
    """Say whether a model is an imported one of which no layer was replaced by one of clearprop."""
    if not isinstance(model, OnnxModel):
        return False
    layers = nn.modules(model)
    return all(isinstance(layers[step.path], OnnxLayer) for step in every_step(model.plan))


def contents_of_imported(model: OnnxModel) -> Contents:
    """Return what a file of an imported model holds: its graph, with the weights of the moment."""
    graph, layers = model.plan, nn.modules(model)
    opsets: dict[str, int] = {}
    for layer in layers.values():
        if isinstance(layer, OnnxLayer):
            opsets[layer.domain] = layer.version
    nodes = _nodes(graph, layers)
    weights = {name: np.asarray(value_at(model, path)) for name, path in graph.parameters.items()}
    learned = set(nn.parameters(model))
    return Contents(
        nodes,
        graph.inputs,
        graph.outputs,
        _all_constants(graph),
        weights,
        [name for name, path in graph.parameters.items() if path in learned],
        opsets or {"": 17},
    )


def _all_constants(graph: OnnxGraph) -> dict[str, Any]:
    found = dict(graph.constants)
    for step in graph.steps:
        for inner in step.graphs.values():
            found |= _all_constants(inner)
    return found


def _nodes(graph: OnnxGraph, layers: Mapping[str, nn.Module]) -> list[WrittenNode]:
    made = []
    for step in graph.steps:
        layer = layers[step.path]
        assert isinstance(layer, OnnxLayer)
        attributes = {name: _attribute(value) for name, value in layer.attributes}
        graphs = {name: _graph(inner, layers) for name, inner in step.graphs.items()}
        made.append(
            WrittenNode(
                step.operator,
                step.path,
                list(step.inputs),
                list(step.outputs),
                attributes,
                graphs,
                layer.domain,
            )
        )
    return made


def _graph(graph: OnnxGraph, layers: Mapping[str, nn.Module]) -> WrittenGraph:
    def infos(slots: Any) -> list[Any]:
        return [
            (slot.name, dtype_named(slot.dtype or "float32"), slot.shape or ()) for slot in slots
        ]

    return WrittenGraph(_nodes(graph, layers), infos(graph.inputs), infos(graph.outputs))


def _attribute(value: Any) -> Any:
    """Return an attribute as it is written; a tensor is kept as a tuple that begins so."""
    if isinstance(value, tuple) and value[:1] == ("tensor",):
        _, dtype, shape, content = value
        lists = [list(part) if isinstance(part, tuple) else part for part in (shape, content)]
        return array_from_data([dtype, *lists])
    return value

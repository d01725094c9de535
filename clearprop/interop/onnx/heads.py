"""The end of an imported network: its probabilities, and a new head in the place of the last layer.

Shape letters: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from clearprop import nn
from clearprop.errors import ModelError
from clearprop.interop.onnx.editing import (
    new_layer,
    paths_of,
    unused,
    used_values,
    with_graph,
    without_step,
)
from clearprop.interop.onnx.graph import GraphStep, OnnxGraph
from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel, value_at
from clearprop.interop.onnx.placing import MOVING

PROBABILITIES = ("Softmax", "LogSoftmax", "Sigmoid")
"""Operators at the end that the loss of classes has in itself."""

_PASSING = (*PROBABILITIES, "Identity", "Flatten", "Reshape", "Squeeze", "Dropout", "Cast", "Add")
"""Operators that may stand between the head and the output."""

_POOLING = ("GlobalAveragePool", "GlobalMaxPool", "AveragePool", "MaxPool", "ReduceMean",
            "ReduceMax", "Relu", "LeakyRelu")  # fmt: skip
"""Operators that may stand between a convolution that is the head and the output."""


def without_probabilities(model: OnnxModel) -> tuple[OnnxModel, list[str]]:
    """Return a model of one output without a Softmax at its end, and a line for each left out."""
    changes = []
    for step in end_of(model.plan)[0]:
        if step.operator in PROBABILITIES:
            changes.append(f"{step.path} left out: cross-entropy has its own softmax")
            model = with_graph(model, without_step(model.plan, _step_at(model.plan, step.path)))
        elif step.operator not in MOVING:
            break  # what comes before it is no end
    return model, changes


def _step_at(graph: OnnxGraph, path: str) -> GraphStep:
    return next(step for step in graph.steps if step.path == path)


def end_of(graph: OnnxGraph) -> tuple[list[GraphStep], GraphStep | None]:
    """Return the steps from the output back to the head, and the head, if it is one.

    A head is a linear layer, or a convolution whose responses are averaged over their places.
    """
    trail: list[GraphStep] = []
    (slot,) = graph.outputs
    step = graph.by_output.get(slot.name)
    while step is not None:
        weight = step.inputs[1] if len(step.inputs) > 1 else ""
        pooled = any(one.operator in _POOLING for one in trail)
        kinds = ("Conv",) if pooled else ("Gemm", "MatMul", "Conv")
        if step.operator in kinds and weight in graph.parameters:
            return trail, step
        trail.append(step)
        if step.operator not in (*_PASSING, *_POOLING):
            break
        moving = [name for name in step.inputs if name in graph.by_output]
        step = graph.by_output[moving[0]] if len(moving) == 1 else None
    return trail, None


@dataclass(frozen=True)
class _NewHead:
    """A layer in the place of the last one.

    Attributes:
        layer: without values.
        before: how many outputs the old one had.
        line: what it is, for the changes.
    """

    layer: nn.Module
    before: int
    line: str


def with_head(
    model: OnnxModel, head: GraphStep, trail: list[GraphStep], classes: int
) -> tuple[OnnxModel, str]:
    """Return a model with a new layer in the place of its last, and a line about it.

    Raises:
        ModelError: the last layer is of a kind that has no counterpart.
    """
    head = _step_at(model.plan, head.path)
    layer = nn.layer_at(model, head.path)
    attributes = dict(layer.attributes) if isinstance(layer, OnnxLayer) else {}
    weight = value_at(model, model.plan.parameters[head.inputs[1]])
    convolves = head.operator == "Conv"
    new = (_convolution if convolves else _linear)(head, attributes, weight.shape, classes)
    model = nn.replace_layer(model, head.path, new.layer)
    graph = model.plan
    steps = [replace(head, operator="Linear", inputs=head.inputs[:1])]
    added: dict[str, nn.Module] = {}
    if convolves:
        steps, added = _between_transposes(model, head)
    replaced = [new for one in graph.steps for new in (steps if one.path == head.path else [one])]
    graph = _without_biases(replace(graph, steps=tuple(replaced)), trail)
    graph = _with_shapes(graph, trail, new.before, classes)
    slot = graph.outputs[0]
    graph = replace(graph, outputs=(replace(slot, shape=None),))
    line = f"{head.path} replaced: {new.before} outputs before, now a new {new.line}"
    return with_graph(model, graph, added), line


def with_flat_scores(model: OnnxModel) -> OnnxModel:
    """Return a model whose output (N, K, 1, 1) has two axes: its last layer is a Flatten."""
    graph = model.plan
    (slot,) = graph.outputs
    value, path = unused("scores", used_values(graph)), unused("flatten", paths_of(model))
    step = GraphStep(path, "Flatten", (slot.name,), (value,))
    shape = None if slot.shape is None else slot.shape[:2]
    graph = replace(
        graph, outputs=(replace(slot, name=value, shape=shape),), steps=(*graph.steps, step)
    )
    return with_graph(model, graph, {path: new_layer(model, "Flatten", axis=1)})


def _linear(
    head: GraphStep, attributes: Mapping[str, Any], shape: tuple[int, ...], classes: int
) -> _NewHead:
    if len(shape) != 2:
        raise ModelError(
            "the last product has no matrix of weights",
            where=head.path,
            given=f"weights {list(shape)}",
        )
    if attributes.get("transA", 0):
        raise ModelError("the last linear layer transposes its input", where=head.path)
    features, before = shape[::-1] if attributes.get("transB", 0) else shape
    return _NewHead(nn.Linear(features, classes), before, f"Linear({features}, {classes})")


def _convolution(
    head: GraphStep, attributes: Mapping[str, Any], shape: tuple[int, ...], classes: int
) -> _NewHead:
    way = attributes.get("auto_pad", "NOTSET")
    if len(shape) != 4 or attributes.get("group", 1) != 1 or way == "SAME_LOWER":
        raise ModelError(
            "the last convolution has no counterpart with other outputs",
            where=head.path,
            given=f"weights {list(shape)}, {attributes.get('group', 1)} groups, auto_pad={way}",
            expected="a kernel of two axes, one group, padding as numbers or SAME_UPPER",
            fix="replace the layer in Python: clearprop.interop.onnx.load, nn.replace_layer",
        )
    before, channels, *window = shape
    pads = attributes.get("pads", (0, 0, 0, 0)) if way in ("NOTSET", "") else (0, 0, 0, 0)
    layer = nn.Conv2d(
        channels,
        classes,
        tuple(window),
        stride=attributes.get("strides", (1, 1)),
        padding="same" if way == "SAME_UPPER" else ((pads[0], pads[2]), (pads[1], pads[3])),
        dilation=attributes.get("dilations", (1, 1)),
    )
    size = "x".join(map(str, window))
    return _NewHead(layer, before, f"Conv2d({channels}, {classes}, {size})")


def _between_transposes(
    model: OnnxModel, head: GraphStep
) -> tuple[list[GraphStep], dict[str, nn.Module]]:
    """Return the steps of a convolution of clearprop, whose channels come last."""
    used, taken = used_values(model.plan), paths_of(model)
    given, made = unused("to_head", used), unused("from_head", used)
    last, first = unused("head_channels_last", taken), unused("head_channels_first", taken)
    steps = [
        GraphStep(last, "Transpose", head.inputs[:1], (given,)),
        replace(head, operator="Conv2d", inputs=(given,), outputs=(made,)),
        GraphStep(first, "Transpose", (made,), head.outputs),
    ]
    added: dict[str, nn.Module] = {
        last: new_layer(model, "Transpose", perm=(0, 2, 3, 1)),
        first: new_layer(model, "Transpose", perm=(0, 3, 1, 2)),
    }
    return steps, added


def _without_biases(graph: OnnxGraph, trail: list[GraphStep]) -> OnnxGraph:
    """Return a graph without the biases after the head, which has its own."""
    for step in trail:
        if step.operator == "Add":
            add = _step_at(graph, step.path)
            moving = next(name for name in add.inputs if name in graph.by_output)
            graph = _without_bias(graph, add, moving)
    return graph


def _with_shapes(graph: OnnxGraph, trail: list[GraphStep], before: int, classes: int) -> OnnxGraph:
    """Return a graph whose constant shapes after the head have the new number of classes."""
    for step in trail:
        if step.operator != "Reshape":
            continue
        shape = graph.constants.get(step.inputs[1])
        if shape is None or list(shape[1:]).count(before) != 1:
            continue
        name = unused(f"{step.inputs[1]}, new", used_values(graph))
        changed = shape.copy()
        changed[1 + list(shape[1:]).index(before)] = classes
        steps = tuple(
            replace(one, inputs=(one.inputs[0], name)) if one.path == step.path else one
            for one in graph.steps
        )
        graph = replace(graph, steps=steps, constants={**graph.constants, name: changed})
    return graph


def _without_bias(graph: OnnxGraph, add: GraphStep, moving: str) -> OnnxGraph:
    ordered = replace(add, inputs=(moving,))
    steps = tuple(ordered if step is add else step for step in graph.steps)
    return without_step(replace(graph, steps=steps), ordered)

"""Imported models with a changed graph; layers and weights that nothing reads are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clearprop import nn
from clearprop.errors import ModelError, unknown_name
from clearprop.interop.onnx.graph import GraphSlot, GraphStep, OnnxGraph, graph_to_text, reads
from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel, OnnxScope
from clearprop.interop.onnx.node import Attribute
from clearprop.interop.onnx.placing import every_step
from clearprop.nn.fields import inferred_roles, rebuild, roles, values


def with_graph(
    model: OnnxModel, graph: OnnxGraph, added: Mapping[str, nn.Module] | None = None
) -> OnnxModel:
    """Return a model that computes another graph with the same layers.

    Args:
        model: its layers and weights keep their paths.
        graph: steps that no output needs are left out of it.
        added: new layers at the top, by name.
    """
    graph = _without_unread(graph)
    paths = {step.path for step in every_step(graph)}
    kept = _kept_of(model, "", paths, set(graph.parameters.values()))
    added = added or {}
    inferred = {name: role for name, role in inferred_roles(model).items() if name in kept}
    return rebuild(
        OnnxModel,
        {"graph": graph_to_text(graph), **added, **kept},
        {**dict.fromkeys(added, "parameter"), **inferred},
    )


def with_output(model: OnnxModel, name: str) -> OnnxModel:
    """Return a model with only one of its outputs.

    Raises:
        ConfigurationError: there is no output of this name.
    """
    graph = model.plan
    by_name = {slot.name: slot for slot in graph.outputs}
    if name not in by_name:
        raise unknown_name("output", name, by_name)
    return with_graph(model, replace(graph, outputs=(by_name[name],)))


def with_free_batch(model: OnnxModel, name: str) -> OnnxModel:
    """Return a model whose input of this name takes any number of examples.

    A Reshape to a constant shape that begins with the number in the file keeps the first size of
    what it reads. Whether the model then computes the same is for the caller to check.
    """
    graph = model.plan
    slots = tuple(_freed(slot) if slot.name == name else slot for slot in graph.inputs)
    (number,) = [slot.shape[0] for slot in graph.inputs if slot.name == name and slot.shape]
    if isinstance(number, str):
        return model
    layers = nn.modules(model)
    constants, steps = dict(graph.constants), []
    for step in graph.steps:
        changed = step
        if step.operator == "Reshape" and len(step.inputs) > 1:
            shape = graph.constants.get(step.inputs[1])
            copies = not dict(getattr(layers[step.path], "attributes", ())).get("allowzero", 0)
            if copies and shape is not None and shape.ndim == 1 and shape[:1].tolist() == [number]:
                free = f"{step.inputs[1]}, free"
                constants[free] = shape.copy()
                constants[free][0] = 0
                changed = replace(step, inputs=(step.inputs[0], free))
        steps.append(changed)
    outputs = tuple(_freed(slot) for slot in graph.outputs)
    return with_graph(
        model,
        replace(graph, inputs=slots, outputs=outputs, steps=tuple(steps), constants=constants),
    )


def with_channels_last(model: OnnxModel, name: str = "pictures") -> OnnxModel:
    """Return a model of one input (N, C, H, W) that takes (N, H, W, C).

    Its first layer is a Transpose.
    """
    graph = model.plan
    (slot,) = graph.inputs
    if slot.shape is None:
        raise ModelError("the file does not say the shape of its input", where=slot.name)
    n, c, h, w = slot.shape
    layer = new_layer(model, "Transpose", perm=(0, 3, 1, 2))
    return _with_first(model, "to_channels_first", layer, name, (n, h, w, c))


def with_flattened(model: OnnxModel, shape: tuple[int, ...], name: str = "pictures") -> OnnxModel:
    """Return a model of one input (N, pixels) that takes (N, H, W, C).

    Its first layer is a Flatten.
    """
    (slot,) = model.plan.inputs
    if slot.shape is None:
        raise ModelError("the file does not say the shape of its input", where=slot.name)
    layer = new_layer(model, "Flatten", axis=1)
    return _with_first(model, "flatten_pictures", layer, name, (slot.shape[0], *shape))


def _with_first(
    model: OnnxModel, path: str, layer: OnnxLayer, name: str, shape: tuple[int | str, ...]
) -> OnnxModel:
    """Return a model of one input that begins with a layer."""
    graph = model.plan
    (slot,) = graph.inputs
    value, path = unused(name, used_values(graph)), unused(path, paths_of(model))
    step = GraphStep(path, layer.operator, (value,), (slot.name,))
    graph = replace(
        graph, inputs=(GraphSlot(value, slot.dtype, shape),), steps=(step, *graph.steps)
    )
    return with_graph(model, graph, {path: layer})


def new_layer(model: OnnxModel, operator: str, **attributes: Attribute) -> OnnxLayer:
    """Return a layer of one input, in the opset of a model."""
    versions = [
        layer.version
        for layer in nn.modules(model).values()
        if isinstance(layer, OnnxLayer) and not layer.domain
    ]
    return OnnxLayer(operator, "", max(versions), tuple(attributes.items()), ("",), 1)


def used_values(graph: OnnxGraph) -> set[str]:
    """Return the names of all values of a graph."""
    found = {*graph.constants, *graph.parameters, *(slot.name for slot in graph.inputs)}
    return found | {out for step in every_step(graph) for out in step.outputs}


def paths_of(model: OnnxModel) -> set[str]:
    """Return the names that parts of a model have at its top."""
    return {path.partition(".")[0] for path in nn.modules(model)} | {*values(model)}


def unused(name: str, used: set[str]) -> str:
    """Return a name that is not used yet, which begins with another."""
    while name in used:
        name += "_"
    return name


def without_step(graph: OnnxGraph, step: GraphStep) -> OnnxGraph:
    """Return a graph in which the first input of a step takes the place of its output."""
    names = {step.outputs[0]: step.inputs[0]}
    steps = tuple(one for one in graph.steps if one is not step)
    return _renamed_values(replace(graph, steps=steps), names)


def _renamed_values(graph: OnnxGraph, names: Mapping[str, str]) -> OnnxGraph:
    """Return a graph that reads other values in the place of some."""
    steps = tuple(
        replace(
            step,
            inputs=tuple(names.get(name, name) for name in step.inputs),
            graphs={key: _renamed_values(inner, names) for key, inner in step.graphs.items()},
        )
        for step in graph.steps
    )
    outputs = tuple(replace(slot, name=names.get(slot.name, slot.name)) for slot in graph.outputs)
    return replace(graph, steps=steps, outputs=outputs)


def _freed(slot: GraphSlot) -> GraphSlot:
    return slot if not slot.shape else replace(slot, shape=("batch", *slot.shape[1:]))


def _without_unread(graph: OnnxGraph) -> OnnxGraph:
    needed = {slot.name for slot in graph.outputs}
    steps: list[GraphStep] = []
    for step in reversed(graph.steps):
        if any(name in needed for name in step.outputs):
            steps.append(step)
            needed.update(reads(step))
    return replace(
        graph,
        steps=tuple(reversed(steps)),
        constants={name: array for name, array in graph.constants.items() if name in needed},
        parameters={name: path for name, path in graph.parameters.items() if name in needed},
    )


def _kept_of(part: nn.Module, path: str, paths: set[str], arrays: set[str]) -> dict[str, object]:
    """Return the fields of a part that are still used, without those of a layer's configuration."""
    kept: dict[str, object] = {}
    known = roles(part)
    for name, content in values(part).items():
        here = f"{path}.{name}" if path else name
        if isinstance(content, nn.Module):
            inner = _kept(content, here, paths, arrays)
            if inner is not None:
                kept[name] = inner
        elif known[name] != "static" and here in arrays:
            kept[name] = content
    return kept


def _kept(part: nn.Module, path: str, paths: set[str], arrays: set[str]) -> nn.Module | None:
    if not isinstance(part, OnnxScope):
        return part if path in paths else None
    contents = _kept_of(part, path, paths, arrays)
    inferred = {name: role for name, role in inferred_roles(part).items() if name in contents}
    if isinstance(part, OnnxLayer) and path in paths:
        fixed = {name: getattr(part, name) for name, role in roles(OnnxLayer).items()}
        return rebuild(OnnxLayer, {**fixed, **contents}, inferred)
    return rebuild(OnnxScope, contents, inferred) if contents else None

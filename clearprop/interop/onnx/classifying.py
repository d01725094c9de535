"""An imported network for the classes of other pictures: its input, its end and its head change.

Shape letters: N pictures, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.errors import ClearpropError, ModelError
from clearprop.interop.onnx.editing import (
    with_channels_last,
    with_free_batch,
    with_graph,
    with_output,
    without_step,
)
from clearprop.interop.onnx.graph import GraphSlot, GraphStep, OnnxGraph
from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel, value_at
from clearprop.interop.onnx.placing import MOVING

PROBABILITIES = ("Softmax", "LogSoftmax", "Sigmoid")
"""Operators at the end that the loss of classes has in itself."""

_PASSING = (*PROBABILITIES, "Identity", "Flatten", "Reshape", "Squeeze", "Dropout", "Cast", "Add")
"""Operators that may stand between the head and the output."""

MOST_CHANNELS = 4


@dataclass(frozen=True)
class PictureInput:
    """What a graph takes as pictures.

    Attributes:
        size: height and width; None where the file leaves one free.
        channels: None where the file leaves them free.
        channels_first: whether the file takes (N, C, H, W), else (N, H, W, C).
    """

    size: tuple[int, int] | None
    channels: int | None
    channels_first: bool


@dataclass(frozen=True, eq=False)
class Adapted:
    """A network for other classes.

    Attributes:
        model: it takes (N, H, W, C) and returns scores (N, K). A new head has no values yet.
        changes: a line for each change.
    """

    model: OnnxModel
    changes: tuple[str, ...]


def picture_input(model: OnnxModel, where: str) -> PictureInput:
    """Return what the graph of a model takes as pictures.

    An axis of at most 4 entries is that of the channels; where two are, it is the one before H
    and W, as usual in files of ONNX.

    Raises:
        ModelError: it takes no pictures, or something else beside them.
    """
    slots = model.plan.inputs
    shape = slots[0].shape if len(slots) == 1 else None
    if shape is None or len(shape) != 4 or (slots[0].dtype and "float" not in slots[0].dtype):
        raise ModelError(
            "the network does not take pictures alone",
            where=where,
            given="; ".join(f"{slot.name}: {slot.dtype} {_sizes(slot)}" for slot in slots),
            expected="one input of floats, [N, C, H, W] or [N, H, W, C]",
        )
    few = [isinstance(size, int) and size <= MOST_CHANNELS for size in shape]
    first = few[1] or not few[3]
    channels = shape[1] if first else shape[3]
    height, width = shape[2:] if first else shape[1:3]
    sides = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return PictureInput(sides, channels if isinstance(channels, int) else None, first)


def for_pictures(model: OnnxModel, where: str) -> OnnxModel:
    """Return a model that takes any number of pictures (N, H, W, C).

    Raises:
        ModelError: it takes no pictures, or only the number of them that is in the file.
    """
    taken = picture_input(model, where)
    (slot,) = model.plan.inputs
    assert slot.shape is not None
    free = with_free_batch(model, slot.name)
    if isinstance(slot.shape[0], int):
        # A free height or width is tried with one that is large enough for most networks.
        shape = tuple(size if isinstance(size, int) else 224 for size in slot.shape)
        _check_same(model, free, shape, where)
    return with_channels_last(free) if taken.channels_first else free


def adapted(
    model: OnnxModel,
    shape: tuple[int, ...],
    classes: int,
    *,
    where: str,
    output: str | None = None,
) -> Adapted:
    """Return the network for other pictures and classes.

    Channels come last. A Softmax at the end is left out, because cross-entropy has its own. Where
    the number of classes is another one, a new linear layer takes the place of the last one.

    Args:
        model: the network of a file.
        shape: of a picture, (H, W, C).
        classes: K.
        where: the file, for errors.
        output: the name of the output to train, where the file has several.

    Raises:
        ConfigurationError: there is no such output.
        ModelError: the network takes other pictures, or its head is not found.
    """
    model = for_pictures(_one_output(model, output, where), where)
    _check_shape(model, shape, where)
    trail, head = _end_of(model.plan)
    model, changes = without_probabilities(model)
    found = _output_shape(model, shape, where)
    if found == (2, classes):
        kept = f"{head.path} kept" if head is not None else "the last layer kept"
        return Adapted(model, (f"{kept}: it has {classes} outputs already", *changes))
    if head is None:
        raise _no_head(model, trail, classes, found, where)
    model, change = _with_head(model, head, trail, classes)
    found = _output_shape(model.init(0), shape, where)
    if found != (2, classes):
        raise ModelError(
            "the network does not give one score for each class, also with a new head",
            where=where,
            given=f"outputs of shape {found} for 2 pictures",
            expected=f"(2, {classes})",
        )
    return Adapted(model, (change, *changes))


def without_probabilities(model: OnnxModel) -> tuple[OnnxModel, list[str]]:
    """Return a model of one output without a Softmax at its end, and a line for each left out."""
    changes = []
    for step in _end_of(model.plan)[0]:
        if step.operator in PROBABILITIES:
            changes.append(f"{step.path} left out: cross-entropy has its own softmax")
            model = with_graph(model, without_step(model.plan, _step_at(model.plan, step.path)))
        elif step.operator not in MOVING:
            break  # what comes before it is no end
    return model, changes


def _one_output(model: OnnxModel, output: str | None, where: str) -> OnnxModel:
    slots = model.plan.outputs
    if output is None and len(slots) > 1:
        raise ModelError(
            "the network has several outputs",
            where=where,
            given=", ".join(f"{slot.name} {_sizes(slot)}" for slot in slots),
            expected="the name of the one that gives the classes",
            fix=f"--set output={slots[0].name}",
        )
    return model if output is None else with_output(model, output)


def _sizes(slot: GraphSlot) -> str:
    return "of any shape" if slot.shape is None else f"[{', '.join(map(str, slot.shape))}]"


def _check_shape(model: OnnxModel, shape: tuple[int, ...], where: str) -> None:
    (slot,) = model.plan.inputs
    assert slot.shape is not None
    wanted = slot.shape[1:]
    if len(shape) != 3 or any(
        isinstance(n, int) and n != m for n, m in zip(wanted, shape, strict=True)
    ):
        height, width, channels = wanted
        raise ModelError(
            "the network takes other pictures",
            where=where,
            given="x".join(map(str, shape)),
            expected=f"{height} x {width}, {channels} channels",
            fix=f"--set data.size={height}x{width} --set data.channels={channels}",
        )


def _check_same(old: OnnxModel, new: OnnxModel, shape: tuple[int, ...], where: str) -> None:
    """Raise unless a model gives the same for all pictures at once as the old one for its number.

    Raises:
        ModelError: it does not.
    """
    number = shape[0]
    x = np.random.default_rng(0).standard_normal((2 * number, *shape[1:]), np.float32)
    run = jax.jit(lambda model, given: model(given))
    problem = "the network takes a fixed number of pictures at once"
    expected = "a free batch size"
    fix = 'export it with one; in PyTorch: dynamic_axes={"input": {0: "batch"}}'
    try:
        parts = [run(old, x[:number]), run(old, x[number:])]
        whole = run(new, x)
    except ClearpropError as error:
        raise ModelError(
            problem, where=where, given=f"{number}: {error.problem}", expected=expected, fix=fix
        ) from error
    for left, right, together in zip(*map(jax.tree.leaves, (*parts, whole)), strict=True):
        apart = np.concatenate([np.asarray(left), np.asarray(right)])
        if apart.shape != together.shape or not np.allclose(apart, together, rtol=1e-3, atol=1e-4):
            raise ModelError(problem, where=where, given=str(number), expected=expected, fix=fix)


def _output_shape(model: nn.Module, shape: tuple[int, ...], where: str) -> tuple[int, ...]:
    """Return the shape of what a model gives for two pictures."""
    try:
        made: Any = jax.eval_shape(
            lambda m, x: m(x), model, jax.ShapeDtypeStruct((2, *shape), jnp.float32)
        )
    except ClearpropError as error:
        error.where = f"{where}, {error.where}" if error.where else where
        raise
    return tuple(made.shape)


def _step_at(graph: OnnxGraph, path: str) -> GraphStep:
    return next(step for step in graph.steps if step.path == path)


def _end_of(graph: OnnxGraph) -> tuple[list[GraphStep], GraphStep | None]:
    """Return the steps from the output back to the head, and the head, if it is one."""
    trail: list[GraphStep] = []
    (slot,) = graph.outputs
    step = graph.by_output.get(slot.name)
    while step is not None:
        weight = step.inputs[1] if len(step.inputs) > 1 else ""
        if step.operator in ("Gemm", "MatMul") and weight in graph.parameters:
            return trail, step
        trail.append(step)
        if step.operator not in _PASSING:
            break
        moving = [name for name in step.inputs if name in graph.by_output]
        step = graph.by_output[moving[0]] if len(moving) == 1 else None
    return trail, None


def _no_head(
    model: OnnxModel, trail: list[GraphStep], classes: int, found: tuple[int, ...], where: str
) -> ModelError:
    last = f", from {trail[-1].path} ({trail[-1].operator})" if trail else ""
    return ModelError(
        "no last linear layer is found that could get other outputs",
        where=where,
        given=f"outputs of shape {found} for 2 pictures{last}",
        expected=f"a Gemm or MatMul with weights before the output, or {classes} outputs",
        fix="choose another output: --set output=NAME; or replace the layer in Python: "
        "clearprop.interop.onnx.load, nn.replace_layer",
    )


def _with_head(
    model: OnnxModel, head: GraphStep, trail: list[GraphStep], classes: int
) -> tuple[OnnxModel, str]:
    """Return a model with a new linear layer in the place of its last, and a line about it."""
    graph, layer = model.plan, nn.layer_at(model, head.path)
    head = _step_at(graph, head.path)
    weight = value_at(model, graph.parameters[head.inputs[1]])
    attributes = dict(layer.attributes) if isinstance(layer, OnnxLayer) else {}
    if len(weight.shape) != 2:
        raise ModelError(
            "the last product has no matrix of weights",
            where=head.path,
            given=f"weights {list(weight.shape)}",
        )
    turned = bool(attributes.get("transB", 0))
    features, before = weight.shape[::-1] if turned else weight.shape
    if attributes.get("transA", 0):
        raise ModelError("the last linear layer transposes its input", where=head.path)
    replaced = replace(head, operator="Linear", inputs=head.inputs[:1])
    steps = tuple(replaced if step.path == head.path else step for step in graph.steps)
    graph = replace(graph, steps=steps)
    for step in trail:
        # A linear layer has its own bias.
        if step.operator == "Add":
            add = _step_at(graph, step.path)
            moving = next(name for name in add.inputs if name in graph.by_output)
            graph = _without_bias(graph, add, moving)
    slot = graph.outputs[0]
    graph = replace(graph, outputs=(replace(slot, shape=("batch", classes)),))
    new = nn.Linear(features, classes)
    changed = with_graph(nn.replace_layer(model, head.path, new), graph)
    line = f"{head.path} replaced: {before} outputs before, now a new Linear({features}, {classes})"
    return changed, line


def _without_bias(graph: OnnxGraph, add: GraphStep, moving: str) -> OnnxGraph:
    ordered = replace(add, inputs=(moving,))
    steps = tuple(ordered if step is add else step for step in graph.steps)
    return without_step(replace(graph, steps=steps), ordered)

"""An imported network for the classes of other pictures: its input, its end and its head change.

Shape letters: N pictures, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from clearprop import nn
from clearprop.errors import ClearpropError, ModelError
from clearprop.interop.onnx.editing import with_graph, with_output
from clearprop.interop.onnx.graph import GraphStep
from clearprop.interop.onnx.heads import end_of, with_flat_scores, with_head, without_probabilities
from clearprop.interop.onnx.imported import OnnxModel
from clearprop.interop.onnx.pictures import (
    for_pictures,
    sizes_of,
    takes_bytes,
    with_pixels_as_floats,
)


@dataclass(frozen=True, eq=False)
class Adapted:
    """A network for other classes.

    Attributes:
        model: it takes (N, H, W, C) and returns scores (N, K). A new head has no values yet.
        changes: a line for each change.
    """

    model: OnnxModel
    changes: tuple[str, ...]


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
    the number of classes is another one, a new layer takes the place of the last one: of the last
    linear layer, or of the last convolution where its responses are the scores. A network of bytes
    takes the same numbers as floats.

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
    model = _one_output(model, output, where)
    given = _given_changes(model)
    model = for_pictures(with_pixels_as_floats(model, where), where, shape)
    trail, head = end_of(model.plan)
    model, changes = without_probabilities(model)
    changes = [*changes, *given]
    model, found = _with_two_axes(model, shape, where)
    if found == (2, classes):
        kept = f"{head.path} kept" if head is not None else "the last layer kept"
        return Adapted(model, (f"{kept}: it has {classes} outputs already", *changes))
    if head is None:
        raise _no_head(model, trail, classes, found, where)
    model, change = with_head(model, head, trail, classes)
    model, found = _with_two_axes(model, shape, where)
    if found != (2, classes):
        raise ModelError(
            "the network does not give one score for each class, also with a new head",
            where=where,
            given=f"outputs of shape {found} for 2 pictures",
            expected=f"(2, {classes})",
        )
    return Adapted(_with_declared(model, classes), (change, *changes))


def _one_output(model: OnnxModel, output: str | None, where: str) -> OnnxModel:
    slots = model.plan.outputs
    if output is None and len(slots) > 1:
        raise ModelError(
            "the network has several outputs",
            where=where,
            given=", ".join(f"{slot.name} {sizes_of(slot)}" for slot in slots),
            expected="the name of the one that gives the classes",
            fix=f"--set output={slots[0].name}",
        )
    return model if output is None else with_output(model, output)


def _with_declared(model: OnnxModel, classes: int) -> OnnxModel:
    """Return a model whose output is declared with its new number of classes."""
    graph = model.plan
    (slot,) = graph.outputs
    return with_graph(model, replace(graph, outputs=(replace(slot, shape=("batch", classes)),)))


def _given_changes(model: OnnxModel) -> list[str]:
    """Return a line about an input that is given in another form than the file declares."""
    (slot, *_) = model.plan.inputs
    lines = []
    if takes_bytes(model):
        lines.append(f"{slot.name} gets pixels from 0 to 255: the file takes bytes")
    if slot.shape is not None and len(slot.shape) == 2:
        lines.append(f"{slot.name} gets the pixels of a picture row by row")
    return lines


def _with_two_axes(
    model: OnnxModel, shape: tuple[int, ...], where: str
) -> tuple[OnnxModel, tuple[int, ...]]:
    """Return a model whose scores have two axes, where the others have one entry; and its shape."""
    whole = model if nn.is_initialized(model) else model.init(0)
    found = _output_shape(whole, shape, where)
    if len(found) <= 2 or set(found[2:]) != {1}:
        return model, found
    return with_flat_scores(model), found[:2]


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


def _no_head(
    model: OnnxModel, trail: list[GraphStep], classes: int, found: tuple[int, ...], where: str
) -> ModelError:
    last = f", from {trail[-1].path} ({trail[-1].operator})" if trail else ""
    return ModelError(
        "no last linear or convolution layer is found that could get other outputs",
        where=where,
        given=f"outputs of shape {found} for 2 pictures{last}",
        expected=f"a Gemm, a MatMul or a Conv with weights before the output, or {classes} outputs",
        fix="choose another output: --set output=NAME; or replace the layer in Python: "
        "clearprop.interop.onnx.load, nn.replace_layer",
    )

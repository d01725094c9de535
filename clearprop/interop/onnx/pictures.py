"""The pictures that an imported network takes: their size, channels, order of axes and number type.

Shape letters: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import jax
import numpy as np

from clearprop import nn
from clearprop.errors import ClearpropError, ModelError
from clearprop.interop.onnx.editing import (
    with_channels_last,
    with_flattened,
    with_free_batch,
    with_graph,
)
from clearprop.interop.onnx.graph import GraphSlot, reads
from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel
from clearprop.interop.onnx.placing import MOVING

MOST_CHANNELS = 4

_FLOATS = (1, 10, 11, 16)
"""The numbers of the types of floats in ONNX."""


@dataclass(frozen=True)
class PictureInput:
    """What a graph takes as pictures.

    Attributes:
        size: height and width; None where the file leaves one free.
        channels: None where the file leaves them free.
        channels_first: whether the file takes (N, C, H, W), else (N, H, W, C).
        pixels: of a picture in a file that takes (N, pixels), one channel row by row; else None.
    """

    size: tuple[int, int] | None
    channels: int | None
    channels_first: bool
    pixels: int | None = None


def picture_input(model: OnnxModel, where: str, *, flattened: bool = False) -> PictureInput:
    """Return what the graph of a model takes as pictures.

    An axis of at most 4 entries is that of the channels; where two are, it is the one before H
    and W, as usual in files of ONNX.

    Args:
        model: the network of a file.
        where: the file, for errors.
        flattened: whether (N, pixels) are pictures too, which have one channel; they are square
            where the number of pixels is that of a square.

    Raises:
        ModelError: it takes no pictures, or something else beside them.
    """
    slots = model.plan.inputs
    shape = slots[0].shape if len(slots) == 1 else None
    floats = not slots[0].dtype or "float" in slots[0].dtype if slots else False
    if flattened and floats and shape is not None and len(shape) == 2 and isinstance(shape[1], int):
        side = math.isqrt(shape[1])
        size = (side, side) if side * side == shape[1] else None
        return PictureInput(size, 1, channels_first=False, pixels=shape[1])
    if shape is None or len(shape) != 4 or not floats:
        rows = " or [N, pixels]" if flattened else ""
        raise ModelError(
            "the network does not take pictures alone",
            where=where,
            given="; ".join(f"{slot.name}: {slot.dtype} {sizes_of(slot)}" for slot in slots),
            expected=f"one input of floats or uint8, [N, C, H, W], [N, H, W, C]{rows}",
        )
    few = [isinstance(size, int) and size <= MOST_CHANNELS for size in shape]
    first = few[1] or not few[3]
    channels = shape[1] if first else shape[3]
    height, width = shape[2:] if first else shape[1:3]
    sides = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return PictureInput(sides, channels if isinstance(channels, int) else None, first)


def takes_bytes(model: OnnxModel) -> bool:
    """Say whether a network takes the bytes of pictures, and scales them itself."""
    slots = model.plan.inputs
    return len(slots) == 1 and slots[0].dtype == "uint8"


def with_pixels_as_floats(model: OnnxModel, where: str) -> OnnxModel:
    """Return a network of bytes as one of the same numbers from 0 to 255 in float32.

    Its graph begins with a Cast to floats, which leaves floats as they are. Other networks stay.

    Raises:
        ModelError: the graph computes with bytes before it casts them.
    """
    if not takes_bytes(model):
        return model
    graph, layers = model.plan, nn.modules(model)
    (slot,) = graph.inputs
    bytes_of = {slot.name}
    for step in graph.steps:
        if bytes_of.isdisjoint(reads(step)):
            continue
        layer = layers[step.path]
        to = dict(layer.attributes).get("to") if isinstance(layer, OnnxLayer) else None
        if step.operator == "Cast" and to in _FLOATS:
            continue
        if step.operator not in MOVING or step.operator == "Cast":
            raise ModelError(
                "the network computes with the bytes of pictures before it casts them to floats",
                where=f"{where}, {step.path} ({step.operator})",
                expected="a Cast of the input to floats",
                fix="export the network with an input of floats, or with a Cast as its first node",
            )
        bytes_of.update(step.outputs)
    if any(output.name in bytes_of for output in graph.outputs):
        raise ModelError("the network gives back the bytes of pictures", where=where)
    return with_graph(model, replace(graph, inputs=(replace(slot, dtype="float32"),)))


def for_pictures(model: OnnxModel, where: str, shape: tuple[int, ...] | None = None) -> OnnxModel:
    """Return a model that takes any number of pictures (N, H, W, C).

    Args:
        model: the network of a file.
        where: the file, for errors.
        shape: of a picture, (H, W, C); needed for a network of flattened pictures.

    Raises:
        ModelError: it takes no pictures, other ones, or only the number of them that is in the
            file.
    """
    taken = picture_input(model, where, flattened=shape is not None)
    (slot,) = model.plan.inputs
    assert slot.shape is not None
    if shape is not None:
        _check_shape(taken, slot, shape, where)
    free = with_free_batch(model, slot.name)
    if isinstance(slot.shape[0], int):
        # A free height or width is tried with one that is large enough for most networks.
        tried = tuple(size if isinstance(size, int) else 224 for size in slot.shape)
        _check_same(model, free, tried, where)
    if taken.pixels is not None and shape is not None:
        return with_flattened(free, shape)
    return with_channels_last(free) if taken.channels_first else free


def sizes_of(slot: GraphSlot) -> str:
    """Return the shape of an input or output as a message shows it."""
    return "of any shape" if slot.shape is None else f"[{', '.join(map(str, slot.shape))}]"


def _check_shape(taken: PictureInput, slot: GraphSlot, shape: tuple[int, ...], where: str) -> None:
    """Raise unless a network takes pictures of a shape (H, W, C)."""
    if taken.pixels is not None:
        if len(shape) == 3 and shape[2] == 1 and math.prod(shape) == taken.pixels:
            return
        height, width = taken.size or ("H", "W")
        raise ModelError(
            "the network takes other pictures",
            where=where,
            given="x".join(map(str, shape)),
            expected=f"{taken.pixels} pixels, 1 channel; with several channels the file does not "
            "say in which order they lie",
            fix=f"--set data.size={height}x{width} --set data.channels=1",
        )
    assert slot.shape is not None
    sides = slot.shape[1:]
    wanted = (*sides[1:], sides[0]) if taken.channels_first else tuple(sides)
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

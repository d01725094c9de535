"""Operators that move entries, or say how they lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import ops
from clearprop.interop.onnx.graph import dtype_named
from clearprop.interop.onnx.node import GraphValue, OnnxNode
from clearprop.interop.onnx.rows.elementwise import TYPES, is_float
from clearprop.interop.onnx.running import plain
from clearprop.interop.onnx.table import ALL, row


def is_text(x: object) -> bool:
    """Say whether an array holds texts, which NumPy moves."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "OUS"


def whole(node: OnnxNode, value: GraphValue, what: str) -> list[int]:
    """Return the whole numbers of an input whose value has to be known."""
    return [int(number) for number in node.known(value, what).reshape(-1)]


def axes_given(node: OnnxNode, value: GraphValue, name: str = "axes") -> tuple[int, ...] | None:
    """Return axes from an input, or from an attribute as older opsets have it."""
    if value is not None:
        return tuple(whole(node, value, "the axes"))
    return node.ints(name) if node.has(name) else None


@row("Shape")
def _shape(node: OnnxNode, x: Any) -> Any:
    start, end = node.integer("start", 0), node.attributes.get("end")
    sizes = np.array(x.shape, np.int64)
    return sizes[start : end if isinstance(end, int) else None]


@row("Size")
def _size(node: OnnxNode, x: Any) -> Any:
    return np.array(math.prod(x.shape), np.int64)


@row("Reshape", known=(1,))
def _reshape(node: OnnxNode, x: Any, shape: Any = None) -> Any:
    wanted = list(node.ints("shape")) if node.version < 5 else whole(node, shape, "the shape")
    if not node.integer("allowzero", 0):
        if any(size == 0 and i >= len(x.shape) for i, size in enumerate(wanted)):
            raise node.error(
                "a size of 0 copies that of the input, which has fewer axes",
                given=f"shape {wanted}, input {list(x.shape)}",
            )
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    known = math.prod(size for size in wanted if size != -1)
    if -1 in wanted:
        wanted[wanted.index(-1)] = math.prod(x.shape) // known if known else 0
    if math.prod(wanted) != math.prod(x.shape):
        raise node.error(
            "the new shape has another number of entries",
            given=f"shape {wanted}, input {list(x.shape)}",
        )
    return x.reshape(wanted) if is_text(x) else ops.reshape(x, tuple(wanted))


@row("Flatten")
def _flatten(node: OnnxNode, x: Any) -> Any:
    axis = node.integer("axis", 1)
    axis = axis + len(x.shape) if axis < 0 else axis
    return ops.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@row("Transpose")
def _transpose(node: OnnxNode, x: Any) -> Any:
    axes = node.ints("perm", range(len(x.shape))[::-1])
    return x.transpose(axes) if is_text(x) else ops.transpose(x, axes)


@row("Squeeze", known=(1,))
def _squeeze(node: OnnxNode, x: Any, axes: Any = None) -> Any:
    given = axes_given(node, axes)
    if is_text(x):
        return np.squeeze(x, given)
    return ops.squeeze(x, given)


@row("Unsqueeze", known=(1,))
def _unsqueeze(node: OnnxNode, x: Any, axes: Any = None) -> Any:
    given = axes_given(node, axes) or ()
    return np.expand_dims(x, given) if is_text(x) else ops.expand_dims(x, given)


@row("Concat")
def _concat(node: OnnxNode, *arrays: Any) -> Any:
    axis = node.integer("axis", 1)
    if is_text(arrays[0]):
        return np.concatenate(arrays, axis)
    return ops.concatenate(*arrays, axis=axis) if len(arrays) > 1 else arrays[0]


@row("Split", known=(1,))
def _split(node: OnnxNode, x: Any, sizes: Any = None) -> Any:
    axis = node.axis(x, node.integer("axis", 0))
    if sizes is not None:
        parts = whole(node, sizes, "the sizes of the parts")
    elif node.has("split"):
        parts = list(node.ints("split"))
    else:
        number = node.integer("num_outputs", node.outputs)
        size = -(-x.shape[axis] // number)
        parts = [max(0, min(size, x.shape[axis] - i * size)) for i in range(number)]
    if sum(parts) != x.shape[axis]:
        raise node.error("the parts are not the whole", given=f"{parts} of {x.shape[axis]}")
    starts = np.cumsum([0, *parts])
    before = (slice(None),) * axis
    pieces = (x[(*before, slice(int(a), int(a) + n))] for a, n in zip(starts, parts, strict=False))
    return tuple(pieces)


@row("Slice", known=(1, 2, 3, 4))
def _slice(
    node: OnnxNode,
    x: Any,
    starts: Any = None,
    ends: Any = None,
    axes: Any = None,
    steps: Any = None,
) -> Any:
    if node.version < 10:
        first, last = list(node.ints("starts")), list(node.ints("ends"))
        along = list(node.ints("axes", range(len(first))))
    else:
        first, last = whole(node, starts, "the starts"), whole(node, ends, "the ends")
        along = list(range(len(first))) if axes is None else whole(node, axes, "the axes")
    by = [1] * len(first) if steps is None else whole(node, steps, "the steps")
    index: list[Any] = [slice(None)] * len(x.shape)
    for start, end, axis, step in zip(first, last, along, by, strict=True):
        n = x.shape[axis]
        start, end = (value + n if value < 0 else value for value in (start, end))
        low, high = (0, n) if step > 0 else (-1, n - 1)
        begin = min(max(start, 0), n if step > 0 else n - 1)
        stop: int | None = min(max(end, low), n if step > 0 else high)
        index[axis] = slice(begin, None if stop is not None and stop < 0 else stop, step)
    if is_text(x):
        return x[tuple(index)]
    steps_back = [i for i, part in enumerate(index) if part.step is not None and part.step < 0]
    if not steps_back:
        return x[tuple(index)]
    return _sliced_back(x, index)


def _sliced_back(x: Any, index: Sequence[slice]) -> Any:
    for axis, part in enumerate(index):
        if part != slice(None):
            places = np.arange(x.shape[axis])[part]
            x = ops.take(x, places, axis)
    return x


@row("Expand", known=(1,))
def _expand(node: OnnxNode, x: Any, shape: Any) -> Any:
    wanted = np.broadcast_shapes(tuple(x.shape), tuple(whole(node, shape, "the shape")))
    node.fits(wanted, x.dtype)
    return np.broadcast_to(x, wanted) if is_text(x) else ops.broadcast_to(x, wanted)


@row("Tile", known=(1, 2))
def _tile(node: OnnxNode, x: Any, repeats: Any, axis: Any = None) -> Any:
    times = whole(node, repeats, "the repeats")
    if node.version < 6:
        along = whole(node, axis, "the axis")[0]
        times = [times[0] if i == along else 1 for i in range(len(x.shape))]
    node.fits([n * t for n, t in zip(x.shape, times, strict=True)], x.dtype)
    return ops.tile(x, tuple(times))


@row("ConstantOfShape", known=(0,))
def _constant_of_shape(node: OnnxNode, shape: Any) -> Any:
    value = node.tensor("value")
    value = np.zeros(1, np.float32) if value is None else value.reshape(-1)
    sizes = tuple(whole(node, shape, "the shape"))
    node.fits(sizes, value.dtype)
    return np.full(sizes, value[0], value.dtype)


@row("Range", known=(0, 1, 2))
def _range(node: OnnxNode, start: Any, limit: Any, step: Any) -> Any:
    first, last, by = (node.known(value, "the range").reshape(()) for value in (start, limit, step))
    if by == 0:
        raise node.error("the step is 0")
    number = max(math.ceil((last.astype(float) - first.astype(float)) / by.astype(float)), 0)
    wide = np.promote_types(first.dtype, np.float32) if is_float(first) else first.dtype
    node.fits([number], wide)
    values = first.astype(wide) + np.arange(number, dtype=wide) * by.astype(wide)
    return values.astype(first.dtype)


@row("EyeLike")
def _eye_like(node: OnnxNode, x: Any) -> Any:
    dtype = dtype_named(TYPES[node.integer("dtype")]) if node.has("dtype") else x.dtype
    return np.eye(x.shape[0], x.shape[1], node.integer("k", 0)).astype(dtype)


@row("Trilu", known=(1,))
def _trilu(node: OnnxNode, x: Any, k: Any = None) -> Any:
    shift = 0 if k is None else int(node.known(k, "the diagonal").reshape(()))
    rows = jnp.arange(x.shape[-2])[:, None] + shift
    columns = jnp.arange(x.shape[-1])[None, :]
    keep = columns >= rows if node.integer("upper", 1) else columns <= rows
    if is_float(x):
        return ops.where(keep, x, jnp.zeros((), x.dtype))
    return jnp.where(keep, plain(x), jnp.zeros((), x.dtype))


@row("Pad", known=(1, 3))
def _pad(node: OnnxNode, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    if pads is None:
        amounts = list(node.ints("pads" if node.has("pads") else "paddings"))
        value = node.number("value", 0.0)
    else:
        amounts = whole(node, pads, "the padding")
    along = range(len(x.shape)) if axes is None else whole(node, axes, "the axes")
    half = len(amounts) // 2
    widths = [(0, 0)] * len(x.shape)
    for axis, before, after in zip(along, amounts[:half], amounts[half:], strict=True):
        widths[axis] = (before, after)
    for axis, (before, after) in enumerate(widths):
        if min(before, after) < 0:
            cut = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
            x = x[(slice(None),) * axis + (cut,)]
            widths[axis] = (max(before, 0), max(after, 0))
    node.fits([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], x.dtype)
    mode = node.text("mode", "constant")
    if mode != "constant":
        return _pad_from_within(node, x, widths, mode)
    filling = 0 if value is None else value
    if not is_float(x) or hasattr(filling, "tape"):
        return jnp.pad(plain(x), widths, constant_values=plain(filling))
    known = plain(filling) if hasattr(filling, "dtype") else filling
    if isinstance(known, int | float | np.ndarray) or not hasattr(known, "aval"):
        return ops.pad(x, widths, float(np.asarray(known).reshape(())))
    inside = ops.pad(x, widths, 0.0)
    mask = jnp.pad(jnp.ones(x.shape, bool), widths)
    return ops.where(mask, inside, ops.reshape(filling, ()))


def _pad_from_within(node: OnnxNode, x: Any, widths: list[tuple[int, int]], mode: str) -> Any:
    known = ("reflect", "edge", "wrap")
    if mode not in known:
        raise node.error("the mode of padding is unknown", given=mode, expected=", ".join(known))
    for axis, (before, after) in enumerate(widths):
        if before or after:
            places = _padded_places(x.shape[axis], before, after, mode)
            x = ops.take(x, places, axis)
    return x


def _padded_places(n: int, before: int, after: int, mode: Any) -> NDArray[np.int64]:
    return np.pad(np.arange(n), (before, after), mode)


@row("DepthToSpace")
def _depth_to_space(node: OnnxNode, x: Any) -> Any:
    size, (n, c, h, w) = node.integer("blocksize"), x.shape
    inner = c // size**2
    if node.text("mode", "DCR") == "DCR":
        blocks = ops.reshape(x, (n, size, size, inner, h, w))
        moved = ops.transpose(blocks, (0, 3, 4, 1, 5, 2))
    else:
        blocks = ops.reshape(x, (n, inner, size, size, h, w))
        moved = ops.transpose(blocks, (0, 1, 4, 2, 5, 3))
    return ops.reshape(moved, (n, inner, h * size, w * size))


@row("SpaceToDepth")
def _space_to_depth(node: OnnxNode, x: Any) -> Any:
    size, (n, c, h, w) = node.integer("blocksize"), x.shape
    blocks = ops.reshape(x, (n, c, h // size, size, w // size, size))
    order = (0, 3, 5, 1, 2, 4) if node.text("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    moved = ops.transpose(blocks, order)
    return ops.reshape(moved, (n, c * size**2, h // size, w // size))


@row("ReverseSequence")
def _reverse_sequence(node: OnnxNode, x: Any, lengths: Any) -> Any:
    batch, time = node.integer("batch_axis", 1), node.integer("time_axis", 0)
    steps = jnp.arange(x.shape[time])
    ends = jnp.asarray(plain(lengths))[:, None]
    places = jnp.where(steps[None] < ends, ends - 1 - steps[None], steps[None])
    places = places if batch < time else places.T
    shape = [x.shape[i] if i in (batch, time) else 1 for i in range(len(x.shape))]
    full = jnp.broadcast_to(places.reshape(shape), x.shape)
    return ops.take_along_axis(x, full, time)


@row("NonZero", known=(0,))
def _non_zero(node: OnnxNode, x: Any) -> Any:
    found = np.nonzero(np.atleast_1d(node.known(x, "the entries")))
    return np.array(found, np.int64)


@row("Compress", known=(1,))
def _compress(node: OnnxNode, x: Any, condition: Any) -> Any:
    places = np.flatnonzero(node.known(condition, "the condition"))
    if node.has("axis"):
        return ops.take(x, places, node.integer("axis"))
    return ops.take(ops.reshape(x, (-1,)), places, 0)


@row("Unique", known=(ALL,))
def _unique(node: OnnxNode, x: Any) -> Any:
    values = node.known(x, "the entries")
    axis = node.integer("axis") if node.has("axis") else None
    found, first, inverse, counts = np.unique(values, True, True, True, axis=axis)
    inverse = inverse.reshape(-1)
    if not node.integer("sorted", 1):
        order = np.argsort(first)
        found = found[order] if axis is None else np.take(found, order, axis)
        first, counts = first[order], counts[order]
        inverse = np.argsort(order)[inverse]
    return (found, *(part.astype(np.int64) for part in (first, inverse, counts)))

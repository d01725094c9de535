"""Convolutions and pools. ONNX has the channels first; clearprop has them last."""

from __future__ import annotations

import math
from typing import Any, cast

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import lax

from clearprop import ops
from clearprop.autodiff import lift
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.running import allowed, plain
from clearprop.interop.onnx.table import row


def _channels_last(x: Any) -> Any:
    """Move the axis of channels from the second place to the last."""
    return ops.moveaxis(x, 1, -1)


def _channels_first(x: Any) -> Any:
    """Move the axis of channels from the last place to the second."""
    return ops.moveaxis(x, -1, 1)


def _kernel_last(w: Any) -> Any:
    """Return a kernel (features, channels, *window) as (*window, channels, features)."""
    axes = len(w.shape)
    return ops.transpose(w, (*range(2, axes), 1, 0))


def paddings(
    node: OnnxNode,
    sizes: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> list[tuple[int, int]]:
    """Return the padding before and after each axis, as the file gives it or says how."""
    kind = node.text("auto_pad", "NOTSET")
    if kind in ("NOTSET", ""):
        given = node.ints("pads", (0,) * (2 * len(sizes)))
        return [(given[i], given[i + len(sizes)]) for i in range(len(sizes))]
    if kind == "VALID":
        return [(0, 0)] * len(sizes)
    pairs = []
    for n, k, s, d in zip(sizes, window, strides, dilations, strict=True):
        total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
        half = total // 2
        pairs.append((half, total - half) if kind == "SAME_UPPER" else (total - half, half))
    return pairs


@row("Conv", weights=(1, 2))
def _conv(node: OnnxNode, x: Any, w: Any, b: Any = None) -> Any:
    axes = len(x.shape) - 2
    if axes < 1 or w.shape[1] * node.integer("group", 1) != x.shape[1]:
        raise node.error(
            "the input does not have the channels of the kernel",
            given=f"input {list(x.shape)}, kernel {list(w.shape)}",
            expected=f"{w.shape[1] * node.integer('group', 1)} channels at the second axis",
        )
    strides, dilations = node.ints("strides", (1,) * axes), node.ints("dilations", (1,) * axes)
    pads = paddings(node, tuple(x.shape[2:]), tuple(w.shape[2:]), strides, dilations)
    y = ops.convolution(
        _channels_last(x),
        _kernel_last(w),
        b,
        stride=strides,
        padding=tuple(pads),
        dilation=dilations,
        groups=node.integer("group", 1),
    )
    return _channels_first(y)


@row("ConvTranspose", weights=(1, 2))
def _conv_transpose(node: OnnxNode, x: Any, w: Any, b: Any = None) -> Any:
    axes, groups = len(x.shape) - 2, node.integer("group", 1)
    strides, dilations = node.ints("strides", (1,) * axes), node.ints("dilations", (1,) * axes)
    extra = node.ints("output_padding", (0,) * axes)
    window = tuple(w.shape[2:])
    full = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(x.shape[2:], strides, dilations, window, strict=True)
    ]
    pairs = _cuts(node, tuple(x.shape[2:]), full, strides, extra)
    features = w.shape[1]
    kernel = ops.reshape(w, (groups, w.shape[0] // groups, features, *window))
    kernel = ops.transpose(kernel, (*range(3, 3 + axes), 1, 0, 2))
    kernel = ops.reshape(kernel, (*window, w.shape[0] // groups, groups * features))
    y = ops.convolution_transpose(
        _channels_last(x), kernel, None, stride=strides, dilation=dilations, groups=groups
    )
    # What is cut off less than nothing is added, and so are places beyond the last copy.
    ends = [(before, after - e) for (before, after), e in zip(pairs, extra, strict=True)]
    if any(min(end) < 0 for end in ends):
        y = ops.pad(y, [(0, 0), *((max(-a, 0), max(-b, 0)) for a, b in ends), (0, 0)])
    cut = [slice(max(a, 0), max(-a, 0) + size - b) for (a, b), size in zip(ends, full, strict=True)]
    y = y[(slice(None), *cut)]
    return _channels_first(y if b is None else ops.add(y, b))


def _cuts(
    node: OnnxNode,
    sizes: tuple[int, ...],
    full: list[int],
    strides: tuple[int, ...],
    extra: tuple[int, ...],
) -> list[tuple[int, int]]:
    """Return what is cut off at both ends of each axis."""
    axes = len(full)
    kind = node.text("auto_pad", "NOTSET")
    if node.has("output_shape") or kind.startswith("SAME"):
        wanted = node.ints(
            "output_shape", tuple(n * s for n, s in zip(sizes, strides, strict=True))
        )
        wanted = wanted[-axes:]
        totals = [f + e - want for f, e, want in zip(full, extra, wanted, strict=True)]
        halves = [total // 2 for total in totals]
        if kind == "SAME_UPPER":
            return [(half, total - half) for half, total in zip(halves, totals, strict=True)]
        return [(total - half, half) for half, total in zip(halves, totals, strict=True)]
    given = node.ints("pads", (0,) * (2 * axes)) if kind == "NOTSET" else (0,) * (2 * axes)
    return [(given[i], given[i + axes]) for i in range(axes)]


def _geometry(node: OnnxNode, x: Any) -> tuple[Any, Any, Any, list[tuple[int, int]]]:
    """Return window, strides, dilations and padding of a pool, with what the ceil mode adds."""
    axes = len(x.shape) - 2
    window = node.ints("kernel_shape")
    strides, dilations = node.ints("strides", (1,) * axes), node.ints("dilations", (1,) * axes)
    pads = paddings(node, tuple(x.shape[2:]), window, strides, dilations)
    if not node.integer("ceil_mode", 0):
        return window, strides, dilations, pads
    grown = []
    for n, k, s, d, (before, after) in zip(
        x.shape[2:], window, strides, dilations, pads, strict=True
    ):
        reach = d * (k - 1) + 1
        places = math.ceil((n + before + after - reach) / s) + 1
        if (places - 1) * s >= n + before:  # a window that begins in the padding at the end
            places -= 1
        grown.append((before, max((places - 1) * s + reach - n - before, after)))
    return window, strides, dilations, grown


def _windows(x: Any, window: Any, strides: Any, dilations: Any, pads: Any, value: float) -> Any:
    """Return the entries of every window: (batch, channels, *places, entries)."""
    axes = len(window)
    x = ops.pad(x, [(0, 0), (0, 0), *pads], value) if any(map(any, pads)) else x
    for i in range(axes):
        axis = 2 + i
        reach = dilations[i] * (window[i] - 1) + 1
        starts = np.arange(0, x.shape[axis] - reach + 1, strides[i])
        places = starts[:, None] + dilations[i] * np.arange(window[i])
        x = ops.moveaxis(ops.take(x, places, axis), axis + 1, -1)
    return ops.reshape(x, (*x.shape[: 2 + axes], math.prod(window)))


@row("MaxPool")
def _max_pool(node: OnnxNode, x: Any) -> Any:
    window, strides, dilations, pads = _geometry(node, x)
    floats = jnp.issubdtype(x.dtype, jnp.floating)
    if floats and node.outputs == 1:
        lowest = float(cast(Any, ml_dtypes).finfo(x.dtype).min)
        padded = ops.pad(x, [(0, 0), (0, 0), *pads], -math.inf) if any(map(any, pads)) else x
        y = ops.max_pool(_channels_last(padded), window, strides, dilation=dilations)
        return _channels_first(ops.maximum(y, lowest) if any(map(any, pads)) else y)
    lowest_value: Any = -np.inf if floats else np.iinfo(x.dtype).min
    numbers = np.arange(math.prod(x.shape)).reshape(x.shape)
    if node.integer("storage_order", 0):
        per_map = math.prod(x.shape[2:])
        first = numbers.reshape(x.shape[0] * x.shape[1], per_map)[:, 0]
        inner = np.arange(per_map).reshape(x.shape[2:][::-1]).T
        numbers = (first[:, None] + inner.reshape(1, -1)).reshape(x.shape)
    wide = x if floats else jnp.asarray(plain(x)).astype(jnp.int32)
    low = lowest_value if floats else int(lowest_value)
    entries = _windows(wide, window, strides, dilations, pads, low)
    places = jnp.argmax(plain(entries), -1)
    y = ops.max(entries, -1) if floats else jnp.max(entries, -1).astype(x.dtype)
    if node.outputs == 1:
        return y
    of = _windows(jnp.asarray(numbers), window, strides, dilations, pads, 0)
    index = jnp.take_along_axis(jnp.asarray(plain(of)), places[..., None], -1)[..., 0]
    return y, index.astype(allowed(np.int64))


@row("AveragePool")
def _average_pool(node: OnnxNode, x: Any) -> Any:
    window, strides, dilations, pads = _geometry(node, x)
    number = _entries_that_count(node, x, window, strides, dilations, pads)
    if any(d > 1 for d in dilations):
        entries = _windows(x, window, strides, dilations, pads, 0.0)
        return ops.divide(ops.sum(entries, -1), number.astype(x.dtype))
    padded = ops.pad(x, [(0, 0), (0, 0), *pads]) if any(map(any, pads)) else x
    y = _channels_first(ops.average_pool(_channels_last(padded), window, strides))
    parts = math.prod(window) / number
    return y if np.all(parts == 1) else ops.multiply(y, parts.astype(x.dtype))


def _entries_that_count(
    node: OnnxNode, x: Any, window: Any, strides: Any, dilations: Any, pads: Any
) -> Any:
    """Return by how many numbers the sum of each window is divided: (1, 1, *places)."""
    counted = [(0, 0)] * len(window)
    if node.integer("count_include_pad", 0):
        counted = paddings(node, tuple(x.shape[2:]), window, strides, dilations)
    number = np.ones((1, 1))
    for size, k, s, d, (before, after), (first, last) in zip(
        x.shape[2:], window, strides, dilations, pads, counted, strict=True
    ):
        starts = np.arange(0, before + size + after - d * (k - 1), s) - before
        places = starts[:, None] + d * np.arange(k)
        inside = (places >= -first) & (places < size + last)
        number = number[..., None] * inside.sum(1)
    return number


@row("LpPool")
def _lp_pool(node: OnnxNode, x: Any) -> Any:
    window, strides, dilations, pads = _geometry(node, x)
    p = node.integer("p", 2)
    entries = ops.abs(_windows(x, window, strides, dilations, pads, 0.0))
    total = ops.sum(ops.power(entries, float(p)), -1)
    return total if p == 1 else ops.power(total, 1.0 / p)


@row("GlobalAveragePool")
def _global_average_pool(node: OnnxNode, x: Any) -> Any:
    return ops.mean(x, tuple(range(2, len(x.shape))), True)


@row("GlobalMaxPool")
def _global_max_pool(node: OnnxNode, x: Any) -> Any:
    return ops.max(x, tuple(range(2, len(x.shape))), True)


@row("GlobalLpPool")
def _global_lp_pool(node: OnnxNode, x: Any) -> Any:
    p = node.integer("p", 2)
    total = ops.sum(ops.power(ops.abs(x), float(p)), tuple(range(2, len(x.shape))), True)
    return ops.power(total, 1.0 / p)


@row("MaxUnpool", known=(2,))
def _max_unpool(node: OnnxNode, x: Any, places: Any, shape: Any = None) -> Any:
    axes = len(x.shape) - 2
    window, strides = node.ints("kernel_shape"), node.ints("strides", (1,) * axes)
    pads = node.ints("pads", (0,) * (2 * axes))
    sizes = tuple(
        (n - 1) * s + k - pads[i] - pads[i + axes]
        for i, (n, s, k) in enumerate(zip(x.shape[2:], strides, window, strict=True))
    )
    inner = (*x.shape[:2], *sizes)
    full = inner if shape is None else tuple(int(n) for n in node.known(shape, "the shape"))
    flat = jnp.asarray(plain(places)).reshape(-1)
    if full != inner:
        flat = jnp.ravel_multi_index(jnp.unravel_index(flat, inner), full, mode="clip")
    # The windows of a pool may overlap: then a place gets the same value more than once.
    empty = jnp.zeros(math.prod(full), x.dtype)
    return ops.reshape(lift(_set_at)(empty, flat, ops.reshape(x, (-1,))), full)


def _set_at(x: Any, index: Any, values: Any) -> Any:
    return jnp.asarray(x).at[index].set(values)


@row("Col2Im", known=(1, 2))
def _col2im(node: OnnxNode, x: Any, image: Any, block: Any) -> Any:
    sizes = [int(n) for n in node.known(image, "the shape")]
    window = [int(n) for n in node.known(block, "the block")]
    axes = len(sizes)
    strides, dilations = node.ints("strides", (1,) * axes), node.ints("dilations", (1,) * axes)
    pads = node.ints("pads", (0,) * (2 * axes))
    channels = x.shape[1] // math.prod(window)
    grown = [n + pads[i] + pads[i + axes] for i, n in enumerate(sizes)]
    places = [
        (g - d * (k - 1) - 1) // s + 1
        for g, d, k, s in zip(grown, dilations, window, strides, strict=True)
    ]
    rows = [
        (np.arange(k)[:, None] * d + np.arange(p)[None] * s)
        for k, d, p, s in zip(window, dilations, places, strides, strict=True)
    ]
    index = np.zeros((*window, *places), np.int64)
    for i, table in enumerate(rows):
        shape = [1] * (2 * axes)
        shape[i], shape[axes + i] = table.shape
        index = index * grown[i] + table.reshape(shape)
    values = ops.reshape(x, (x.shape[0] * channels, -1))
    empty = jnp.zeros((x.shape[0] * channels, math.prod(grown)), x.dtype)
    added = lift(_added_at)(empty, index.reshape(-1), values)
    image_values = ops.reshape(added, (x.shape[0], channels, *grown))
    cut = [slice(pads[i], pads[i] + n) for i, n in enumerate(sizes)]
    return image_values[(slice(None), slice(None), *cut)]


def _added_at(x: Any, index: Any, values: Any) -> Any:
    return jnp.asarray(x).at[:, index].add(values)


@row("DeformConv", weights=(1, 3))
def _deform_conv(
    node: OnnxNode, x: Any, w: Any, offset: Any, b: Any = None, mask: Any = None
) -> Any:
    if len(x.shape) != 4:
        raise node.error("only images are supported", given=f"input {list(x.shape)}")
    strides, dilations = node.ints("strides", (1, 1)), node.ints("dilations", (1, 1))
    pads = node.ints("pads", (0, 0, 0, 0))
    groups, shifts = node.integer("group", 1), node.integer("offset_group", 1)

    def computed(x: Any, w: Any, offset: Any, b: Any, mask: Any) -> Any:
        batch, channels, height, width = x.shape
        kh, kw = w.shape[2:]
        oh, ow = offset.shape[2:]
        offset = offset.reshape(batch, shifts, kh, kw, 2, oh, ow)
        rows = (jnp.arange(oh) * strides[0] - pads[0])[:, None] + offset[:, :, :, :, 0]
        rows = rows + (jnp.arange(kh) * dilations[0])[:, None, None, None]
        columns = (jnp.arange(ow) * strides[1] - pads[1]) + offset[:, :, :, :, 1]
        columns = columns + (jnp.arange(kw) * dilations[1])[:, None, None]
        parts = x.reshape(batch, shifts, channels // shifts, height, width)
        read = _read_between(parts, rows, columns)
        if mask is not None:
            read = read * mask.reshape(batch, shifts, 1, kh, kw, oh, ow)
        read = read.reshape(batch, groups, channels // groups, kh, kw, oh, ow)
        kernel = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
        y = jnp.einsum("bgcijhw,gfcij->bgfhw", read, kernel).reshape(batch, -1, oh, ow)
        return y if b is None else y + b[:, None, None]

    return lift(computed)(x, w, offset, b, mask)


def _read_between(x: Any, rows: Any, columns: Any) -> Any:
    """Read (batch, groups, channels, height, width) between its pixels; zeros lie outside."""
    height, width = x.shape[-2:]
    top, left = jnp.floor(rows), jnp.floor(columns)
    total: Any = 0
    for i in (0, 1):
        for j in (0, 1):
            r, c = (top + i).astype(int), (left + j).astype(int)
            weight = (1 - jnp.abs(rows - r)) * (1 - jnp.abs(columns - c))
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            flat = jnp.clip(r, 0, height - 1) * width + jnp.clip(c, 0, width - 1)
            values = x.reshape(*x.shape[:3], -1)
            index = flat.reshape(*flat.shape[:2], 1, -1)
            found = jnp.take_along_axis(
                values, jnp.broadcast_to(index, (*x.shape[:3], index.shape[-1])), -1
            )
            found = found.reshape(*x.shape[:3], *flat.shape[2:])
            total = total + found * jnp.where(inside, weight, 0)[:, :, None]
    return total


def convolve_whole(node: OnnxNode, x: Any, w: Any) -> Any:
    """Return the convolution of 32-bit whole numbers, channels first."""
    axes = len(x.shape) - 2
    strides, dilations = node.ints("strides", (1,) * axes), node.ints("dilations", (1,) * axes)
    pads = paddings(node, tuple(x.shape[2:]), tuple(w.shape[2:]), strides, dilations)
    return lax.conv_general_dilated(
        x,
        w,
        strides,
        pads,
        rhs_dilation=dilations,
        feature_group_count=node.integer("group", 1),
        preferred_element_type=jnp.int32,
    )

"""Operators on quantized numbers: small whole numbers with a scale and a zero point."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.interop.onnx.graph import dtype_named
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.rows.convolution import convolve_whole
from clearprop.interop.onnx.rows.elementwise import TYPES, cast, is_float
from clearprop.interop.onnx.running import plain
from clearprop.interop.onnx.table import row


def _along(node: OnnxNode, values: Any, x: Any) -> Any:
    """Return scales or zero points in the shape in which they meet x."""
    values = values if hasattr(values, "tape") else jnp.asarray(values)
    if len(values.shape) == 0 or (len(values.shape) == 1 and values.shape[0] == 1):
        return ops.reshape(values, ())
    axis = node.axis(x, node.integer("axis", 1))
    if len(values.shape) == 1:
        return ops.reshape(values, tuple(-1 if i == axis else 1 for i in range(len(x.shape))))
    size = node.integer("block_size", 0) or -(-x.shape[axis] // values.shape[axis])
    grown = (
        ops.repeat(values, size, axis)
        if is_float(values)
        else (jnp.repeat(jnp.asarray(plain(values)), size, axis))
    )
    return grown[(slice(None),) * axis + (slice(0, x.shape[axis]),)]


def _limits(name: str) -> tuple[int, int]:
    bits = int("".join(c for c in name if c.isdigit()))
    return (
        (0, 2**bits - 1) if name.startswith("uint") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )


@row("QuantizeLinear")
def _quantize(node: OnnxNode, x: Any, scale: Any, zero: Any = None) -> Any:
    number = node.integer("output_dtype", 0)
    name = TYPES[number] if number else "uint8" if zero is None else np.dtype(zero.dtype).name
    precision = node.integer("precision", 0)
    of = dtype_named(TYPES[precision]) if precision else plain(scale).dtype
    steps = _along(node, plain(scale), x).astype(of)
    ratio = jnp.asarray(plain(x)).astype(of) / steps
    offset = None if zero is None else _along(node, jnp.asarray(plain(zero)), x)
    if name.startswith("float"):
        shifted = ratio if offset is None else ratio + offset.astype(ratio.dtype)
        return cast(shifted, name, bool(node.integer("saturate", 1)))
    low, high = _limits(name)
    wide = jnp.rint(ratio.astype(jnp.float32) if ratio.dtype != jnp.float64 else ratio)
    wide = wide if offset is None else wide + offset.astype(jnp.int32).astype(wide.dtype)
    return jnp.clip(wide, low, high).astype(jnp.int32).astype(dtype_named(name))


@row("DequantizeLinear")
def _dequantize(node: OnnxNode, x: Any, scale: Any, zero: Any = None) -> Any:
    number = node.integer("output_dtype", 0)
    dtype = dtype_named(TYPES[number]) if number else scale.dtype
    values = jnp.asarray(plain(x))
    if zero is None:
        wide = values.astype(jnp.float32)
    elif np.dtype(values.dtype).name.startswith("float"):
        wide = values.astype(jnp.float32) - _along(node, plain(zero), x).astype(jnp.float32)
    else:
        whole = values.astype(jnp.int32) - _along(node, plain(zero), x).astype(jnp.int32)
        wide = whole.astype(jnp.float32)
    y = ops.multiply(wide, _along(node, ops.astype(scale, jnp.float32), x))
    return ops.astype(y, dtype)


@row("DynamicQuantizeLinear")
def _dynamic_quantize(node: OnnxNode, x: Any) -> Any:
    wide = jnp.asarray(plain(x))
    low, high = jnp.minimum(wide.min(), 0), jnp.maximum(wide.max(), 0)
    scale = (high - low) / 255
    scale = jnp.where(scale == 0, 1, scale).astype(wide.dtype)
    zero = jnp.clip(jnp.rint(-low / scale), 0, 255)
    y = jnp.clip(jnp.rint(wide / scale) + zero, 0, 255)
    return y.astype(jnp.uint8), scale, zero.astype(jnp.uint8)


@row("MatMulInteger")
def _matmul_integer(node: OnnxNode, a: Any, b: Any, za: Any = None, zb: Any = None) -> Any:
    a, b = jnp.asarray(plain(a)).astype(jnp.int32), jnp.asarray(plain(b)).astype(jnp.int32)
    if za is not None:
        zero = jnp.asarray(plain(za)).astype(jnp.int32)
        a = a - (zero[:, None] if zero.ndim == 1 and zero.size > 1 else zero)
    if zb is not None:
        b = b - jnp.asarray(plain(zb)).astype(jnp.int32)
    return jnp.matmul(a, b, preferred_element_type=jnp.int32)


def _without_zero(x: Any, zero: Any, axis: int | None = None) -> Any:
    wide = jnp.asarray(plain(x)).astype(jnp.int32)
    if zero is None:
        return wide
    offset = jnp.asarray(plain(zero)).astype(jnp.int32)
    if offset.size > 1 and axis is not None:
        offset = offset.reshape([-1 if i == axis else 1 for i in range(wide.ndim)])
    return wide - (offset if offset.size > 1 else offset.reshape(()))


@row("ConvInteger")
def _conv_integer(node: OnnxNode, x: Any, w: Any, zx: Any = None, zw: Any = None) -> Any:
    return convolve_whole(node, _without_zero(x, zx), _without_zero(w, zw, 0))


def _requantized(sums: Any, scale: Any, like: Any, zero: Any) -> Any:
    name = np.dtype(like.dtype).name
    wide = jnp.rint(sums.astype(jnp.float32) * scale)
    offset = jnp.asarray(plain(zero))
    if name.startswith("float"):
        return (sums.astype(jnp.float32) * scale + offset.astype(jnp.float32)).astype(like.dtype)
    low, high = _limits(name)
    return jnp.clip(wide + offset.astype(jnp.int32), low, high).astype(jnp.int32).astype(like.dtype)


def _vector(values: Any, place: str) -> Any:
    """Return scales of rows or columns of a matrix so that they meet it."""
    values = jnp.asarray(plain(values)).astype(jnp.float32)
    return values[:, None] if values.ndim == 1 and values.size > 1 and place == "row" else values


@row("QLinearMatMul")
def _qlinear_matmul(
    node: OnnxNode, a: Any, sa: Any, za: Any, b: Any, sb: Any, zb: Any, sy: Any, zy: Any
) -> Any:
    if np.dtype(a.dtype).name.startswith("float"):
        wide_a = jnp.asarray(plain(a)).astype(jnp.float32) - jnp.asarray(plain(za)).astype(
            jnp.float32
        )
        wide_b = jnp.asarray(plain(b)).astype(jnp.float32) - jnp.asarray(plain(zb)).astype(
            jnp.float32
        )
        sums = jnp.matmul(wide_a, wide_b)
    else:
        left = jnp.asarray(plain(a)).astype(jnp.int32)
        zero = jnp.asarray(plain(za)).astype(jnp.int32)
        left = left - (zero[:, None] if zero.ndim == 1 and zero.size > 1 else zero)
        right = jnp.asarray(plain(b)).astype(jnp.int32) - jnp.asarray(plain(zb)).astype(jnp.int32)
        sums = jnp.matmul(left, right)
    scale = _vector(sa, "row") * _vector(sb, "column") / jnp.asarray(plain(sy)).astype(jnp.float32)
    return _requantized(sums, scale, zy, zy)


@row("QLinearConv")
def _qlinear_conv(
    node: OnnxNode,
    x: Any,
    sx: Any,
    zx: Any,
    w: Any,
    sw: Any,
    zw: Any,
    sy: Any,
    zy: Any,
    b: Any = None,
) -> Any:
    sums = convolve_whole(node, _without_zero(x, zx), _without_zero(w, zw, 0))
    shape = (1, -1, *(1,) * (len(x.shape) - 2))
    if b is not None:
        sums = sums + jnp.asarray(plain(b)).reshape(shape)
    scales = jnp.asarray(plain(sw)).astype(jnp.float32)
    scales = scales.reshape(shape) if scales.size > 1 else scales.reshape(())
    scale = jnp.asarray(plain(sx)).reshape(()) * scales / jnp.asarray(plain(sy)).reshape(())
    return _requantized(sums, scale, zy, jnp.asarray(plain(zy)).reshape(()))

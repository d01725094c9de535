"""Operators that are activations of layers."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from clearprop import ops
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.running import plain
from clearprop.interop.onnx.table import row


@row("Relu")
def _relu(node: OnnxNode, x: Any) -> Any:
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.maximum(plain(x), 0)
    return ops.relu(x)


@row("Sigmoid")
def _sigmoid(node: OnnxNode, x: Any) -> Any:
    return ops.sigmoid(x)


@row("LeakyRelu")
def _leaky_relu(node: OnnxNode, x: Any) -> Any:
    return ops.leaky_relu(x, node.number("alpha", 0.01))


@row("ThresholdedRelu")
def _thresholded_relu(node: OnnxNode, x: Any) -> Any:
    return ops.where(plain(x) > node.number("alpha", 1.0), x, 0)


@row("PRelu", weights=(1,))
def _prelu(node: OnnxNode, x: Any, slope: Any) -> Any:
    if node.version < 7 and len(slope.shape) == 1:  # one slope for each channel
        slope = ops.reshape(slope, (-1, *(1,) * (len(x.shape) - 2)))
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.where(plain(x) < 0, plain(x) * plain(slope), plain(x))
    return ops.where(plain(x) < 0, ops.multiply(x, slope), x)


@row("Elu")
def _elu(node: OnnxNode, x: Any) -> Any:
    return ops.elu(x, node.number("alpha", 1.0))


@row("Celu")
def _celu(node: OnnxNode, x: Any) -> Any:
    return ops.celu(x, node.number("alpha", 1.0))


@row("Selu")
def _selu(node: OnnxNode, x: Any) -> Any:
    alpha = node.number("alpha", 1.67326319217681884765625)
    gamma = node.number("gamma", 1.05070102214813232421875)
    return ops.multiply(gamma, ops.elu(x, alpha))


@row("Softplus")
def _softplus(node: OnnxNode, x: Any) -> Any:
    return ops.softplus(x)


@row("Softsign")
def _softsign(node: OnnxNode, x: Any) -> Any:
    return ops.softsign(x)


@row("HardSigmoid")
def _hard_sigmoid(node: OnnxNode, x: Any) -> Any:
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    return ops.clip(ops.add(ops.multiply(alpha, x), beta), 0.0, 1.0)


@row("HardSwish")
def _hard_swish(node: OnnxNode, x: Any) -> Any:
    return ops.hard_swish(x)


@row("Gelu")
def _gelu(node: OnnxNode, x: Any) -> Any:
    return ops.gelu(x, node.text("approximate", "none") == "tanh")


@row("Swish")
def _swish(node: OnnxNode, x: Any) -> Any:
    alpha = node.number("alpha", 1.0)
    return ops.silu(x) if alpha == 1 else ops.multiply(x, ops.sigmoid(ops.multiply(alpha, x)))


@row("Mish")
def _mish(node: OnnxNode, x: Any) -> Any:
    return ops.mish(x)


@row("Shrink")
def _shrink(node: OnnxNode, x: Any) -> Any:
    bias, limit, seen = node.number("bias", 0.0), node.number("lambd", 0.5), plain(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        found = jnp.where(seen < -limit, seen + bias, jnp.where(seen > limit, seen - bias, 0))
        return found.astype(x.dtype)
    down = ops.where(seen > limit, ops.subtract(x, bias), 0)
    return ops.where(seen < -limit, ops.add(x, bias), down)


def _flat_axis(node: OnnxNode, x: Any, default: int) -> tuple[int, tuple[int, ...]]:
    """Return the axis of a softmax, and the shape in which it is taken before opset 13."""
    axis = node.integer("axis", -1 if node.version >= 13 else default)
    if node.version >= 13:
        return axis, tuple(x.shape)
    axis %= max(len(x.shape), 1)
    return -1, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@row("Softmax")
def _softmax(node: OnnxNode, x: Any) -> Any:
    axis, shape = _flat_axis(node, x, 1)
    return ops.reshape(ops.softmax(ops.reshape(x, shape), axis), x.shape)


@row("LogSoftmax")
def _log_softmax(node: OnnxNode, x: Any) -> Any:
    axis, shape = _flat_axis(node, x, 1)
    return ops.reshape(ops.log_softmax(ops.reshape(x, shape), axis), x.shape)


@row("Hardmax")
def _hardmax(node: OnnxNode, x: Any) -> Any:
    axis, shape = _flat_axis(node, x, 1)
    flat = jnp.asarray(plain(x)).reshape(shape)
    places = jnp.expand_dims(jnp.argmax(flat, axis), axis)
    numbers = jnp.arange(flat.shape[axis]).reshape(
        [-1 if i == axis % flat.ndim else 1 for i in range(flat.ndim)]
    )
    return (numbers == places).astype(x.dtype).reshape(x.shape)

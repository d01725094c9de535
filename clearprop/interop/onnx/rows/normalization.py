"""Normalizations."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop import ops
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.table import row


def _along_channels(values: Any, x: Any) -> Any:
    """Return one number for each channel, in the shape in which it meets x."""
    return ops.reshape(values, (1, -1, *(1,) * (len(x.shape) - 2)))


def _is_narrow(node: OnnxNode, x: Any) -> bool:
    """Say whether the statistics of x are computed with more bits than x has."""
    return node.integer("stash_type", 1) == 1 and x.dtype.itemsize < 4


@row("BatchNormalization", weights=(1, 2))
def _batch_norm(node: OnnxNode, x: Any, scale: Any, shift: Any, mean: Any, variance: Any) -> Any:
    epsilon, momentum = node.number("epsilon", 1e-5), node.number("momentum", 0.9)
    if node.version < 9 and not node.integer("spatial", 1):
        raise node.error("a normalization of each place by itself (spatial=0) is not supported")
    training = node.integer("training_mode", 0) or (node.version < 14 and node.outputs > 1)
    given_mean, given_variance = mean, variance
    if training:
        axes = (0, *range(2, len(x.shape)))
        mean, variance = ops.mean(x, axes), ops.var(x, axes)
    # The statistics become one factor and one summand for each channel.
    factor = ops.multiply(ops.astype(scale, variance.dtype), ops.rsqrt(ops.add(variance, epsilon)))
    summand = ops.subtract(ops.astype(shift, factor.dtype), ops.multiply(mean, factor))
    y = ops.add(ops.multiply(x, _along_channels(factor, x)), _along_channels(summand, x))
    y = ops.astype(y, x.dtype) if y.dtype != x.dtype else y
    if not training or node.outputs == 1:
        return y
    kept = [
        ops.add(ops.multiply(old, momentum), ops.multiply(new, 1 - momentum))
        for old, new in ((given_mean, mean), (given_variance, variance))
    ]
    return (y, *kept)


@row("InstanceNormalization", weights=(1, 2))
def _instance_norm(node: OnnxNode, x: Any, scale: Any, shift: Any) -> Any:
    axes = tuple(range(2, len(x.shape)))
    centred = ops.subtract(x, ops.mean(x, axes, True))
    y = ops.multiply(
        centred, ops.rsqrt(ops.add(ops.var(x, axes, True), node.number("epsilon", 1e-5)))
    )
    return ops.add(ops.multiply(y, _along_channels(scale, x)), _along_channels(shift, x))


@row("LayerNormalization", weights=(1, 2))
def _layer_norm(node: OnnxNode, x: Any, scale: Any, shift: Any = None) -> Any:
    first = node.axis(x, node.integer("axis", -1))
    axes = tuple(range(first, len(x.shape)))
    epsilon = node.number("epsilon", 1e-5)
    wide = ops.astype(x, jnp.float32) if _is_narrow(node, x) else x
    if (
        node.outputs == 1
        and len(axes) == 1
        and tuple(scale.shape) == tuple(x.shape[-1:])
        and wide.dtype == x.dtype
    ):
        return ops.layer_norm(x, scale, shift, epsilon=epsilon)
    mean = ops.mean(wide, axes, True)
    centred = ops.subtract(wide, mean)
    inverse = ops.rsqrt(ops.add(ops.mean(ops.square(centred), axes, True), epsilon))
    y = ops.multiply(ops.astype(ops.multiply(centred, inverse), x.dtype), scale)
    y = y if shift is None else ops.add(y, shift)
    return y if node.outputs == 1 else (y, mean, inverse)


@row("RMSNormalization", weights=(1,))
def _rms_norm(node: OnnxNode, x: Any, scale: Any) -> Any:
    first = node.axis(x, node.integer("axis", -1))
    axes = tuple(range(first, len(x.shape)))
    wide = ops.astype(x, jnp.float32) if _is_narrow(node, x) else x
    square = ops.mean(ops.square(wide), axes, True)
    y = ops.multiply(wide, ops.rsqrt(ops.add(square, node.number("epsilon", 1e-5))))
    return ops.multiply(ops.astype(y, x.dtype), scale)


@row("GroupNormalization", since=21, weights=(1, 2))
def _group_norm(node: OnnxNode, x: Any, scale: Any, shift: Any) -> Any:
    groups = node.integer("num_groups")
    wide = ops.astype(x, jnp.float32) if _is_narrow(node, x) else x
    parts = ops.reshape(wide, (x.shape[0], groups, -1))
    centred = ops.subtract(parts, ops.mean(parts, -1, True))
    y = ops.multiply(
        centred,
        ops.rsqrt(ops.add(ops.mean(ops.square(centred), -1, True), node.number("epsilon", 1e-5))),
    )
    y = ops.astype(ops.reshape(y, x.shape), x.dtype)
    return ops.add(ops.multiply(y, _along_channels(scale, x)), _along_channels(shift, x))


@row("LRN")
def _lrn(node: OnnxNode, x: Any) -> Any:
    size, channels = node.integer("size"), x.shape[1]
    alpha, beta = node.number("alpha", 0.0001), node.number("beta", 0.75)
    square = ops.square(x)
    before = (size - 1) // 2
    widths = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (len(x.shape) - 2)]
    padded = ops.pad(square, widths)
    total: Any = None
    for i in range(size):
        part = padded[:, i : i + channels]
        total = part if total is None else ops.add(total, part)
    base = ops.add(node.number("bias", 1.0), ops.multiply(alpha / size, total))
    return ops.divide(x, ops.power(base, beta))

"""Layers that ONNX has whole: fully connected ones, and normalizations."""

from __future__ import annotations

import math

import numpy as np

from clearprop import nn
from clearprop.interop.onnx.export.rows.convolution import channels_first, channels_last
from clearprop.interop.onnx.export.table import Applied, Called, Sized, layer_row, operation_row
from clearprop.interop.onnx.export.writer import GraphWriter


def alike(call: Called) -> bool:
    """Say whether input and parameters have one type, which is float32 or float64."""
    types = {size.dtype for size in (*call.sizes["x"], *call.outputs)}
    types |= {np.dtype(value.dtype) for value in call.layer.parameters().values()}
    return len(types) == 1 and types <= {np.dtype(np.float32), np.dtype(np.float64)}


@layer_row(nn.Linear, fits=lambda call: alike(call) and call.sizes["x"][0].ndim == 2)
def _linear(w: GraphWriter, call: Called) -> str:
    given = [call.parameters[name] for name in ("weight", "bias") if name in call.parameters]
    if len(given) == 1:
        return w.node("MatMul", call.inputs["x"][0], *given)
    return w.node("Gemm", call.inputs["x"][0], *given)


@layer_row(nn.BatchNorm, fits=lambda call: alike(call) and call.sizes["x"][0].ndim >= 2)
def _batch_norm(w: GraphWriter, call: Called) -> str:
    rank = call.sizes["x"][0].ndim
    names = ("scale", "shift", "running_mean", "running_variance")
    y = w.node(
        "BatchNormalization",
        w.transpose(call.inputs["x"][0], channels_first(rank)),
        *(call.parameters[name] for name in names),
        epsilon=float(call.layer.epsilon),
        momentum=1 - float(call.layer.momentum),
    )
    return w.transpose(y, channels_last(rank))


@layer_row(nn.RMSNorm, since=23, fits=lambda call: alike(call) and _is_float32(call.sizes["x"][0]))
def _rms_norm(w: GraphWriter, call: Called) -> str:
    return w.node(
        "RMSNormalization",
        call.inputs["x"][0],
        call.parameters["scale"],
        axis=-1,
        epsilon=float(call.layer.epsilon),
    )


def _is_float32(size: Sized) -> bool:
    """Say whether the statistics of a value, which ONNX computes in float32, are those of it."""
    return size.dtype == np.float32


def _fits_groups(op: Applied) -> bool:
    given = [size for name, size in zip(op.inputs[1:], op.sizes[1:], strict=True) if name]
    whole = all(size.shape == op.size.shape[-1:] and _is_float32(size) for size in given)
    return op.size.ndim >= 3 and _is_float32(op.size) and whole


@operation_row("group_norm", fits=_fits_groups)
def _group_norm(w: GraphWriter, op: Applied) -> str:
    """Write a group norm; with a group for each channel it is an instance norm.

    The operator of opset 18 has a scale for each group, and not for each channel.
    """
    groups, channels = int(op.parameters["groups"]), op.size.shape[-1]
    epsilon = float(op.parameters["epsilon"])
    x = w.transpose(op.inputs[0], channels_first(op.size.ndim))
    if groups != channels and w.opset < 21:
        return _groups_as_instances(w, op, x, groups, epsilon)
    affine = [
        name or w.constant(np.full(channels, value, np.float32))
        for name, value in zip(op.inputs[1:], (1, 0), strict=True)
    ]
    if groups == channels:
        y = w.node("InstanceNormalization", x, *affine, epsilon=epsilon)
    else:
        y = w.node("GroupNormalization", x, *affine, num_groups=groups, epsilon=epsilon)
    return w.transpose(y, channels_last(op.size.ndim))


def _groups_as_instances(w: GraphWriter, op: Applied, x: str, groups: int, epsilon: float) -> str:
    """Write a group norm as an instance norm whose channels are the groups."""
    batch, *sizes, channels = op.size.shape
    parts = w.reshape(x, (batch, groups, channels // groups * math.prod(sizes)))
    one, zero = (w.constant(np.full(groups, value, np.float32)) for value in (1, 0))
    y = w.node("InstanceNormalization", parts, one, zero, epsilon=epsilon)
    y = w.transpose(w.reshape(y, (batch, channels, *sizes)), channels_last(op.size.ndim))
    for operator, name in zip(("Mul", "Add"), op.inputs[1:], strict=True):
        y = w.node(operator, y, name) if name else y
    return y

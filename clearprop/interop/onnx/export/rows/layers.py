"""Layers that ONNX has whole: fully connected ones, and normalizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop import nn
from clearprop.interop.onnx.export.rows.convolution import channels_first, channels_last
from clearprop.interop.onnx.export.table import Applied, Called, layer_row, operation_row
from clearprop.interop.onnx.export.writer import GraphWriter


def _alike(call: Called) -> bool:
    """Say whether input and parameters have one type, which is float32 or float64."""
    types = {size.dtype for size in (*call.sizes["x"], *call.outputs)}
    types |= {np.dtype(value.dtype) for value in call.layer.parameters().values()}
    return len(types) == 1 and types <= {np.dtype(np.float32), np.dtype(np.float64)}


@layer_row(nn.Linear, lambda call: _alike(call) and call.sizes["x"][0].ndim == 2)
def _linear(w: GraphWriter, call: Called) -> str:
    given = [call.parameters[name] for name in ("weight", "bias") if name in call.parameters]
    if len(given) == 1:
        return w.node("MatMul", call.inputs["x"][0], *given)
    return w.node("Gemm", call.inputs["x"][0], *given)


@layer_row(nn.BatchNorm, lambda call: _alike(call) and call.sizes["x"][0].ndim >= 2)
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


@operation_row(
    "group_norm",
    since=17,
    fits=lambda op: (
        len(op.inputs) == 3
        and all(op.inputs)
        and op.size.ndim >= 3
        and op.parameters["groups"] == op.size.shape[-1]
        and op.size.dtype == np.float32
        and all(size.shape == op.size.shape[-1:] for size in op.sizes[1:])
    ),
)
def _instance_norm(w: GraphWriter, op: Applied) -> str:
    """Write a group norm with a group for each channel, which is an instance norm."""
    given: Any = op.inputs
    y = w.node(
        "InstanceNormalization",
        w.transpose(given[0], channels_first(op.size.ndim)),
        *given[1:],
        epsilon=float(op.parameters["epsilon"]),
    )
    return w.transpose(y, channels_last(op.size.ndim))

"""Operations of clearprop that ONNX has whole: activations and normalizations over features."""

from __future__ import annotations

import numpy as np

from clearprop.interop.onnx.export.table import Applied, operation_row
from clearprop.interop.onnx.export.writer import GraphWriter


def _floats(op: Applied) -> bool:
    return np.issubdtype(op.size.dtype, np.floating)


@operation_row("relu", fits=_floats)
def _relu(w: GraphWriter, op: Applied) -> str:
    return w.node("Relu", op.inputs[0])


@operation_row("sigmoid", fits=_floats)
def _sigmoid(w: GraphWriter, op: Applied) -> str:
    return w.node("Sigmoid", op.inputs[0])


@operation_row("silu", fits=_floats)
def _silu(w: GraphWriter, op: Applied) -> str:
    if w.opset >= 24:
        return w.node("Swish", op.inputs[0])
    return w.node("Mul", op.inputs[0], w.node("Sigmoid", op.inputs[0]))


@operation_row("softplus", fits=_floats)
def _softplus(w: GraphWriter, op: Applied) -> str:
    return w.node("Softplus", op.inputs[0])


@operation_row("softsign", fits=_floats)
def _softsign(w: GraphWriter, op: Applied) -> str:
    return w.node("Softsign", op.inputs[0])


@operation_row("elu", fits=_floats)
def _elu(w: GraphWriter, op: Applied) -> str:
    return w.node("Elu", op.inputs[0], alpha=float(op.parameters["alpha"]))


@operation_row("celu", fits=lambda op: op.size.dtype == np.float32)
def _celu(w: GraphWriter, op: Applied) -> str:
    return w.node("Celu", op.inputs[0], alpha=float(op.parameters["alpha"]))


@operation_row("leaky_relu", fits=_floats)
def _leaky_relu(w: GraphWriter, op: Applied) -> str:
    return w.node("LeakyRelu", op.inputs[0], alpha=float(op.parameters["slope"]))


@operation_row("gelu", since=20, fits=_floats)
def _gelu(w: GraphWriter, op: Applied) -> str:
    how = "tanh" if op.parameters["approximate"] else "none"
    return w.node("Gelu", op.inputs[0], approximate=how)


@operation_row("gelu_tanh", since=20, fits=_floats)
def _gelu_tanh(w: GraphWriter, op: Applied) -> str:
    return w.node("Gelu", op.inputs[0], approximate="tanh")


@operation_row("mish", fits=_floats)
def _mish(w: GraphWriter, op: Applied) -> str:
    if w.opset >= 18:
        return w.node("Mish", op.inputs[0])
    return w.node("Mul", op.inputs[0], w.node("Tanh", w.node("Softplus", op.inputs[0])))


@operation_row("hard_swish", fits=_floats)
def _hard_swish(w: GraphWriter, op: Applied) -> str:
    return w.node("HardSwish", op.inputs[0])


@operation_row("hard_sigmoid", fits=_floats)
def _hard_sigmoid(w: GraphWriter, op: Applied) -> str:
    return w.node("HardSigmoid", op.inputs[0], alpha=1 / 6, beta=0.5)


@operation_row("selu", fits=_floats)
def _selu(w: GraphWriter, op: Applied) -> str:
    return w.node("Selu", op.inputs[0])


@operation_row("softmax", fits=_floats)
def _softmax(w: GraphWriter, op: Applied) -> str:
    return w.node("Softmax", op.inputs[0], axis=int(op.parameters["axis"]))


@operation_row("log_softmax", fits=_floats)
def _log_softmax(w: GraphWriter, op: Applied) -> str:
    return w.node("LogSoftmax", op.inputs[0], axis=int(op.parameters["axis"]))


def _over_last_axis(op: Applied) -> bool:
    axis = op.parameters["axis"]
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    last = [a % op.size.ndim for a in axes]
    whole = op.size.shape[min(last) :]
    affine = [s.shape for name, s in zip(op.inputs[1:], op.sizes[1:], strict=True) if name]
    wide = op.size.dtype in (np.float32, np.float64)
    return wide and bool(op.inputs[1:2]) and bool(op.inputs[1]) and all(s == whole for s in affine)


@operation_row("layer_norm", fits=_over_last_axis)
def _layer_norm(w: GraphWriter, op: Applied) -> str:
    axis = op.parameters["axis"]
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    first = min(a % op.size.ndim for a in axes) - op.size.ndim
    return w.node(
        "LayerNormalization", *op.inputs, axis=first, epsilon=float(op.parameters["epsilon"])
    )

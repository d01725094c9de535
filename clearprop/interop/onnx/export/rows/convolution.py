"""Convolution and pooling: operations of clearprop, and the primitive under them.

ONNX has the channels before the places, clearprop behind them, so axes are moved before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.interop.onnx.export.emitting import write_function
from clearprop.interop.onnx.export.rows.shapes import spread
from clearprop.interop.onnx.export.table import Applied, Sized, operation_row, primitive
from clearprop.interop.onnx.export.writer import GraphWriter
from clearprop.ops.conv import (
    convolution_bias_error,
    convolution_input_error,
    convolution_kernel_error,
)
from clearprop.ops.conv.geometry import Geometry


def channels_first(rank: int) -> tuple[int, ...]:
    """Return the order of axes that puts the last one behind the first."""
    return (0, rank - 1, *range(1, rank - 1))


def channels_last(rank: int) -> tuple[int, ...]:
    """Return the order of axes that undoes `channels_first`."""
    return (0, *range(2, rank), 1)


def _pads(pairs: Sequence[tuple[int, int]]) -> list[int]:
    return [*(before for before, _ in pairs), *(after for _, after in pairs)]


def _floats(applied: Applied) -> bool:
    return all(np.issubdtype(size.dtype, np.floating) for size in applied.sizes if size.shape)


@operation_row("convolution", fits=_floats)
def _convolution(w: GraphWriter, op: Applied) -> str:
    x, kernel, *bias = op.inputs
    rank, named = op.size.ndim, op.parameters
    window = op.sizes[1].shape[:-2]
    g = Geometry.of(
        op.size.shape[1:-1],
        window,
        stride=named["stride"],
        padding=named["padding"],
        dilation=named["dilation"],
        where=w.path,
    )
    y = w.node(
        "Conv",
        w.transpose(x, channels_first(rank)),
        w.transpose(kernel, (rank - 1, rank - 2, *range(rank - 2))),
        *(name for name in bias if name),
        kernel_shape=g.window,
        strides=g.stride,
        pads=_pads(g.padding),
        dilations=g.dilation,
        group=named["groups"],
    )
    return w.transpose(y, channels_last(rank))


@operation_row("convolution_input_error")
def _input_error(w: GraphWriter, op: Applied) -> list[str]:
    return _natively(w, op, convolution_input_error)


@operation_row("convolution_kernel_error")
def _kernel_error(w: GraphWriter, op: Applied) -> list[str]:
    return _natively(w, op, convolution_kernel_error)


@operation_row("convolution_bias_error")
def _bias_error(w: GraphWriter, op: Applied) -> list[str]:
    return _natively(w, op, convolution_bias_error)


def _natively(w: GraphWriter, op: Applied, operation: Any) -> list[str]:
    """Write an operation as XLA's convolution computes it, whatever is fastest here."""
    named = {**op.parameters, "formulation": "native"}
    return write_function(w, lambda *x: operation.forward(*x, **named), op.inputs, op.sizes)


@primitive("conv_general_dilated")
def _conv(w: GraphWriter, eqn: Applied) -> str:
    named = eqn.parameters
    numbers = named["dimension_numbers"]
    x, kernel = (
        w.transpose(value, order)
        for value, order in zip(eqn.inputs, (numbers.lhs_spec, numbers.rhs_spec), strict=True)
    )
    shape = tuple(eqn.size.shape[axis] for axis in numbers.lhs_spec)
    rank, groups = len(shape), named["feature_group_count"]
    if named["batch_group_count"] > 1:
        groups = named["batch_group_count"]
        x = w.reshape(x, (groups, shape[0] // groups, *shape[1:]))
        x = w.transpose(x, (1, 0, *range(2, rank + 1)))
        shape = (shape[0] // groups, groups * shape[1], *shape[2:])
        x = w.reshape(x, shape)
    zero = w.constant(0, eqn.size.dtype)
    apart = tuple(named["lhs_dilation"])
    x = spread(w, x, shape, (1, 1, *apart), zero)
    pairs = [(int(before), int(after)) for before, after in named["padding"]]
    cut = [i for i, pair in enumerate(pairs) if min(pair) < 0]
    if cut:
        starts = [max(-pairs[i][0], 0) for i in cut]
        ends = [min(pairs[i][1], 0) or np.iinfo(np.int64).max for i in cut]
        x = w.slice(x, starts, ends, [i + 2 for i in cut])
        pairs = [(max(before, 0), max(after, 0)) for before, after in pairs]
    y = w.node(
        "Conv",
        x,
        kernel,
        strides=tuple(named["window_strides"]),
        pads=_pads(pairs),
        dilations=tuple(named["rhs_dilation"]),
        group=groups,
    )
    back = [0] * rank
    for place, axis in enumerate(numbers.out_spec):
        back[axis] = place
    return w.transpose(y, back)


# -- pooling ----------------------------------------------------------------------------------


def _window_of(op: Applied) -> Geometry:
    named, axes = op.parameters, op.size.ndim - 2
    window = named["window"]
    window = (window,) * axes if isinstance(window, int) else tuple(window)
    return Geometry.of(
        op.size.shape[1:-1],
        window,
        stride=window if named["stride"] is None else named["stride"],
        padding=named["padding"],
        dilation=named.get("dilation", 1),
        where=op.name,
    )


def _pools(op: Applied) -> bool:
    """Say whether the operator has this pooling: padding below the window, nothing over the end."""
    if op.parameters["ceil_mode"] or not np.issubdtype(op.size.dtype, np.floating):
        return False
    g = _window_of(op)
    rows = zip(g.padding, g.window, strict=True)
    return len(g.window) <= 3 and all(max(pair) < window for pair, window in rows)


@operation_row("max_pool", fits=_pools)
def _max_pool(w: GraphWriter, op: Applied) -> str:
    return _pooled(w, op, "MaxPool", dilations=_window_of(op).dilation)


@operation_row("average_pool", fits=_pools)
def _average_pool(w: GraphWriter, op: Applied) -> str:
    return _pooled(w, op, "AveragePool", count_include_pad=int(op.parameters["count_padding"]))


def _pooled(w: GraphWriter, op: Applied, operator: str, **attributes: Any) -> str:
    g, rank = _window_of(op), op.size.ndim
    x = w.transpose(op.inputs[0], channels_first(rank))
    y = w.node(
        operator,
        x,
        kernel_shape=g.window,
        strides=g.stride,
        pads=_pads(g.padding),
        **attributes,
    )
    return w.transpose(y, channels_last(rank))


@primitive("reduce_window_sum", "reduce_window_max")
def _reduce_window(w: GraphWriter, eqn: Applied) -> str:
    named = eqn.parameters
    window, strides = named["window_dimensions"], named["window_strides"]
    padding = named["padding"]
    moving = [axis for axis, n in enumerate(window) if n > 1]
    plain = set(named["base_dilation"]) == {1} and set(named["window_dilation"]) == {1}
    still = [a for a in range(len(window)) if a not in moving]
    if any(strides[a] != 1 or any(padding[a]) for a in still) or not plain or len(moving) > 3:
        raise w.refuse(
            "this sum over windows",
            "it has gaps or moves along other axes",
            fix="use a convolution, or a pooling layer along the axes between batch and channels",
        )
    if not moving:
        return eqn.inputs[0]
    order = [*still, *moving]
    shape = eqn.size.shape
    x = w.transpose(eqn.inputs[0], order)
    x = w.reshape(x, (1, -1, *(shape[a] for a in moving)))
    largest = eqn.name == "reduce_window_max"
    given: dict[str, Any] = {} if largest else {"count_include_pad": 1}
    y = w.node(
        "MaxPool" if largest else "AveragePool",
        x,
        kernel_shape=[window[a] for a in moving],
        strides=[strides[a] for a in moving],
        pads=_pads([padding[a] for a in moving]),
        **given,
    )
    if not largest:
        number = math.prod(window[a] for a in moving)
        y = w.node("Mul", y, w.constant(number, eqn.size.dtype))
    out: Sized = eqn.output
    y = w.reshape(y, [out.shape[a] for a in order])
    return w.transpose(y, np.argsort(order).tolist())

"""The formula of each operation for one entry of its output, in a table with a row for each.

A row is *(application, index of the output) -> formula*. The row of an elementwise operation is a
formula of its inputs. An operation without a row is shown as ``y = operation(x)``. Most local
derivatives are derived from the formula; `LOCAL` holds those that have a shorter form.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from clearprop.glass.equations.application import Application, Index, Row, Unwritten
from clearprop.glass.equations.expression import (
    Expression,
    Number,
    Symbol,
    call,
    derivative,
    product,
)
from clearprop.glass.equations.gathered import (
    average_pool_row,
    convolution_row,
    einsum_row,
    extreme_row,
    length_row,
    matmul_row,
    max_pool_row,
    mean_row,
    outer_sum_row,
    reduced,
    running_product_row,
    running_row,
    sorted_row,
    sum_row,
    variance_row,
)
from clearprop.glass.equations.moved import MOVING, source
from clearprop.glass.equations.normalized import (
    SAFE_POWER,
    ZERO,
    attend_row,
    batch_norm_row,
    class_of,
    cross_entropy_row,
    group_norm_row,
    kl_row,
    layer_norm_row,
    log_softmax_row,
    logsumexp_row,
    masked_softmax_row,
    powers,
    softmax_row,
)
from clearprop.ops.activations import SELU_ALPHA, SELU_SCALE


def formula(application: Application, index: Index) -> Expression | None:
    """Return the formula of one entry of an operation's output; None where there is none."""
    if application.operation in MOVING:
        return source(application, index)
    row = FORWARD.get(application.operation)
    with contextlib.suppress(Unwritten):
        return row and row(application, index)
    return None


def local_formula(application: Application, index: Index, i: int, at: Index) -> Expression | None:
    """Return the derivative of an entry of the output by an entry of input i, or None.

    Args:
        application: with every term of its sums.
        index: of the entry of the output.
        i: the number of the input.
        at: the index of its entry.
    """
    name = application.operation
    if name in LOCAL:
        with contextlib.suppress(Unwritten):
            return LOCAL[name](application, index, i, at)
        return None
    if name in OPAQUE and i not in OPAQUE[name]:
        return None
    whole = formula(application, index)
    symbol = application.operand(i).entry(at)
    if whole is None or not isinstance(symbol, Symbol):
        return None
    return derivative(whole, symbol.identity, application.result(application.output, index))


# --- entry by entry ------------------------------------------------------------------------------


def _each(row: Callable[..., Expression]) -> Row:
    def forward(application: Application, index: Index) -> Expression:
        entries = [x and x.at(index) for x in application.inputs]
        return row(*entries, **application.parameters)

    return forward


def _chosen(application: Application, index: Index) -> Expression:
    holds = np.broadcast_to(application.operand(0).array, application.shape)[index]
    return application.operand(1 if holds else 2).at(index)


def _dropped(application: Application, index: Index) -> Expression:
    keep = np.broadcast_to(application.operand(1).array, application.shape)[index]
    return application.operand(0).at(index) / (1 - application.parameters["rate"]) if keep else ZERO


def _clipped(x: Expression, low: float | None = None, high: float | None = None) -> Expression:
    inner = x if low is None else call("max", x, low)
    return inner if high is None else call("min", inner, high)


def _gelu(x: Expression, approximate: bool = False) -> Expression:
    return _gelu_tanh(x) if approximate else x * (1 + call("erf", x / call("sqrt", 2))) / 2


def _gelu_tanh(x: Expression) -> Expression:
    inside = call("sqrt", 2 / Number(math.pi)) * (x + 0.044715 * x**3)
    return x * (1 + call("tanh", inside)) / 2


def _softplus(x: Expression) -> Expression:
    if not x.value < SAFE_POWER:
        raise Unwritten
    return call("log", 1 + call("exp", x))


def _selu(x: Expression) -> Expression:
    return SELU_SCALE * (x if x.value > 0 else SELU_ALPHA * (call("exp", x) - 1))


def _glu(application: Application, index: Index) -> Expression:
    x = application.operand(0)
    (axis,) = application.axes(len(index), -1)
    gate = (*index[:axis], index[axis] + x.shape[axis] // 2, *index[axis + 1 :])
    return x.entry(index) * call("sigmoid", x.entry(gate))


def _angle(y: Expression, x: Expression) -> Expression:
    quotient = y.value / x.value if x.value else math.nan
    if math.isnan(quotient):
        raise Unwritten
    turned = 0.0 if x.value > 0 else math.copysign(math.pi, y.value)
    return call("arctan", y / x) + turned


def _x_log_y(x: Expression, y: Expression) -> Expression:
    return x * call("log", y) if x.value or y.value else ZERO


def _log_loss(y: Expression, t: Expression) -> Expression:
    if not 0 < y.value < 1 and y.value != t.value:
        raise Unwritten  # the operation's logarithm has a bound, the formula's has none
    one, zero = -call("log", y), -call("log", 1 - y)
    if t.value in (0.0, 1.0):
        return one if t.value else zero
    return t * one + (1 - t) * zero


# --- the table -----------------------------------------------------------------------------------

FORWARD: dict[str, Row] = {
    "add": _each(lambda x, y: x + y),
    "subtract": _each(lambda x, y: x - y),
    "multiply": _each(lambda x, y: x * y),
    "divide": _each(lambda x, y: x / y),
    "power": _each(lambda x, y: x**y),
    "negative": _each(lambda x: -x),
    "square": _each(lambda x: x**2),
    "reciprocal": _each(lambda x: 1 / x),
    "rsqrt": _each(lambda x: 1 / call("sqrt", x)),
    "log1p": _each(lambda x: call("log", 1 + x)),
    "expm1": _each(lambda x: call("exp", x) - 1),
    **{
        name: _each(lambda x, name=name: call(name, x))
        for name in (
            *("exp", "log", "sqrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh"),
            *("cosh", "arcsinh", "arccosh", "arctanh", "erf", "abs", "sign", "floor", "ceil"),
            *("round", "trunc", "sigmoid", "tanh", "relu"),
        )
    },
    "arctan2": _each(_angle),
    "remainder": _each(lambda x, y: x - y * call("floor", x / y)),
    "logaddexp": _each(lambda x, y: call("log", powers([x, y], None))),
    "erfc": _each(lambda x: 1 - call("erf", x)),
    "xlogy": _each(_x_log_y),
    "maximum": _each(lambda x, y: call("max", x, y)),
    "minimum": _each(lambda x, y: call("min", x, y)),
    "clip": _each(_clipped),
    "where": _chosen,
    "dropout": _dropped,
    "leaky_relu": _each(lambda x, slope=0.01: x if x.value > 0 else slope * x),
    "elu": _each(lambda x, alpha=1.0: x if x.value > 0 else alpha * (call("exp", x) - 1)),
    "prelu": _each(lambda x, slope: x if x.value > 0 else slope * x),
    "celu": _each(lambda x, alpha=1.0: x if x.value > 0 else alpha * (call("exp", x / alpha) - 1)),
    "gelu": _each(_gelu),
    "gelu_tanh": _each(_gelu_tanh),
    "silu": _each(lambda x: x * call("sigmoid", x)),
    "softplus": _each(_softplus),
    "log_sigmoid": _each(lambda x: -_softplus(-x)),
    "mish": _each(lambda x: x * call("tanh", _softplus(x))),
    "selu": _each(_selu),
    "glu": _glu,
    "binary_step": _each(lambda x, threshold=0.0: Number(float(x.value >= threshold))),
    "softsign": _each(lambda x: x / (1 + call("abs", x))),
    "hard_tanh": _each(lambda x: call("min", call("max", x, -1), 1)),
    "hard_sigmoid": _each(lambda x: call("min", call("max", x + 3, 0), 6) / 6),
    "hard_swish": _each(lambda x: x * call("min", call("max", x + 3, 0), 6) / 6),
    "squared_error": _each(lambda y, t: (y - t) ** 2 / 2),
    "sigmoid_binary_cross_entropy": _each(lambda z, t: _softplus(z) - t * z),
    "log_loss": _each(_log_loss),
    "hinge": _each(lambda z, t: call("max", 0, 1 - t * z)),
    "sum": sum_row,
    "mean": mean_row,
    "max": extreme_row("max"),
    "min": extreme_row("min"),
    "prod": lambda application, index: product(reduced(application, index)),
    "var": variance_row,
    "std": lambda application, index: call("sqrt", variance_row(application, index)),
    "cumsum": running_row,
    "cumprod": running_product_row,
    "norm": length_row,
    "sort": sorted_row,
    "logsumexp": logsumexp_row,
    "matmul": matmul_row,
    "einsum": einsum_row,
    "outer_sum": outer_sum_row,
    "convolution": convolution_row,
    "max_pool": max_pool_row,
    "average_pool": average_pool_row,
    "softmax": softmax_row,
    "log_softmax": log_softmax_row,
    "masked_softmax": masked_softmax_row,
    "softmax_cross_entropy": cross_entropy_row,
    "kl_divergence": kl_row,
    "attend": attend_row,
    "layer_norm": layer_norm_row,
    "group_norm": group_norm_row,
    "batch_norm": batch_norm_row,
}
"""The row of each operation by its name."""

OPAQUE: dict[str, tuple[int, ...]] = {
    "var": (),
    "std": (),
    "logsumexp": (),
    "masked_softmax": (),
    "kl_divergence": (),
    "attend": (2,),
    "layer_norm": (1, 2),
    "group_norm": (1, 2),
    "batch_norm": (1, 2),
    "erf": (),
    "erfc": (),
}
"""Operations whose formula has symbols such as a mean, and the inputs it can be derived by."""

Local: TypeAlias = Callable[[Application, Index, int, Index], Expression | None]


def _local_squared_error(a: Application, index: Index, i: int, at: Index) -> Expression:
    y, t = a.operand(0).at(index), a.operand(1).at(index)
    return y - t if i == 0 else t - y


def _local_sigmoid_loss(a: Application, index: Index, i: int, at: Index) -> Expression | None:
    z, t = a.operand(0).at(index), a.operand(1).at(index)
    return call("sigmoid", z) - t if i == 0 else None


def _local_softmax(a: Application, index: Index, i: int, at: Index) -> Expression:
    (axis,) = a.axes(len(index), -1)
    y, other = a.result(0, index), a.result(0, at)
    return y * (1 - y) if index[axis] == at[axis] else -(y * other)


def _local_log_softmax(a: Application, index: Index, i: int, at: Index) -> Expression:
    probability = call("exp", a.result(0, at))
    return 1 - probability if index == at else -probability


def _local_cross_entropy(a: Application, index: Index, i: int, at: Index) -> Expression | None:
    label = class_of(a, index)
    if i != 0 or label is None:
        return None
    z = a.operand(0)
    whole = powers([z.entry((*index, k)) for k in range(z.shape[-1])], a.shown)
    probability = call("exp", z.entry(at)) / whole
    return probability - 1 if at[-1] == label else probability


LOCAL: dict[str, Local] = {
    "squared_error": _local_squared_error,
    "sigmoid_binary_cross_entropy": _local_sigmoid_loss,
    "softmax": _local_softmax,
    "log_softmax": _local_log_softmax,
    "softmax_cross_entropy": _local_cross_entropy,
    "softplus": lambda a, index, i, at: call("sigmoid", a.operand(0).entry(at)),
    "gelu": lambda a, index, i, at: None,
    "gelu_tanh": lambda a, index, i, at: None,
}
"""Local derivatives that are shorter than the derived ones; None where the form is too long."""

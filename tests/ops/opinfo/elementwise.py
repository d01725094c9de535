"""Mappings of operators that compute entry by entry: arithmetic and activations."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from clearprop import ops
from tests.ops.opinfo.table import NotExpressible, axis_of, converted, maps

for _name in (
    "abs",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log1p",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
    "maximum",
    "minimum",
    "xlogy",
):
    maps(_name, uses=_name)(ops.OPERATIONS[_name])

for _name in ("cos", "cosh", "sin", "sinh", "tan", "tanh"):
    maps(f"a{_name}", uses=f"arc{_name}")(ops.OPERATIONS[f"arc{_name}"])
maps("atan2", uses="arctan2")(ops.arctan2)
maps("remainder", uses="remainder")(ops.remainder)
maps("__rmod__", uses="remainder")(lambda x, other: ops.remainder(other, x))
maps("neg", uses="negative")(ops.negative)
maps("clone", "contiguous", "positive", "alias_copy", uses="identity")(ops.identity)
maps("__radd__", uses="add")(lambda x, other: other + x)
maps("__rmul__", uses="multiply")(lambda x, other: other * x)
maps("__rsub__", uses="subtract")(lambda x, other: other - x)
maps("__rdiv__", uses="divide")(lambda x, other: other / x)
maps("__rpow__", uses="power")(lambda x, other: other**x)
maps("mul", uses="multiply")(ops.multiply)
maps("true_divide", uses="divide")(ops.divide)
maps("pow", "float_power", uses="power")(ops.power)
maps("nn.functional.relu", uses="relu")(ops.relu)
maps("nn.functional.silu", uses="silu")(ops.silu)


@maps("add", uses="add")
def _add(x: Any, other: Any, *, alpha: float = 1) -> Any:
    return ops.add(x, other if alpha == 1 else alpha * other)


@maps("sub", uses="subtract")
def _sub(x: Any, other: Any, *, alpha: float = 1) -> Any:
    return ops.subtract(x, other if alpha == 1 else alpha * other)


@maps("rsub", uses="subtract")
def _rsub(x: Any, other: Any, *, alpha: float = 1) -> Any:
    return ops.subtract(other, x if alpha == 1 else alpha * x)


@maps("addcmul", uses=("add", "multiply"))
def _addcmul(x: Any, first: Any, second: Any, *, value: float = 1) -> Any:
    return x + value * first * second


@maps("addcdiv", uses=("add", "divide"))
def _addcdiv(x: Any, first: Any, second: Any, *, value: float = 1) -> Any:
    return x + value * first / second


@maps("lerp", uses=("add", "multiply"))
def _lerp(start: Any, end: Any, weight: Any) -> Any:
    return start + weight * (end - start)


@maps("div", uses=("divide", "floor", "trunc"))
def _div(x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    quotient = ops.divide(x, other)
    rounded = {"trunc": ops.trunc, "floor": ops.floor, None: ops.identity}
    return rounded[rounding_mode](quotient)


@maps("round", uses="round")
def _round(x: Any, *, decimals: int = 0) -> Any:
    if decimals:
        raise NotExpressible("rounding to decimals")
    return ops.round(x)


@maps("clamp", uses=("clip", "maximum", "minimum"))
def _clamp(x: Any, low: Any = None, high: Any = None) -> Any:
    # The bounds of `clip` are constants; a bound with a gradient is an input of `maximum`.
    if all(bound is None or bound.dtype.kind == "i" for bound in (low, high)):
        return ops.clip(x, low, high)
    x = x if low is None else ops.maximum(x, low)
    return x if high is None else ops.minimum(x, high)


maps("clamp_min", uses="maximum")(ops.maximum)
maps("clamp_max", uses="minimum")(ops.minimum)
maps("nn.functional.relu6", uses="clip")(lambda x: ops.clip(x, 0.0, 6.0))


@maps("nn.functional.hardtanh", uses=("clip", "hard_tanh"))
def _hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    if (min_val, max_val) == (-1.0, 1.0):
        return ops.hard_tanh(x)
    return ops.clip(x, min_val, max_val)


maps(
    "nn.functional.hardsigmoid",
    uses="hard_sigmoid",
    differs={"PyTorch rounds the slope 1/6 to float32": lambda x: bool((abs(x) < 3).any())},
)(ops.hard_sigmoid)
maps("nn.functional.hardswish", uses="hard_swish")(ops.hard_swish)


@maps("heaviside", uses="binary_step")
def _heaviside(x: Any, at_zero: Any) -> Any:
    return ops.where(x == 0, at_zero, ops.binary_step(x))


@maps("where", uses="where")
def _where(x: Any, condition: Any, other: Any) -> Any:
    return ops.where(condition, x, other)


@maps("masked_fill", uses="where")
def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return ops.where(mask, value, x)


@maps("nn.functional.threshold", uses="where")
def _threshold(x: Any, threshold: float, value: float) -> Any:
    return ops.where(x > threshold, x, value)


@maps("nn.functional.softshrink", uses="where")
def _softshrink(x: Any, lambd: float = 0.5) -> Any:
    return ops.where(x > lambd, x - lambd, ops.where(x < -lambd, x + lambd, 0.0))


@maps("nn.functional.hardshrink", uses="where")
def _hardshrink(x: Any, lambd: float = 0.5) -> Any:
    return ops.where((x >= -lambd) & (x <= lambd), 0.0, x)


@maps("nn.functional.gelu", uses=("gelu", "gelu_tanh"))
def _gelu(x: Any, *, approximate: str = "none") -> Any:
    return ops.gelu_tanh(x) if approximate == "tanh" else ops.gelu(x)


@maps("nn.functional.leaky_relu", uses="leaky_relu")
def _leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    return ops.leaky_relu(x, slope=negative_slope)


@maps("nn.functional.prelu", uses="prelu")
def _prelu(x: Any, weight: Any) -> Any:
    if weight.shape:  # one number, or one for each channel, the second axis
        rest = (1,) * (len(x.shape) - 2)
        weight = ops.reshape(weight, (-1, *rest) if len(x.shape) > 1 else x.shape and -1)
    return ops.prelu(x, weight)


@maps("nn.functional.elu", uses="elu")
def _elu(x: Any, alpha: float = 1.0) -> Any:
    return ops.elu(x, alpha=alpha)


@maps("nn.functional.celu", uses="celu")
def _celu(x: Any, alpha: float = 1.0) -> Any:
    return ops.celu(x, alpha=alpha)


maps("nn.functional.selu", uses="selu")(ops.selu)


@maps("nn.functional.softplus", uses="softplus")
def _softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    # PyTorch is linear from the threshold on.
    return ops.where(x * beta > threshold, x, ops.softplus(x * beta) / beta)


maps("nn.functional.logsigmoid", uses="log_sigmoid")(ops.log_sigmoid)
maps("nn.functional.mish", uses="mish")(ops.mish)
maps("nn.functional.softsign", uses="softsign")(ops.softsign)
maps("nn.functional.tanhshrink", uses="tanh")(lambda x: x - ops.tanh(x))
maps("exp2", uses="exp")(lambda x: ops.exp(x * math.log(2)))
maps("log2", uses="log")(lambda x: ops.log(x) / math.log(2))
maps("log10", uses="log")(lambda x: ops.log(x) / math.log(10))


@maps("nn.functional.glu", uses="glu")
def _glu(x: Any, dim: int = -1) -> Any:
    return ops.glu(x, axis=dim)


@maps("softmax", uses="softmax")
def _softmax(x: Any, dim: int, *, dtype: Any = None) -> Any:
    return ops.softmax(converted(x, dtype), axis=axis_of(x, dim))


@maps("nn.functional.softmin", uses="softmax")
def _softmin(x: Any, dim: int, *, dtype: Any = None) -> Any:
    return ops.softmax(-converted(x, dtype), axis=axis_of(x, dim))


@maps("log_softmax", uses="log_softmax")
def _log_softmax(x: Any, dim: int, *, dtype: Any = None) -> Any:
    return ops.log_softmax(converted(x, dtype), axis=axis_of(x, dim))


def _some_row_is_hidden(x: Any, dim: int, *, mask: Any = None) -> bool:
    hidden = mask is not None and x.size and not jnp.broadcast_to(mask, x.shape).any(dim).all()
    return bool(hidden)


@maps(
    "masked.softmax",
    uses="masked_softmax",
    differs={
        "softmax of no entry: PyTorch gives NaN, clearprop gives zeros": _some_row_is_hidden,
    },
)
def _masked_softmax(x: Any, dim: int, *, mask: Any = None) -> Any:
    axis = axis_of(x, dim)
    if mask is None:
        return ops.softmax(x, axis=axis)
    return ops.masked_softmax(x, mask, axis=axis)


@maps("torch.ops.aten._safe_softmax.default", uses="masked_softmax")
def _safe_softmax(x: Any, dim: int) -> Any:
    return ops.masked_softmax(x, x > -math.inf, axis=dim)

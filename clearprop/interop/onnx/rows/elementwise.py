"""Operators that compute each entry by itself: arithmetic, comparisons, bits, types."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import lax

from clearprop import ops
from clearprop.autodiff import lift
from clearprop.errors import ModelError
from clearprop.interop.onnx.graph import dtype_named
from clearprop.interop.onnx.node import OnnxNode, ValueNeededError
from clearprop.interop.onnx.running import allowed, plain
from clearprop.interop.onnx.table import row


def _with_axis(x: Any, y: Any, node: OnnxNode) -> Any:
    """Return y so that it broadcasts to x by the rules of opset 6 and before."""
    if node.version >= 7 or not node.has("axis"):
        return y
    missing = len(x.shape) - node.integer("axis") - len(y.shape)
    return ops.reshape(y, (*y.shape, *(1,) * missing))


@row("Add")
def _add(node: OnnxNode, x: Any, y: Any) -> Any:
    return ops.add(x, _with_axis(x, y, node))


@row("Sub")
def _sub(node: OnnxNode, x: Any, y: Any) -> Any:
    return ops.subtract(x, _with_axis(x, y, node))


@row("Mul")
def _mul(node: OnnxNode, x: Any, y: Any) -> Any:
    return ops.multiply(x, _with_axis(x, y, node))


def is_float(x: Any) -> bool:
    """Say whether an array holds floats."""
    return bool(jnp.issubdtype(x.dtype, jnp.floating))


@row("Div")
def _div(node: OnnxNode, x: Any, y: Any) -> Any:
    y = _with_axis(x, y, node)
    if is_float(x):
        return ops.divide(x, y)
    # Whole numbers are cut towards zero, and a division by zero is the processor's.
    return lax.div(*jnp.broadcast_arrays(plain(x), plain(y)))


@row("Mod")
def _mod(node: OnnxNode, x: Any, y: Any) -> Any:
    if node.integer("fmod", 0):
        if not is_float(x):
            return lax.rem(*jnp.broadcast_arrays(plain(x), plain(y)))
        return _fmod(x, y)
    if is_float(x):
        return ops.remainder(x, y)
    return jnp.remainder(plain(x), plain(y))


_fmod = lift(jnp.fmod)


@row("Pow")
def _pow(node: OnnxNode, x: Any, y: Any) -> Any:
    y = _with_axis(x, y, node)
    if not is_float(x) and is_float(y):
        wide = jnp.power(plain(x).astype(y.dtype), plain(y))
        return wide.astype(x.dtype)
    if not is_float(x):
        return jnp.power(plain(x), plain(y).astype(x.dtype))
    if not is_float(y):
        known = y if isinstance(y, np.ndarray) else None
        y = known.astype(x.dtype) if known is not None else plain(y).astype(x.dtype)
    result = ops.power(x, y)
    return result if result.dtype == x.dtype else ops.astype(result, x.dtype)


def _unary(function: Callable[[Any], Any]) -> Callable[[OnnxNode, Any], Any]:
    def computed(node: OnnxNode, x: Any) -> Any:
        y = function(x)
        return y if y.dtype == x.dtype else ops.astype(y, x.dtype)

    return functools.wraps(function)(computed)


for _name, _function in {
    "Neg": ops.negative,
    "Sign": ops.sign,
    "Abs": ops.abs,
    "Reciprocal": ops.reciprocal,
    "Sqrt": ops.sqrt,
    "Exp": ops.exp,
    "Log": ops.log,
    "Floor": ops.floor,
    "Ceil": ops.ceil,
    "Round": ops.round,
    "Sin": ops.sin,
    "Cos": ops.cos,
    "Tan": ops.tan,
    "Asin": ops.arcsin,
    "Acos": ops.arccos,
    "Atan": ops.arctan,
    "Sinh": ops.sinh,
    "Cosh": ops.cosh,
    "Tanh": ops.tanh,
    "Asinh": ops.arcsinh,
    "Acosh": ops.arccosh,
    "Atanh": ops.arctanh,
    "Erf": ops.erf,
}.items():
    row(_name)(_unary(_function))


@row("Identity")
def _identity(node: OnnxNode, x: Any) -> Any:
    return x


def _compared(function: Callable[[Any, Any], Any]) -> Callable[[OnnxNode, Any, Any], Any]:
    def computed(node: OnnxNode, x: Any, y: Any) -> Any:
        y = _with_axis(x, y, node)
        if x.dtype.kind in "OUS":
            return np.asarray(function(x, y), bool)
        return function(jnp.asarray(plain(x)), jnp.asarray(plain(y)))

    return computed


row("Equal")(_compared(lambda x, y: x == y))
row("Less")(_compared(lambda x, y: x < y))
row("LessOrEqual")(_compared(lambda x, y: x <= y))
row("Greater")(_compared(lambda x, y: x > y))
row("GreaterOrEqual")(_compared(lambda x, y: x >= y))
row("And")(_compared(jnp.logical_and))
row("Or")(_compared(jnp.logical_or))
row("Xor")(_compared(jnp.logical_xor))
row("BitwiseAnd")(_compared(jnp.bitwise_and))
row("BitwiseOr")(_compared(jnp.bitwise_or))
row("BitwiseXor")(_compared(jnp.bitwise_xor))


@row("Not")
def _not(node: OnnxNode, x: Any) -> Any:
    return jnp.logical_not(plain(x))


@row("BitwiseNot")
def _bitwise_not(node: OnnxNode, x: Any) -> Any:
    return jnp.bitwise_not(plain(x))


@row("BitShift")
def _bit_shift(node: OnnxNode, x: Any, y: Any) -> Any:
    left = node.text("direction") == "LEFT"
    signed = jnp.issubdtype(x.dtype, jnp.signedinteger)
    right = lax.shift_right_arithmetic if signed else lax.shift_right_logical
    return (lax.shift_left if left else right)(*jnp.broadcast_arrays(plain(x), plain(y)))


@row("IsNaN")
def _is_nan(node: OnnxNode, x: Any) -> Any:
    return jnp.isnan(plain(x))


@row("IsInf")
def _is_inf(node: OnnxNode, x: Any) -> Any:
    x = plain(x)
    found = jnp.zeros(x.shape, bool)
    if node.integer("detect_positive", 1):
        found |= jnp.isposinf(x)
    if node.integer("detect_negative", 1):
        found |= jnp.isneginf(x)
    return found


@row("Where")
def _where(node: OnnxNode, condition: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind in "OUS":
        return np.where(node.known(condition, "the condition"), x, y)
    return ops.where(plain(condition), x, y)


def _reduced(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def computed(node: OnnxNode, *arrays: Any) -> Any:
        return functools.reduce(function, arrays)

    return computed


def _larger(x: Any, y: Any) -> Any:
    return ops.maximum(x, y) if is_float(x) else jnp.maximum(plain(x), plain(y))


def _smaller(x: Any, y: Any) -> Any:
    return ops.minimum(x, y) if is_float(x) else jnp.minimum(plain(x), plain(y))


row("Max")(_reduced(_larger))
row("Min")(_reduced(_smaller))
row("Sum")(_reduced(ops.add))


@row("Mean")
def _mean(node: OnnxNode, *arrays: Any) -> Any:
    return ops.divide(functools.reduce(ops.add, arrays), len(arrays))


@row("Clip")
def _clip(node: OnnxNode, x: Any, low: Any = None, high: Any = None) -> Any:
    if node.version < 11:
        low = node.number("min") if node.has("min") else None
        high = node.number("max") if node.has("max") else None
    low, high = (b if b is None or hasattr(b, "dtype") else x.dtype.type(b) for b in (low, high))
    if not is_float(x):
        low, high = (None if b is None else plain(b) for b in (low, high))
        return (
            jnp.minimum(jnp.maximum(plain(x), low) if low is not None else plain(x), high)
            if (high is not None)
            else (jnp.maximum(plain(x), low) if low is not None else x)
        )
    y = x if low is None else ops.maximum(x, low)
    return y if high is None else ops.minimum(y, high)


_finfo: Any = ml_dtypes.finfo
_SPECIAL = ("float8", "float4")


def cast(x: Any, name: str, saturate: bool = True) -> Any:
    """Return an array as another type, by the rules of the operator Cast."""
    if name == "string":
        if isinstance(plain(x), jax.core.Tracer):
            raise ValueNeededError(
                "numbers that become texts have to be known before the graph can be compiled",
                fix="call the model outside of compiled code",
            )
        return np.array([_as_text(value) for value in np.asarray(x).reshape(-1)], object).reshape(
            x.shape
        )
    dtype = dtype_named(name)
    if x.dtype.kind in "OUS":
        numbers = [_number(str(text), dtype) for text in x.reshape(-1)]
        return np.array(numbers).reshape(x.shape).astype(dtype)
    source = np.dtype(x.dtype).name
    if name.startswith(_SPECIAL) or source.startswith(_SPECIAL) or _is_narrow(name, source):
        return _cast_narrow(x, name, saturate)
    if name == "float64" and allowed(np.float64) != np.float64:
        raise ModelError(
            "the graph computes in float64, and JAX's 64 bits are off here",
            expected="a call of the model by itself, or JAX with 64 bits",
            fix='jax.config.update("jax_enable_x64", True) at the start of the program',
        )
    if jnp.issubdtype(dtype, jnp.floating) and is_float(x):
        return ops.astype(x, dtype)
    x = plain(x)
    if jnp.issubdtype(dtype, jnp.integer) and is_float(x):
        return _to_whole(jnp.asarray(x), dtype)
    return jnp.asarray(x).astype(allowed(dtype))


def _is_narrow(*names: str) -> bool:
    return any(name in ("int4", "uint4", "int2", "uint2") for name in names)


def _to_whole(x: Any, dtype: Any) -> Any:
    wide = allowed(np.int64 if dtype.itemsize <= 4 else dtype)
    return jnp.trunc(x).astype(wide).astype(allowed(dtype))


def _as_text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, np.floating) or (hasattr(value, "dtype") and is_float(value)):
        value = float(value) if np.dtype(value.dtype).itemsize != 4 else np.float32(value)
        text = np.format_float_positional(value, trim="-") if np.isfinite(value) else str(value)
        return {"nan": "NaN", "inf": "INF", "-inf": "-INF"}.get(text, text)
    return str(value)


def _number(text: str, dtype: Any) -> Any:
    if jnp.issubdtype(dtype, jnp.floating):
        return float(text)
    return int(float(text)) if any(c in text for c in ".eE") else int(text)


def _cast_narrow(x: Any, name: str, saturate: bool) -> Any:
    """Cast from or to a type of few bits; values that do not fit become the largest one, or NaN."""
    dtype = dtype_named(name)
    if name in ("int4", "uint4", "int2", "uint2"):
        wide = jnp.asarray(plain(x))
        wide = (
            jnp.trunc(wide.astype(jnp.float32)).astype(jnp.int32)
            if is_float(wide)
            else (wide.astype(jnp.int32))
        )
        bits = int(name[-1])
        low = wide & (2**bits - 1)
        signed = low - ((low >> (bits - 1)) << bits) if name.startswith("int") else low
        return signed.astype(dtype)
    if not name.startswith(_SPECIAL):
        return jnp.asarray(plain(x)).astype(dtype)
    wide = jnp.asarray(plain(x)).astype(jnp.float32)
    largest = float(_finfo(dtype).max)
    if name == "float4_e2m1fn":
        return jnp.clip(wide, -largest, largest).astype(dtype)
    if name == "float8_e8m0fnu":
        return wide.astype(dtype)
    has_infinity = name == "float8_e5m2"
    rounded = wide.astype(dtype)
    if saturate:
        over = jnp.clip(wide, -largest, largest).astype(dtype)
        return jnp.where(jnp.isnan(wide), rounded, over)
    outside = jnp.abs(jnp.where(jnp.isfinite(wide), wide, largest)) > largest
    infinite = jnp.where(has_infinity, rounded.astype(jnp.float32), jnp.nan)
    back = rounded.astype(jnp.float32)
    return jnp.where(
        outside & ~jnp.isnan(back), jnp.where(jnp.abs(back) > largest, infinite, back), back
    ).astype(dtype)


TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    8: "string", 9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
    14: "complex64", 15: "complex128", 16: "bfloat16", 17: "float8_e4m3fn",
    18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4_e2m1fn", 24: "float8_e8m0fnu", 25: "uint2", 26: "int2",
}  # fmt: skip
"""The numbers of the types in ONNX, with their names."""


@row("Cast")
def _cast(node: OnnxNode, x: Any) -> Any:
    number: Any = node.attributes.get("to")
    if isinstance(number, str):  # before opset 6 the type was a text
        return cast(x, {"FLOAT": "float32", "DOUBLE": "float64"}.get(number, number.lower()))
    if number not in TYPES:
        raise node.error("the type is unknown", given=repr(number))
    return _rounded_cast(node, x, TYPES[number])


def _rounded_cast(node: OnnxNode, x: Any, name: str) -> Any:
    if name == "float8_e8m0fnu" and x.dtype.kind not in "OUS":
        return _to_e8m0(x, node.text("round_mode", "up"), bool(node.integer("saturate", 1)))
    return cast(x, name, bool(node.integer("saturate", 1)))


def _to_e8m0(x: Any, mode: str, saturate: bool) -> Any:
    """Return the powers of two next to positive numbers, as 8 bits of exponent."""
    wide = jnp.asarray(plain(x)).astype(jnp.float32)
    bits = lax.bitcast_convert_type(wide, jnp.uint32)
    exponent = ((bits >> 23) & 0xFF).astype(jnp.int32)
    fraction = bits & 0x7FFFFF
    if mode == "up":
        more = fraction > 0
    elif mode == "down":
        more = jnp.zeros(wide.shape, bool)
    else:
        more = (fraction > 0x400000) | ((fraction == 0x400000) & (exponent > 0))
    exponent = exponent + jnp.where((exponent < 0xFE) | (not saturate), more.astype(jnp.int32), 0)
    exponent = jnp.where(jnp.isinf(wide) & saturate, 0xFE, exponent)
    exponent = jnp.where(jnp.isnan(wide), 0xFF, jnp.minimum(exponent, 0xFF)).astype(jnp.uint8)
    return lax.bitcast_convert_type(exponent, jnp.float8_e8m0fnu)


@row("CastLike")
def _cast_like(node: OnnxNode, x: Any, like: Any) -> Any:
    name = "string" if like.dtype.kind in "OUS" else np.dtype(like.dtype).name
    return _rounded_cast(node, x, name)


@row("BitCast")
def _bit_cast(node: OnnxNode, x: Any) -> Any:
    name = TYPES[node.integer("to")]
    bits = jnp.asarray(plain(x))
    bits = bits.astype(jnp.uint8) if bits.dtype == bool else bits
    if name == "bool":
        return lax.bitcast_convert_type(bits, jnp.uint8) != 0
    return lax.bitcast_convert_type(bits, dtype_named(name))

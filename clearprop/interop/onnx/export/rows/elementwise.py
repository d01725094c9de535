"""Primitives that compute each entry by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clearprop.interop.onnx.export.table import Applied, operation_row, primitive
from clearprop.interop.onnx.export.writer import GraphWriter

_UNARY = {
    "neg": "Neg", "sign": "Sign", "abs": "Abs", "exp": "Exp", "log": "Log", "tanh": "Tanh",
    "logistic": "Sigmoid", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh",
    "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf", "floor": "Floor",
    "ceil": "Ceil", "copy": "Identity", "copy_p": "Identity",
}  # fmt: skip
_SAME = ("stop_gradient", "name", "optimization_barrier", "reduce_precision", "pvary")
_BINARY = {"add": "Add", "add_any": "Add", "sub": "Sub", "mul": "Mul", "div": "Div"}
_COMPARED = {"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater",
             "ge": "GreaterOrEqual"}  # fmt: skip
_LOGICAL = {"and": ("And", "BitwiseAnd"), "or": ("Or", "BitwiseOr"), "xor": ("Xor", "BitwiseXor")}


@primitive(*_UNARY)
def _unary(w: GraphWriter, eqn: Applied) -> str:
    return w.node(_UNARY[eqn.name], eqn.inputs[0])


@primitive(*_SAME)
def _same(w: GraphWriter, eqn: Applied) -> list[str]:
    return list(eqn.inputs)


@operation_row("stored")
def _stored(w: GraphWriter, op: Applied) -> str:
    return op.inputs[0]


def broadcasting(w: GraphWriter, eqn: Applied, inputs: Sequence[str] | None = None) -> list[str]:
    """Return the inputs without repetitions that the operator itself makes.

    JAX repeats the smaller of two arrays before it adds them; an operator of ONNX broadcasts.
    """
    names = list(eqn.inputs if inputs is None else inputs)
    shapes = [size.shape for size in eqn.sizes]
    for i, name in enumerate(names):
        source, shape = w.expanded.get(name, (name, shapes[i]))
        tried = [*shapes[:i], shape, *shapes[i + 1 :]]
        if np.broadcast_shapes(*tried) == eqn.output.shape:
            names[i], shapes = source, tried
    return names


@primitive(*_BINARY)
def _binary(w: GraphWriter, eqn: Applied) -> str:
    return w.node(_BINARY[eqn.name], *broadcasting(w, eqn))


@primitive("max", "min")
def _extremum(w: GraphWriter, eqn: Applied) -> str:
    if eqn.size.dtype == np.bool_:
        return w.node("Or" if eqn.name == "max" else "And", *broadcasting(w, eqn))
    return w.node("Max" if eqn.name == "max" else "Min", *broadcasting(w, eqn))


@primitive("pow")
def _pow(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Pow", *broadcasting(w, eqn))


@primitive("rem")
def _rem(w: GraphWriter, eqn: Applied) -> str:
    # Both take the sign of the first operand.
    return w.node("Mod", *broadcasting(w, eqn), fmod=1)


@primitive("integer_pow")
def _integer_pow(w: GraphWriter, eqn: Applied) -> str:
    x, power = eqn.inputs[0], eqn.parameters["y"]
    if power == -1:
        return w.node("Reciprocal", x)
    if power in (2, 3):
        square = w.node("Mul", x, x)
        return square if power == 2 else w.node("Mul", square, x)
    return w.node("Pow", x, w.constant(power, eqn.size.dtype))


@primitive("square")
def _square(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Mul", eqn.inputs[0], eqn.inputs[0])


@primitive("rsqrt")
def _rsqrt(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Reciprocal", w.node("Sqrt", eqn.inputs[0]))


@primitive("exp2")
def _exp2(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Pow", w.constant(2, eqn.size.dtype), eqn.inputs[0])


@primitive("erfc")
def _erfc(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Sub", w.constant(1, eqn.size.dtype), w.node("Erf", eqn.inputs[0]))


@primitive("log1p")
def _log1p(w: GraphWriter, eqn: Applied) -> str:
    """Write log(1 + x), exact for a small x: x log(u) / (u - 1) with u = 1 + x (Kahan)."""
    x, one = eqn.inputs[0], w.constant(1, eqn.size.dtype)
    u = w.node("Add", x, one)
    log = w.node("Log", u)
    rest = w.node("Sub", u, one)
    # Where u is 1 or not finite, the quotient is not a number, and is not chosen.
    small = w.node("Equal", u, one)
    plain = w.node("Greater", w.node("Abs", x), w.constant(0.5, eqn.size.dtype))
    exact = w.node("Div", w.node("Mul", x, log), rest)
    return w.node("Where", plain, log, w.node("Where", small, x, exact))


@primitive("expm1")
def _expm1(w: GraphWriter, eqn: Applied) -> str:
    """Write exp(x) - 1, exact for a small x: (u - 1) x / log(u) with u = exp(x) (Kahan)."""
    x, one = eqn.inputs[0], w.constant(1, eqn.size.dtype)
    u = w.node("Exp", x)
    rest = w.node("Sub", u, one)
    small = w.node("Equal", u, one)
    plain = w.node("Greater", w.node("Abs", x), w.constant(0.5, eqn.size.dtype))
    exact = w.node("Div", w.node("Mul", rest, x), w.node("Log", u))
    return w.node("Where", plain, rest, w.node("Where", small, x, exact))


@primitive("atan2")
def _atan2(w: GraphWriter, eqn: Applied) -> str:
    y, x = eqn.inputs
    dtype = eqn.size.dtype
    zero, pi = w.constant(0, dtype), w.constant(np.pi, dtype)
    angle = w.node("Atan", w.node("Div", y, x))
    turned = w.node("Where", w.node("Less", y, zero), w.node("Neg", pi), pi)
    angle = w.node("Where", w.node("Less", x, zero), w.node("Add", angle, turned), angle)
    both = w.node("And", w.node("Equal", x, zero), w.node("Equal", y, zero))
    return w.node("Where", both, zero, angle)


@primitive("round")
def _round(w: GraphWriter, eqn: Applied) -> str:
    if int(eqn.parameters["rounding_method"]) == 1:  # half to even, as ONNX rounds
        return w.node("Round", eqn.inputs[0])
    x, half = eqn.inputs[0], w.constant(0.5, eqn.size.dtype)
    away = w.node("Floor", w.node("Add", w.node("Abs", x), half))
    return w.node("Mul", w.node("Sign", x), away)


@primitive("is_finite")
def _is_finite(w: GraphWriter, eqn: Applied) -> str:
    x = eqn.inputs[0]
    return w.node("Not", w.node("Or", w.node("IsNaN", x), w.node("IsInf", x)))


@primitive(*_COMPARED)
def _compared(w: GraphWriter, eqn: Applied) -> str:
    inputs = broadcasting(w, eqn)
    if eqn.size.dtype == np.bool_ and eqn.name != "eq":
        inputs = [w.cast(x, np.int32) for x in inputs]
    return w.node(_COMPARED[eqn.name], *inputs)


@primitive("ne")
def _not_equal(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Not", w.node("Equal", *broadcasting(w, eqn)))


@primitive(*_LOGICAL)
def _logical(w: GraphWriter, eqn: Applied) -> str:
    of_booleans, of_bits = _LOGICAL[eqn.name]
    if eqn.size.dtype == np.bool_:
        return w.node(of_booleans, *broadcasting(w, eqn))
    if w.opset < 18:
        raise w.refuse(f"{eqn.name!r} of bits", "it needs opset 18", fix="opset=18")
    return w.node(of_bits, *broadcasting(w, eqn))


@primitive("not")
def _not(w: GraphWriter, eqn: Applied) -> str:
    if eqn.size.dtype == np.bool_:
        return w.node("Not", eqn.inputs[0])
    # The complement of two: not x = -1 - x.
    return w.node("Sub", w.constant(-1, eqn.size.dtype), eqn.inputs[0])


@primitive("select_n")
def _select(w: GraphWriter, eqn: Applied) -> str:
    condition, *cases = eqn.inputs
    if eqn.size.dtype != np.bool_ or len(cases) != 2:
        raise w.refuse(
            "a choice between several cases",
            "the condition is no boolean",
            fix="ops.where, once for each case",
        )
    if eqn.output.dtype == np.bool_:
        yes = w.node("And", condition, cases[1])
        return w.node("Or", yes, w.node("And", w.node("Not", condition), cases[0]))
    inputs = broadcasting(w, eqn)
    return w.node("Where", inputs[0], inputs[2], inputs[1])


@primitive("clamp")
def _clamp(w: GraphWriter, eqn: Applied) -> str:
    low, x, high = eqn.inputs
    return w.node("Min", w.node("Max", x, low), high)


@primitive("convert_element_type")
def _convert(w: GraphWriter, eqn: Applied) -> str:
    x, before, after = eqn.inputs[0], eqn.size.dtype, eqn.output.dtype
    if before == after:
        return x
    source = w.expanded.get(x)
    made = w.cast(x if source is None else source[0], after)
    if source is None:
        return made
    # The repetition is made after the cast, so that a reader can leave it out.
    return w.expand(made, source[1], eqn.output.shape, after)

"""The sign in the circle of a gate, and what happens there in a sentence for each direction.

A template may contain {y}, the gate's value, {inputs}, the values that it is computed from, {a} and
{b}, the first and the last of these, and {n}, a constant of its formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clearprop.glass.equations.expression import Apply, Expression, Number, Symbol, symbols
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.scalars import Scalar


class GateWords(NamedTuple):
    """A gate in words.

    Attributes:
        sign: for its circle.
        forward: how the value is computed.
        backward: how the error signal is handed on.
    """

    sign: str
    forward: str
    backward: str


_RECIPROCAL = (
    "The local derivative of {n}/x is −{n}/x²: its sign is the other one, so the error signal "
    "changes its sign."
)
_TURNED = "The local derivative is −1: the error signal changes its sign."

_WITH_CONSTANT = {
    "plus": GateWords(
        "{s}",
        "The gate adds {n} to {inputs}.",
        "A constant changes no derivative: the local derivative is 1, and the error signal passes "
        "unchanged.",
    ),
    "from": GateWords("{n}−x", "The gate subtracts {inputs} from {n}.", _TURNED),
    "times": GateWords(
        "×{n}",
        "The gate multiplies {inputs} by {n}.",
        "The error signal is multiplied by the same number, {n}: the local derivative of {n} x.",
    ),
    "over": GateWords(
        "÷{n}",
        "The gate divides {inputs} by {n}.",
        "The error signal is divided by the same number: the local derivative of x/{n} is 1/{n}.",
    ),
    "reciprocal": GateWords("{n}/x", "The gate divides {n} by {inputs}.", _RECIPROCAL),
    "square": GateWords(
        "x²", "The gate squares {inputs}.", "The local derivative of x² is twice x."
    ),
    "power": GateWords(
        "{p}",
        "The gate raises {inputs} to the power {n}.",
        "The local derivative of {p} is the power times the next lower power of x.",
    ),
}
"""Gates with one input and a constant."""

_GATES = {
    "add": GateWords(
        "+",
        "The gate adds {inputs}.",
        "The error signal at the sum is handed to both inputs unchanged: the local derivative of "
        "+ is 1.",
    ),
    "sum": GateWords(
        "+",
        "The gate adds {inputs}.",
        "The error signal at the sum is handed to every input unchanged: the local derivative of "
        "+ is 1.",
    ),
    "subtract": GateWords(
        "−",
        "The gate subtracts {b} from {a}.",
        "{a} gets the error signal unchanged: its local derivative is 1. That of {b} is −1.",
    ),
    "multiply": GateWords(
        "×",
        "The gate multiplies {inputs}.",
        "Each input gets the error signal times the other input: the local derivative of a "
        "product by one factor is the other factor.",
    ),
    "negative": GateWords("×−1", "The gate changes the sign of {inputs}.", _TURNED),
    "exp": GateWords(
        "exp",
        "The gate raises e to the power {inputs}.",
        "The local derivative of e^x is e^x itself: the value that the gate computed forward.",
    ),
    "log": GateWords(
        "ln",
        "The gate takes the natural logarithm of {inputs}.",
        "The local derivative of ln x is 1/x.",
    ),
    "sqrt": GateWords(
        "√",
        "The gate takes the square root of {inputs}.",
        "The local derivative of the root is 1 divided by twice the root.",
    ),
    "matmul": GateWords(
        "Σ",
        "{y} is a weighted sum: each input times its weight, all added.",
        "Each weight gets the error signal times its input, and each input gets the error signal "
        "times its weight.",
    ),
    "sigmoid": GateWords(
        "σ",
        "The sigmoid maps {inputs} to a number between 0 and 1.",
        "The local derivative of the sigmoid is y (1 − y), from its own value. It is 0.25 at "
        "most, so the error signal shrinks.",
    ),
    "tanh": GateWords(
        "tanh",
        "The hyperbolic tangent maps {inputs} to a number between −1 and 1.",
        "The local derivative of tanh is 1 − y², from its own value. It is 1 at most.",
    ),
    "relu": GateWords(
        "ReLU",
        "The ReLU passes {inputs} on unchanged, which is positive.",
        "The input of the ReLU is positive: its local derivative is 1, and the error signal "
        "passes unchanged.",
    ),
    "relu off": GateWords(
        "ReLU",
        "The ReLU makes 0 of {inputs}, which is not positive.",
        "The input of the ReLU is not positive: its local derivative is 0, and no error signal "
        "passes.",
    ),
    "squared_error": GateWords(
        "E",
        "The loss is half the squared difference between {inputs}.",
        "The local derivative of the loss by the output is output minus target.",
    ),
    "sigmoid_binary_cross_entropy": GateWords(
        "E",
        "The loss is small where the sigmoid of the output is near the target.",
        "The local derivative of this loss by the output is its sigmoid minus the target.",
    ),
    "softmax_cross_entropy": GateWords(
        "E",
        "The loss is minus the logarithm of the probability of the right class.",
        "The local derivative of this loss by an output is its probability; 1 is subtracted for "
        "the right class.",
    ),
    "max": GateWords(
        "max",
        "The gate takes the largest of {inputs}.",
        "The error signal goes to the largest input alone.",
    ),
}
_GATES["maximum"] = _GATES["max"]
_SIGNS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "power": "xⁿ",
    "minimum": "min",
    "abs": "|x|",
    "mean": "mean",
}
_POWERS = {"3": "x³"}


def gate_words(scalar: Scalar, name: str, inputs: Sequence[str]) -> GateWords:
    """Return a gate in words.

    Args:
        scalar: the value that the gate computed.
        name: of this value.
        inputs: the names of the values that it is computed from.

    >>> x = Symbol("x", 2.0)
    >>> gate_words(Scalar((0, 0, ()), 3.0, 0.0, "add", formula=x + 1), "q", ["x"]).forward
    'The gate adds 1 to x.'
    """
    constant = _constant(scalar.formula)
    if constant is not None:
        kind, n = constant
        templates = _WITH_CONSTANT[kind]
    else:
        n, templates = "", _without_constant(scalar, len(inputs))
    signed = n.replace("-", "−")
    values = {
        "y": name,
        "inputs": _joined(inputs),
        "a": inputs[0] if inputs else "",
        "b": inputs[-1] if inputs else "",
        "n": signed,
        "s": signed if signed.startswith("−") else f"+{signed}",
        "p": _POWERS.get(n, f"x^{signed}"),
    }
    return GateWords(*(text.format(**values) for text in templates))


def _without_constant(scalar: Scalar, inputs: int) -> GateWords:
    if scalar.operation in ("add", "subtract", "multiply", "sum") and inputs < 2:
        return _other(scalar.operation)  # of one value that is used twice, such as x * x
    is_off = scalar.operation == "relu" and not scalar.value > 0
    kind = "relu off" if is_off else scalar.operation
    return _GATES.get(kind) or _other(scalar.operation)


def _other(operation: str) -> GateWords:
    said = operation.replace("_", " ")
    return GateWords(
        _SIGNS.get(operation, said),
        "{y} is computed from {inputs}: " + said + ".",
        "Each input gets the error signal times its local derivative.",
    )


def _constant(formula: Expression | None) -> tuple[str, str] | None:
    """Return the kind of a gate with one input and a constant, and the constant as text."""
    match formula:
        case Apply("+", (Symbol(), Number(n)) | (Number(n), Symbol())):
            kind = "plus"
        case Apply("+", (Number(n), Apply("neg", (Symbol(),)))):
            kind = "from"
        case Apply("*", (Symbol(), Number(n)) | (Number(n), Symbol())):
            kind = "times"
        case Apply("/", (Symbol(), Number(n))):
            kind = "over"
        case Apply("/", (Number(n), Symbol())) if n > 0:
            kind = "reciprocal"
        case Apply("^", (Symbol(), Number(n))):
            kind = "square" if n == 2 else "power"
        case _:
            return None
    return kind, significant(n, 4)


def used(scalar: Scalar) -> list[Symbol]:
    """Return the symbols of the formula of a value, each once, in their order."""
    found = {} if scalar.formula is None else {s.identity: s for s in symbols(scalar.formula)}
    return list(found.values())


def _joined(names: Sequence[str]) -> str:
    """Return names as a list in words.

    >>> _joined(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = names or ("constants",)
    return f"{', '.join(most)} and {last}" if most else last

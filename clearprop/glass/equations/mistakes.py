"""The mistake behind a wrong answer: common mistakes are made in the formula and tried out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from clearprop.glass.equations.expression import (
    Apply,
    Expression,
    Number,
    Symbol,
    evaluate,
    joined,
    substitute,
    symbols,
)
from clearprop.glass.equations.naming import RATE
from clearprop.glass.equations.notation import TEXT, write


class Misstep(NamedTuple):
    """A probable mistake.

    Attributes:
        kind: one of `KINDS`.
        text: what is wrong where, for the student; "" where nothing explains the answer.
    """

    kind: str
    text: str


KINDS = {
    "sign": "the other sign",
    "derivative": "the derivative of the activation",
    "transposed": "a matrix read with rows and columns exchanged",
    "update": "the update of a weight",
    "missing": "a missing factor, term or function",
    "first pass": "old values in the second pass",
    "factor 2": "a factor of 2",
    "rounding": "rounded too early",
    "digits": "too few digits",
    "other quantity": "the value of another quantity",
    "no number": "no number",
    "unknown": "not explained",
}
"""The kinds of mistakes and what they mean."""

Change: TypeAlias = tuple[Expression, Misstep]
"""(a formula with a mistake in it, the mistake)."""

EARLY_ROUNDING = 0.01
"""The largest relative error of an answer that rounding may explain."""


@dataclass(frozen=True)
class Surroundings:
    """What a sheet knows about its other quantities.

    Attributes:
        values: of all quantities, by name.
        formulas: of the computed ones.
        transposed: for the entry of a matrix, the name of the entry that stands in its place after
            rows and columns were exchanged.
    """

    values: Mapping[str, float]
    formulas: Mapping[str, Expression] = field(default_factory=dict)
    transposed: Mapping[str, str] = field(default_factory=dict)

    def exchanged(self, name: str) -> str | None:
        """Return the entry in the place of w, dE/dw or w' in the transposed matrix."""
        start = name.rpartition("/d")[2]
        other = self.transposed.get(start.rstrip("'"))
        head, tail = name[: len(name) - len(start)], start[len(start.rstrip("'")) :]
        return None if other is None else f"{head}{other}{tail}"

    def activation(self, name: str) -> tuple[str, str] | None:
        """Return (function, h) where the name is dE/dz and h = function(z)."""
        end, _, z = name.rpartition("/d")
        for h, formula in self.formulas.items():
            if end and isinstance(formula, Apply) and formula.operation in _ACTIVATIONS:
                (inner,) = formula.arguments
                if isinstance(inner, Symbol) and inner.name == z:
                    return formula.operation, h
        return None


_ACTIVATIONS = ("sigmoid", "tanh", "relu")


def likely(
    name: str,
    formula: Expression,
    value: float,
    means: Callable[[float], bool],
    given: float,
    around: Surroundings,
) -> Misstep:
    """Return the mistake that was probably made; its kind is "unknown" where none explains it.

    Args:
        name: of the quantity.
        formula: of the quantity.
        value: the true value of the quantity.
        means: says whether the answer is a number, rounded.
        given: the answer.
        around: the other quantities.

    >>> y = Symbol("y", 0.5)
    >>> formula = y * (1 - y)
    >>> likely("g", formula, 0.25, lambda value: value == 0.5, 0.5, Surroundings({})).text
    'the factor y is missing'
    """
    if means(-value):
        return Misstep("sign", OTHER_SIGN)
    for changed, mistake in _changes(formula):
        if means(evaluate(changed, _own_value)):
            return mistake
    found = _of_derivative(name, formula, means, around) or _of_matrix(name, formula, means, around)
    if found is not None:
        return found
    old = evaluate(formula, lambda s: around.values.get(s.name.rstrip("'"), s.value))
    if any("'" in symbol.name for symbol in symbols(formula)) and means(old):
        text = "these are the values of the first pass: the new ones belong here"
        return Misstep("first pass", text)
    if means(2 * value) or means(value / 2):
        return Misstep("factor 2", "a factor of 2 is off")
    if value and abs(given / value - 1) <= EARLY_ROUNDING:
        return Misstep("rounding", "rounded too early: keep more digits on the way")
    same = [
        other
        for other, number in around.values.items()
        if means(number) and not math.isclose(number, value)
    ]
    return Misstep("other quantity", f"that is {same[0]}") if same else Misstep("unknown", "")


OTHER_SIGN = "the size is right, the sign is not"


def _own_value(symbol: Symbol) -> float:
    return symbol.value


def _of_derivative(
    name: str, formula: Expression, means: Callable[[float], bool], around: Surroundings
) -> Misstep | None:
    """Return the mistake in the derivative of an activation, where dE/dz is asked for."""
    found = around.activation(name)
    if found is None:
        return None
    function, h = found
    end, _, z = name.rpartition("/d")
    arrived = around.values.get(f"{end}/d{h}")
    if arrived is not None and means(arrived):
        text = f"the derivative of {function} at {z} is missing: that is {end}/d{h}"
        return Misstep("derivative", text)
    at_z = substitute(formula, lambda s: Symbol(z, around.values[z]) if s.name == h else None)
    if at_z != formula and means(evaluate(at_z, _own_value)):
        text = f"the derivative of {function} is computed from {z} here: write it with {h}"
        return Misstep("derivative", text)
    return None


def _of_matrix(
    name: str, formula: Expression, means: Callable[[float], bool], around: Surroundings
) -> Misstep | None:
    """Return the mistake of a transposed matrix, in the formula or in the result."""

    def exchanged(symbol: Symbol) -> float:
        other = around.exchanged(symbol.name)
        return symbol.value if other is None else around.values.get(other, symbol.value)

    used = [s.name for s in symbols(formula) if around.exchanged(s.name) not in (None, s.name)]
    other = around.exchanged(name)
    if other not in (None, name) and other in around.values and means(around.values[other]):
        return Misstep("transposed", f"the matrix is transposed: that is {other}")
    if used and other is None and means(evaluate(formula, exchanged)):
        wrong = around.exchanged(used[0])
        text = f"the matrix is transposed: {used[0]} belongs here, not {wrong}"
        return Misstep("transposed", text)
    return None


def _missing(text: str) -> Misstep:
    return Misstep("missing", text)


def _changes(formula: Expression) -> Iterator[Change]:
    """Yield formulas with one mistake each, the most likely first."""
    if not isinstance(formula, Apply):
        return
    if formula.operation == "+" and any(symbol.name == RATE for symbol in symbols(formula)):
        yield from _of_update(*formula.arguments)
    yield from _here(formula)
    for i, argument in enumerate(formula.arguments):
        for changed, said in _changes(argument):
            inner = (*formula.arguments[:i], changed, *formula.arguments[i + 1 :])
            yield Apply(formula.operation, inner), said


def _of_update(weight: Expression, step: Expression) -> Iterator[Change]:
    """Yield common mistakes in w - eta dE/dw."""
    inner = step.arguments[0] if isinstance(step, Apply) and step.operation == "neg" else step
    yield weight + inner, Misstep("update", "the step goes the wrong way: it is subtracted")
    if isinstance(inner, Apply):
        rate = next(a for a in inner.arguments if isinstance(a, Symbol) and a.name == RATE)
        if rate.value != 1:
            whole = joined("*", [a for a in inner.arguments if a is not rate])
            yield weight - whole, Misstep("update", f"the learning rate {RATE} is missing")
    text = "this is the step alone: it is subtracted from the old value"
    yield inner, Misstep("update", text)
    yield -inner, Misstep("update", "this is the step alone: it is added to the old value")


def _here(formula: Apply) -> Iterator[Change]:
    arguments = formula.arguments
    match formula.operation:
        case "*":
            yield from _factors(arguments)
        case "+" if len(arguments) > 1:
            for i, term in enumerate(arguments):
                left = joined("+", [*arguments[:i], *arguments[i + 1 :]])
                yield left, _missing(f"the term {write(term, TEXT)} is missing")
            for i, term in enumerate(arguments):
                turned = (*arguments[:i], -term, *arguments[i + 1 :])
                said = f"the sign of {write(term, TEXT)} is the other one"
                yield Apply("+", turned), Misstep("sign", said)
        case "/":
            said = f"it is not divided by {write(arguments[1], TEXT)}"
            yield arguments[0], _missing(said)
        case "^":
            yield arguments[0], _missing(f"the power {write(arguments[1], TEXT)} is missing")
        case "neg":
            yield arguments[0], Misstep("sign", OTHER_SIGN)
        case name if len(arguments) == 1:
            yield arguments[0], _missing(f"{name} is missing")


def _factors(factors: tuple[Expression, ...]) -> Iterator[Change]:
    """Yield products in which a factor, or y (1 - y), is missing."""
    for i, factor in enumerate(factors):
        for k, other in enumerate(factors):
            if isinstance(factor, Symbol) and other == 1 - factor:
                left = [f for n, f in enumerate(factors) if n not in (i, k)]
                both = f"{write(factor, TEXT)} * ({write(other, TEXT)})"
                whole = joined("*", left) if left else Number(1.0)
                said = f"the sigmoid's derivative {both} is missing"
                yield whole, Misstep("derivative", said)
    for i, factor in enumerate(factors):
        left = [*factors[:i], *factors[i + 1 :]]
        yield joined("*", left), _of_factor(factor)


def _of_factor(factor: Expression) -> Misstep:
    """Return the mistake of a missing factor; 1 - h^2 is the derivative of tanh."""
    match factor:
        case Apply("+", (Number(1.0), Apply("neg", (Apply("^", (Symbol(), Number(2.0))),)))):
            text = f"tanh's derivative {write(factor, TEXT)} is missing"
            return Misstep("derivative", text)
    return _missing(f"the factor {write(factor, TEXT)} is missing")

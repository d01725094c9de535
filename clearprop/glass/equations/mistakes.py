"""The mistake behind a wrong answer: common mistakes are made in the formula and tried out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from clearprop.glass.equations.expression import (
    Apply,
    Expression,
    Number,
    Symbol,
    evaluate,
    joined,
    symbols,
)
from clearprop.glass.equations.naming import RATE
from clearprop.glass.equations.notation import TEXT, write

Change: TypeAlias = tuple[Expression, str]
"""(a formula with a mistake in it, a description of the mistake)."""

EARLY_ROUNDING = 0.01
"""The largest relative error of an answer that rounding may explain."""


def likely(
    formula: Expression,
    value: float,
    means: Callable[[float], bool],
    given: float,
    others: Mapping[str, float],
) -> str:
    """Return the mistake that was probably made, or "" where none explains the answer.

    Args:
        formula: of the quantity.
        value: the true value of the quantity.
        means: says whether the answer is a number, rounded.
        given: the answer.
        others: the true values of other quantities by name.

    >>> y = Symbol("y", 0.5)
    >>> likely(y * (1 - y), 0.25, lambda value: value == 0.5, 0.5, {})
    'the factor y is missing'
    """
    if means(-value):
        return "the sign is the other one"
    for changed, said in _changes(formula):
        if means(evaluate(changed, lambda symbol: symbol.value)):
            return said
    old = evaluate(formula, lambda symbol: others.get(symbol.name.rstrip("'"), symbol.value))
    if any("'" in symbol.name for symbol in symbols(formula)) and means(old):
        return "these are the values of the first pass: the new ones belong here"
    if means(2 * value) or means(value / 2):
        return "a factor of 2 is off"
    if value and abs(given / value - 1) <= EARLY_ROUNDING:
        return "rounded too early: keep more digits on the way"
    same = [
        name for name, other in others.items() if means(other) and not math.isclose(other, value)
    ]
    return f"that is {same[0]}" if same else ""


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
    yield weight + inner, "the step goes the wrong way: it is subtracted"
    if isinstance(inner, Apply):
        rate = next(a for a in inner.arguments if isinstance(a, Symbol) and a.name == RATE)
        if rate.value != 1:
            whole = joined("*", [a for a in inner.arguments if a is not rate])
            yield weight - whole, f"the learning rate {RATE} is missing"
    yield inner, "this is the step alone: it is subtracted from the old value"
    yield -inner, "this is the step alone: it is added to the old value"


def _here(formula: Apply) -> Iterator[Change]:
    arguments = formula.arguments
    match formula.operation:
        case "*":
            yield from _factors(arguments)
        case "+" if len(arguments) > 1:
            for i, term in enumerate(arguments):
                left = joined("+", [*arguments[:i], *arguments[i + 1 :]])
                yield left, f"the term {write(term, TEXT)} is missing"
            for i, term in enumerate(arguments):
                turned = (*arguments[:i], -term, *arguments[i + 1 :])
                yield Apply("+", turned), f"the sign of {write(term, TEXT)} is the other one"
        case "/":
            yield arguments[0], f"it is not divided by {write(arguments[1], TEXT)}"
        case "^":
            yield arguments[0], f"the power {write(arguments[1], TEXT)} is missing"
        case "neg":
            yield arguments[0], "the sign is the other one"
        case name if len(arguments) == 1:
            yield arguments[0], f"{name} is missing"


def _factors(factors: tuple[Expression, ...]) -> Iterator[Change]:
    """Yield products in which a factor, or y (1 - y), is missing."""
    for i, factor in enumerate(factors):
        for k, other in enumerate(factors):
            if isinstance(factor, Symbol) and other == 1 - factor:
                left = [f for n, f in enumerate(factors) if n not in (i, k)]
                both = f"{write(factor, TEXT)} * ({write(other, TEXT)})"
                whole = joined("*", left) if left else Number(1.0)
                yield whole, f"the sigmoid's derivative {both} is missing"
    for i, factor in enumerate(factors):
        left = [*factors[:i], *factors[i + 1 :]]
        yield joined("*", left), f"the factor {write(factor, TEXT)} is missing"

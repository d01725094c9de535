"""Which mistake leads to a wrong answer: the formula is changed as people change it, and tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from clearprop.glass.equations.expression import Apply, Expression, Number, Symbol, evaluate
from clearprop.glass.equations.naming import RATE
from clearprop.glass.equations.notation import TEXT, write

Change: TypeAlias = tuple[Expression, str]
"""(a formula as somebody may have read it, what they did)."""

EARLY_ROUNDING = 0.01
"""How far, relative to it, an answer is from the true value where rounding may be the reason."""


def likely(
    formula: Expression,
    value: float,
    means: Callable[[float], bool],
    given: float,
    others: Mapping[str, float],
) -> str:
    """Return what probably went wrong, or "" where that cannot be told.

    Args:
        formula: of the quantity.
        value: the true one.
        means: whether the answer is a number, rounded.
        given: the answer.
        others: other true values by name.

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
    if "'" in "".join(_names(formula)) and means(old):
        return "these are the values of the first pass: the new ones belong here"
    if means(2 * value) or means(value / 2):
        return "a factor of 2 is off"
    if value and abs(given / value - 1) <= EARLY_ROUNDING:
        return "rounded too early: keep more digits on the way"
    same = [
        name for name, other in others.items() if means(other) and not math.isclose(other, value)
    ]
    return f"that is {same[0]}" if same else ""


def _names(formula: Expression) -> Iterator[str]:
    if isinstance(formula, Symbol):
        yield formula.name
    elif isinstance(formula, Apply):
        for argument in formula.arguments:
            yield from _names(argument)


def _changes(formula: Expression) -> Iterator[Change]:
    """Yield formulas that are wrong in one place, the likeliest first."""
    if not isinstance(formula, Apply):
        return
    yield from _of_update(formula)
    yield from _here(formula)
    for i, argument in enumerate(formula.arguments):
        for changed, said in _changes(argument):
            inner = (*formula.arguments[:i], changed, *formula.arguments[i + 1 :])
            yield Apply(formula.operation, inner), said


def _of_update(formula: Apply) -> Iterator[Change]:
    """Yield what goes wrong with w - eta dE/dw."""
    if formula.operation != "+" or RATE not in list(_names(formula)):
        return
    weight, step = formula.arguments
    inner = step.arguments[0] if isinstance(step, Apply) and step.operation == "neg" else step
    yield weight + inner, "the step goes the wrong way: it is subtracted"
    if isinstance(inner, Apply):
        rate = next(a for a in inner.arguments if isinstance(a, Symbol) and a.name == RATE)
        if rate.value != 1:
            rest = [a for a in inner.arguments if a is not rate]
            whole = rest[0] if len(rest) == 1 else Apply("*", tuple(rest))
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
                rest = [*arguments[:i], *arguments[i + 1 :]]
                left = rest[0] if len(rest) == 1 else Apply("+", tuple(rest))
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
    """Yield products of which a factor, or y (1 - y), has been left out."""
    for i, factor in enumerate(factors):
        for k, other in enumerate(factors):
            if i != k and _is_rest_of_one(other, factor):
                left = [f for n, f in enumerate(factors) if n not in (i, k)]
                both = f"{write(factor, TEXT)} * ({write(other, TEXT)})"
                yield _product(left), f"the sigmoid's derivative {both} is missing"
    for i, factor in enumerate(factors):
        left = [*factors[:i], *factors[i + 1 :]]
        yield _product(left), f"the factor {write(factor, TEXT)} is missing"


def _product(factors: list[Expression]) -> Expression:
    if not factors:
        return Number(1.0)
    return factors[0] if len(factors) == 1 else Apply("*", tuple(factors))


def _is_rest_of_one(other: Expression, factor: Expression) -> bool:
    """Say whether one factor is 1 less the other."""
    if not (isinstance(other, Apply) and other.operation == "+" and len(other.arguments) == 2):
        return False
    one, negative = other.arguments
    return (
        one == Number(1.0)
        and isinstance(negative, Apply)
        and negative.operation == "neg"
        and isinstance(factor, Symbol)
        and isinstance(negative.arguments[0], Symbol)
        and negative.arguments[0].name == factor.name
    )

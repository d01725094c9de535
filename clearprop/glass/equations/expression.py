"""Formulas as trees: built with Python's operators, evaluated, differentiated, taken apart.

A leaf is a `Number`, which is printed as it is, or a `Symbol`, which has a name and a value in this
example. So one tree can be printed with symbols and with numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

SHOWN_TERMS = 8
"""How many terms of a long sum are written out; the sum of the others is one number."""


class Expression:
    """A formula. ``+ - * / **`` combine formulas and plain numbers to larger formulas.

    >>> x = Symbol("x", 3.0)
    >>> (1 / (1 + x) ** 2).value
    0.0625
    """

    __slots__ = ()

    @property
    def value(self) -> float:
        """The value of the formula in this example."""
        return evaluate(self, lambda symbol: symbol.value)

    def __add__(self, other: Term) -> Expression:
        return total([self, as_expression(other)])

    def __radd__(self, other: Term) -> Expression:
        return total([as_expression(other), self])

    def __sub__(self, other: Term) -> Expression:
        return total([self, -as_expression(other)])

    def __rsub__(self, other: Term) -> Expression:
        return total([as_expression(other), -self])

    def __mul__(self, other: Term) -> Expression:
        return product([self, as_expression(other)])

    def __rmul__(self, other: Term) -> Expression:
        return product([as_expression(other), self])

    def __truediv__(self, other: Term) -> Expression:
        return Apply("/", (self, as_expression(other)))

    def __rtruediv__(self, other: Term) -> Expression:
        return Apply("/", (as_expression(other), self))

    def __pow__(self, other: Term) -> Expression:
        return self if other == 1 else Apply("^", (self, as_expression(other)))

    def __neg__(self) -> Expression:
        if isinstance(self, Number):
            return Number(-self.number)
        if isinstance(self, Apply) and self.operation == "neg":
            return self.arguments[0]
        return Apply("neg", (self,))


Term: TypeAlias = "Expression | float"


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A number that belongs to the formula itself, such as the 1 of y (1 - y)."""

    number: float


@dataclass(frozen=True, slots=True)
class Symbol(Expression):
    """A named quantity.

    Attributes:
        name: such as ``h1``, ``y[0,2]`` or ``dE/dh1``.
        amount: its value in this example.
        key: its identity where a formula is differentiated; its name by default.
    """

    name: str
    amount: float
    key: Hashable = None

    @property
    def identity(self) -> Hashable:
        """The key that distinguishes it from other symbols."""
        return self.name if self.key is None else self.key

    @property
    def value(self) -> float:
        """The value of this example."""
        return self.amount


@dataclass(frozen=True, slots=True)
class Apply(Expression):
    """An operation on formulas: ``+`` and ``*`` of several, ``neg``, ``/``, ``^``, a function."""

    operation: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that formulas may call.

    Attributes:
        compute: on float64 numbers.
        slope: (x, y) -> the derivative as a formula; None for a function of several arguments.
    """

    compute: Callable[..., object]
    slope: Callable[[Expression, Expression], Expression] | None = None


def _step(x: Expression) -> Expression:
    return Number(1.0 if x.value > 0 else 0.0)


def call(name: str, *arguments: Term) -> Expression:
    """Return the formula of a function's call.

    >>> call("exp", 0.0).value
    1.0
    """
    return Apply(name, tuple(as_expression(a) for a in arguments))


def _flat(x: Expression, y: Expression) -> Expression:
    return Number(0.0)


FUNCTIONS: dict[str, Function] = {
    "exp": Function(np.exp, lambda x, y: y),
    "log": Function(np.log, lambda x, y: 1 / x),
    "sqrt": Function(np.sqrt, lambda x, y: 1 / (2 * y)),
    "sigmoid": Function(lambda x: 1 / (1 + np.exp(-x)), lambda x, y: y * (1 - y)),
    "tanh": Function(np.tanh, lambda x, y: 1 - y**2),
    "relu": Function(lambda x: np.maximum(x, 0), lambda x, y: _step(x)),
    "sin": Function(np.sin, lambda x, y: call("cos", x)),
    "cos": Function(np.cos, lambda x, y: -call("sin", x)),
    "tan": Function(np.tan, lambda x, y: 1 + y**2),
    "arcsin": Function(np.arcsin, lambda x, y: 1 / call("sqrt", 1 - x**2)),
    "arccos": Function(np.arccos, lambda x, y: -(1 / call("sqrt", 1 - x**2))),
    "arctan": Function(np.arctan, lambda x, y: 1 / (1 + x**2)),
    "sinh": Function(np.sinh, lambda x, y: call("cosh", x)),
    "cosh": Function(np.cosh, lambda x, y: call("sinh", x)),
    "arcsinh": Function(np.arcsinh, lambda x, y: 1 / call("sqrt", 1 + x**2)),
    "arccosh": Function(np.arccosh, lambda x, y: 1 / call("sqrt", x**2 - 1)),
    "arctanh": Function(np.arctanh, lambda x, y: 1 / (1 - x**2)),
    "floor": Function(np.floor, _flat),
    "ceil": Function(np.ceil, _flat),
    "round": Function(np.round, _flat),
    "trunc": Function(np.trunc, _flat),
    "sign": Function(np.sign, _flat),
    "abs": Function(np.abs, lambda x, y: Number(float(np.sign(x.value)))),
    "erf": Function(
        lambda x: np.float64(math.erf(x)),
        lambda x, y: 2 * call("exp", -(x**2)) / call("sqrt", Number(math.pi)),
    ),
    "max": Function(lambda *x: np.max(np.asarray(x))),
    "min": Function(lambda *x: np.min(np.asarray(x))),
}
"""Every function that a printed formula may contain, and that the grader can read."""


def as_expression(term: Term) -> Expression:
    """Return a formula; a plain number becomes one.

    >>> as_expression(2)
    Number(number=2.0)
    """
    return term if isinstance(term, Expression) else Number(float(term))


def total(terms: Sequence[Expression]) -> Expression:
    """Return a sum without its zeros and without brackets inside.

    >>> total([Number(0.0), Symbol("x", 3.0)])
    Symbol(name='x', amount=3.0, key=None)
    """
    flat: list[Expression] = []
    for term in terms:
        if isinstance(term, Apply) and term.operation == "+":
            flat.extend(term.arguments)
        elif term != Number(0.0):
            flat.append(term)
    return joined("+", flat) if flat else Number(0.0)


def joined(operation: str, arguments: Sequence[Expression]) -> Expression:
    """Return a sum or a product that is not simplified; one argument is returned as it is.

    >>> joined("+", [Number(2.0)])
    Number(number=2.0)
    """
    return arguments[0] if len(arguments) == 1 else Apply(operation, tuple(arguments))


def product(factors: Sequence[Expression]) -> Expression:
    """Return a product without its ones, with its signs in front; 0 where one factor is 0.

    >>> product([Number(-1.0), Symbol("x", 3.0)]).value
    -3.0
    """
    flat: list[Expression] = []
    negative, divisors = False, list[Expression]()
    for factor in factors:
        if isinstance(factor, Apply) and factor.operation == "neg":
            negative, factor = not negative, factor.arguments[0]
        if isinstance(factor, Apply) and factor.operation == "*":
            flat.extend(factor.arguments)
        elif _is_reciprocal(factor) and len(factors) > 1:
            divisors.append(factor.arguments[1])
        elif factor == Number(-1.0):
            negative = not negative
        elif factor != Number(1.0):
            flat.append(factor)
    if any(factor == Number(0.0) for factor in flat):
        return Number(0.0)
    whole = joined("*", flat) if flat else Number(1.0)
    if divisors:
        whole = whole / product(divisors)
    return -whole if negative else whole


def _is_reciprocal(x: Expression) -> TypeGuard[Apply]:
    return isinstance(x, Apply) and x.operation == "/" and x.arguments[0] == Number(1.0)


def long_sum(terms: Sequence[Expression], shown: int | None = SHOWN_TERMS) -> Expression:
    """Return a sum that writes out its largest terms; the sum of the others is one number.

    >>> terms = [Symbol(f"x{i}", float(i)) for i in range(10)]
    >>> long_sum(terms, 8).arguments[-1]
    Symbol(name='rest2', amount=1.0, key=None)
    """
    if shown is None or len(terms) <= shown:
        return total(terms)
    with np.errstate(all="ignore"):
        values = np.asarray([term.value for term in terms])
    kept = set(largest(values, shown))
    others = [i for i in range(len(terms)) if i not in kept]
    rest = Symbol(f"rest{len(others)}", math.fsum(values[others]) if _finite(values) else math.nan)
    return Apply("+", (*(terms[i] for i in sorted(kept)), rest))


def largest(values: ArrayLike, number: int) -> list[int]:
    """Return the places of the entries with the largest absolute values, NaN before all others.

    >>> largest(np.array([1.0, -3.0, 2.0]), 2)
    [1, 2]
    """
    sizes = np.nan_to_num(np.abs(np.asarray(values, np.float64)), nan=np.inf)
    return [int(i) for i in np.argsort(-sizes, kind="stable")[:number]]


def _finite(values: Any) -> bool:
    return bool(np.isfinite(values).all())


def evaluate(expression: Expression, lookup: Callable[[Symbol], float]) -> float:
    """Return the value of a formula; IEEE rules hold where it is not finite.

    >>> evaluate(Symbol("x", 1.0) / 0, lambda symbol: symbol.value)
    inf
    """
    with np.errstate(all="ignore"):
        return float(_evaluate(expression, lookup))


def _evaluate(expression: Expression, lookup: Callable[[Symbol], float]) -> Any:
    if isinstance(expression, Number):
        return np.float64(expression.number)
    if isinstance(expression, Symbol):
        return np.float64(lookup(expression))
    assert isinstance(expression, Apply)
    arguments = [_evaluate(argument, lookup) for argument in expression.arguments]
    match expression.operation:
        case "+":
            return math.fsum(arguments) if _finite(arguments) else np.sum(arguments)
        case "*":
            return np.prod(arguments)
        case "neg":
            return -arguments[0]
        case "/":
            return arguments[0] / arguments[1]
        case "^":
            return arguments[0] ** arguments[1]
        case name:
            return FUNCTIONS[name].compute(*arguments)


def symbols(expression: Expression) -> Iterator[Symbol]:
    """Yield the symbols of a formula in the order in which they stand.

    >>> [symbol.name for symbol in symbols(Symbol("x", 1.0) * Symbol("w", 2.0))]
    ['x', 'w']
    """
    if isinstance(expression, Symbol):
        yield expression
    elif isinstance(expression, Apply):
        for argument in expression.arguments:
            yield from symbols(argument)


def magnitude(expression: Expression) -> float:
    """Return the largest absolute value of a formula and its parts, which bounds its rounding.

    >>> magnitude(Symbol("x", 5.0) - 5)
    5.0
    """
    own = abs(expression.value)
    if not isinstance(expression, Apply):
        return own
    return max(own, *(magnitude(argument) for argument in expression.arguments))


def substitute(
    expression: Expression, replaced: Callable[[Symbol], Expression | None]
) -> Expression:
    """Return a formula whose symbols are replaced by other formulas.

    Args:
        expression: the formula.
        replaced: symbol -> the formula in its place; None keeps the symbol.

    >>> x = Symbol("x", 1.0)
    >>> substitute(x + 1, lambda symbol: Symbol("y", 5.0)).value
    6.0
    """
    if isinstance(expression, Symbol):
        return replaced(expression) or expression
    if isinstance(expression, Apply):
        inner = tuple(substitute(argument, replaced) for argument in expression.arguments)
        return Apply(expression.operation, inner)
    return expression


def derivative(
    expression: Expression, of: Hashable, output: Expression | None = None
) -> Expression | None:
    """Return the derivative of a formula, or None where no rule of differentiation applies.

    Args:
        expression: the formula that is differentiated.
        of: the identity of the symbol to differentiate by.
        output: the symbol that the whole formula defines; the derivative of a sigmoid is then
            written as y (1 - y).

    >>> x, y = Symbol("x", 0.0), Symbol("y", 0.5)
    >>> derivative(call("sigmoid", x), "x", y).value
    0.25
    """
    if isinstance(expression, Symbol):
        return Number(1.0 if expression.identity == of else 0.0)
    if isinstance(expression, Number):
        return Number(0.0)
    assert isinstance(expression, Apply)
    arguments = expression.arguments
    inner = [derivative(argument, of) for argument in arguments]
    if all(d == Number(0.0) for d in inner):
        return Number(0.0)
    known = [d for d in inner if d is not None]
    if len(known) < len(inner):
        return None
    match expression.operation:
        case "+":
            return total(known)
        case "neg":
            return -known[0]
        case "*":
            rows = enumerate(known)
            return total([product([*arguments[:i], d, *arguments[i + 1 :]]) for i, d in rows])
        case "/":
            (x, y), (dx, dy) = arguments, known
            by_x = Number(0.0) if dx == Number(0.0) else dx / y
            return total([by_x, product([-(x / y**2), dy])])
        case "^":
            return _of_power(expression, *known)
    slope = FUNCTIONS[expression.operation].slope
    if slope is None:
        return None
    return product([slope(arguments[0], output or expression), known[0]])


def _of_power(power: Apply, dx: Expression, dn: Expression) -> Expression | None:
    x, n = power.arguments
    if dn != Number(0.0) or not isinstance(n, Number):
        return None if dx != Number(0.0) else product([power, call("log", x), dn])
    return product([n, x ** (n.number - 1), dx])

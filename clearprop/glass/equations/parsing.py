"""A parser of arithmetic formulas, and of nothing else.

The grammar; braces repeat, square brackets are optional::

    sum      = product { (+ | -) product }
    product  = - product | power { (* | /) factor }
    factor   = - factor | power
    power    = atom [ ^ [-] atom ]
    atom     = number | name | name ( sum { , sum } ) | ( sum )
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clearprop.errors import DataError
from clearprop.glass.equations.expression import FUNCTIONS, Apply, Expression, Number, Symbol, total

LONGEST = 20_000
"""The most characters of a formula."""

DEEPEST = 60
"""The most brackets inside brackets."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan\b|inf\b)"
    r"|(?P<name>d[A-Za-z]\w*/d[A-Za-z_]\w*'?|[A-Za-z_]\w*'?)"
    r"|(?P<sign>[-+*/^(),]))"
)


def parse(text: str, lookup: Callable[[str], float]) -> Expression:
    """Read a formula.

    Args:
        text: such as ``x1 * w1 + x2 * w2``.
        lookup: returns the value of a name, or raises KeyError.

    Raises:
        DataError: the text is not a formula, or a name in it has no value.

    >>> parse("2 * x^2 - sigmoid(0)", {"x": 3.0}.__getitem__).value
    17.5
    """
    if len(text) > LONGEST:
        raise DataError("a formula is too long", given=f"{len(text)} characters")
    return _ExpressionParser(text, lookup).whole()


class _ExpressionParser:
    def __init__(self, text: str, lookup: Callable[[str], float]) -> None:
        self.text = text
        self.lookup = lookup
        self.tokens = self._tokens()
        self.place = 0
        self.depth = 0

    def _tokens(self) -> list[tuple[str, str]]:
        tokens, at, text = [], 0, self.text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._fault(f"{text[at:].lstrip()[:10]!r} is not understood")
            kind = found.lastgroup or ""
            tokens.append((kind, found[kind]))
            at = found.end()
        return tokens

    def _fault(self, problem: str) -> DataError:
        shown = self.text if len(self.text) <= 80 else f"{self.text[:77]}..."
        return DataError(f"a formula cannot be read: {problem}", given=shown.strip())

    def whole(self) -> Expression:
        """Read all of the text."""
        expression = self._sum()
        if self.place < len(self.tokens):
            raise self._fault(f"{self.tokens[self.place][1]!r} is one too many")
        return expression

    def _next(self, *signs: str) -> str | None:
        """Read the next token if it is one of these signs."""
        if self.place < len(self.tokens):
            kind, token = self.tokens[self.place]
            if kind == "sign" and token in signs:
                self.place += 1
                return token
        return None

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._fault("its brackets are too deep")
        yield
        self.depth -= 1

    def _sum(self) -> Expression:
        with self._deeper():
            terms = [self._product()]
            while sign := self._next("+", "-"):
                terms.append(self._product() if sign == "+" else -self._product())
        return total(terms)

    def _product(self) -> Expression:
        whole = self._signed(self._product)
        while sign := self._next("*", "/"):
            factor = self._factor()
            whole = whole * factor if sign == "*" else whole / factor
        return whole

    def _factor(self) -> Expression:
        return self._signed(self._factor)

    def _signed(self, operand: Callable[[], Expression]) -> Expression:
        """Read a power, or a minus and what it negates."""
        if not self._next("-"):
            return self._power()
        with self._deeper():
            return -operand()

    def _power(self) -> Expression:
        base = self._atom()
        if self._next("^"):
            exponent = -self._atom() if self._next("-") else self._atom()
            return Apply("^", (base, exponent))
        return base

    def _atom(self) -> Expression:
        if self._next("("):
            return self._closed()[0]
        if self.place >= len(self.tokens):
            raise self._fault("it ends too early")
        kind, token = self.tokens[self.place]
        self.place += 1
        if kind == "number":
            return Number(float(token))
        if kind != "name":
            raise self._fault(f"{token!r} is in the place of a number or a name")
        if token in FUNCTIONS and self._next("("):
            arguments = self._closed(",")
            if token not in ("max", "min") and len(arguments) != 1:
                raise self._fault(f"{token} takes one number")
            return Apply(token, tuple(arguments))
        try:
            return Symbol(token, self.lookup(token))
        except KeyError:
            raise self._fault(f"{token!r} has no value before this line") from None

    def _closed(self, *separators: str) -> list[Expression]:
        """Read the formulas from an opening bracket to the closing one."""
        inner = [self._sum()]
        while self._next(*separators):
            inner.append(self._sum())
        if not self._next(")"):
            raise self._fault("a bracket is not closed")
        return inner

"""Formulas as plain text, as LaTeX and as MathML, with symbols or with numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import escape

from clearprop.glass.equations.expression import Apply, Expression, Number, Symbol
from clearprop.glass.equations.numbers import MOST_DIGITS, significant

Write = Callable[[Symbol], str]
"""Writes a symbol as a number."""

SUM, PRODUCT, POWER, ATOM = range(4)

_INDEX = r"(?:\[[^\]]*\])?"
_NAME = re.compile(rf"(?P<stem>[A-Za-z_]*[A-Za-z])(?P<number>\d*)(?P<index>{_INDEX})(?P<prime>'*)")
_DERIVATIVE = re.compile(rf"d(?P<of>[A-Za-z]\w*{_INDEX})/d(?P<by>[A-Za-z_]\w*{_INDEX})")
_GREEK_LETTERS = {"eta": "η", "sigma": "σ", "delta": "δ", "epsilon": "ε"}


@dataclass(frozen=True)
class Notation:
    """How the parts of a formula are written.

    Attributes:
        name: writes the name of a symbol.
        number: writes the digits of a number without a sign.
        times: the sign between factors.
        minus: the sign before a negative number or term.
        plus: the sign between terms.
        brackets: puts a written formula in brackets.
        quotient: writes a fraction of two written formulas; None: brackets and a slash.
        power: writes a power of a base (in brackets where needed) and an exponent.
        function: writes a call, from the name and the written arguments.
    """

    name: Callable[[str], str]
    number: Callable[[str], str]
    times: str
    minus: str
    plus: str
    brackets: Callable[[str], str]
    quotient: Callable[[str, str], str] | None
    power: Callable[[str, str], str]
    function: Callable[[str, list[str]], str]

    def signed(self, digits: str) -> str:
        r"""Write a number that may be negative.

        >>> LATEX.signed("-1.5e-7")
        '-1.5 \\cdot 10^{-7}'
        """
        sign = self.minus if digits.startswith("-") else ""
        return sign + self.number(digits.removeprefix("-"))

    def sides(
        self, formulas: Sequence[Expression], numbers: Write | None, result: str
    ) -> list[str]:
        """Return the right sides of an equation, without repetitions.

        Args:
            formulas: what the quantity is equal to, each written with symbols.
            numbers: writes the symbols of the last formula as numbers.
            result: the digits of the value.
        """
        sides = [write(formula, self) for formula in formulas]
        sides += [write(formula, self, numbers) for formula in formulas[-1:]]
        sides.append(self.signed(result))
        return [side for i, side in enumerate(sides) if not i or side != sides[i - 1]]


def write(expression: Expression, notation: Notation, numbers: Write | None = None) -> str:
    """Write a formula with the names of its symbols, or with numbers in their place.

    >>> x, w = Symbol("x", -2.0), Symbol("w", 3.0)
    >>> write(1 - w * x, TEXT)
    '1 - w * x'
    >>> write(1 - w * x, TEXT, lambda symbol: str(symbol.amount))
    '1 - 3.0 * (-2.0)'
    """
    return _TermWriter(notation, numbers).write(expression, SUM, first=True)


@dataclass(frozen=True)
class _TermWriter:
    notation: Notation
    numbers: Write | None

    def write(self, expression: Expression, within: int, *, first: bool) -> str:
        """Write a formula; it gets brackets where the formula around it binds more strongly."""
        text, rank, signed = self._written(expression, first)
        if within > rank or (signed and not first):
            return self.notation.brackets(text)
        return text

    def _written(self, expression: Expression, first: bool) -> tuple[str, int, bool]:
        """Return the text of a formula, its rank, and whether it begins with a sign."""
        n = self.notation
        if isinstance(expression, Number):
            return self._number(significant(expression.number, MOST_DIGITS - 1))
        if isinstance(expression, Symbol):
            if self.numbers is None:
                return n.name(expression.name), ATOM, False
            return self._number(self.numbers(expression))
        assert isinstance(expression, Apply)
        arguments = expression.arguments
        match expression.operation:
            case "+":
                return self._sum(arguments), SUM, _signed(arguments[0])
            case "*":
                written = [self._factor(a, first and i == 0) for i, a in enumerate(arguments)]
                return n.times.join(written), PRODUCT, written[0].startswith(n.minus)
            case "neg":
                return n.minus + self.write(arguments[0], PRODUCT, first=False), PRODUCT, True
            case "/":
                return self._quotient(arguments[0], arguments[1], first)
            case "^":
                base = self.write(arguments[0], ATOM, first=False)
                inner = ATOM if n.quotient is None else SUM
                exponent = self.write(arguments[1], inner, first=n.quotient is not None)
                return n.power(base, exponent), POWER, False
        written = [self.write(argument, SUM, first=True) for argument in arguments]
        return n.function(expression.operation, written), ATOM, False

    def _number(self, digits: str) -> tuple[str, int, bool]:
        negative = digits.startswith("-")
        is_product = negative or ("e" in digits and self.notation is not TEXT)
        return self.notation.signed(digits), PRODUCT if is_product else ATOM, negative

    def _factor(self, factor: Expression, first: bool) -> str:
        # A quotient among factors is written as a fraction or in brackets: a * (b / c).
        inner = PRODUCT if self.notation.quotient is not None or first else POWER
        return self.write(factor, inner, first=first)

    def _sum(self, terms: tuple[Expression, ...]) -> str:
        minus = self.notation.minus
        spaced = f" {minus} " if minus == "-" else minus
        text = self.write(terms[0], PRODUCT, first=True)
        for term in terms[1:]:
            if isinstance(term, Apply) and term.operation == "neg":
                text += spaced + self.write(term.arguments[0], PRODUCT, first=False)
                continue
            is_leaf = isinstance(term, Symbol | Number)
            written = self.write(term, PRODUCT, first=is_leaf)
            if is_leaf and written.startswith(minus):
                text += spaced + written.removeprefix(minus)
            else:
                text += self.notation.plus + written
        return text

    def _quotient(self, x: Expression, y: Expression, first: bool) -> tuple[str, int, bool]:
        if self.notation.quotient is None:
            over = self.write(x, PRODUCT, first=first)
            return f"{over} / {self.write(y, POWER, first=False)}", PRODUCT, over.startswith("-")
        over, under = (self.write(part, SUM, first=True) for part in (x, y))
        return self.notation.quotient(over, under), PRODUCT, False


def _signed(expression: Expression) -> bool:
    if isinstance(expression, Number):
        return expression.number < 0
    return isinstance(expression, Apply) and expression.operation == "neg"


# --- plain text ----------------------------------------------------------------------------------

TEXT = Notation(
    name=lambda name: name,
    number=lambda digits: digits,
    times=" * ",
    minus="-",
    plus=" + ",
    brackets=lambda text: f"({text})",
    quotient=None,
    power=lambda base, exponent: f"{base}^{exponent}",
    function=lambda name, arguments: f"{name}({', '.join(arguments)})",
)
"""The notation of Python with ^ for a power; `parse` reads it."""


# --- LaTeX ---------------------------------------------------------------------------------------


def latex_name(name: str) -> str:
    r"""Return a symbol's name in LaTeX.

    >>> latex_name("dE/dh1'"), latex_name("y[0,2]")
    ("\\frac{\\partial E}{\\partial h_{1}'}", 'y_{0,2}')
    """
    derived = _DERIVATIVE.match(name)
    if derived is not None:
        over, under = latex_name(derived["of"]), latex_name(derived["by"])
        return rf"\frac{{\partial {over}}}{{\partial {under}{name[derived.end() :]}}}"
    stem, below, primes = _parts(name)
    if stem in _GREEK_LETTERS:
        stem = f"\\{stem}"
    elif len(stem) > 1:
        stem = rf"\mathrm{{{latex_text(stem)}}}"
    return f"{stem}{f'_{{{below}}}' if below else ''}{primes}"


def _parts(name: str) -> tuple[str, str, str]:
    """Split a name into its letters, its subscript and its primes."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name, "", ""
    index = (found["index"] or "").strip("[]")
    below = ";".join(part for part in (found["number"], index) if part)
    return found["stem"], below, found["prime"]


def latex_text(text: str) -> str:
    r"""Return text for LaTeX in which no character starts a command.

    >>> print(latex_text("50 % of a_b"))
    50 \% of a\_b
    """
    named = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(f"\\{c}" if c in "#$%&_{}" else named.get(c, c) for c in text)


def _latex_number(digits: str) -> str:
    if digits in ("nan", "inf"):
        return {"nan": r"\mathrm{NaN}", "inf": r"\infty"}[digits]
    mantissa, _, power = digits.partition("e")
    return rf"{mantissa} \cdot 10^{{{power}}}" if power else mantissa


def _latex_function(name: str, arguments: list[str]) -> str:
    inside = ", ".join(arguments)
    match name:
        case "exp":
            return f"e^{{{inside}}}"
        case "sqrt":
            return rf"\sqrt{{{inside}}}"
        case "abs":
            return rf"\left|{inside}\right|"
        case "floor" | "ceil":
            return rf"\left\l{name} {inside} \right\r{name}"
    known = {"sigmoid": r"\sigma", "log": r"\ln", **{n: f"\\{n}" for n in _LATEX_OPERATORS}}
    operator = known.get(name) or rf"\operatorname{{{latex_text(name)}}}"
    return rf"{operator}\left({inside}\right)"


_LATEX_OPERATORS = (
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "max", "min"),
)


LATEX = Notation(
    name=latex_name,
    number=_latex_number,
    times=r" \cdot ",
    minus="-",
    plus=" + ",
    brackets=lambda text: rf"\left({text}\right)",
    quotient=lambda over, under: rf"\frac{{{over}}}{{{under}}}",
    power=lambda base, exponent: f"{{{base}}}^{{{exponent}}}",
    function=_latex_function,
)
"""LaTeX with `amsmath`, to be put between dollar signs or into an ``align``."""


# --- MathML --------------------------------------------------------------------------------------


def mathml_name(name: str) -> str:
    """Return a symbol's name in MathML.

    >>> mathml_name("h1")
    '<msub><mi>h</mi><mn>1</mn></msub>'
    """
    derived = _DERIVATIVE.match(name)
    if derived is not None:
        over = _row("<mo>∂</mo>" + mathml_name(derived["of"]))
        under = _row("<mo>∂</mo>" + mathml_name(derived["by"] + name[derived.end() :]))
        return f"<mfrac>{over}{under}</mfrac>"
    stem, below, primes = _parts(name)
    letters = f"<mi>{escape(_GREEK_LETTERS.get(stem, stem))}</mi>"
    if below:
        letters = f"<msub>{letters}<mn>{escape(below)}</mn></msub>"
    return f"<msup>{letters}<mo>{'′' * len(primes)}</mo></msup>" if primes else letters


def _row(text: str) -> str:
    return f"<mrow>{text}</mrow>"


def _mathml_number(digits: str) -> str:
    mantissa, _, power = digits.replace("inf", "∞").partition("e")
    if not power:
        return f"<mn>{mantissa}</mn>"
    sign = "<mo>−</mo>" if power.startswith("-") else ""
    power = _row(f"{sign}<mn>{power.lstrip('-')}</mn>")
    return f"<mn>{mantissa}</mn><mo>·</mo><msup><mn>10</mn>{power}</msup>"


def _mathml_brackets(text: str) -> str:
    return _row(f"<mo>(</mo>{_row(text)}<mo>)</mo>")


def _mathml_function(name: str, arguments: list[str]) -> str:
    inside = "<mo>,</mo>".join(arguments)
    match name:
        case "exp":
            return f"<msup><mi>e</mi>{_row(inside)}</msup>"
        case "sqrt":
            return f"<msqrt>{inside}</msqrt>"
        case "abs":
            return _row(f"<mo>|</mo>{inside}<mo>|</mo>")
        case "floor":
            return _row(f"<mo>⌊</mo>{inside}<mo>⌋</mo>")
        case "ceil":
            return _row(f"<mo>⌈</mo>{inside}<mo>⌉</mo>")
    operator = {"sigmoid": "σ", "log": "ln"}.get(name, name)
    return f"<mi>{escape(operator)}</mi>{_mathml_brackets(inside)}"


MATHML = Notation(
    name=mathml_name,
    number=_mathml_number,
    times="<mo>·</mo>",
    minus="<mo>−</mo>",
    plus="<mo>+</mo>",
    brackets=_mathml_brackets,
    quotient=lambda over, under: f"<mfrac>{_row(over)}{_row(under)}</mfrac>",
    power=lambda base, exponent: f"<msup>{_row(base)}{_row(exponent)}</msup>",
    function=_mathml_function,
)
"""MathML, which browsers typeset by themselves, without a script and without a network."""

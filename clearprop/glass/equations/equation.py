"""Equations with their numbers in them, and the three forms in which they are read."""

from __future__ import annotations

from dataclasses import dataclass

from clearprop.glass.equations.expression import Expression, Symbol, symbols
from clearprop.glass.equations.notation import LATEX, TEXT, Notation, latex_name, write
from clearprop.glass.equations.numbers import DIGITS, fitting, significant


@dataclass(frozen=True)
class Equation:
    """A quantity, what it is equal to, and what that comes to.

    Attributes:
        name: of the quantity.
        formulas: what it is equal to with symbols, each from the one before; the last with numbers
            too.
        value: what it comes to in this example.
        remark: what is said where there is no formula.
    """

    name: str
    formulas: tuple[Expression, ...]
    value: float
    remark: str = ""

    def symbols(self) -> list[Symbol]:
        """Return the symbols of all its formulas."""
        return [symbol for formula in self.formulas for symbol in symbols(formula)]

    def sides(self, notation: Notation, digits: int = DIGITS) -> list[str]:
        """Return the right sides in order: with symbols, with numbers, the result.

        >>> x = Symbol("x", 0.5)
        >>> Equation("y", (x * x,), 0.25).sides(TEXT)
        ['x * x', '0.5 * 0.5', '0.25']
        """
        if not self.formulas:
            return [notation.number(significant(self.value, digits))]
        numbers, result = fitting(self.formulas[-1], self.value, digits)
        sides = [write(formula, notation) for formula in self.formulas]
        sides.append(write(self.formulas[-1], notation, numbers))
        negative = result.startswith("-")
        end = notation.number(result.removeprefix("-"))
        sides.append(f"{notation.minus}{end}" if negative else end)
        return [side for i, side in enumerate(sides) if not i or side != sides[i - 1]]

    def text(self) -> str:
        """Return the equation in lines, one right side each."""
        first, *more = self.sides(TEXT)
        said = f"    ({self.remark})" if self.remark else ""
        space = " " * len(self.name)
        return "\n".join([f"{self.name} = {first}{said}", *(f"{space} = {side}" for side in more)])

    def latex(self) -> str:
        """Return the lines of an ``align`` environment."""
        first, *more = self.sides(LATEX)
        said = rf" \quad\text{{({_escaped(self.remark)})}}" if self.remark else ""
        lines = [rf"{latex_name(self.name)} &= {first}{said}", *(f"&= {side}" for side in more)]
        return " \\\\\n".join(lines)


@dataclass(frozen=True)
class Equations:
    """The chain rule at one entry of a node; `str()` gives plain text.

    Attributes:
        title: the node and the entry.
        about: its operation, shape and dtype.
        legend: (letter, what it stands for).
        forward: how the entry was computed.
        backward: how its error signal came about; None where none can arrive.
    """

    title: str
    about: str
    legend: tuple[tuple[str, str], ...]
    forward: Equation
    backward: Equation | None

    @property
    def text(self) -> str:
        """Plain text; the numbers can be typed into a calculator as they stand."""
        parts = [f"{self.title} ({self.about})"]
        width = max(len(letter) for letter, _ in self.legend)
        parts += [f"  {letter:<{width}}  {meaning}" for letter, meaning in self.legend]
        parts += ["", "forward", _indented(self.forward.text()), "", "backward"]
        if self.backward is None:
            parts.append("  no error signal: these values are no real numbers")
        else:
            parts.append(_indented(self.backward.text()))
        parts += [f"  {note}" for note in self.notes]
        return "\n".join(parts)

    @property
    def latex(self) -> str:
        """LaTeX for a document that loads ``amsmath``."""
        lines = [_begin(self.forward), *([_begin(self.backward)] if self.backward else [])]
        return "\n".join(lines)

    @property
    def markdown(self) -> str:
        """Markdown with typeset equations between dollar signs, as notebooks show them."""
        parts = [f"**`{self.title}`** ({self.about})", ""]
        parts += [f"- ${latex_name(letter)}$: `{meaning}`" for letter, meaning in self.legend]
        parts += ["", "Forward:", "", _dollars(self.forward), ""]
        if self.backward is None:
            parts.append("No error signal arrives: these values are no real numbers.")
        else:
            parts += ["Backward:", "", _dollars(self.backward)]
        parts += [f"\n{note}" for note in self.notes]
        return "\n".join(parts)

    @property
    def notes(self) -> list[str]:
        """What is to be said about symbols such as ``rest12`` and ``mean``."""
        found: dict[str, str] = {}
        for equation in (self.forward, self.backward):
            for symbol in equation.symbols() if equation else ():
                if symbol.name.startswith("rest"):
                    number = int(symbol.name.removeprefix("rest"))
                    left = f"the other {number} of them" if number > 1 else "the one that is left"
                    found[symbol.name] = f"{symbol.name}: {left}, as one number"
                elif symbol.name in _HELPERS:
                    found[symbol.name] = f"{symbol.name}: {_HELPERS[symbol.name]}"
                elif symbol.name.startswith("s["):
                    found["s"] = "s: scale times query times key, the score of each key"
        return list(found.values())

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.markdown

    def _repr_latex_(self) -> str:
        return self.latex


_HELPERS = {
    "mean": "the mean of the entries that are taken together",
    "var": "their variance",
}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _begin(equation: Equation) -> str:
    return f"\\begin{{align*}}\n{equation.latex()}\n\\end{{align*}}"


def _dollars(equation: Equation) -> str:
    return f"$$\n\\begin{{aligned}}\n{equation.latex()}\n\\end{{aligned}}\n$$"


def _escaped(text: str) -> str:
    return text.replace("_", r"\_").replace("#", r"\#").replace("&", r"\&").replace("%", r"\%")

"""Equations with symbols and numbers, and their three forms: text, LaTeX and Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from clearprop.glass.equations.expression import Expression, Symbol, symbols
from clearprop.glass.equations.notation import LATEX, TEXT, Notation, latex_name, latex_text
from clearprop.glass.equations.numbers import DIGITS, fitting, significant


@dataclass(frozen=True)
class Equation:
    """A quantity, the formulas it is equal to, and its value.

    Attributes:
        name: of the quantity.
        formulas: each is equal to the quantity. All are written with symbols, the last one with
            numbers too.
        value: of this example.
        remark: printed behind the first side; it explains an equation without a formula.
    """

    name: str
    formulas: tuple[Expression, ...]
    value: float
    remark: str = ""

    def symbols(self) -> list[Symbol]:
        """Return the symbols of all formulas."""
        return [symbol for formula in self.formulas for symbol in symbols(formula)]

    def sides(self, notation: Notation, digits: int = DIGITS) -> list[str]:
        """Return the right sides in order: with symbols, with numbers, and the result.

        >>> x = Symbol("x", 0.5)
        >>> Equation("y", (x * x,), 0.25).sides(TEXT)
        ['x * x', '0.5 * 0.5', '0.25']
        """
        if not self.formulas:
            return [notation.signed(significant(self.value, digits))]
        return notation.sides(self.formulas, *fitting(self.formulas[-1], self.value, digits))

    def text(self) -> str:
        """Return the equation as text, each right side on a line of its own."""
        first, *more = self.sides(TEXT)
        said = f"    ({self.remark})" if self.remark else ""
        space = " " * len(self.name)
        return "\n".join([f"{self.name} = {first}{said}", *(f"{space} = {side}" for side in more)])

    def latex(self) -> str:
        """Return the lines of an ``align`` environment."""
        first, *more = self.sides(LATEX)
        said = rf" \quad\text{{({latex_text(self.remark)})}}" if self.remark else ""
        lines = [rf"{latex_name(self.name)} &= {first}{said}", *(f"&= {side}" for side in more)]
        return " \\\\\n".join(lines)


@dataclass(frozen=True)
class Equations:
    """The chain rule at one entry of a node; `str()` gives plain text.

    Attributes:
        title: the node and the entry.
        about: its operation, shape and dtype.
        legend: pairs of a letter and the node or constant that it stands for.
        forward: how the entry was computed.
        backward: how its error signal was computed; None where no error signal can arrive.
    """

    title: str
    about: str
    legend: tuple[tuple[str, str], ...]
    forward: Equation
    backward: Equation | None

    @property
    def text(self) -> str:
        """Plain text; its lines can be typed into a calculator."""
        parts = [f"{self.title} ({self.about})"]
        width = max(len(letter) for letter, _ in self.legend)
        parts += [f"  {letter:<{width}}  {meaning}" for letter, meaning in self.legend]
        parts += ["", "forward", _indented(self.forward.text()), "", "backward"]
        if self.backward is None:
            parts.append("  no error signal: these values are not real numbers")
        else:
            parts.append(_indented(self.backward.text()))
        parts += [f"  {note}" for note in self.notes]
        return "\n".join(parts)

    @property
    def latex(self) -> str:
        """LaTeX for a document that loads ``amsmath``."""
        return "\n".join(
            f"\\begin{{align*}}\n{equation.latex()}\n\\end{{align*}}"
            for equation in (self.forward, self.backward)
            if equation
        )

    @property
    def markdown(self) -> str:
        """Markdown with LaTeX equations between dollar signs, which notebooks typeset."""
        parts = [f"**`{self.title}`** ({self.about})", ""]
        parts += [f"- ${latex_name(letter)}$: `{meaning}`" for letter, meaning in self.legend]
        parts += ["", "Forward:", "", _dollars(self.forward), ""]
        if self.backward is None:
            parts.append("No error signal arrives: these values are not real numbers.")
        else:
            parts += ["Backward:", "", _dollars(self.backward)]
        parts += [f"\n{note}" for note in self.notes]
        return "\n".join(parts)

    @property
    def notes(self) -> list[str]:
        """Explanations of symbols such as ``rest12`` and ``mean``."""
        found: dict[str, str] = {}
        for equation in (self.forward, self.backward):
            for symbol in equation.symbols() if equation else ():
                if symbol.name.startswith("rest"):
                    number = int(symbol.name.removeprefix("rest"))
                    others = f"the other {number} terms" if number > 1 else "the other term"
                    found[symbol.name] = f"{symbol.name}: {others}, as one number"
                elif symbol.name in _HELPERS:
                    found[symbol.name] = f"{symbol.name}: {_HELPERS[symbol.name]}"
                elif symbol.name.startswith("s["):
                    found["s"] = "s: the score of each key, scale times query times key"
        return list(found.values())

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.markdown

    def _repr_latex_(self) -> str:
        return self.latex


_HELPERS = {
    "mean": "the mean of the entries that are reduced or normalized together",
    "var": "their variance",
}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _dollars(equation: Equation) -> str:
    return f"$$\n\\begin{{aligned}}\n{equation.latex()}\n\\end{{aligned}}\n$$"

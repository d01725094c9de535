"""A worked solution as data: sections of lines, each a quantity with its formula and its value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from clearprop.glass.equations.expression import Expression
from clearprop.glass.equations.notation import Notation, write
from clearprop.glass.equations.numbers import MOST_DIGITS, significant

LECTURE_DIGITS = 4
"""Significant digits of the numbers on a handout."""


@dataclass(frozen=True)
class Line:
    """One quantity.

    Attributes:
        name: of the quantity.
        value: of this example, unrounded.
        formula: how it comes about; None where it is given.
        about: what it is, in words.
        gap: its number among the answers; 0 where it is not asked for.
    """

    name: str
    value: float
    formula: Expression | None = None
    about: str = ""
    gap: int = 0

    def sides(self, notation: Notation, digits: int) -> list[str]:
        """Return the right sides: with symbols, with rounded numbers, the result."""

        def number(value: float, shown: int) -> str:
            written = significant(value, shown)
            end = notation.number(written.removeprefix("-"))
            return f"{notation.minus}{end}" if written.startswith("-") else end

        if self.formula is None:
            return [number(self.value, MOST_DIGITS - 1)]
        sides = [
            write(self.formula, notation),
            write(self.formula, notation, lambda symbol: significant(symbol.value, digits)),
            number(self.value, digits),
        ]
        return [side for i, side in enumerate(sides) if not i or side != sides[i - 1]]


@dataclass(frozen=True)
class Section:
    """A part of a handout.

    Attributes:
        heading: its title.
        text: what is said before the lines.
        lines: the quantities, in the order in which they are computed.
        closing: what is said after them, in the solution alone: it tells answers.
    """

    heading: str
    text: str
    lines: tuple[Line, ...]
    closing: str = ""


@dataclass(frozen=True)
class GateRow:
    """A gate at a glance: its value, its local derivatives and its error signal."""

    name: str
    operation: str
    formula: Expression | None
    value: float
    slopes: tuple[tuple[str, float], ...]
    error: float


@dataclass(frozen=True)
class Sheet:
    """A handout without its form.

    Attributes:
        title: what is worked out.
        intro: what is said first.
        sections: the parts.
        gates: every gate at a glance, after the sections; empty for a network.
        notes: what is said last.
        footer: how the handout was made.
        digits: significant digits of its numbers.
        result: the name of what is differentiated.
        blank: whether the answers are left out.
    """

    title: str
    intro: tuple[str, ...]
    sections: tuple[Section, ...]
    gates: tuple[GateRow, ...]
    notes: tuple[str, ...]
    footer: str
    digits: int
    result: str
    blank: bool = False

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all sections."""
        for section in self.sections:
            yield from section.lines

    def numbered(self) -> Sheet:
        """Return the sheet with its answers numbered from 1."""
        count, sections = 0, []
        for section in self.sections:
            lines = []
            for line in section.lines:
                asked = line.formula is not None
                count += asked
                lines.append(replace(line, gap=count if asked else 0))
            sections.append(replace(section, lines=tuple(lines)))
        return replace(self, sections=tuple(sections))

"""A worked solution as data: sections of lines. A line is a quantity, its formula and its value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from clearprop.glass.equations.expression import Expression
from clearprop.glass.equations.notation import Notation
from clearprop.glass.equations.numbers import MOST_DIGITS, significant

LECTURE_DIGITS = 4
"""Significant digits of the numbers on a handout."""


@dataclass(frozen=True)
class Line:
    """One quantity.

    Attributes:
        name: of the quantity.
        value: of this example, unrounded.
        formula: how it is computed; None where it is given.
        about: a description in words.
        gap: the number of its gap in the exercise; 0 where the exercise does not ask for it.
    """

    name: str
    value: float
    formula: Expression | None = None
    about: str = ""
    gap: int = 0

    def sides(self, notation: Notation, digits: int) -> list[str]:
        """Return the right sides: with symbols, with rounded numbers, and the result."""
        if self.formula is None:
            return [notation.signed(significant(self.value, MOST_DIGITS - 1))]
        return notation.sides(
            [self.formula],
            lambda symbol: significant(symbol.value, digits),
            significant(self.value, digits),
        )


@dataclass(frozen=True)
class Section:
    """A part of a handout.

    Attributes:
        heading: its title.
        text: the text before the lines.
        lines: the quantities, in the order in which they are computed.
        closing: the text after the lines. The exercise leaves it out, because it has results.
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
    """The content of a handout, in no particular format.

    Attributes:
        title: what is worked out.
        intro: the paragraphs before the sections.
        sections: the parts.
        gates: every gate at a glance, after the sections; empty for a network.
        notes: pairs of a heading and a text, at the end.
        footer: how the handout was made.
        digits: significant digits of its numbers.
        blank: whether it is the exercise, with gaps in the place of the results.
        owner: for whom the sheet is; "" for everybody.
    """

    title: str
    intro: tuple[str, ...]
    sections: tuple[Section, ...]
    gates: tuple[GateRow, ...]
    notes: tuple[tuple[str, str], ...]
    footer: str
    digits: int
    blank: bool = False
    owner: str = ""

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all sections."""
        for section in self.sections:
            yield from section.lines

    def numbered(self) -> Sheet:
        """Return the sheet with its computed quantities numbered from 1."""
        numbers = itertools.count(1)

        def with_gap(line: Line) -> Line:
            return line if line.formula is None else replace(line, gap=next(numbers))

        return replace(
            self,
            sections=tuple(
                replace(section, lines=tuple(map(with_gap, section.lines)))
                for section in self.sections
            ),
        )

    def exercise(self) -> Sheet:
        """Return the sheet without everything that shows a result."""
        sections = tuple(replace(section, closing="") for section in self.sections)
        return replace(self, sections=sections, gates=(), notes=(), blank=True)

"""Grading a filled exercise: its answers are compared with values computed from the sheet itself.

Nothing on the sheet is executed. The parser of `parsing` reads its lines; it accepts numbers, names
and a dozen functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clearprop.errors import DataError
from clearprop.glass.equations.expression import (
    Expression,
    Number,
    Symbol,
    evaluate,
    substitute,
    symbols,
)
from clearprop.glass.equations.mistakes import Misstep, Surroundings, likely
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.parsing import parse
from clearprop.glass.equations.sheet import Line, Sheet

LARGEST_SHEET = 1_000_000
"""The most characters of a sheet."""

FEWEST_DIGITS = 2
"""The fewest significant digits of an answer, unless it is exact."""

_LINE = re.compile(r"^\s*(?P<name>[A-Za-z][\w/]*'?)\s*=\s*(?P<rest>.*)$")
_GAP = re.compile(r"^(?P<formula>.*?)=\s*\((?P<gap>\d{1,6})\)(?P<answer>.*)$")
_ENTRY = re.compile(r"(\S+)\[(\d{1,4}),(\d{1,4})\]")
_ANSWER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf|nan")


@dataclass(frozen=True)
class Filled:
    """A number as a person wrote it, with its significant digits and the unit of the last one."""

    text: str
    value: float
    digits: int
    unit: float

    @classmethod
    def read(cls, text: str) -> Filled | None:
        """Read an answer; None if it is not a number.

        >>> Filled.read("0,755").unit
        0.001
        """
        plain = text.strip().replace("\u2212", "-").replace(",", ".").replace(" ", "")
        if len(plain) > 60 or _ANSWER.fullmatch(plain) is None:
            return None
        mantissa, _, power = plain.lower().partition("e")
        digits = re.sub(r"[^\d]", "", mantissa).lstrip("0")
        places = len(mantissa.partition(".")[2])
        exponent = max(-290, min(290, int(power or 0))) if "inf" not in plain else 0
        return cls(text.strip(), float(plain), len(digits), 10.0 ** (exponent - places))

    def means(self, value: float) -> bool:
        """Return whether this is the given value, rounded to the digits that were written."""
        if not math.isfinite(value):
            return self.text.lower().lstrip("+") == str(value)
        if math.isclose(self.value, value, rel_tol=1e-9, abs_tol=1e-15):
            return True
        near = abs(self.value - value) <= 0.5 * self.unit * (1 + 1e-9)
        return near and self.digits >= FEWEST_DIGITS


@dataclass(frozen=True)
class Answer:
    """The marked answer in one gap.

    Attributes:
        gap: its number.
        name: of the quantity.
        given: the text in the gap, "" for nothing.
        expected: the true value.
        verdict: "right", "carried" (right after an earlier mistake), "wrong" or "empty".
        likely: the probable mistake; "" where it is not known.
        kind: of the mistake, a key of `KINDS`; "" for an answer that is not wrong.
    """

    gap: int
    name: str
    given: str
    expected: float
    verdict: str
    likely: str = ""
    kind: str = ""

    def __str__(self) -> str:
        text = f"({self.gap}) {self.name}: {self.verdict}"
        if self.verdict in ("wrong", "carried"):
            text += f", {self.given} is given and {significant(self.expected, 6)} expected"
        return f"{text}; {self.likely}" if self.likely else text


@dataclass(frozen=True)
class Grade:
    """A marked exercise; `str()` shows a line for each gap and the mark.

    Attributes:
        answers: in the order of the gaps.
    """

    answers: tuple[Answer, ...]

    def count(self, verdict: str) -> int:
        """Return how many answers have a verdict."""
        return sum(answer.verdict == verdict for answer in self.answers)

    @property
    def mark(self) -> float:
        """The fraction of the gaps that are right, or right after an earlier mistake."""
        return (self.count("right") + self.count("carried")) / len(self.answers)

    def __str__(self) -> str:
        counts = ", ".join(
            f"{self.count(verdict)} {verdict}" for verdict in ("right", "carried", "wrong", "empty")
        )
        good = self.count("right") + self.count("carried")
        end = f"mark: {good} of {len(self.answers)} ({100 * self.mark:.0f} %): {counts}"
        return "\n".join([*map(str, self.answers), "", end])


def grade(filled: str) -> Grade:
    r"""Grade a filled exercise by the numbers and formulas on it.

    An answer is right if it is the true value, rounded to the digits that are written, at least
    two. An answer that follows from an earlier wrong answer is called carried and counts as well.
    An answer of nan or inf is right if it is the true value; no carried answer follows from it.

    Args:
        filled: the text of the sheet, in the Markdown of `WorkedSolution.blank`.

    Raises:
        DataError: the sheet has no gaps, or a line cannot be read; the message names the line.

    >>> print(grade("x = 2\ny = x^2 = (1) 4.0\nz = x * y = (2) -8.0"))
    (1) y: right
    (2) z: wrong, -8.0 is given and 8 expected; the size is right, the sign is not
    <BLANKLINE>
    mark: 1 of 2 (50 %): 1 right, 0 carried, 1 wrong, 0 empty
    """
    known: dict[str, float] = {}
    lines, answers = [], dict[int, str]()
    abouts: dict[str, str] = {}
    for number, name, rest, about in _lines(filled):
        gap = _GAP.match(rest)
        try:
            formula = parse(gap["formula"] if gap else rest, known.__getitem__)
        except DataError as error:
            error.where = f"line {number}"
            raise
        known[name] = evaluate(formula, lambda symbol: symbol.value)
        if gap is None:
            abouts[name] = about
            continue
        place = int(gap["gap"])
        if place in answers:
            raise DataError("a gap occurs twice on the sheet", where=f"line {number}", given=name)
        answers[place] = gap["answer"]
        lines.append(Line(name, known[name], formula, gap=place))
    formulas = {line.name: line.formula for line in lines if line.formula is not None}
    return _graded(lines, answers, Surroundings(known, formulas, transposed(abouts)))


def grade_by(sheet: Sheet, filled: str) -> Grade:
    """Grade a filled exercise by a solution; only the answers are read from the text.

    Raises:
        DataError: the text has none of the gaps.
    """
    gaps = (_GAP.match(rest) for _, _, rest, _ in _lines(filled))
    return grade_answers(sheet, {int(gap["gap"]): gap["answer"] for gap in gaps if gap})


def grade_answers(sheet: Sheet, answers: Mapping[int, str]) -> Grade:
    """Grade answers by a solution.

    Args:
        sheet: of the solution.
        answers: what was written, by the number of the gap.

    Raises:
        DataError: none of the answers belongs to a gap of the sheet.
    """
    lines = [line for line in sheet.lines() if line.gap]
    found = {line.gap: answers[line.gap] for line in lines if line.gap in answers}
    everything = list(sheet.lines())
    around = Surroundings(
        {line.name: line.value for line in everything},
        {line.name: line.formula for line in everything if line.formula is not None},
        transposed({line.name: line.about for line in everything if line.formula is None}),
    )
    return _graded(lines, found, around)


def transposed(abouts: Mapping[str, str]) -> dict[str, str]:
    """Return the entry that takes the place of each weight in the transposed matrix.

    A matrix that is not square is read by columns where it was written by rows.

    Args:
        abouts: the path of each weight by its name, such as ``layers.0.weight[0,1]``.

    >>> paths = {"w1": "a.weight[0,0]", "w2": "a.weight[0,1]", "w3": "a.weight[1,0]"}
    >>> transposed(paths | {"w4": "a.weight[1,1]"})
    {'w1': 'w1', 'w2': 'w3', 'w3': 'w2', 'w4': 'w4'}
    """
    matrices: dict[str, dict[tuple[int, int], str]] = {}
    for name, about in abouts.items():
        entry = _ENTRY.fullmatch(about)
        if entry is not None:
            matrices.setdefault(entry[1], {})[int(entry[2]), int(entry[3])] = name
    found = {}
    for entries in matrices.values():
        rows = 1 + max(i for i, _ in entries)
        columns = 1 + max(j for _, j in entries)
        if len(entries) == rows * columns and min(rows, columns) > 1:
            for (i, j), name in entries.items():
                found[name] = entries[divmod(j * rows + i, columns)]
    return found


def _lines(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield (number of the line, left side, right side, comment) of a sheet's equations."""
    if len(text) > LARGEST_SHEET:
        raise DataError("the sheet is too long", given=f"{len(text):,} characters")
    fenced = "```" not in text
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        equation, _, about = line.partition("#")
        found = _LINE.match(equation.rstrip())
        if fenced and found is not None:
            yield number, found["name"], found["rest"], about.strip()


def _graded(lines: list[Line], answers: Mapping[int, str], around: Surroundings) -> Grade:
    if not answers:
        raise DataError(
            "the sheet has no gaps",
            expected="lines such as h1 = sigmoid(z1) = (3) 0.68",
            fix="clearprop worked 2-2-1 --blank --output FILE makes an exercise",
        )
    own: dict[str, float] = {}
    wrong: set[str] = set()
    marked = []
    for line in lines:
        text = answers.get(line.gap, "").replace("_", " ").strip().rstrip(".; ")
        given = Filled.read(text)
        if given is not None:
            verdict, why = _verdict(line, given, own, around, wrong)
        elif text:
            verdict, why = "wrong", Misstep("no number", "that is no number")
        else:
            verdict, why = "empty", Misstep("", "")
        shown = text if given else text[:40]
        marked.append(Answer(line.gap, line.name, shown, line.value, verdict, why.text, why.kind))
        # Nothing follows from nan or inf: a sheet full of nan would be consistent.
        if given is not None and math.isfinite(given.value):
            own[line.name] = given.value
            if verdict in ("wrong", "carried"):
                wrong.add(line.name)
    return Grade(tuple(marked))


def _verdict(
    line: Line,
    given: Filled,
    own: Mapping[str, float],
    around: Surroundings,
    wrong: set[str],
) -> tuple[str, Misstep]:
    """Return the verdict on an answer and the probable mistake."""
    if given.means(line.value):
        return "right", Misstep("", "")
    formula: Expression = Number(line.value) if line.formula is None else line.formula

    def own_value(symbol: Symbol) -> float:
        return own.get(symbol.name, symbol.value)

    followed = evaluate(formula, own_value)
    earlier = dict.fromkeys(s.name for s in symbols(formula) if s.name in wrong)
    follows = math.isfinite(followed) and given.means(followed)
    if follows and earlier:
        return "carried", Misstep("", f"it follows from your {', '.join(earlier)}")
    if follows:
        why = "rounded too early: it follows from your rounded numbers, keep more digits on the way"
        return "wrong", Misstep("rounding", why)
    if abs(given.value - line.value) <= 0.5 * given.unit:
        return "wrong", Misstep("digits", f"too few digits: give at least {FEWEST_DIGITS}")
    mistake = likely(line.name, formula, line.value, given.means, given.value, around)
    if mistake.kind in ("unknown", "rounding", "other quantity") and earlier:
        # A mistake on top of an earlier one shows only in the student's own numbers.
        with_own = substitute(formula, lambda s: Symbol(s.name, own_value(s)))
        values = {**around.values, **own}
        own_around = Surroundings(values, around.formulas, around.transposed)
        again = likely(line.name, with_own, followed, given.means, given.value, own_around)
        if again.kind not in ("unknown", "other quantity"):
            text = f"{again.text}; it starts from your {', '.join(earlier)}"
            return "wrong", Misstep(again.kind, text)
    return "wrong", mistake

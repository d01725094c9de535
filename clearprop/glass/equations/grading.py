"""Grading a filled exercise: its answers are computed anew from what stands on the sheet.

Nothing of the sheet is run: its lines are read by the parser of `parsing`, which knows numbers,
names and a dozen functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clearprop.errors import DataError
from clearprop.glass.equations.expression import Expression, Number, evaluate, symbols
from clearprop.glass.equations.mistakes import likely
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.parsing import parse
from clearprop.glass.equations.sheet import Line, Sheet

LARGEST_SHEET = 1_000_000
"""Characters of a sheet that is read."""

FEWEST_DIGITS = 2
"""Significant digits that an answer needs, unless it is exact."""

_LINE = re.compile(r"^\s*(?P<name>[A-Za-z][\w/]*'?)\s*=\s*(?P<rest>.*)$")
_GAP = re.compile(r"^(?P<formula>.*?)=\s*\((?P<gap>\d{1,6})\)(?P<answer>.*)$")
_ANSWER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf|nan")


@dataclass(frozen=True)
class Filled:
    """A number as somebody wrote it."""

    text: str
    value: float
    digits: int
    unit: float

    @classmethod
    def read(cls, text: str) -> Filled | None:
        """Read an answer; None where it is no number.

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
        """Say whether this is a number, rounded to the digits that are given."""
        if not math.isfinite(value):
            return self.text.lower().lstrip("+") == str(value)
        if math.isclose(self.value, value, rel_tol=1e-9, abs_tol=1e-15):
            return True
        near = abs(self.value - value) <= 0.5 * self.unit * (1 + 1e-9)
        return near and self.digits >= FEWEST_DIGITS


@dataclass(frozen=True)
class Answer:
    """One gap, marked.

    Attributes:
        gap: its number.
        name: of the quantity.
        given: what was written, "" for nothing.
        expected: the true value.
        verdict: "right", "carried" (right after a mistake further up), "wrong" or "empty".
        likely: what probably went wrong; "" where that cannot be told.
    """

    gap: int
    name: str
    given: str
    expected: float
    verdict: str
    likely: str = ""

    def __str__(self) -> str:
        text = f"({self.gap}) {self.name}: {self.verdict}"
        if self.verdict in ("wrong", "carried"):
            text += f", {self.given} is given and {significant(self.expected, 6)} expected"
        return f"{text}; {self.likely}" if self.likely else text


@dataclass(frozen=True)
class Grade:
    """A marked exercise; `str()` has a line for each gap, and the mark.

    Attributes:
        answers: in the order of the gaps.
    """

    answers: tuple[Answer, ...]

    def count(self, verdict: str) -> int:
        """Return how many answers have a verdict."""
        return sum(answer.verdict == verdict for answer in self.answers)

    @property
    def mark(self) -> float:
        """The share of the gaps that are right, or right after an earlier mistake."""
        return (self.count("right") + self.count("carried")) / len(self.answers)

    def __str__(self) -> str:
        counts = ", ".join(
            f"{self.count(verdict)} {verdict}" for verdict in ("right", "carried", "wrong", "empty")
        )
        good = self.count("right") + self.count("carried")
        end = f"mark: {good} of {len(self.answers)} ({100 * self.mark:.0f} %): {counts}"
        return "\n".join([*map(str, self.answers), "", end])


def grade(filled: str) -> Grade:
    r"""Grade a filled exercise by the numbers and formulas that stand on it.

    An answer is right where it is the true value rounded to the digits that are given, at least
    two. One that follows from a wrong answer further up counts as well, and is called carried;
    nan and inf are right where they are the true value, and carry nothing.

    Args:
        filled: the text of the sheet, Markdown as `WorkedSolution.blank` writes it.

    Raises:
        DataError: it has no gaps, or a line of it cannot be read; the line is named.

    >>> print(grade("x = 2\ny = x^2 = (1) 4.0\nz = x * y = (2) -8.0"))
    (1) y: right
    (2) z: wrong, -8.0 is given and 8 expected; the sign is the other one
    <BLANKLINE>
    mark: 1 of 2 (50 %): 1 right, 0 carried, 1 wrong, 0 empty
    """
    known: dict[str, float] = {}
    lines, answers = [], dict[int, str]()
    for number, name, rest in _lines(filled):
        gap = _GAP.match(rest)
        try:
            formula = parse(gap["formula"] if gap else rest, known.__getitem__)
        except DataError as error:
            error.where = f"line {number}"
            raise
        known[name] = evaluate(formula, lambda symbol: symbol.value)
        if gap is None:
            continue
        place = int(gap["gap"])
        if place in answers:
            raise DataError("a gap stands twice on the sheet", where=f"line {number}", given=name)
        answers[place] = gap["answer"]
        lines.append(Line(name, known[name], formula, gap=place))
    return _graded(lines, answers, known)


def grade_by(sheet: Sheet, filled: str) -> Grade:
    """Grade a filled exercise by a solution; only the answers are taken from the text.

    Raises:
        DataError: it has none of the gaps.
    """
    answers = {}
    for _, _, rest in _lines(filled):
        gap = _GAP.match(rest)
        if gap is not None:
            answers[int(gap["gap"])] = gap["answer"]
    lines = [line for line in sheet.lines() if line.gap]
    found = {line.gap: answers[line.gap] for line in lines if line.gap in answers}
    return _graded(lines, found, {line.name: line.value for line in sheet.lines()})


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (number of the line, name, what it is equal to) of the equations of a sheet."""
    if len(text) > LARGEST_SHEET:
        raise DataError("the sheet is too long", given=f"{len(text):,} characters")
    fenced = "```" not in text
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        found = _LINE.match(line.partition("#")[0].rstrip())
        if fenced and found is not None:
            yield number, found["name"], found["rest"]


def _graded(lines: list[Line], answers: Mapping[int, str], truth: Mapping[str, float]) -> Grade:
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
        answer = _marked(line, answers.get(line.gap, ""), own, truth, wrong)
        marked.append(answer)
        given = Filled.read(_bare(answers.get(line.gap, "")))
        # Nothing follows from an answer without bounds: sheets full of nan would be consistent.
        if given is not None and math.isfinite(given.value):
            own[line.name] = given.value
            if answer.verdict in ("wrong", "carried"):
                wrong.add(line.name)
    return Grade(tuple(marked))


def _bare(text: str) -> str:
    return text.replace("_", " ").strip().rstrip(".;")


def _marked(
    line: Line, written: str, own: Mapping[str, float], truth: Mapping[str, float], wrong: set[str]
) -> Answer:
    text = _bare(written)
    if not text:
        return Answer(line.gap, line.name, "", line.value, "empty")
    given = Filled.read(text)
    if given is None:
        return Answer(line.gap, line.name, text[:40], line.value, "wrong", "that is no number")
    if given.means(line.value):
        return Answer(line.gap, line.name, given.text, line.value, "right")
    formula: Expression = Number(line.value) if line.formula is None else line.formula
    followed = evaluate(formula, lambda symbol: own.get(symbol.name, symbol.value))
    used = [symbol.name for symbol in symbols(formula)]
    earlier = [name for name in used if name in wrong]
    follows = math.isfinite(followed) and given.means(followed)
    if follows and earlier:
        said = f"it follows from your {', '.join(dict.fromkeys(earlier))}"
        return Answer(line.gap, line.name, given.text, line.value, "carried", said)
    if follows:
        said = (
            "rounded too early: it follows from your rounded numbers, keep more digits on the way"
        )
        return Answer(line.gap, line.name, given.text, line.value, "wrong", said)
    if abs(given.value - line.value) <= 0.5 * given.unit:
        said = f"too few digits: give at least {FEWEST_DIGITS}"
        return Answer(line.gap, line.name, given.text, line.value, "wrong", said)
    said = likely(formula, line.value, given.means, given.value, truth)
    return Answer(line.gap, line.name, given.text, line.value, "wrong", said)

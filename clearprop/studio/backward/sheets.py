"""An exercise to fill in on the page, and the marks of what was filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from clearprop.errors import ConfigurationError
from clearprop.glass.equations.expression import Expression
from clearprop.glass.equations.grading import FEWEST_DIGITS, Answer, grade_answers
from clearprop.glass.equations.mistakes import KINDS
from clearprop.glass.equations.notation import MATHML, TEXT, Notation, mathml_name
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.sheet import Line, Sheet
from clearprop.studio.backward.messages import (
    AnswerMark,
    AnswerMarks,
    ExerciseSheet,
    SheetLine,
    SheetPart,
    Verdict,
)
from clearprop.studio.backward.trace import in_words, written_number

_VERDICTS: dict[str, Verdict] = {verdict: verdict for verdict in get_args(Verdict)}

HOW = (
    "Give each number with the digits that you are sure of, at least "
    f"{FEWEST_DIGITS}. It is right if it is the true number, rounded to these digits. A number "
    "that follows from an earlier wrong one counts as well."
)


def exercise_sheet(sheet: Sheet) -> ExerciseSheet:
    """Return an exercise as plain data; it shows no result."""
    blank = sheet.exercise()
    return ExerciseSheet(
        title=blank.title,
        intro=blank.intro[:-1],  # the last one is about rounding on paper
        how=HOW,
        parts=tuple(
            SheetPart(part.heading, part.text, tuple(_lines(part.lines, sheet.digits)))
            for part in blank.sections
        ),
    )


def _lines(lines: tuple[Line, ...], digits: int) -> Iterator[SheetLine]:
    for line in lines:
        formula, text = (_side(line, notation, digits) for notation in (MATHML, TEXT))
        label = mathml_name(line.name)
        yield SheetLine(
            line.gap, line.name, label, f"<mrow>{formula}</mrow>", text, in_words(line.about)
        )


def _side(line: Line, notation: Notation, digits: int) -> str:
    """Return the right side: the formula, or the given number, as the drawing shows it."""
    if line.formula is None:
        return notation.signed(significant(line.value, digits))
    formulas: list[Expression] = [line.formula]
    return notation.sides(formulas, None, "")[0]


def marked(sheet: Sheet, answers: Mapping[str, str]) -> AnswerMarks:
    """Return the marks of the gaps that were filled in.

    Args:
        sheet: of the solution.
        answers: what was written, by the number of the gap as text.

    Raises:
        ConfigurationError: an answer belongs to no gap.

    >>> from clearprop.glass.equations.lectures import lecture
    >>> [mark.verdict for mark in marked(lecture("gate").sheet, {"1": "-2", "2": "-6"}).answers]
    ['right', 'wrong']
    """
    gaps = {str(line.gap): line.gap for line in sheet.lines() if line.gap}
    for key in answers:
        if key not in gaps:
            raise ConfigurationError(
                "an answer belongs to no gap of the exercise",
                given=repr(key),
                expected=f"a number from 1 to {len(gaps)}",
            )
    filled = {gaps[key]: text for key, text in answers.items() if text.strip()}
    if not filled:
        return AnswerMarks((), 0, 0)
    every = grade_answers(sheet, filled).answers
    marks = tuple(_mark(answer, sheet.digits) for answer in every if answer.gap in filled)
    good = sum(mark.verdict in ("right", "carried") for mark in marks)
    return AnswerMarks(marks, good, len(marks))


def _mark(answer: Answer, digits: int) -> AnswerMark:
    return AnswerMark(
        gap=answer.gap,
        name=answer.name,
        verdict=_VERDICTS[answer.verdict],
        kind=answer.kind,
        about=KINDS.get(answer.kind, ""),
        hint=answer.likely,
        expected=written_number(answer.expected, digits),
    )

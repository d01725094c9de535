"""The answers to what the view of the backward pass asks for."""

from __future__ import annotations

from pathlib import Path

from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.messages import (
    AnswerMarks,
    ExerciseSheet,
    MarkWish,
    PassSource,
    PassTrace,
    SentNetwork,
    TraceWish,
)
from clearprop.studio.backward.sheets import exercise_sheet, marked
from clearprop.studio.backward.sources import solution
from clearprop.studio.backward.trace import traced


def trace_for(wish: TraceWish, runs: Path | None) -> PassTrace:
    """Return a pass step by step; `solution` says which errors it raises."""
    found = solution(wish.source, wish.digits, runs, wish.number)
    features = wish.source.features if isinstance(wish.source, SentNetwork) else ()
    return traced(Flow.of(found, wish.detail), wish.number, features)


def sheet_for(source: PassSource, digits: int, runs: Path | None) -> ExerciseSheet:
    """Return an exercise as data."""
    return exercise_sheet(solution(source, digits, runs).sheet)


def worked_for(source: PassSource, digits: int, runs: Path | None) -> str:
    """Return a worked solution as a page."""
    return solution(source, digits, runs).html


def blank_for(source: PassSource, digits: int, runs: Path | None, markdown: bool) -> str:
    """Return an exercise as a page, or in Markdown."""
    blank = solution(source, digits, runs).blank()
    return blank.markdown if markdown else blank.html


def marks_for(wish: MarkWish, runs: Path | None) -> AnswerMarks:
    """Return the marks of answers."""
    found = solution(wish.source, wish.digits, runs, wish.number if wish.of == "steps" else 1)
    sheet = found.sheet if wish.of == "sheet" else Flow.of(found, wish.detail).sheet()
    return marked(sheet, wish.answers)

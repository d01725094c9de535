"""All questions and worries of the second set, in the order of their topics."""

from __future__ import annotations

from benchmarks.questions.question import Question
from benchmarks.questions.second import (
    data,
    initial_values,
    layers,
    limits,
    own_loss,
    sequences,
    steps,
    targets,
)
from benchmarks.questions.second.healthy import WORRIES

QUESTIONS: tuple[Question, ...] = (
    *data.QUESTIONS,
    *targets.QUESTIONS,
    *own_loss.QUESTIONS,
    *initial_values.QUESTIONS,
    *steps.QUESTIONS,
    *limits.QUESTIONS,
    *layers.QUESTIONS,
    *sequences.QUESTIONS,
)

__all__ = ["QUESTIONS", "WORRIES"]

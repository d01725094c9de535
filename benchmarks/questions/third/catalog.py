"""All questions and worries of the third set, in the order of their topics."""

from __future__ import annotations

from benchmarks.questions.question import Question
from benchmarks.questions.third import capacity, data, last_layer, layers, own_loss, steps
from benchmarks.questions.third.healthy import WORRIES

QUESTIONS: tuple[Question, ...] = (
    *data.QUESTIONS,
    *last_layer.QUESTIONS,
    *own_loss.QUESTIONS,
    *steps.QUESTIONS,
    *capacity.QUESTIONS,
    *layers.QUESTIONS,
)

__all__ = ["QUESTIONS", "WORRIES"]

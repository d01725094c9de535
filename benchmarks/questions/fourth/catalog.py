"""All questions and worries of the fourth set, in the order of their topics."""

from __future__ import annotations

from benchmarks.questions.fourth import capacity, data, last_layer, layers, own_loss, steps
from benchmarks.questions.fourth.healthy import WORRIES
from benchmarks.questions.question import Question

QUESTIONS: tuple[Question, ...] = (
    *data.QUESTIONS,
    *last_layer.QUESTIONS,
    *own_loss.QUESTIONS,
    *steps.QUESTIONS,
    *capacity.QUESTIONS,
    *layers.QUESTIONS,
)

__all__ = ["QUESTIONS", "WORRIES"]

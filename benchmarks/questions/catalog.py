"""All questions and worries, in the order of their topics."""

from __future__ import annotations

from benchmarks.questions import (
    architecture,
    data,
    initial_values,
    last_layer,
    learning_rate,
    own_loss,
    recurrent,
    regularization,
    training,
)
from benchmarks.questions.healthy import WORRIES
from benchmarks.questions.question import Question

QUESTIONS: tuple[Question, ...] = (
    *data.QUESTIONS,
    *last_layer.QUESTIONS,
    *own_loss.QUESTIONS,
    *initial_values.QUESTIONS,
    *learning_rate.QUESTIONS,
    *regularization.QUESTIONS,
    *architecture.QUESTIONS,
    *recurrent.QUESTIONS,
    *training.QUESTIONS,
)

__all__ = ["QUESTIONS", "WORRIES"]

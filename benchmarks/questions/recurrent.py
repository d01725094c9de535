"""Questions about recurrent networks."""

from __future__ import annotations

import numpy as np
from jax import Array

from benchmarks.questions.question import NOT_LEARNED, Program, Question, Values
from benchmarks.questions.sets import Parts, digit_rows
from clearprop import nn, optim


class LastState(nn.Module):
    """A recurrent layer whose output after some step is classified."""

    reader: nn.Module
    head: nn.Linear
    step: int = nn.static()

    def __init__(self, reader: nn.Module, hidden: int, step: int = -1) -> None:
        self.reader = reader
        self.head = nn.Linear(hidden, 10)
        self.step = step

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 10) of sequences (N, T, D)."""
        return self.head(self.reader(x)[:, self.step])


def padded(parts: Parts, length: int) -> Parts:
    """Return the sequences with zeros after them, up to the length."""

    def longer(x: Values) -> Values:
        return np.pad(x, ((0, 0), (0, length - x.shape[1]), (0, 0)))

    return parts.with_inputs(*(longer(part[0]) for part in parts.all()))


def read_after_padding(corrected: bool) -> Program:
    """An RNN that reads eight rows, then ninety rows of zeros, and answers then."""
    model = LastState(nn.RNN(8, 32), 32, step=7 if corrected else -1)
    settings = {"learning_rate": 0.003}
    return Program(model, *padded(digit_rows(), 98).all(), epochs=12, options=settings)


def pairs_of_pixels(parts: Parts) -> Parts:
    """Return the pictures as sequences of 32 pairs of pixels."""
    return parts.with_inputs(*(part[0].reshape(-1, 32, 2) for part in parts.all()))


def unclipped_rectifiers(corrected: bool) -> Program:
    """An RNN of rectified units over 32 steps, trained with gradients that nothing limits."""
    optimizer = optim.momentum(0.05)
    if corrected:
        optimizer = optim.chain(optim.clip_by_global_norm(0.25), optimizer)
    model = LastState(nn.RNN(2, 32, nonlinearity="relu"), 32)
    parts = pairs_of_pixels(digit_rows())
    return Program(model, *parts.all(), epochs=12, options={"optimizer": optimizer})


QUESTIONS = (
    Question(
        "read after padding",
        asked="My RNN reads sequences that I pad with zeros to the longest one, and classifies the "
        "last output. With short padding it works, with ninety zeros it hardly learns.",
        cause="Between the last real step and the output are ninety steps, through which the error "
        "signal vanishes.",
        program=read_after_padding,
        faulty=0.3,
        corrected=0.1,
        right={"vanishing_through_time"},
        follows=NOT_LEARNED | {"constant_inputs", "too_few_epochs"},
        remains={"constant_inputs"},
    ),
    Question(
        "unclipped rectifiers",
        asked="I replaced tanh by ReLU in my RNN, because ReLU trains faster. It does for three "
        "epochs; then the loss jumps up and becomes NaN.",
        cause="The error signal explodes through 32 rectified steps, and nothing clips it.",
        program=unclipped_rectifiers,
        faulty=0.5,
        corrected=0.25,
        right={"exploding_through_time"},
        follows=NOT_LEARNED | {"non_finite", "rate_too_high"},
        remains={"underfitting", "below_linear_model", "too_few_epochs"},
    ),
)

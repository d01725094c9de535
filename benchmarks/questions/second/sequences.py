"""Questions about sequences: recurrent layers, attention, texts and series."""

from __future__ import annotations

import numpy as np
from jax import Array

from benchmarks.questions.question import (
    NOT_LEARNED,
    Program,
    Question,
    Values,
    relative_error,
)
from benchmarks.questions.second.sets import carbon_dioxide, sunspots
from benchmarks.questions.sets import CHARACTERS, Parts, digit_rows, help_texts
from clearprop import nn, ops
from clearprop.nn.containers import Layer


class LastRow(nn.Module):
    """A recurrent layer over the rows of a picture; its last output is classified."""

    reader: nn.Module
    head: nn.Linear
    time_first: bool = nn.static()

    def __init__(self, reader: nn.Module, hidden: int, time_first: bool = False) -> None:
        self.reader = reader
        self.head = nn.Linear(hidden, 10)
        self.time_first = time_first

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 10) of sequences (N, T, D)."""
        if self.time_first:
            x = ops.moveaxis(x, 0, 1)
        states = self.reader(x)
        if self.time_first:
            states = ops.moveaxis(states, 0, 1)
        return self.head(states[:, -1])


def time_first(corrected: bool) -> Program:
    """A GRU that is given (time, batch, features), as another library has it."""
    model = LastRow(nn.GRU(8, 32), 32, time_first=not corrected)
    settings = {"learning_rate": 0.005}
    return Program(model, *digit_rows().all(), epochs=12, options=settings)


class Writer(nn.Module):
    """Predicts the next character by attention to those before, or to all."""

    embed: nn.Embedding
    places: nn.LearnedPositions
    block: nn.TransformerBlock
    head: nn.Linear

    def __init__(self, causal: bool) -> None:
        self.embed = nn.Embedding(len(CHARACTERS), 32)
        self.places = nn.LearnedPositions(24, 32)
        self.block = nn.TransformerBlock(32, 2, 64, causal=causal)
        self.head = nn.Linear(32, len(CHARACTERS))

    def __call__(self, x: Array) -> Array:
        """Return logits (N, T, 27) of characters (N, T)."""
        return self.head(self.block(self.places(self.embed(x))))


def wrong_in_the_middle(outputs: Values, targets: Values) -> float:
    """Return the fraction of wrong characters at place 12, the last one that was written."""
    return float((outputs[:, 12].argmax(-1) != targets[:, 12]).mean())


def attention_to_the_future(corrected: bool) -> Program:
    """A language model without a causal mask; the test texts are written up to the middle."""
    parts = help_texts(count=500)
    begun = parts.test[0].copy()
    begun[:, 13:] = 0
    return Program(
        Writer(causal=corrected),
        parts.train,
        parts.dev,
        (begun, parts.test[1]),
        loss="sequence_cross_entropy",
        epochs=22,
        options={"learning_rate": 0.01},
        score=wrong_in_the_middle,
    )


def in_parts_per_million(parts: Parts, changes: bool) -> Parts:
    """Return windows and targets as distances from their level, in tens of ppm.

    The level is the mean of the training part, or the last value of each window.
    """
    x, _ = parts.train
    center = x.mean()

    def moved(x: Values, y: Values) -> tuple[Values, Values]:
        level = x[:, -1] if changes else np.full_like(y, center)
        return (x[..., 0] - level) / 10, (y - level) / 10

    return Parts(*(moved(*part) for part in parts.all()))


def deviation(outputs: Values, targets: Values) -> float:
    """Return the root mean square error in ppm."""
    return float(10 * np.sqrt(((outputs - targets) ** 2).mean()))


def level_of_the_past(corrected: bool) -> Program:
    """A forecast of CO2, whose level rises, by a network that saw the first thirty years."""
    return Program(
        nn.Sequential([nn.Linear(13, 32), ops.tanh, nn.Linear(32, 1)]),
        *in_parts_per_million(carbon_dioxide(), changes=corrected).all(),
        loss="mean_squared_error",
        epochs=20,
        options={"learning_rate": 0.003},
        score=deviation,
    )


def forgets_at_once(corrected: bool) -> Program:
    """An LSTM whose forget gates begin at 0.002."""
    parts = digit_rows()
    parts = parts.with_inputs(*(part[0].reshape(-1, 16, 4) for part in parts.all()))
    model = LastRow(nn.LSTM(4, 24, forget_bias=1.0 if corrected else -6.0), 24)
    settings = {"optimizer": "momentum", "learning_rate": 0.2}
    return Program(model, *parts.all(), epochs=15, options=settings)


class Forecaster(nn.Module):
    """A GRU whose last output becomes a number."""

    first: nn.Module
    reader: nn.GRU
    head: nn.Linear

    def __init__(self, first: Layer) -> None:
        self.first = nn.Sequential([first])
        self.reader = nn.GRU(1, 24)
        self.head = nn.Linear(24, 1)

    def __call__(self, x: Array) -> Array:
        """Return numbers (N, 1) of series (N, T, 1)."""
        return self.head(self.reader(self.first(x))[:, -1])


def normalized_alone(corrected: bool) -> Program:
    """A series of single numbers that goes through layer normalization first."""
    return Program(
        Forecaster(nn.Linear(1, 1) if corrected else nn.LayerNorm(1)),
        *sunspots().all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


QUESTIONS = (
    Question(
        "time first",
        asked="I moved my GRU for rows of digits from another library and kept x.transpose(0, 1). "
        "It compiles, but does not get above 50 %. And the prediction for a picture changes when "
        "I predict it together with others!",
        cause="The layer expects (batch, time, features): it reads from one picture to the next "
        "instead of from row to row.",
        program=time_first,
        faulty=0.3,
        corrected=0.08,
        right={"mixed_examples"},
        follows=NOT_LEARNED | {"lost_information", "too_few_epochs", "overfitting"},
        words=("example|batch",),
    ),
    Question(
        "attention to the future",
        asked="My small GPT predicts the next character with 3 % error, on validation texts too! "
        "But when I let it write, it writes nonsense after the first character.",
        cause="The causal mask is missing: the model copies the next character from its input.",
        program=attention_to_the_future,
        faulty=0.74,
        corrected=0.65,
        right=set(),  # no kind is about an input that contains the target
    ),
    Question(
        "level of the past",
        asked="My network forecasts CO2 well up to 1988. On later years the curve of the forecast "
        "is flat and lies below the real one, more so every year. Dropout made it worse.",
        cause="The series rises: later inputs and targets are outside of what was trained with. "
        "The network must forecast the change, not the level.",
        program=level_of_the_past,
        faulty=2.0,
        corrected=1.2,
        right={"development_differs"},
        follows={"overfitting", "below_linear_model", "saturated_units"},
        remains={"development_noise", "below_linear_model"},
    ),
    Question(
        "forgets at once",
        asked="I set the forget bias of my LSTM to -6, since it shall not remember old pictures. "
        "Now it sees only the bottom of the digit: 4 and 9 are the same to it.",
        cause="The forget gates begin at 0.002: state and error signal are gone after one step.",
        program=forgets_at_once,
        faulty=0.3,
        corrected=0.1,
        right={"vanishing_through_time", "initial_scale"},
        follows=NOT_LEARNED | {"saturated_units", "too_few_epochs", "lost_information"},
        remains={"below_linear_model", "too_few_epochs"},
    ),
    Question(
        "normalized alone",
        asked="My GRU predicts the same number for every year, the mean. I normalize the input "
        "inside of the network with LayerNorm, so scaling is not the problem.",
        cause="LayerNorm over a single feature subtracts the feature from itself: 0 is left.",
        program=normalized_alone,
        faulty=0.9,
        corrected=0.6,
        right={"lost_information"},
        follows=NOT_LEARNED | {"never_moved", "vanishing_by_depth"},
        words=("layernorm|layer norm", "one|single|constant"),
    ),
)

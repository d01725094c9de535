"""Questions about programs in which nothing is wrong."""

from __future__ import annotations

import numpy as np
from jax import Array

import clearprop as cp
from benchmarks.questions.question import Pair, Program, Values, Worry, relative_error, wrong_side
from benchmarks.questions.second.own_loss import BagOfWords, pictures_as_targets
from benchmarks.questions.second.sequences import Forecaster, LastRow
from benchmarks.questions.second.sets import (
    several_labels,
    sunspots,
    topic_words,
    wrong_answers,
)
from benchmarks.questions.sets import Parts, digit_rows, flat_digits, table, unit_digits
from clearprop import nn, ops, optim
from clearprop.nn.containers import Layer


def years_of_sunspots() -> Program:
    """A GRU that forecasts the sunspots of the next year."""
    return Program(
        Forecaster(nn.Linear(1, 1)),
        *sunspots().all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


def one_digit_of_ten() -> Program:
    """Zero or another digit: one example in ten is a zero."""
    parts = flat_digits()
    parts = parts.with_targets(*((p[1] == 0).astype(np.int32) for p in parts.all()))
    return Program(
        nn.Sequential([nn.Linear(64, 16), ops.relu, nn.Linear(16, 1)]),
        *parts.all(),
        loss="binary_cross_entropy",
        epochs=12,
        options={"learning_rate": 0.005},
        score=wrong_side(0.0),
    )


def three_answers() -> Program:
    """Three yes-or-no labels of a digit, each with its own logistic output."""
    return Program(
        nn.Sequential(
            [nn.Conv2d(1, 12, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 3)]
        ),
        *several_labels().all(),
        loss="binary_cross_entropy",
        epochs=15,
        options={"learning_rate": 0.01},
        score=wrong_answers,
    )


class Reader(nn.Module):
    """Attends from every row of a picture to every other."""

    embed: nn.Linear
    places: nn.LearnedPositions
    block: nn.TransformerBlock
    head: nn.Linear

    def __init__(self) -> None:
        self.embed = nn.Linear(8, 24)
        self.places = nn.LearnedPositions(8, 24)
        self.block = nn.TransformerBlock(24, 2, 48)
        self.head = nn.Linear(192, 10)

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 10) of pictures (N, 8, 8)."""
        rows = self.block(self.places(self.embed(x)))
        return self.head(rows.reshape(rows.shape[0], -1))


def begins_at_zero() -> Program:
    """Attention with a rate that grows from 0 during the first two epochs."""
    rate = optim.schedules.warmup(80, 0.003)
    settings = {"learning_rate": rate}
    return Program(Reader(), *digit_rows().all(), epochs=15, options=settings)


def normalized_pictures() -> Program:
    """A CNN with batch normalization and batches of 32."""
    model = nn.Sequential(
        [
            nn.Conv2d(1, 8, 3, bias=False),
            nn.BatchNorm(8),
            ops.relu,
            nn.Conv2d(8, 16, 3, bias=False),
            nn.BatchNorm(16),
            ops.relu,
            nn.Flatten(),
            nn.Linear(256, 10),
        ]
    )
    return Program(model, *unit_digits().all(), epochs=8, options={"learning_rate": 0.003})


def narrow_autoencoder() -> Program:
    """An autoencoder with twelve numbers for 64 pixels."""
    return Program(
        nn.Sequential(
            [
                nn.Linear(64, 48),
                ops.relu,
                nn.Linear(48, 12),
                nn.Linear(12, 48),
                ops.relu,
                nn.Linear(48, 64),
            ]
        ),
        *pictures_as_targets().all(),
        loss="mean_squared_error",
        epochs=30,
        options={"learning_rate": 0.003},
        score=relative_error,
    )


def stopped_early() -> Program:
    """A classifier of texts that stops when the development error no longer falls."""
    settings = {"learning_rate": 0.003, "patience": 5}
    return Program(BagOfWords(), *topic_words().all(), epochs=60, options=settings)


def with_digits(parts: Parts, low: bool) -> Parts:
    """Return the examples of the digits 0 to 4, or of 5 to 9, with labels from 0 to 4."""

    def chosen(x: Values, y: Values) -> Pair:
        kept = (y < 5) == low
        return x[kept], y[kept] % 5

    return Parts(*(chosen(*part) for part in parts.all()))


def trained_trunk() -> Program:
    """Kernels that were trained on five digits are frozen; a head learns the other five."""
    trunk: list[Layer] = [nn.Conv2d(1, 16, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten()]
    first = with_digits(unit_digits(), low=True)
    run = cp.fit(
        nn.Sequential([*trunk, nn.Linear(144, 5)]),
        first.train,
        epochs=6,
        learning_rate=0.005,
        progress=False,
    )
    model = nn.replace_layer(run.model, "layers.4", nn.Linear(144, 5))
    settings = {"learning_rate": 0.01, "freeze": ["layers.0"]}
    parts = with_digits(unit_digits(), low=False)
    return Program(model, *parts.all(), epochs=12, options=settings)


def plain_descent() -> Program:
    """Breast cancer by gradient descent without momentum, with a small weight decay."""
    optimizer = optim.chain(optim.add_decayed_weights(1e-4), optim.sgd(0.1))
    return Program(
        nn.Sequential([nn.Linear(30, 16), ops.tanh, nn.Linear(16, 2)]),
        *table("breast_cancer").standardized().all(),
        epochs=25,
        options={"optimizer": optimizer},
    )


def two_directions() -> Program:
    """An LSTM that reads the rows from above and from below."""
    model = LastRow(nn.LSTM(8, 24, bidirectional=True, merge="sum"), 24)
    return Program(model, *digit_rows().all(), epochs=12, options={"learning_rate": 0.005})


WORRIES = (
    Worry(
        "years of sunspots",
        asked="My forecast of the sunspots is off by twenty spots in a typical year. A sine would "
        "be predicted exactly. Is a GRU too weak for this?",
        answer="The cycle is not regular: a part of it cannot be forecast.",
        program=years_of_sunspots,
        reached=0.55,
    ),
    Worry(
        "one digit of ten",
        asked="Only 10 % of my examples are positive. I read that a network then always says no. "
        "Accuracy is 99 %; should I not believe it?",
        answer="A hundred positive examples are enough here: zeros are found as well.",
        program=one_digit_of_ten,
        reached=0.03,
    ),
    Worry(
        "three answers",
        asked="The three probabilities of my network sum to 1.9 for some pictures. Is a softmax "
        "missing?",
        answer="Several answers can be yes, so their probabilities need not sum to 1.",
        program=three_answers,
        reached=0.08,
    ),
    Worry(
        "begins at zero",
        asked="During the first hundred steps the loss hardly moves. The printed rate is 0.00004 "
        "there. Have I set the wrong rate?",
        answer="The rate grows from 0 on purpose, and then the network learns.",
        program=begins_at_zero,
        reached=0.1,
    ),
    Worry(
        "normalized pictures",
        asked="My convolutions have no bias, and a colleague says that a network without biases "
        "cannot learn. It does. Is it worse than it could be?",
        answer="Batch normalization subtracts the mean and adds its own shift.",
        program=normalized_pictures,
        reached=0.06,
    ),
    Worry(
        "narrow autoencoder",
        asked="The loss of my autoencoder does not go to 0 but stops, in training as well. Is it "
        "stuck in a local minimum?",
        answer="Twelve numbers cannot hold all that 64 pixels say.",
        program=narrow_autoencoder,
        reached=0.65,
    ),
    Worry(
        "stopped early",
        asked="I asked for 60 epochs and the training ended long before. Did it crash?",
        answer="It stopped since the development error had not fallen for five epochs.",
        program=stopped_early,
        reached=0.35,
    ),
    Worry(
        "trained trunk",
        asked="I freeze kernels that I trained before. They do not change any more, I compared the "
        "numbers. Should fine-tuning not change them?",
        answer="Frozen parameters stay as they are; their features suit the new digits well.",
        program=trained_trunk,
        reached=0.08,
    ),
    Worry(
        "plain descent",
        asked="I use plain gradient descent, as in a course of 1990. Everybody uses Adam. What do "
        "I lose?",
        answer="Nothing here: the table is small, scaled, and easily learned.",
        program=plain_descent,
        reached=0.1,
    ),
    Worry(
        "two directions",
        asked="My LSTM reads in two directions and its gates are close to 0 or 1 for many digits. "
        "Are they saturated?",
        answer="Gates that open and close are how an LSTM works; it has learned well.",
        program=two_directions,
        reached=0.12,
    ),
)

"""Questions whose cause is a layer: its first values, what it lets through, or its place."""

from __future__ import annotations

import jax
from jax import Array
from jax.typing import DTypeLike

from benchmarks.questions.fourth.data import Texts
from benchmarks.questions.fourth.sets import (
    first_letters,
    passages_in_numbers,
)
from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.sets import table, unit_digits
from clearprop import nn, ops
from clearprop.nn import initializers
from clearprop.nn.containers import Layer
from clearprop.nn.fields import Shape


def all_ones(key: Array, shape: Shape, dtype: DTypeLike) -> Array:
    """Return ones."""
    return jax.numpy.ones(shape, dtype)


def begin_with_ones(corrected: bool) -> Program:
    """A table of tumors by a tanh network whose weights all begin at 1."""
    begin = initializers.glorot_uniform if corrected else all_ones
    model = nn.Sequential(
        [
            nn.Linear(13, 16, weight_init=begin),
            ops.sigmoid,
            nn.Linear(16, 3, weight_init=begin),
        ]
    )
    settings = {"learning_rate": 0.005}
    return Program(model, *table("wine").standardized().all(), epochs=80, options=settings)


class FirstLetter(nn.Module):
    """A recurrent layer over letters, whose last state or largest states are classified."""

    letters: nn.Embedding
    reader: nn.RNN
    head: nn.Linear
    every: bool = nn.static()

    def __init__(self, every: bool) -> None:
        self.letters = nn.Embedding(8, 8)
        self.reader = nn.RNN(8, 16)
        self.head = nn.Linear(16, 2)
        self.every = every

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 2) of rows of letters (N, T)."""
        states = self.reader(self.letters(x))
        return self.head(ops.max(states, axis=1) if self.every else states[:, -1])


def forty_letters_ago(corrected: bool) -> Program:
    """A plain recurrent network that must remember the first of forty letters."""
    settings = {"learning_rate": 0.005}
    return Program(FirstLetter(corrected), *first_letters().all(), epochs=15, options=settings)


def frozen_words(corrected: bool) -> Program:
    """Passages by random word vectors that are frozen, as if they had been trained before."""
    settings = {"learning_rate": 0.01, "freeze": () if corrected else ("words", "hidden")}
    return Program(Texts(8), *passages_in_numbers().all(), epochs=25, options=settings)


def six_sigmoid_convolutions(corrected: bool) -> Program:
    """A CNN of six convolutions with sigmoids between them."""
    unit = ops.relu if corrected else ops.sigmoid
    layers: list[Layer] = [nn.Conv2d(1, 8, 3, padding=1), unit]
    for _ in range(5):
        layers += [nn.Conv2d(8, 8, 3, padding=1), unit]
    layers += [nn.Flatten(), nn.Linear(512, 10)]
    settings = {"optimizer": "momentum", "learning_rate": 0.02}
    return Program(nn.Sequential(layers), *unit_digits().all(), epochs=8, options=settings)


QUESTIONS = (
    Question(
        "begin with ones",
        asked="np.ones for all weights, so that my results are the same each time. The network "
        "confuses the wines much more often than with random weights, even after 80 epochs. All "
        "16 units of the first layer print the same number.",
        cause="All units begin equal and get equal gradients: they remain one unit.",
        program=begin_with_ones,
        faulty=0.2,
        corrected=0.15,
        right={"symmetric_weights"},
        follows=NOT_LEARNED
        | {
            "initial_scale",
            "saturated_units",
            "lost_information",
            "vanishing_by_depth",
            "rate_too_low",
            "too_few_epochs",
            "development_noise",
        },
        remains={"too_few_epochs", "development_noise"},
    ),
    Question(
        "forty letters ago",
        asked="The first of forty letters is the answer, all others are noise. My SimpleRNN is at "
        "50 % in validation. With five letters it was perfect. More units only help in training.",
        cause="The error signal vanishes on its way back through forty steps of a plain "
        "recurrent layer.",
        program=forty_letters_ago,
        faulty=0.35,
        corrected=0.1,
        right={"vanishing_through_time"},
        follows=NOT_LEARNED | {"overfitting", "lost_information", "too_few_epochs"},
    ),
    Question(
        "frozen words",
        asked="trainable=False for the embedding and the layer above, as in the transfer learning "
        "guide. The training accuracy of my text classifier is 35 %. I did not find a file "
        "with the vectors, does it download them by itself?",
        cause="No trained vectors were loaded: the frozen layers are random and remain so.",
        program=frozen_words,
        faulty=0.6,
        corrected=0.42,
        right={"never_moved"},
        follows=NOT_LEARNED | {"lost_information", "too_few_epochs"},
        remains={"overfitting"},
    ),
    Question(
        "six sigmoid convolutions",
        asked="A CNN with six convolutions and sigmoids, as in my notes of the nineties. The loss "
        "is 2.30 in all epochs. With one convolution it learns, and with ReLU too.",
        cause="Each sigmoid passes a quarter of the error signal at best: hardly anything "
        "reaches the first convolutions, and their signal is nearly constant.",
        program=six_sigmoid_convolutions,
        faulty=0.6,
        corrected=0.12,
        right={"vanishing_by_depth"},
        follows=NOT_LEARNED
        | {
            "never_moved",
            "lost_information",
            "saturated_units",
            "initial_scale",
            "rate_too_low",
            "too_few_epochs",
        },
        remains={"below_linear_model", "too_few_epochs"},
    ),
)

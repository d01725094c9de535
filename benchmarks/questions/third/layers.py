"""Questions whose cause is a layer: its first values, what it lets through, or its axis."""

from __future__ import annotations

import jax
from jax import Array
from jax.typing import DTypeLike

from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.sets import digit_rows, flat_digits, table
from benchmarks.questions.third.sets import rings
from clearprop import nn, ops
from clearprop.nn import initializers
from clearprop.nn.containers import Layer
from clearprop.nn.fields import Shape


def rand(key: Array, shape: Shape, dtype: DTypeLike) -> Array:
    """Return numbers between 0 and 1."""
    return jax.random.uniform(key, shape, dtype)


def rand_for_randn(corrected: bool) -> Program:
    """A network from scratch with sigmoids, whose weights begin between 0 and 1."""
    begin = initializers.glorot_uniform if corrected else rand
    model = nn.Sequential(
        [
            nn.Linear(64, 48, weight_init=begin),
            ops.sigmoid,
            nn.Linear(48, 24, weight_init=begin),
            ops.sigmoid,
            nn.Linear(24, 10, weight_init=begin),
        ]
    )
    settings = {"optimizer": "momentum", "learning_rate": 0.2}
    return Program(model, *flat_digits().all(), epochs=15, options=settings)


def plain_stack(corrected: bool) -> Program:
    """Twenty rectified layers, as they are or each with a normalization and a shortcut."""
    layers: list[Layer] = [nn.Linear(64, 24), ops.relu]
    for _ in range(20):
        if corrected:
            block = nn.Sequential([nn.LayerNorm(24), nn.Linear(24, 24), ops.relu])
            layers.append(nn.Residual(block))
        else:
            layers += [nn.Linear(24, 24), ops.relu]
    layers.append(nn.Linear(24, 10))
    settings = {"optimizer": "momentum", "learning_rate": 0.003}
    return Program(nn.Sequential(layers), *flat_digits().all(), epochs=10, options=settings)


def neurons_that_fire(corrected: bool) -> Program:
    """Two rings by two hidden layers of threshold units."""
    unit = ops.tanh if corrected else ops.binary_step
    model = nn.Sequential([nn.Linear(2, 12), unit, nn.Linear(12, 12), unit, nn.Linear(12, 2)])
    return Program(model, *rings().all(), epochs=40, options={"learning_rate": 0.01})


class Voter(nn.Module):
    """A network whose last softmax goes along an axis."""

    hidden: nn.Linear
    head: nn.Linear
    axis: int = nn.static()

    def __init__(self, axis: int) -> None:
        self.hidden = nn.Linear(13, 16)
        self.head = nn.Linear(16, 3)
        self.axis = axis

    def __call__(self, x: Array) -> Array:
        """Return probabilities (N, 3) of wines (N, 13)."""
        return ops.softmax(self.head(ops.tanh(self.hidden(x))), axis=self.axis)


def surprise(outputs: Array, labels: Array) -> Array:
    """Return -log y[t], with y kept away from 0."""
    chosen = ops.one_hot(labels, outputs.shape[-1])
    return -ops.sum(chosen * ops.log(ops.clip(outputs, 1e-7, 1.0)), axis=-1)


def softmax_along_the_batch(corrected: bool) -> Program:
    """Wines by a network whose softmax sums to 1 over the examples of a batch."""
    return Program(
        Voter(1 if corrected else 0),
        *table("wine").standardized().all(),
        loss=surprise,
        epochs=60,
        options={"learning_rate": 0.005},
    )


class OneState(nn.Module):
    """An LSTM over the rows of a picture, one of whose outputs is classified."""

    reader: nn.LSTM
    head: nn.Linear
    step: int = nn.static()

    def __init__(self, step: int) -> None:
        self.reader = nn.LSTM(8, 32)
        self.head = nn.Linear(32, 10)
        self.step = step

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 10) of sequences (N, T, 8)."""
        return self.head(self.reader(x)[:, self.step])


def first_output(corrected: bool) -> Program:
    """The output of an LSTM after the first row, as if the last one stood at 0."""
    settings = {"learning_rate": 0.005}
    return Program(
        OneState(-1 if corrected else 0), *digit_rows().all(), epochs=16, options=settings
    )


QUESTIONS = (
    Question(
        "rand for randn",
        asked="I write my layers like np.random.rand(64, 48). With sigmoid units and momentum the "
        "loss stays near 2.8 and all pictures get the same answer. In the video it works, "
        "with the same sizes.",
        cause="The weights begin between 0 and 1, none of them negative: sums of 64 such products "
        "are far above 0, and the sigmoids are at 1 for every picture.",
        program=rand_for_randn,
        faulty=0.4,
        corrected=0.1,
        right={"initial_scale", "saturated_units"},
        follows=NOT_LEARNED
        | {"vanishing_by_depth", "never_moved", "lost_information", "rate_too_high"},
    ),
    Question(
        "plain stack",
        asked="More layers learn more, I was told. With three layers of ReLU I had 93 %, with "
        "twenty it is 10 %, and the first ten layers do not move at all. ResNets have a hundred!",
        cause="Through twenty rectified layers without shortcuts signal and error signal become "
        "smaller and smaller.",
        program=plain_stack,
        faulty=0.6,
        corrected=0.12,
        right={"vanishing_by_depth", "initial_scale"},
        follows=NOT_LEARNED | {"never_moved", "lost_information", "dead_units"},
        remains={"below_linear_model", "too_few_epochs"},
    ),
    Question(
        "neurons that fire",
        asked="Real neurons fire or do not fire. I gave my hidden units a step as activation. Only "
        "the last layer seems to learn, and every second point is wrong.",
        cause="The derivative of a step is 0: no error signal passes to the layers before it.",
        program=neurons_that_fire,
        faulty=0.25,
        corrected=0.1,
        right={"never_moved", "vanishing_by_depth"},
        follows=NOT_LEARNED | {"lost_information", "saturated_units", "too_few_epochs"},
        words=("step|derivative|gradient|error",),
    ),
    Question(
        "softmax along the batch",
        asked="My probabilities of a wine sum to 0.1 or to 1.4, and they change when I predict "
        "the same wine with other ones. Softmax should sum to 1! Training gets stuck as well.",
        cause="The softmax goes along axis 0, over the examples of the batch.",
        program=softmax_along_the_batch,
        faulty=0.2,
        corrected=0.15,
        right={"mixed_examples"},
        follows=NOT_LEARNED | {"last_layer", "unsuitable_loss"},
        words=("example|batch",),
        remains={"development_noise"},
    ),
    Question(
        "first output",
        asked="out = lstm(x)[:, 0] and then a linear layer. For my digits, read row by row, this "
        "is at 45 %. Adding units and a second LSTM does not change anything.",
        cause="Place 0 is the output after the first row; the LSTM has not seen the others yet.",
        program=first_output,
        faulty=0.5,
        corrected=0.1,
        right={"lost_information"},
        follows=NOT_LEARNED | {"never_moved", "too_few_epochs", "constant_inputs"},
        remains={"below_linear_model", "too_few_epochs"},
    ),
)

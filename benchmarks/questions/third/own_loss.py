"""Questions whose cause is a loss that the asker wrote."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error
from benchmarks.questions.second.own_loss import BagOfWords, pictures_as_targets
from benchmarks.questions.second.sets import topic_words
from benchmarks.questions.sets import unit_digits
from clearprop import nn, ops


def square_of_the_mean(outputs: Array, targets: Array) -> Array:
    """Return (mean of (y - t))^2."""
    return ops.square(ops.mean(outputs - targets))


def mean_of_the_squares(outputs: Array, targets: Array) -> Array:
    """Return the mean of (y - t)^2."""
    return ops.mean(ops.square(outputs - targets))


def brackets(corrected: bool) -> Program:
    """An autoencoder of digits whose loss takes the mean before the square."""
    return Program(
        nn.Sequential([nn.Linear(64, 24), ops.relu, nn.Linear(24, 64)]),
        *pictures_as_targets().all(),
        loss=mean_of_the_squares if corrected else square_of_the_mean,
        epochs=20,
        options={"learning_rate": 0.003},
        score=relative_error,
    )


def log_of_scores(outputs: Array, labels: Array) -> Array:
    """Return -log y[t], as if the outputs were probabilities."""
    chosen = ops.one_hot(labels, outputs.shape[-1])
    return -ops.sum(chosen * ops.log(outputs), axis=-1)


def log_of_probabilities(outputs: Array, labels: Array) -> Array:
    """Return -log softmax(z)[t]."""
    chosen = ops.one_hot(labels, outputs.shape[-1])
    return -ops.sum(chosen * ops.log_softmax(outputs), axis=-1)


def logarithm_without_softmax(corrected: bool) -> Program:
    """A CNN without a softmax, and the cross-entropy of the lecture, which expects one."""
    model = nn.Sequential([nn.Conv2d(1, 8, 3, stride=2), ops.relu, nn.Flatten(), nn.Linear(72, 10)])
    return Program(
        model,
        *unit_digits().all(),
        loss=log_of_probabilities if corrected else log_of_scores,
        epochs=16,
        options={"learning_rate": 0.005},
    )


def focal(outputs: Array, labels: Array, power_of_the_right: bool) -> Array:
    """Return -w log p for the probability p of the label, with w = p^3 or (1 - p)^3."""
    log_p = -ops.softmax_cross_entropy(outputs, labels)
    p = ops.exp(log_p)
    weight = p if power_of_the_right else 1 - p
    return -weight * weight * weight * log_p


def easy_ones_first(outputs: Array, labels: Array) -> Array:
    """Return -p^3 log p."""
    return focal(outputs, labels, power_of_the_right=True)


def hard_ones_first(outputs: Array, labels: Array) -> Array:
    """Return -(1 - p)^3 log p."""
    return focal(outputs, labels, power_of_the_right=False)


def focus_on_the_easy(corrected: bool) -> Program:
    """A classifier of texts with a focal loss that has p where 1 - p belongs."""
    return Program(
        BagOfWords(),
        *topic_words().all(),
        loss=hard_ones_first if corrected else easy_ones_first,
        epochs=15,
        options={"learning_rate": 0.005},
    )


QUESTIONS = (
    Question(
        "brackets",
        asked="The loss of my autoencoder goes to 0.0000 within an epoch, so it should be perfect. "
        "But the pictures that come out are noise. Only their brightness is right.",
        cause="The loss is the square of the mean error instead of the mean of the squared errors: "
        "errors of both signs cancel.",
        program=brackets,
        faulty=0.95,
        corrected=0.75,
        right={"unsuitable_loss"},
        follows=NOT_LEARNED,
        words=("loss", "mean|sign|cancel"),
    ),
    Question(
        "logarithm without softmax",
        asked="-sum(y * log(y_hat)) as in the lecture. It is nan in the first step. The labels are "
        "one-hot, and the pixels are from 0 to 1.",
        cause="The network has no softmax: its outputs are scores, also negative ones, and these "
        "have no logarithm.",
        program=logarithm_without_softmax,
        faulty=0.8,
        corrected=0.1,
        right={"last_layer", "unsuitable_loss", "non_finite"},
        follows=NOT_LEARNED,
        words=("log|nan|finite",),
    ),
    Question(
        "focus on the easy",
        asked="With the focal loss I want the network to care about hard texts. The loss "
        "is 0.0001 in the end, and the network is wrong about nearly every text, as if it "
        "knew the right one and avoided it.",
        cause="The weight is p instead of 1 - p: an example whose label gets a small probability "
        "counts nothing, so that the loss is smallest where p is 0.",
        program=focus_on_the_easy,
        faulty=0.8,
        corrected=0.3,
        right={"unsuitable_loss"},
        follows=NOT_LEARNED,
        remains={"overfitting"},
    ),
)

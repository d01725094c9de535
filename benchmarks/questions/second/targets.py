"""Questions whose cause is that the targets, the last layer and the loss do not fit together."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.questions.question import (
    NOT_LEARNED,
    Program,
    Question,
    Values,
    wrong_class,
)
from benchmarks.questions.second.sets import several_labels, wrong_answers
from benchmarks.questions.sets import Parts, digits, unit_digits
from clearprop import nn, ops
from clearprop.nn.containers import Layer


def nearest_number(outputs: Values, labels: Values) -> float:
    """Return the fraction of examples whose output, rounded, is not their number."""
    return float((np.rint(outputs.ravel()) != labels.ravel()).mean())


def digit_as_quantity(corrected: bool) -> Program:
    """A CNN with one output that shall be the number of the digit."""
    parts = unit_digits()
    if not corrected:
        parts = parts.with_targets(*(p[1].astype(np.float32)[:, None] for p in parts.all()))
    return Program(
        nn.Sequential(
            [
                nn.Conv2d(1, 8, 3),
                ops.relu,
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(72, 32),
                ops.relu,
                nn.Linear(32, 10 if corrected else 1),
            ]
        ),
        *parts.all(),
        loss="cross_entropy" if corrected else "mean_squared_error",
        epochs=12,
        options={"learning_rate": 0.003},
        score=wrong_class if corrected else nearest_number,
    )


def probable_answers(outputs: Values, targets: Values) -> float:
    """Return the fraction of answers whose softmax is on the wrong side of 1/2."""
    powers = np.exp(outputs - outputs.max(-1, keepdims=True))
    return wrong_answers(powers / powers.sum(-1, keepdims=True) - 0.5, targets)


def one_softmax_for_several_labels(corrected: bool) -> Program:
    """Three questions about a digit, each with yes or no, under one softmax."""
    return Program(
        nn.Sequential(
            [nn.Conv2d(1, 12, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 3)]
        ),
        *several_labels().all(),
        loss="binary_cross_entropy" if corrected else "cross_entropy",
        epochs=12,
        options={"learning_rate": 0.01},
        score=wrong_answers if corrected else probable_answers,
    )


def ink(white: float) -> Parts:
    """Return digits of half the resolution, and which pixels of the full one have ink."""
    parts = digits()

    def coarse(x: Values) -> Values:
        means: Values = x.reshape(-1, 4, 2, 4, 2, 1).mean((2, 4), dtype=np.float32) / 16
        return means.repeat(2, axis=1).repeat(2, axis=2)

    return Parts(*((coarse(x), ((x > 7) * white).astype(np.float32)) for x, _ in parts.all()))


def wrong_pixels(outputs: Values, masks: Values) -> float:
    """Return the fraction of pixels on the wrong side of 0."""
    return float(((outputs >= 0) != (masks > 0.5)).mean())


def white_is_255(corrected: bool) -> Program:
    """A small network for segmentation whose masks are pictures of 0 and 255."""
    layers: list[Layer] = [nn.Conv2d(1, 12, 3, padding=1), ops.relu, nn.Conv2d(12, 1, 3, padding=1)]
    return Program(
        nn.Sequential(layers),
        *ink(1.0 if corrected else 255.0).all(),
        loss="binary_cross_entropy",
        epochs=6,
        options={"learning_rate": 0.01},
        score=wrong_pixels,
    )


EIGHT = 8


def few_eights(kept: int) -> Parts:
    """Return the digits with only some of the eights to train with."""
    parts = unit_digits()
    x, y = parts.train
    surplus = np.flatnonzero(y == EIGHT)[kept:]
    return Parts((np.delete(x, surplus, 0), np.delete(y, surplus)), parts.dev, parts.test)


def missed_eights(outputs: Values, labels: Values) -> float:
    """Return the fraction of eights that are not found."""
    return wrong_class(outputs[labels == EIGHT], labels[labels == EIGHT])


def weights_by_frequency(corrected: bool) -> Program:
    """Ten eights among the digits, and a loss that weights a class by how frequent it is."""
    parts = few_eights(kept=10)
    counts = np.bincount(parts.train[1]).astype(np.float32)
    weights = 1 / counts if corrected else counts
    weights = weights / weights.mean()

    def weighted(outputs: Array, labels: Array) -> Array:
        return ops.take(jnp.asarray(weights), labels, axis=0) * ops.softmax_cross_entropy(
            outputs, labels
        )

    return Program(
        nn.Sequential(
            [nn.Conv2d(1, 8, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)]
        ),
        *parts.all(),
        loss=weighted,
        epochs=10,
        options={"learning_rate": 0.003},
        score=missed_eights,
    )


QUESTIONS = (
    Question(
        "digit as quantity",
        asked="My CNN has one output for the digit, which I round. The mean squared error falls "
        "well, but most digits are still wrong, often by one. Which layer is missing?",
        cause="A digit is a class, not a quantity: 3 is not between 2 and 4. It needs ten outputs "
        "and cross-entropy.",
        program=digit_as_quantity,
        faulty=0.25,
        corrected=0.08,
        right={"unsuitable_loss"},
        follows={"underfitting", "targets_not_scaled", "too_few_epochs", "below_linear_model"},
        words=("class", "cross_entropy|cross-entropy"),
    ),
    Question(
        "one softmax for several labels",
        asked="Three yes-or-no labels for every picture, three outputs, cross-entropy. The loss "
        "does not go below 1 and at most one label is ever found.",
        cause="Softmax makes the three answers compete for a sum of 1; several can be yes.",
        program=one_softmax_for_several_labels,
        faulty=0.2,
        corrected=0.1,
        right={"unsuitable_loss", "invalid_targets"},
        follows={"last_layer", "underfitting", "below_linear_model"},
        words=("sum|several|binary_cross_entropy|probabilit",),
    ),
    Question(
        "white is 255",
        asked="I train a segmentation network with masks from png files. The loss is negative, "
        "minus some hundreds, and becomes smaller without end. The mask it predicts is all white.",
        cause="The masks have the values 0 and 255; the loss is for 0 and 1.",
        program=white_is_255,
        faulty=0.2,
        corrected=0.15,
        right={"invalid_targets"},
        follows=NOT_LEARNED | {"targets_not_scaled", "rate_too_high", "unsuitable_loss"},
        words=("255|target|label", "0 and 1|0 to 1|0 or 1|[0, 1]|between 0"),
    ),
    Question(
        "weights by frequency",
        asked="Eights are rare in my data, so I weight the loss of each class with its frequency. "
        "The network still never says 8, even less than before, and its accuracy looks fine.",
        cause="The rare class has the small weight; it needs the large one, 1 / frequency.",
        program=weights_by_frequency,
        faulty=0.8,
        corrected=0.6,
        right={"class_imbalance", "class_never_predicted"},
        remains={"class_imbalance", "development_differs"},
    ),
)

"""Questions whose cause is that the targets, the last layer and the loss do not fit together."""

from __future__ import annotations

import numpy as np
from jax import Array

from benchmarks.questions.question import (
    NOT_LEARNED,
    Program,
    Question,
    Values,
    relative_error,
    wrong_class,
    wrong_side,
)
from benchmarks.questions.second.data import column_as_target
from benchmarks.questions.second.sets import several_labels, wrong_answers
from benchmarks.questions.sets import Parts, digits, table, unit_digits
from clearprop import nn, ops


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
        means = x.reshape(-1, 4, 2, 4, 2, 1).mean((2, 4)) / 16
        return means.repeat(2, axis=1).repeat(2, axis=2).astype(np.float32)

    return Parts(*((coarse(x), ((x > 7) * white).astype(np.float32)) for x, _ in parts.all()))


def wrong_pixels(outputs: Values, masks: Values) -> float:
    """Return the fraction of pixels on the wrong side of 0."""
    return float(((outputs >= 0) != (masks > 0.5)).mean())


def white_is_255(corrected: bool) -> Program:
    """A small network for segmentation whose masks are pictures of 0 and 255."""
    layers = [nn.Conv2d(1, 12, 3, padding=1), ops.relu, nn.Conv2d(12, 1, 3, padding=1)]
    return Program(
        nn.Sequential(layers),
        *ink(1.0 if corrected else 255.0).all(),
        loss="binary_cross_entropy",
        epochs=6,
        options={"learning_rate": 0.01},
        score=wrong_pixels,
    )


ALCOHOL = 0


def rectified_forecast(corrected: bool) -> Program:
    """A regression of standardized values, half of them negative, that ends with ReLU."""
    layers = [nn.Linear(12, 16), ops.relu, nn.Linear(16, 1)]
    return Program(
        nn.Sequential(layers if corrected else [*layers, ops.relu]),
        *column_as_target(ALCOHOL).with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


def is_malignant(kept: int) -> Parts:
    """Return breast cancer with target 1 for malignant, and only some of these to train with."""
    parts = table("breast_cancer").standardized()
    parts = parts.with_targets(*((p[1] == 0).astype(np.int32) for p in parts.all()))
    x, y = parts.train
    surplus = np.flatnonzero(y)[kept:]
    return Parts((np.delete(x, surplus, 0), np.delete(y, surplus)), parts.dev, parts.test)


def missed(outputs: Values, labels: Values) -> float:
    """Return the fraction of malignant cases that are not found."""
    return wrong_side(0.0)(outputs[labels == 1], labels[labels == 1])


def weights_by_frequency(corrected: bool) -> Program:
    """Six malignant cases, and a loss that weights each class by how frequent it is."""
    parts = is_malignant(kept=6)
    share = float(parts.train[1].mean())

    def weighted(outputs: Array, labels: Array) -> Array:
        rare, frequent = (1 - share, share) if corrected else (share, 1 - share)
        weight = ops.where(labels == 1, rare, frequent)
        return weight * ops.sigmoid_binary_cross_entropy(outputs[:, 0], labels.astype(float))

    return Program(
        nn.Linear(30, 1),
        *parts.all(),
        loss=weighted,
        epochs=30,
        options={"learning_rate": 0.003},
        score=missed,
    )


QUESTIONS = (
    Question(
        "digit as quantity",
        asked="My CNN has one output for the digit, which I round. The mean squared error falls "
        "well, but half of the digits are still wrong, often by one. Which layer is missing?",
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
        "rectified forecast",
        asked="I standardized the targets of my regression, as everyone says. Now the network "
        "never predicts a value below the mean, and the error stays large.",
        cause="The last layer is ReLU, which has no negative values; half of the targets are "
        "negative.",
        program=rectified_forecast,
        faulty=0.75,
        corrected=0.7,
        right={"last_layer"},
        follows=NOT_LEARNED | {"dead_units"},
        words=("relu|negative",),
    ),
    Question(
        "weights by frequency",
        asked="My classes are unbalanced, so I weight the loss with the class frequencies. The "
        "network still says benign to nearly everyone, even more often than before.",
        cause="The rare class has the small weight; it needs the large one, 1 / frequency.",
        program=weights_by_frequency,
        faulty=0.4,
        corrected=0.3,
        right={"class_imbalance", "class_never_predicted"},
        follows={"underfitting", "rate_too_low", "too_few_epochs", "below_linear_model"},
        remains={"class_imbalance", "too_few_epochs", "overfitting", "development_noise"},
    ),
)

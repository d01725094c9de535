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
    wrong_side,
)
from benchmarks.questions.second.sets import topic_words
from benchmarks.questions.sets import table
from benchmarks.questions.third.sets import columns_as_targets
from clearprop import nn, ops
from clearprop.nn.containers import Layer


def one_output_and_cross_entropy(corrected: bool) -> Program:
    """Malignant or benign, by a single output under the loss for several classes."""
    loss = "binary_cross_entropy" if corrected else "cross_entropy"
    return Program(
        nn.Sequential([nn.Linear(30, 20), ops.relu, nn.Linear(20, 1)]),
        *table("breast_cancer").standardized().all(),
        loss=loss,
        epochs=15,
        options={"learning_rate": 0.003},
        score=wrong_side(0.0),
    )


def minus_one_and_one(corrected: bool) -> Program:
    """A yes-or-no question with the targets -1 and 1, as for a support vector machine."""
    parts = table("breast_cancer").standardized()
    if not corrected:
        train, dev = (2.0 * y.astype(np.float32) - 1 for y in (parts.train[1], parts.dev[1]))
        parts = parts.with_targets(train, dev, parts.test[1])
    return Program(
        nn.Sequential([nn.Linear(30, 8), ops.tanh, nn.Linear(8, 1)]),
        *parts.all(),
        loss="binary_cross_entropy",
        epochs=25,
        options={"learning_rate": 0.01},
        score=balanced,
    )


def balanced(outputs: Values, labels: Values) -> float:
    """Return the mean of the two classes' error rates."""
    wrong = wrong_side(0.0)
    return float(np.mean([wrong(outputs[labels == k], labels[labels == k]) for k in (0, 1)]))


class Reader(nn.Module):
    """A GRU over words; the mean of its outputs is classified."""

    words: nn.Embedding
    reader: nn.GRU
    head: nn.Linear
    probabilities: bool = nn.static()

    def __init__(self, probabilities: bool) -> None:
        self.words = nn.Embedding(400, 16)
        self.reader = nn.GRU(16, 24)
        self.head = nn.Linear(24, 4)
        self.probabilities = probabilities

    def __call__(self, x: Array) -> Array:
        """Return scores or probabilities (N, 4) of texts, numbers of words (N, T)."""
        scores = self.head(ops.mean(self.reader(self.words(x)), axis=1))
        return ops.softmax(scores) if self.probabilities else scores


def softmax_in_the_model(corrected: bool) -> Program:
    """A GRU for texts whose forward pass ends in a softmax, with the cross-entropy of logits."""
    settings = {"learning_rate": 0.01}
    return Program(Reader(not corrected), *topic_words().all(), epochs=10, options=settings)


def rectified_output(corrected: bool) -> Program:
    """Diabetes with standardized targets, half of which are negative, and a rectified output."""
    layers: list[Layer] = [nn.Linear(10, 12), ops.relu, nn.Linear(12, 1)]
    if not corrected:
        layers.append(ops.relu)
    return Program(
        nn.Sequential(layers),
        *table("diabetes").standardized().with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=25,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


PROLINE, FLAVANOIDS = 12, 6


def error_of_the_flavanoids(outputs: Values, targets: Values) -> float:
    """Return the relative error of the second column alone."""
    return relative_error(outputs[:, 1], targets[:, 1])


def two_quantities(corrected: bool) -> Program:
    """Proline, near 750, and the flavanoids, near 2, as two outputs of one network."""
    parts = columns_as_targets([PROLINE, FLAVANOIDS])
    if corrected:
        parts = parts.with_standardized_targets()
    return Program(
        nn.Sequential([nn.Linear(11, 24), ops.tanh, nn.Linear(24, 2)]),
        *parts.all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": 0.01},
        score=error_of_the_flavanoids,
    )


QUESTIONS = (
    Question(
        "one output and cross-entropy",
        asked="Two classes, one output neuron, cross-entropy. The loss is exactly 0.0 in every "
        "epoch, which should be perfect, but the accuracy stays at 37 %.",
        cause="The softmax of one output is always 1: this loss needs an output for each class, "
        "or the binary cross-entropy.",
        program=one_output_and_cross_entropy,
        faulty=0.3,
        corrected=0.08,
        right={"last_layer", "unsuitable_loss", "invalid_targets"},
        follows=NOT_LEARNED | {"never_moved", "vanishing_by_depth"},
        words=("output|class|label", "one|1|single|0 to 0|binary"),
    ),
    Question(
        "minus one and one",
        asked="My labels are -1 and 1 as for the SVM that I had before. With binary cross-entropy "
        "the loss becomes negative and goes on falling, minus 10, minus 20. Can a loss be "
        "negative?",
        cause="The loss is for the targets 0 and 1; with -1 it has no smallest value.",
        program=minus_one_and_one,
        faulty=0.15,
        corrected=0.09,
        right={"invalid_targets"},
        follows=NOT_LEARNED | {"unsuitable_loss", "class_imbalance"},
        words=("-1|target|label", "0 and 1|0 to 1|0 or 1|[0, 1]|between 0"),
    ),
    Question(
        "softmax in the model",
        asked="My text classifier returns softmax(self.head(h)). With CrossEntropy the loss does "
        "not fall below 1.2 and the training accuracy is bad too. I tried a larger embedding.",
        cause="The loss applies softmax once more to the probabilities.",
        program=softmax_in_the_model,
        faulty=0.35,
        corrected=0.3,
        right={"last_layer"},
        follows=NOT_LEARNED | {"rate_too_low", "too_few_epochs", "saturated_units"},
        words=("softmax", "logits|twice|already|before"),
        remains={"overfitting"},
    ),
    Question(
        "rectified output",
        asked="I standardize inputs and targets of my regression. The network has ReLU in all its "
        "layers. It never predicts less than the mean; half of the patients get exactly 0.",
        cause="The last layer is rectified, and half of the standardized targets are negative.",
        program=rectified_output,
        faulty=0.9,
        corrected=0.85,
        right={"last_layer"},
        follows=NOT_LEARNED | {"dead_units"},
        words=("relu", "negative|last|output|target"),
        remains={"below_linear_model"},
    ),
    Question(
        "two quantities",
        asked="One network, two outputs: proline and flavanoids of a wine. The first one rises "
        "slowly, to 250 instead of 750, and the second is worse than the mean of all wines. With "
        "a network for it alone there is no such problem.",
        cause="Proline is in the hundreds, the other near 2: outputs that begin near 0 have far to "
        "go, and the squared error sees proline only.",
        program=two_quantities,
        faulty=0.9,
        corrected=0.8,
        right={"targets_not_scaled"},
        follows=NOT_LEARNED
        | {"rate_too_low", "too_few_epochs", "saturated_units", "development_noise"},
        remains={"development_noise"},
    ),
)

"""Questions whose cause is a loss that the asker wrote."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import (
    NOT_LEARNED,
    Program,
    Question,
    relative_error,
    wrong_side,
)
from benchmarks.questions.sets import flat_digits, table
from clearprop import nn, ops


def flat_squares(outputs: Array, targets: Array) -> Array:
    """Return (y - t)^2 for outputs (N, 1) and targets (N,): every output with every target."""
    return ops.mean(ops.square(outputs - targets.ravel()))


def squares(outputs: Array, targets: Array) -> Array:
    """Return (y - t)^2 for outputs and targets of one shape."""
    return ops.mean(ops.square(outputs - targets.reshape(outputs.shape)))


def every_pair(corrected: bool) -> Program:
    """A regression with targets (N,) and outputs (N, 1), subtracted from each other."""
    parts = table("diabetes").standardized().with_standardized_targets()
    parts = parts.with_targets(*(part[1].ravel() for part in parts.all()))
    return Program(
        nn.Sequential([nn.Linear(10, 16), ops.relu, nn.Linear(16, 1)]),
        *parts.all(),
        loss=squares if corrected else flat_squares,
        epochs=30,
        options={"learning_rate": 0.003},
        score=relative_error,
    )


def mistakes(outputs: Array, labels: Array) -> Array:
    """Return 1 for a wrong class, 0 for a right one."""
    return ops.where(ops.argmax(outputs, axis=-1) == labels, 0.0, 1.0)


def surprise(outputs: Array, labels: Array) -> Array:
    """Return -log softmax(z)[t]."""
    return ops.softmax_cross_entropy(outputs, labels)


def accuracy_as_loss(corrected: bool) -> Program:
    """A network that shall minimize the number of its mistakes."""
    return Program(
        nn.Sequential([nn.Linear(64, 32), ops.relu, nn.Linear(32, 10)]),
        *flat_digits().all(),
        loss=surprise if corrected else mistakes,
        epochs=10,
        options={"learning_rate": 0.005},
    )


def log_likelihood(outputs: Array, targets: Array) -> Array:
    """Return -t log y - (1 - t) log(1 - y), as in the book."""
    y, t = outputs[:, 0], targets.astype(outputs.dtype)
    return -t * ops.log(y) - (1 - t) * ops.log(1 - y)


def clipped_log_likelihood(outputs: Array, targets: Array) -> Array:
    """Return the same with y kept away from 0 and 1."""
    return log_likelihood(ops.clip(outputs, 1e-6, 1 - 1e-6), targets)


def log_of_zero(corrected: bool) -> Program:
    """A logistic loss by hand, of probabilities that become exactly 0 or 1."""
    return Program(
        nn.Sequential([nn.Linear(30, 32), ops.relu, nn.Linear(32, 1), ops.sigmoid]),
        *table("breast_cancer").standardized().all(),
        loss=clipped_log_likelihood if corrected else log_likelihood,
        epochs=40,
        options={"learning_rate": 0.03},
        score=wrong_side(0.5),
    )


QUESTIONS = (
    Question(
        "every pair",
        asked="With my own mean squared error, the regression learns to predict the mean of all "
        "targets for every input and then stops. The built-in loss works. I compared the "
        "formulas ten times.",
        cause="Outputs (N, 1) minus targets (N,) is a table (N, N): every output is compared with "
        "every target.",
        program=every_pair,
        faulty=0.95,
        corrected=0.9,
        right={"unsuitable_loss", "invalid_targets"},
        follows={"underfitting", "below_linear_model"},
        words=("loss", "shape|broadcast|axes"),
    ),
    Question(
        "accuracy as loss",
        asked="What counts for me is the number of wrong answers, so I minimize exactly that. The "
        "curve is a flat line from the first to the last epoch. Do I need another optimizer?",
        cause="The number of mistakes does not change with a small change of the weights: its "
        "gradient is 0.",
        program=accuracy_as_loss,
        faulty=0.5,
        corrected=0.08,
        right={"unsuitable_loss", "never_moved"},
        follows=NOT_LEARNED | {"vanishing_by_depth"},
        words=("gradient|differentiable|derivative",),
    ),
    Question(
        "log of zero",
        asked="I wrote the log-likelihood as in my book. It goes well for a few steps, and then "
        "the loss is nan and everything is lost. My data has no missing values, I checked.",
        cause="A sigmoid reaches exactly 1 or 0 in float32, and the logarithm of 0 is infinite.",
        program=log_of_zero,
        faulty=0.3,
        corrected=0.1,
        right={"non_finite"},
        follows={"saturated_units"},
    ),
)

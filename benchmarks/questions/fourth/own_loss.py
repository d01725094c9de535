"""Questions whose cause is a loss that the asker wrote."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.fourth.sets import friedman, moons
from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error, wrong_side
from benchmarks.questions.third.sets import houses
from clearprop import nn, ops


def mean_difference(outputs: Array, targets: Array) -> Array:
    """Return the mean of y - t."""
    return ops.mean(outputs - targets)


def mean_distance(outputs: Array, targets: Array) -> Array:
    """Return the mean of |y - t|."""
    return ops.mean(ops.abs(outputs - targets))


def errors_with_signs(corrected: bool) -> Program:
    """Prices of houses with the mean difference as the loss."""
    return Program(
        nn.Sequential([nn.Linear(1, 12), ops.relu, nn.Linear(12, 1)]),
        *houses().standardized().with_standardized_targets().all(),
        loss=mean_distance if corrected else mean_difference,
        epochs=40,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


def percentage(outputs: Array, targets: Array) -> Array:
    """Return |y - t| / |t|."""
    return ops.abs((outputs - targets) / targets)


def distance(outputs: Array, targets: Array) -> Array:
    """Return |y - t|."""
    return ops.abs(outputs - targets)


def percent_of_nothing(corrected: bool) -> Program:
    """Friedman's function with standardized targets, many near 0, and the error in percent."""
    return Program(
        nn.Sequential([nn.Linear(10, 16), ops.tanh, nn.Linear(16, 1)]),
        *friedman().standardized().with_standardized_targets().all(),
        loss=distance if corrected else percentage,
        epochs=25,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


def only_the_yes(outputs: Array, targets: Array) -> Array:
    """Return -t log p for p = sigmoid(z)."""
    return targets * ops.softplus(-outputs[:, 0])


def yes_and_no(outputs: Array, targets: Array) -> Array:
    """Return -t log p - (1 - t) log(1 - p) for p = sigmoid(z)."""
    z = outputs[:, 0]
    return targets * ops.softplus(-z) + (1 - targets) * ops.softplus(z)


def half_of_the_formula(corrected: bool) -> Program:
    """Two half-moons, with a cross-entropy that has no term for the answer no."""
    return Program(
        nn.Sequential([nn.Linear(2, 16), ops.tanh, nn.Linear(16, 1)]),
        *moons().all(),
        loss=yes_and_no if corrected else only_the_yes,
        epochs=20,
        options={"learning_rate": 0.02},
        score=wrong_side(0.0),
    )


QUESTIONS = (
    Question(
        "errors with signs",
        asked="loss = (y_pred - y_true).mean(). It was 0.3, crossed 0 and is now at -180 and falls "
        "on. The predicted prices are absurd. Should I clamp the loss at 0?",
        cause="The difference has a sign: the lower the outputs, the smaller the loss. The "
        "difference must be squared, or its absolute value taken.",
        program=errors_with_signs,
        faulty=5.0,
        corrected=0.4,
        right={"unsuitable_loss"},
        follows=NOT_LEARNED,
        words=("loss", "sign|square|abs|negative|below"),
    ),
    Question(
        "percent of nothing",
        asked="I train with MAPE since a percentage is easy to explain. Targets are standardized. "
        "The loss is around 100 % in each epoch, and nearly all predictions are close to 0. With "
        "a forest the fit is good.",
        cause="Standardized targets are near 0 for many examples: divided by such a target, its "
        "error outweighs all others, and 0 is the safest answer.",
        program=percent_of_nothing,
        faulty=0.7,
        corrected=0.4,
        right={"unsuitable_loss"},
        follows=NOT_LEARNED,
        remains={"too_few_epochs"},
    ),
    Question(
        "half of the formula",
        asked="I wrote the binary cross-entropy myself, -y * log(p), as in the slides for "
        "several classes. The loss is 0.0001 after a few epochs, and all points are of "
        "class 1, so half of them are wrong.",
        cause="With one output the formula has a second term, (1 - y) log(1 - p). Without it "
        "the answer yes is never punished.",
        program=half_of_the_formula,
        faulty=0.3,
        corrected=0.08,
        right={"unsuitable_loss"},
        follows=NOT_LEARNED | {"saturated_units"},
        remains={"too_few_epochs"},
    ),
)

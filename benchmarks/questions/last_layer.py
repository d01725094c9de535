"""Questions whose cause is the last layer, or a last layer and a loss that do not fit together."""

from __future__ import annotations

from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error, wrong_side
from benchmarks.questions.sets import flat_digits, table, unit_digits
from clearprop import nn, ops
from clearprop.nn.containers import Layer


def softmax_twice(corrected: bool) -> Program:
    """A CNN that ends in a softmax, with the cross-entropy that takes logits."""
    layers: list[Layer] = [
        nn.Conv2d(1, 8, 3),
        ops.relu,
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(72, 10),
    ]
    if not corrected:
        layers.append(ops.softmax)
    settings = {"optimizer": "momentum", "learning_rate": 0.03}
    return Program(nn.Sequential(layers), *unit_digits().all(), epochs=10, options=settings)


def sigmoid_twice(corrected: bool) -> Program:
    """A network that ends in a sigmoid, with the binary cross-entropy that takes logits."""
    layers: list[Layer] = [nn.Linear(30, 16), ops.relu, nn.Linear(16, 1)]
    if not corrected:
        layers.append(ops.sigmoid)
    return Program(
        nn.Sequential(layers),
        *table("breast_cancer").standardized().all(),
        loss="binary_cross_entropy",
        epochs=20,
        score=wrong_side(0.0),
    )


def rectified_scores(corrected: bool) -> Program:
    """A network with a rectified unit for each class as its last layer."""
    layers: list[Layer] = [nn.Linear(64, 32), ops.relu, nn.Linear(32, 10)]
    if not corrected:
        layers.append(ops.relu)
    settings = {"learning_rate": 0.01, "seed": 1}
    return Program(nn.Sequential(layers), *flat_digits().all(), epochs=12, options=settings)


def sigmoid_for_numbers(corrected: bool) -> Program:
    """A regression of values around 150 by a network whose output is between 0 and 1."""
    parts = table("diabetes").standardized()
    layers: list[Layer] = [nn.Linear(10, 16), ops.tanh, nn.Linear(16, 1)]
    if corrected:
        parts = parts.with_standardized_targets()
    else:
        layers.append(ops.sigmoid)
    return Program(
        nn.Sequential(layers),
        *parts.all(),
        loss="mean_squared_error",
        epochs=30,
        options={"learning_rate": 0.01},
        score=relative_error,
    )


def softmax_of_one(corrected: bool) -> Program:
    """A yes-or-no question, answered by a softmax over a single unit."""
    last = ops.sigmoid if corrected else ops.softmax
    parts = table("breast_cancer").standardized()
    return Program(
        nn.Sequential([nn.Linear(30, 16), ops.relu, nn.Linear(16, 1), last]),
        *parts.all(),
        loss="binary_squared_error",
        epochs=30,
        score=wrong_side(0.5),
    )


QUESTIONS = (
    Question(
        "softmax twice",
        asked="My CNN for digits ends with softmax, as in the lecture, and I use cross-entropy. "
        "The loss goes from 2.30 to 1.77 and seems to have a floor near 1.5. Others reach 0.1 "
        "with the same layers.",
        cause="The loss applies softmax to the outputs, which are already probabilities.",
        program=softmax_twice,
        faulty=0.12,
        corrected=0.06,
        right={"last_layer"},
        follows=NOT_LEARNED | {"rate_too_low", "too_few_epochs", "saturated_units"},
        words=("softmax", "logits|twice|already|before"),
    ),
    Question(
        "sigmoid twice",
        asked="Binary classification, last layer sigmoid, binary cross-entropy. The loss starts at "
        "0.69 and stops at 0.47, and the accuracy printed is that of always saying yes, although "
        "the outputs themselves differ between the patients.",
        cause="The loss applies a sigmoid to the outputs, which are already probabilities; and "
        "an output above 0 counts as yes, so all are yes.",
        program=sigmoid_twice,
        faulty=0.3,
        corrected=0.1,
        right={"last_layer"},
        follows=NOT_LEARNED | {"rate_too_low", "too_few_epochs", "saturated_units"},
        words=("sigmoid", "logits|twice|already|before"),
    ),
    Question(
        "rectified scores",
        asked="I put ReLU after every layer, the last one too. My digit classifier is stuck at "
        "half of the digits: some classes are never predicted, whatever I do with the rate.",
        cause="The last layer is rectified: a class whose score is negative everywhere gets no "
        "gradient any more.",
        program=rectified_scores,
        faulty=0.2,
        corrected=0.07,
        right={"last_layer"},
        follows=NOT_LEARNED | {"dead_units"},
        words=("relu", "last|output"),
    ),
    Question(
        "sigmoid for numbers",
        asked="My regression network predicts 1.0 for every single row, while the true values are "
        "between 25 and 346. The loss does not move after the first epochs.",
        cause="The last layer is a sigmoid, whose values are between 0 and 1; the targets are not.",
        program=sigmoid_for_numbers,
        faulty=1.5,
        corrected=0.95,
        right={"last_layer"},
        follows=NOT_LEARNED | {"targets_not_scaled", "saturated_units", "vanishing_by_depth"},
        words=("sigmoid", "target"),
    ),
    Question(
        "softmax of one",
        asked="I have one output unit with softmax for yes or no. The loss is the same number in "
        "every epoch, to the last digit, and the network always says yes. I tried five learning "
        "rates.",
        cause="The softmax of a single number is always 1, and its gradient is 0.",
        program=softmax_of_one,
        faulty=0.3,
        corrected=0.1,
        right={"last_layer"},
        follows=NOT_LEARNED | {"never_moved", "vanishing_by_depth", "saturated_units"},
        words=("softmax", "one|single|1"),
    ),
)

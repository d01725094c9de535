"""Questions about rare classes, too little or too much capacity, penalties and dropout."""

from __future__ import annotations

from benchmarks.questions.fourth.data import Texts
from benchmarks.questions.fourth.sets import (
    friedman,
    only_some,
    passages_in_numbers,
    repeated,
    wave,
)
from benchmarks.questions.question import NOT_LEARNED, Program, Question, Values, relative_error
from benchmarks.questions.sets import flat_digits
from clearprop import nn, ops, optim
from clearprop.nn.containers import Layer

EIGHT = 8


def missed_eights(outputs: Values, labels: Values) -> float:
    """Return the fraction of the eights that get another answer."""
    return float((outputs[labels == EIGHT].argmax(-1) != EIGHT).mean())


def a_class_of_a_few(corrected: bool) -> Program:
    """Ten digits, of which one has 6 examples in 1100, or each of these 20 times."""
    parts = flat_digits()
    train = only_some(*parts.train, EIGHT, 6)
    if corrected:
        train = repeated(*train, EIGHT, 20)
    return Program(
        nn.Sequential([nn.Linear(64, 24), ops.tanh, nn.Linear(24, 10)]),
        train,
        only_some(*parts.dev, EIGHT, 1),
        parts.test,
        epochs=20,
        options={"learning_rate": 0.003},
        score=missed_eights,
    )


def sixty_texts(corrected: bool) -> Program:
    """A classifier of passages with 500 words in 64 dimensions, and sixty passages to learn."""
    parts = passages_in_numbers()
    if not corrected:
        parts = parts.with_fewer(60)
    epochs = 15 if corrected else 80
    return Program(Texts(64), *parts.all(), epochs=epochs, options={"learning_rate": 0.01})


def ridge_of_ten(corrected: bool) -> Program:
    """Linear regression with a penalty of 10, as it was the best one of a ridge regression."""
    penalty = optim.add_decayed_weights(0.001 if corrected else 10.0)
    return Program(
        nn.Linear(10, 1),
        *friedman().standardized().with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=40,
        options={"optimizer": optim.chain(penalty, optim.sgd(0.02))},
        score=relative_error,
    )


def dropout_in_a_regression(corrected: bool) -> Program:
    """A wave by a network whose hidden units are dropped, nine of ten at each step."""
    layers: list[Layer] = [nn.Linear(1, 32), ops.tanh]
    if not corrected:
        layers.append(nn.Dropout(0.9))
    layers += [nn.Linear(32, 32), ops.tanh]
    if not corrected:
        layers.append(nn.Dropout(0.9))
    layers.append(nn.Linear(32, 1))
    return Program(
        nn.Sequential(layers),
        *wave().all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": 0.01},
        score=relative_error,
    )


def a_wave_by_a_line(corrected: bool) -> Program:
    """A sine by two linear layers without a function between them."""
    layers: list[Layer] = [nn.Linear(1, 32)]
    if corrected:
        layers.append(ops.tanh)
    layers.append(nn.Linear(32, 1))
    return Program(
        nn.Sequential(layers),
        *wave().all(),
        loss="mean_squared_error",
        epochs=120,
        options={"learning_rate": 0.02},
        score=relative_error,
    )


def two_hidden_units(corrected: bool) -> Program:
    """Ten digits by a hidden layer of two units."""
    units = 32 if corrected else 2
    return Program(
        nn.Sequential([nn.Linear(64, units), ops.relu, nn.Linear(units, 10)]),
        *flat_digits().all(),
        epochs=30,
        options={"learning_rate": 0.01},
    )


QUESTIONS = (
    Question(
        "a class of a few",
        asked="97 % accuracy on ten digits, so I was content. Then I saw that not a single eight "
        "of my new pictures is found. There are fewer eights in my data, I think six. Do I need "
        "a deeper network?",
        cause="Six of 1135 training pictures are eights, so that saying eight hardly ever pays.",
        program=a_class_of_a_few,
        faulty=0.8,
        corrected=0.5,
        right={"class_imbalance", "class_never_predicted"},
        follows={"too_few_epochs", "below_linear_model"},
        remains={"too_few_epochs", "below_linear_model"},
    ),
    Question(
        "sixty texts",
        asked="I labelled sixty texts, ten of each kind. Training loss 0.0002, validation accuracy "
        "46 %. More epochs make the validation loss larger. I have an embedding of 64 dimensions.",
        cause="Sixty texts are learned by heart: most words occur once only.",
        program=sixty_texts,
        faulty=0.38,
        corrected=0.32,
        right={"overfitting"},
        follows={"below_linear_model"},
        remains={"overfitting"},
    ),
    Question(
        "ridge of ten",
        asked="In scikit-learn Ridge(alpha=10) was the best. I wrote the same as a network with "
        "one linear layer and weight decay 10, and all predictions are close to the mean.",
        cause="Ridge adds its penalty to the sum over all examples, this one to the mean of a "
        "batch: it is more than a thousand times as strong and pulls the weights to 0.",
        program=ridge_of_ten,
        faulty=0.8,
        corrected=0.6,
        right={"penalty_too_strong"},
        follows=NOT_LEARNED,
        remains={"underfitting"},
    ),
    Question(
        "dropout in a regression",
        asked="A sine wave with a little noise. With Dropout(0.9) against overfitting the curve is "
        "nearly flat. The training error is even larger than the validation error!",
        cause="Nine of ten units are dropped at each step, in both layers: three of 32 must do, "
        "others each time. There was no danger of overfitting.",
        program=dropout_in_a_regression,
        faulty=0.6,
        corrected=0.3,
        right={"dropout_too_strong"},
        follows=NOT_LEARNED | {"too_few_epochs"},
        remains={"too_few_epochs"},
    ),
    Question(
        "a wave by a line",
        asked="Dense(32), Dense(1), mean squared error, Adam, to fit a sine. The prediction is a "
        "straight line whatever I do: more units, more epochs, other rates. Is the universal "
        "approximation theorem wrong?",
        cause="No activation stands between the two layers, and two linear layers are one.",
        program=a_wave_by_a_line,
        faulty=0.8,
        corrected=0.4,
        right={"missing_nonlinearity", "underfitting"},
        remains={"too_few_epochs", "underfitting"},
    ),
    Question(
        "two hidden units",
        asked="The book has two hidden units for XOR, and I have kept them for the digits. "
        "The loss stops at 1.6 and only some digits are ever found. I have tried all optimizers.",
        cause="Two rectified units are too few to tell ten digits apart.",
        program=two_hidden_units,
        faulty=0.4,
        corrected=0.08,
        right={"underfitting", "lost_information"},
        follows={"below_linear_model", "class_never_predicted", "dead_units", "too_few_epochs"},
    ),
)

"""Questions whose cause is in the data: its scale, its order, its labels, its parts."""

from __future__ import annotations

import numpy as np

from benchmarks.questions.question import (
    NOT_LEARNED,
    Program,
    Question,
    Values,
    relative_error,
    wrong_side,
)
from benchmarks.questions.sets import Parts, flat_digits, table
from clearprop import nn, ops


def raw_measurements(corrected: bool) -> Program:
    """Breast cancer with areas up to 4254 beside fractions of 0.001, into units of tanh."""
    parts = table("breast_cancer")
    if corrected:
        parts = parts.standardized()
    model = nn.Sequential(
        [nn.Linear(30, 16), ops.tanh, nn.Linear(16, 16), ops.tanh, nn.Linear(16, 2)]
    )
    return Program(model, *parts.all(), epochs=30, options={"learning_rate": 0.003})


def raw_targets(corrected: bool) -> Program:
    """Diabetes with targets from 25 to 346, by a network whose outputs begin near 0."""
    parts = table("diabetes").standardized()
    if corrected:
        parts = parts.with_standardized_targets()
    model = nn.Sequential([nn.Linear(10, 32), ops.relu, nn.Linear(32, 1)])
    return Program(model, *parts.all(), loss="mean_squared_error", epochs=30, score=relative_error)


def shuffled_apart(corrected: bool) -> Program:
    """Digits whose inputs and labels are shuffled by two calls."""
    parts = flat_digits()
    x, y = parts.train
    rng = np.random.default_rng(3)
    if corrected:
        order = rng.permutation(len(x))
        x, y = x[order], y[order]
    else:
        x, y = rng.permutation(x), rng.permutation(y)
    model = nn.Sequential([nn.Linear(64, 64), ops.relu, nn.Linear(64, 10)])
    return Program(model, (x, y), parts.dev, parts.test, epochs=20)


def noisy_copies(x: Values, y: Values, times: int) -> tuple[Values, Values]:
    """Return each example several times, as it is and with a little noise."""
    rng = np.random.default_rng(5)
    noise = 0.01 * rng.standard_normal((times, *x.shape)) * (np.arange(times) > 0)[:, None, None]
    return (x + noise).reshape(-1, x.shape[1]).astype(np.float32), np.tile(y, times)


def split_after_copies(corrected: bool) -> Program:
    """A small table, made larger by copies, of which a part is held out afterwards."""
    small = table("diabetes").standardized().with_fewer(120)
    low_or_high = [(part[1][:, 0] > 140).astype(np.int32) for part in small.all()]
    small = small.with_targets(*low_or_high)
    x, y = small.train
    model = nn.Sequential([nn.Linear(10, 128), ops.relu, nn.Linear(128, 2)])
    settings = {"learning_rate": 0.01, "batch_size": 32}
    if corrected:
        train = noisy_copies(x[:90], y[:90], 4)
        dev = small.dev
    else:
        many = noisy_copies(x, y, 4)
        order = np.random.default_rng(6).permutation(len(many[0]))
        many = many[0][order], many[1][order]
        train, dev = (many[0][96:], many[1][96:]), (many[0][:96], many[1][:96])
    return Program(model, train, dev, small.test, epochs=40, options=settings, promised=True)


def is_a_nine(parts: Parts, kept: int) -> Parts:
    """Return the parts with targets 1 for a nine, and only a few nines to train with."""
    parts = parts.with_targets(*((part[1] == 9).astype(np.int32) for part in parts.all()))
    x, y = parts.train
    nines = np.flatnonzero(y)[kept:]
    return Parts((np.delete(x, nines, 0), np.delete(y, nines)), parts.dev, parts.test)


def balanced_wrong_side(outputs: Values, labels: Values) -> float:
    """Return the mean of the two classes' error rates."""
    wrong = wrong_side(0.0)
    return float(np.mean([wrong(outputs[labels == k], labels[labels == k]) for k in (0, 1)]))


def few_nines(corrected: bool) -> Program:
    """Twelve nines among more than a thousand other digits."""
    parts = is_a_nine(flat_digits(), kept=12)
    x, y = parts.train
    if corrected:
        copies = np.flatnonzero(y).repeat((y == 0).sum() // y.sum() - 1)
        x, y = np.concatenate([x, x[copies]]), np.concatenate([y, y[copies]])
    return Program(
        nn.Linear(64, 1),
        (x, y),
        parts.dev,
        parts.test,
        loss="binary_cross_entropy",
        epochs=8,
        score=balanced_wrong_side,
    )


def numbers_from_one(corrected: bool) -> Program:
    """Iris with the classes numbered 1, 2, 3, as the file of the asker has them."""
    parts = table("iris").standardized()
    if not corrected:
        parts = parts.with_targets(*(part[1] + 1 for part in parts.all()))
    model = nn.Sequential([nn.Linear(4, 16), ops.tanh, nn.Linear(16, 3)])
    return Program(model, *parts.all(), epochs=60, options={"learning_rate": 0.01})


def reshaped_table(corrected: bool) -> Program:
    """Wine as an array (columns, examples) that is reshaped where it had to be transposed."""
    parts = table("wine").standardized()
    if not corrected:
        parts = parts.with_inputs(
            *(np.ascontiguousarray(part[0].T).reshape(part[0].shape) for part in parts.all())
        )
    model = nn.Sequential([nn.Linear(13, 16), ops.tanh, nn.Linear(16, 3)])
    return Program(model, *parts.all(), epochs=60, options={"learning_rate": 0.01})


QUESTIONS = (
    Question(
        "raw measurements",
        asked="I classify the breast-cancer table with a small tanh network and Adam. The accuracy "
        "is 62 % after the first epoch and exactly 62 % after the last one. Every patient gets "
        "the same class. More layers changed nothing.",
        cause="The columns go from 0.001 to 4254 and are not scaled: the large ones saturate the "
        "first tanh layer.",
        program=raw_measurements,
        faulty=0.25,
        corrected=0.1,
        right={"inputs_not_scaled"},
        follows=NOT_LEARNED | {"saturated_units", "vanishing_by_depth", "never_moved"},
    ),
    Question(
        "raw targets",
        asked="I want to predict the progression of diabetes, a number around 150. My inputs are "
        "standardized, and still the predictions stay near zero and the mean squared error is "
        "over 20,000. It falls, but so slowly.",
        cause="The targets are around 150 and were not scaled. The outputs begin near 0, and each "
        "step of Adam moves a weight by 0.001 only.",
        program=raw_targets,
        faulty=1.5,
        corrected=0.95,
        right={"targets_not_scaled"},
        follows=NOT_LEARNED | {"rate_too_low", "too_few_epochs"},
    ),
    Question(
        "shuffled apart",
        asked="To be safe I shuffle the training data before I train. Since then my digit network "
        "is at 10 % on the validation set, as if it guessed. Without the line it worked!",
        cause="Inputs and labels are shuffled by two calls, in two orders.",
        program=shuffled_apart,
        faulty=0.7,
        corrected=0.08,
        right={"labels_shuffled"},
        follows={"overfitting", "underfitting"},
    ),
    Question(
        "split after copies",
        asked="My table is small, so I enlarged it with slightly noisy copies of each row and "
        "held out a part. Validation accuracy is 100 %. On patients who came later the model is "
        "wrong in every fourth case. How can both be true?",
        cause="The copies were made before the split, so that nearly every development example "
        "has a copy in training.",
        program=split_after_copies,
        faulty=0.15,
        corrected=0.1,
        right={"leaking_duplicates"},
        follows={"overfitting"},
        remains={"overfitting", "below_linear_model"},
    ),
    Question(
        "few nines",
        asked="My detector of nines has 99 % training accuracy, but it never finds a nine: it "
        "says no to everything. Why does it not learn the positive class?",
        cause="Twelve of more than 1100 training examples are nines, so saying no is nearly always "
        "right.",
        program=few_nines,
        faulty=0.4,
        corrected=0.2,
        right={"class_imbalance"},
        follows={"underfitting", "class_never_predicted", "too_few_epochs"},
    ),
    Question(
        "numbers from one",
        asked="The same script worked for my data with labels 0 and 1. The new file has three "
        "classes, 1, 2 and 3, and a network with three outputs does not train on it.",
        cause="Class numbers begin at 0: three outputs are for the labels 0, 1 and 2.",
        program=numbers_from_one,
        faulty=0.3,
        corrected=0.15,
        right={"invalid_targets"},
        words=("label", "0 to 2"),
    ),
    Question(
        "reshaped table",
        asked="My file has one column per sample, so I brought the array into the form (samples, "
        "features). The training error goes down a little, the test error does not. A decision "
        "tree on the original file finds the classes easily.",
        cause="The array was reshaped instead of transposed, which mixes the values of different "
        "samples.",
        program=reshaped_table,
        faulty=0.35,
        corrected=0.12,
        right={"labels_shuffled"},
        follows={"overfitting", "underfitting"},
    ),
)

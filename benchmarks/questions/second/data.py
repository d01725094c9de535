"""Questions whose cause is in the data: its parts, its scale, its type, its copies."""

from __future__ import annotations

import numpy as np
from sklearn import datasets

from benchmarks.questions.question import (
    NOT_LEARNED,
    Program,
    Question,
    Values,
    relative_error,
    wrong_side,
)
from benchmarks.questions.second.sets import carbon_dioxide, in_order
from benchmarks.questions.sets import Parts, digits, table
from clearprop import nn, ops


def scaled_in_training_only(corrected: bool) -> Program:
    """Wines whose columns are standardized in the training script, and nowhere else."""
    raw, scaled = table("wine"), table("wine").standardized()
    parts = scaled if corrected else Parts(scaled.train, raw.dev, raw.test)
    model = nn.Sequential([nn.Linear(13, 24), ops.relu, nn.Linear(24, 3)])
    return Program(model, *parts.all(), epochs=40, options={"learning_rate": 0.003})


def last_part_of_a_sorted_file(corrected: bool) -> Program:
    """Wines in a file that is sorted by class, of which the last rows are held out."""
    x, y = datasets.load_wine(return_X_y=True)
    x, y = x.astype(np.float32), y.astype(np.int32)
    parts = table("wine") if corrected else in_order(x, y)
    model = nn.Sequential([nn.Linear(13, 16), ops.tanh, nn.Linear(16, 3)])
    settings = {"learning_rate": 0.01}
    return Program(model, *parts.standardized().all(), epochs=30, options=settings)


def years_of_carbon_dioxide() -> Parts:
    """Return a year between 1960 and 2001 and the ppm of CO2 in it, standardized."""
    x, y = (np.concatenate(columns) for columns in zip(*carbon_dioxide().all(), strict=True))
    years = (1960.2 + np.arange(len(x)) / 52.18).astype(np.float32)[:, None]
    order = np.random.default_rng(1).permutation(len(x))[:900]
    rows = order[:600], order[600:750], order[750:]
    train, dev, test = ((years[part], y[part]) for part in rows)
    return Parts(train, dev, test).with_standardized_targets()


def year_as_it_is(corrected: bool) -> Program:
    """A curve over time whose input is the year, such as 1984.5."""
    parts = years_of_carbon_dioxide()
    if corrected:
        parts = parts.standardized()
    return Program(
        nn.Sequential([nn.Linear(1, 24), ops.tanh, nn.Linear(24, 24), ops.tanh, nn.Linear(24, 1)]),
        *parts.all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": 0.003},
        score=relative_error,
    )


def column_as_target(column: int) -> Parts:
    """Return the wines with one column as target and the others as standardized inputs."""
    parts = table("wine")
    targets = [part[0][:, [column]] for part in parts.all()]
    parts = parts.with_inputs(*(np.delete(part[0], column, axis=1) for part in parts.all()))
    return parts.standardized().with_targets(*targets)


PROLINE = 12


def proline_as_it_is(corrected: bool) -> Program:
    """A regression of values between 278 and 1680 by gradient descent with momentum."""
    parts = column_as_target(PROLINE)
    if corrected:
        parts = parts.with_standardized_targets()
    return Program(
        nn.Sequential([nn.Linear(12, 32), ops.relu, nn.Linear(32, 1)]),
        *parts.all(),
        loss="mean_squared_error",
        epochs=30,
        options={"optimizer": "momentum", "learning_rate": 0.01},
        score=relative_error,
    )


def bytes_again(corrected: bool) -> Program:
    """Pixels that are divided by 17 and then stored as bytes."""

    def stored(x: Values) -> Values:
        small = x / 17
        return small if corrected else small.astype(np.uint8).astype(np.float32)

    parts = digits()
    parts = parts.with_inputs(*(stored(part[0]) for part in parts.all()))
    model = nn.Sequential(
        [nn.Conv2d(1, 8, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)]
    )
    return Program(model, *parts.all(), epochs=8, options={"learning_rate": 0.005})


def severe_cases() -> Parts:
    """Return the diabetes table with the question whether the progression is above 220."""
    parts = table("diabetes").standardized()
    return parts.with_targets(*((p[1][:, 0] > 220).astype(np.int32) for p in parts.all()))


def more_of_the_rare(x: Values, y: Values) -> tuple[Values, Values]:
    """Return the examples with each of class 1 five times."""
    rows = np.concatenate([np.arange(len(x)), np.flatnonzero(y).repeat(4)])
    rows = np.random.default_rng(2).permutation(rows)
    return x[rows], y[rows]


def upsampled_before_the_split(corrected: bool) -> Program:
    """Severe cases are repeated, and a fifth of all rows is held out afterwards."""
    parts = severe_cases()
    x, y = parts.train
    if corrected:
        train, dev = more_of_the_rare(x, y), parts.dev
    else:
        x, y = more_of_the_rare(x, y)
        held_out = len(x) // 5
        train, dev = (x[held_out:], y[held_out:]), (x[:held_out], y[:held_out])
    return Program(
        nn.Sequential([nn.Linear(10, 96), ops.relu, nn.Linear(96, 1)]),
        train,
        dev,
        parts.test,
        loss="binary_cross_entropy",
        epochs=60,
        options={"learning_rate": 0.01},
        score=wrong_side(0.0),
        promised=True,
    )


def compared_with_a_name(corrected: bool) -> Program:
    """Breast cancer with the target "is it malignant", asked of numbers instead of names."""
    parts = table("breast_cancer").standardized()
    parts = parts.with_targets(*((part[1] == 0).astype(np.int32) for part in parts.all()))
    if not corrected:
        names = [part[1].astype(str) == "malignant" for part in (parts.train, parts.dev)]
        train, dev = (name.astype(np.int32) for name in names)
        parts = parts.with_targets(train, dev, parts.test[1])
    return Program(
        nn.Sequential([nn.Linear(30, 16), ops.relu, nn.Linear(16, 1)]),
        *parts.all(),
        loss="binary_cross_entropy",
        epochs=12,
        options={"learning_rate": 0.003},
        score=wrong_side(0.0),
    )


QUESTIONS = (
    Question(
        "scaled in training only",
        asked="Training accuracy is 100 %, validation accuracy is 30 % and the validation loss is "
        "in the hundreds. I tried dropout, fewer units and early stopping against this "
        "overfitting. Nothing helps.",
        cause="The columns are standardized for training; validation and test rows are raw.",
        program=scaled_in_training_only,
        faulty=0.4,
        corrected=0.25,
        right={"development_differs"},
        follows={"overfitting", "below_linear_model", "class_never_predicted"},
    ),
    Question(
        "last part of a sorted file",
        asked="My network classifies the training rows perfectly. I keep the last rows of the file "
        "for validation, and there it is nearly always wrong. With so few rows, do I need "
        "stronger regularization?",
        cause="The file is sorted by class: the third class is in the last rows only.",
        program=last_part_of_a_sorted_file,
        faulty=0.6,
        corrected=0.25,
        right={"development_differs"},
        follows={"overfitting", "class_never_predicted", "class_imbalance", "below_linear_model"},
    ),
    Question(
        "year as it is",
        asked="I fit CO2 over time, one input and one output. The network draws a horizontal line "
        "through the middle of a curve that a child could draw. More layers do not help.",
        cause="The input is the year, near 1980: all tanh units are at 1 or -1 in every year.",
        program=year_as_it_is,
        faulty=0.6,
        corrected=0.3,
        right={"inputs_not_scaled"},
        follows=NOT_LEARNED
        | {"saturated_units", "vanishing_by_depth", "never_moved", "lost_information"},
    ),
    Question(
        "proline as it is",
        asked="The loss of my regression becomes enormous and then nan. There are no "
        "missing values, I looked twice. The same network classifies the same wines well.",
        cause="The targets are around 750 and not scaled: their gradients are far too large for "
        "the rate.",
        program=proline_as_it_is,
        faulty=0.9,
        corrected=0.8,
        right={"targets_not_scaled"},
        follows=NOT_LEARNED
        | {"rate_too_high", "non_finite", "exploding_by_depth", "dead_units", "never_moved"},
    ),
    Question(
        "bytes again",
        asked="I scale my pictures to 0 to 1 and keep them as uint8 to save memory. Loss 2.30 and "
        "10 % from the first epoch to the last, with any rate and with any network.",
        cause="As bytes, all values below 1 are 0: every picture is black.",
        program=bytes_again,
        faulty=0.7,
        corrected=0.08,
        right={"constant_inputs"},
        follows=NOT_LEARNED | {"never_moved", "lost_information", "labels_shuffled"},
        words=("constant|same value|all zero|equal",),
    ),
    Question(
        "upsampled before the split",
        asked="Severe cases are rare in my table, so I repeat them and then split off 20 %. My "
        "validation accuracy is 95 %. In the clinic it is wrong for every fourth patient.",
        cause="Copies of one patient are on both sides of the split.",
        program=upsampled_before_the_split,
        faulty=0.1,
        corrected=0.095,
        right={"leaking_duplicates"},
        follows={"overfitting"},
        remains={"overfitting", "below_linear_model", "development_noise"},
    ),
    Question(
        "compared with a name",
        asked="100 % accuracy in the first epoch, on training and validation data! But on the new "
        "patients it does not find one malignant case.",
        cause='The column has the numbers 0 and 1; compared with the text "malignant" all are '
        "different, so that every target is 0.",
        program=compared_with_a_name,
        faulty=0.25,
        corrected=0.08,
        right={"single_class"},
        follows={"class_imbalance", "class_never_predicted"},
        words=("class|target|label", "one|equal|same|only"),
    ),
)

"""Questions whose cause is in the inputs or in the parts of the data."""

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
from benchmarks.questions.second.own_loss import BagOfWords
from benchmarks.questions.second.sets import topic_words
from benchmarks.questions.sets import Parts, flat_digits, table, unit_digits
from benchmarks.questions.third.sets import houses
from clearprop import nn, ops


def square_feet(corrected: bool) -> Program:
    """A straight line through prices of houses, whose input is between 600 and 4200."""
    parts = houses()
    if corrected:
        parts = parts.standardized()
    return Program(
        nn.Linear(1, 1),
        *parts.all(),
        loss="mean_squared_error",
        epochs=20,
        options={"optimizer": "sgd", "learning_rate": 0.01},
        score=relative_error,
    )


def bright_pixels(corrected: bool) -> Program:
    """A CNN by gradient descent with momentum, for pixels from 0 to 255."""
    parts = unit_digits()
    if not corrected:
        parts = parts.with_inputs(*(255 * part[0] for part in parts.all()))
    model = nn.Sequential(
        [
            nn.Conv2d(1, 8, 3),
            ops.relu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(72, 32),
            ops.relu,
            nn.Linear(32, 10),
        ]
    )
    settings = {"optimizer": "momentum", "learning_rate": 0.02}
    return Program(model, *parts.all(), epochs=15, options=settings)


def rows_of_length_one(corrected: bool) -> Program:
    """Wines whose rows, not columns, are brought to one length."""
    parts = table("wine")
    if corrected:
        parts = parts.standardized()
    else:
        lengths = (np.linalg.norm(part[0], axis=1, keepdims=True) for part in parts.all())
        rows = (part[0] / length for part, length in zip(parts.all(), lengths, strict=True))
        parts = parts.with_inputs(*rows)
    model = nn.Sequential([nn.Linear(13, 24), ops.relu, nn.Linear(24, 3)])
    return Program(model, *parts.all(), epochs=30, options={"learning_rate": 0.002})


def corners_without_ink(corrected: bool) -> Program:
    """Digits standardized by hand: some pixels are 0 in all pictures, and so is their deviation."""
    parts = flat_digits()
    x = parts.train[0]
    center, spread = x.mean(0), x.std(0)
    if corrected:
        spread = np.where(spread > 0, spread, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = parts.with_inputs(*((part[0] - center) / spread for part in parts.all()))
    model = nn.Sequential([nn.Linear(64, 32), ops.relu, nn.Linear(32, 10)])
    return Program(model, *parts.all(), epochs=12, options={"learning_rate": 0.003})


def header_row(corrected: bool) -> Program:
    """Inputs and labels from two files, one of which is read from its second row on."""
    parts = table("breast_cancer").standardized()
    if not corrected:
        shifted = [(part[0][1:], part[1][:-1]) for part in (parts.train, parts.dev)]
        parts = Parts(shifted[0], shifted[1], parts.test)
    return Program(
        nn.Sequential([nn.Linear(30, 24), ops.relu, nn.Linear(24, 1)]),
        *parts.all(),
        loss="binary_cross_entropy",
        epochs=40,
        options={"learning_rate": 0.005},
        score=wrong_side(0.0),
    )


def numbered_by_appearance(labels: Values) -> Values:
    """Return the labels with the number 0 for the first that appears, 1 for the next, and so on."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def numbered_apart(corrected: bool) -> Program:
    """Digits whose classes are numbered by their first appearance, in each file anew."""
    parts = flat_digits()
    if not corrected:
        parts = parts.with_targets(*(numbered_by_appearance(part[1]) for part in parts.all()))
    model = nn.Sequential([nn.Linear(64, 48), ops.relu, nn.Linear(48, 10)])
    return Program(model, *parts.all(), epochs=12, options={"learning_rate": 0.003})


def black_on_white(corrected: bool) -> Program:
    """Digits white on black to train with, and the asker's own, black on white."""
    parts = unit_digits()
    if not corrected:
        parts = parts.with_inputs(parts.train[0], 1 - parts.dev[0], 1 - parts.test[0])
    model = nn.Sequential(
        [
            nn.Conv2d(1, 8, 3, padding=1),
            ops.relu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128, 32),
            ops.relu,
            nn.Linear(32, 10),
        ]
    )
    return Program(model, *parts.all(), epochs=12, options={"learning_rate": 0.003})


def checked_with_training_rows(corrected: bool) -> Program:
    """A classifier of texts whose validation texts are the first ones of training."""
    parts = topic_words()
    x, y = parts.train
    dev = parts.dev if corrected else (x[:160], y[:160])
    settings = {"learning_rate": 0.01}
    return Program(
        BagOfWords(), parts.train, dev, parts.test, epochs=25, options=settings, promised=True
    )


QUESTIONS = (
    Question(
        "square feet",
        asked="My first network is one neuron that shall predict the price of a house from its "
        "square feet. I divide the price by 100,000, as a video says. The loss is 1e9 after some "
        "steps and then inf. A line cannot be so hard!",
        cause="The input is in the thousands and not scaled: the gradient of its weight is "
        "millions of times too large for the rate.",
        program=square_feet,
        faulty=0.9,
        corrected=0.4,
        right={"inputs_not_scaled"},
        follows=NOT_LEARNED | {"rate_too_high", "non_finite", "exploding_by_depth"},
    ),
    Question(
        "bright pixels",
        asked="A CNN for digits with momentum, pixels from 0 to 255 as they come from the files. "
        "The loss starts above 10 and ends at 2.30, and all pictures get the same class. My labels "
        "are right, I looked at some.",
        cause="The pixels are not divided by 255: the first steps are so large that the rectified "
        "units die.",
        program=bright_pixels,
        faulty=0.5,
        corrected=0.1,
        right={"inputs_not_scaled"},
        follows=NOT_LEARNED
        | {"rate_too_high", "dead_units", "never_moved", "vanishing_by_depth", "lost_information"},
    ),
    Question(
        "rows of length one",
        asked="I normalize the wine table with a Normalizer before training, so scaling is done. "
        "The network is right for half of the wines and does not get better. With the "
        "forest that I tried first it was 97 %.",
        cause="Each row is divided by its own length, which the column with the largest numbers "
        "makes up: this column is near 1 everywhere, and the others are near 0.",
        program=rows_of_length_one,
        faulty=0.25,
        corrected=0.12,
        right={"inputs_not_scaled", "constant_inputs"},
        follows=NOT_LEARNED | {"rate_too_low", "too_few_epochs", "development_noise"},
        remains={"too_few_epochs", "development_noise"},
    ),
    Question(
        "corners without ink",
        asked="I subtract the mean of every pixel and divide by its standard deviation. Now the "
        "loss is nan from the first step on. I tried smaller rates down to 1e-8.",
        cause="Some pixels are 0 in all pictures: 0 divided by the deviation 0 is not a number.",
        program=corners_without_ink,
        faulty=0.8,
        corrected=0.08,
        right={"non_finite"},
        follows=NOT_LEARNED | {"inputs_not_scaled"},
        words=("nan|finite|not a number|missing",),
    ),
    Question(
        "header row",
        asked="X and y come from two csv files. My network is wrong for four of ten validation "
        "rows and overfits if I train longer. The same table is said to be easy. Which "
        "architecture do you recommend?",
        cause="One of the files was read without its first row: each row has the label of its "
        "neighbour.",
        program=header_row,
        faulty=0.3,
        corrected=0.08,
        right={"labels_shuffled"},
        follows={"overfitting", "underfitting", "class_never_predicted"},
    ),
    Question(
        "numbered apart",
        asked="I factorize the class names of the training file and of the validation file. "
        "Training accuracy is 99 %, validation accuracy is below 10 %, worse than guessing. "
        "How can a network overfit so badly in three epochs?",
        cause="Each file was numbered on its own, in the order in which the classes appear: the "
        "same number means another class.",
        program=numbered_apart,
        faulty=0.6,
        corrected=0.08,
        right={"development_differs"},
        follows={"overfitting", "below_linear_model"},
    ),
    Question(
        "black on white",
        asked="98 % in training. Then I scanned digits that my family wrote and used them for "
        "validation: 5 %, less than by chance. Is their handwriting so different?",
        cause="The scans are black on white, the training pictures white on black.",
        program=black_on_white,
        faulty=0.5,
        corrected=0.08,
        right={"development_differs"},
        follows={"overfitting", "below_linear_model", "class_never_predicted"},
    ),
    Question(
        "checked with training rows",
        asked="validation_data=(x_train[:160], y_train[:160]), so that no text is wasted. "
        "Validation accuracy is 100 %. My boss sent new texts, and every fifth answer is wrong.",
        cause="The validation texts are among the training texts.",
        program=checked_with_training_rows,
        faulty=0.15,
        corrected=0.08,
        right={"leaking_duplicates"},
        follows={"overfitting"},
        remains={"overfitting"},
    ),
)

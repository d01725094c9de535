"""Questions whose cause is in the inputs or in the parts of the data."""

from __future__ import annotations

import numpy as np
from jax import Array

from benchmarks.questions.fourth.sets import TOPICS, WORDS, parabola, passages_in_numbers
from benchmarks.questions.question import (
    NOT_LEARNED,
    Pair,
    Program,
    Question,
    Values,
    relative_error,
    wrong_side,
)
from benchmarks.questions.second.sets import sunspots
from benchmarks.questions.sets import Parts, table, unit_digits
from clearprop import nn, ops


class Texts(nn.Module):
    """Averages the vectors of the words and classifies the mean."""

    words: nn.Embedding
    hidden: nn.Linear
    head: nn.Linear

    def __init__(self, features: int = 32) -> None:
        self.words = nn.Embedding(WORDS, features)
        self.hidden = nn.Linear(features, 32)
        self.head = nn.Linear(32, len(TOPICS))

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 6) of passages, numbers of words (N, 16)."""
        return self.head(ops.tanh(self.hidden(ops.mean(self.words(x), axis=1))))


def squares_up_to_ten_thousand(corrected: bool) -> Program:
    """The parabola from -100 to 100, with targets up to 10,000."""
    parts = parabola()
    if corrected:
        parts = parts.standardized().with_standardized_targets()
    return Program(
        nn.Sequential([nn.Linear(1, 24), ops.tanh, nn.Linear(24, 1)]),
        *parts.all(),
        loss="mean_squared_error",
        epochs=60,
        options={"learning_rate": 0.01},
        score=relative_error,
    )


class Years(nn.Module):
    """An LSTM over a series, whose last output becomes a number."""

    reader: nn.LSTM
    head: nn.Linear

    def __init__(self, hidden: int = 24) -> None:
        self.reader = nn.LSTM(1, hidden)
        self.head = nn.Linear(hidden, 1)

    def __call__(self, x: Array) -> Array:
        """Return numbers (N, 1) of series (N, T, 1)."""
        return self.head(self.reader(x)[:, -1])


def spots_as_they_are(corrected: bool) -> Program:
    """An LSTM that forecasts sunspots, with inputs and targets from 0 to 190."""
    parts = sunspots()
    if not corrected:
        parts = Parts(*((100 * part[0], 100 * part[1]) for part in parts.all()))
    return Program(
        Years(),
        *parts.all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


def divided_twice(corrected: bool) -> Program:
    """A CNN for pixels that were from 0 to 1 before they were divided by 255."""
    parts = unit_digits()
    if not corrected:
        parts = parts.with_inputs(*(part[0] / 255 for part in parts.all()))
    model = nn.Sequential(
        [
            nn.Conv2d(1, 12, 3),
            ops.relu,
            nn.Flatten(),
            nn.Linear(432, 32),
            ops.relu,
            nn.Linear(32, 10),
        ]
    )
    settings = {"optimizer": "momentum", "learning_rate": 0.02}
    return Program(model, *parts.all(), epochs=12, options=settings)


def empty_cells(corrected: bool) -> Program:
    """A table in which some cells are empty, or filled with the mean of their column."""
    parts = table("breast_cancer").standardized()
    x = parts.train[0].copy()
    rng = np.random.default_rng(31)
    x[rng.integers(0, len(x), 9), rng.integers(0, 30, 9)] = 0.0 if corrected else np.nan
    return Program(
        nn.Sequential([nn.Linear(30, 16), ops.relu, nn.Linear(16, 1)]),
        (x, parts.train[1]),
        parts.dev,
        parts.test,
        loss="binary_cross_entropy",
        epochs=20,
        options={"learning_rate": 0.003},
        score=wrong_side(0.0),
    )


def sorted_by_name(corrected: bool) -> Program:
    """Pictures in the order of their files' names, 1, 10, 100, and labels in that of numbers."""
    parts = unit_digits()
    if not corrected:

        def apart(x: Values, y: Values) -> Pair:
            return x[sorted(range(len(x)), key=str)], y

        parts = Parts(apart(*parts.train), apart(*parts.dev), parts.test)
    model = nn.Sequential(
        [nn.Conv2d(1, 12, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 10)]
    )
    return Program(model, *parts.all(), epochs=20, options={"learning_rate": 0.005})


def number_of_the_row(corrected: bool) -> Program:
    """Wines with the number of their row, which grows from one class to the next, as a column."""
    parts = table("wine").standardized()
    if not corrected:
        # The rows of the file are sorted by class. New wines are numbered from 178 on.
        starts, rng = (0, 59, 130, 178), np.random.default_rng(32)

        def with_row(x: Values, y: Values, new: bool) -> Values:
            bounds = [(178, 240) if new else (starts[k], starts[k + 1]) for k in y]
            rows = np.array([rng.integers(*bound) for bound in bounds])
            return np.column_stack([x, (rows - 88.5) / 10]).astype(np.float32)

        inputs = (with_row(*part, new=i == 2) for i, part in enumerate(parts.all()))
        parts = parts.with_inputs(*inputs)
    columns = parts.train[0].shape[1]
    model = nn.Sequential([nn.Linear(columns, 16), ops.relu, nn.Linear(16, 3)])
    return Program(model, *parts.all(), epochs=40, options={"learning_rate": 0.005})


def numbered_again(corrected: bool) -> Program:
    """Passages whose words are numbered by frequency, in each part of the data anew."""
    parts = passages_in_numbers(own_numbers=not corrected)
    return Program(Texts(), *parts.all(), epochs=20, options={"learning_rate": 0.005})


def downloaded_twice(corrected: bool) -> Program:
    """Passages of which each is in the file twice, split at random, and a test without copies."""
    parts = passages_in_numbers()
    train, dev = parts.train, parts.dev
    if not corrected:
        x, y = (np.concatenate([train[i], dev[i], train[i], dev[i]]) for i in (0, 1))
        order = np.random.default_rng(33).permutation(len(x))
        held, kept = order[: len(x) // 6], order[len(x) // 6 :]
        train, dev = (x[kept], y[kept]), (x[held], y[held])
    settings = {"learning_rate": 0.01}
    return Program(Texts(), train, dev, parts.test, epochs=20, options=settings, promised=True)


def argmax_of_numbers(corrected: bool) -> Program:
    """Wines whose class numbers are taken for one-hot rows: the argmax of one column is 0."""
    parts = table("wine").standardized()
    if not corrected:
        train, dev = (np.argmax(y[:, None], axis=1) for y in (parts.train[1], parts.dev[1]))
        parts = parts.with_targets(train.astype(np.int32), dev.astype(np.int32), parts.test[1])
    model = nn.Sequential([nn.Linear(13, 20), ops.tanh, nn.Linear(20, 3)])
    return Program(model, *parts.all(), epochs=40, options={"learning_rate": 0.005})


QUESTIONS = (
    Question(
        "squares up to ten thousand",
        asked="A network shall learn y = x**2 for x from -100 to 100, the simplest task that I "
        "could think of. The loss is 17 million and falls by a little. It predicts about 100 for "
        "every x. I tried 24, 100 and 500 units.",
        cause="Neither x nor y is scaled: outputs begin near 0 and have to reach 10,000, and the "
        "tanh units are at their limits for nearly every x.",
        program=squares_up_to_ten_thousand,
        faulty=0.9,
        corrected=0.15,
        right={"targets_not_scaled", "inputs_not_scaled"},
        follows=NOT_LEARNED
        | {"saturated_units", "rate_too_low", "too_few_epochs", "unsuitable_optimizer"},
    ),
    Question(
        "spots as they are",
        asked="My LSTM forecasts sunspots. The curve of the forecast is nearly flat at 30, while "
        "the real one goes up to 190. I have read that LSTMs need no feature engineering.",
        cause="The series is not scaled: values up to 190 saturate the gates, and outputs that "
        "begin near 0 come up slowly.",
        program=spots_as_they_are,
        faulty=0.8,
        corrected=0.5,
        right={"inputs_not_scaled", "targets_not_scaled"},
        follows=NOT_LEARNED
        | {
            "saturated_units",
            "rate_too_low",
            "too_few_epochs",
            "unsuitable_optimizer",
            "vanishing_through_time",
            "development_differs",
            "development_noise",
        },
        remains={"development_noise", "development_differs", "below_linear_model"},
    ),
    Question(
        "divided twice",
        asked="I load pictures with a function that gives floats, and use Rescaling(1/255) as in "
        "all examples. Loss 2.30 from the first to the last epoch, accuracy 10 %. Momentum, rate "
        "0.02, a small CNN.",
        cause="The function already gives values from 0 to 1; divided by 255 once more they are "
        "below 0.004, and the picture has no effect on the outputs.",
        program=divided_twice,
        faulty=0.6,
        corrected=0.1,
        right={"inputs_not_scaled"},
        follows=NOT_LEARNED | {"rate_too_low", "too_few_epochs", "unsuitable_optimizer"},
    ),
    Question(
        "empty cells",
        asked="The loss is nan from the first batch on. The rate does not matter, nor does the "
        "optimizer. df.info() looks fine, apart from a few columns with 396 instead of 398.",
        cause="Some cells of the table are empty, and pandas reads them as nan.",
        program=empty_cells,
        faulty=0.9,
        corrected=0.1,
        right={"non_finite"},
        remains={"too_few_epochs"},
        words=("nan|missing|empty|finite",),
    ),
    Question(
        "sorted by name",
        asked="The pictures are 0.png to 1256.png, read with sorted(glob('*.png')). The labels are "
        "in a csv file, row by row. The training accuracy creeps up, the validation accuracy "
        "stays at 10 %. Does a CNN overfit on so little data?",
        cause="Names are sorted as text: 0, 1, 10, 100, 1000. The labels are in the order of "
        "the numbers, so that pictures have the labels of others.",
        program=sorted_by_name,
        faulty=0.7,
        corrected=0.1,
        right={"labels_shuffled"},
        follows=NOT_LEARNED | {"overfitting"},
    ),
    Question(
        "number of the row",
        asked="100 % in validation after some epochs, with a random split! For wines that were "
        "added to the table afterwards it always says the third class. Did they change the "
        "measurements?",
        cause="The unnamed first column of the csv file is the number of the row, and the "
        "file is sorted by class: the number tells the class. It does not for new rows.",
        program=number_of_the_row,
        faulty=0.5,
        corrected=0.12,
        right={"leaking_targets"},
        follows={"development_noise", "too_few_epochs"},
        remains={"development_noise", "too_few_epochs"},
    ),
    Question(
        "numbered again",
        asked="tokenizer.fit_on_texts(train) for training, tokenizer.fit_on_texts(val) for "
        "validation, then texts_to_sequences. Training accuracy 100 %, validation accuracy that "
        "of guessing. Dropout and smaller networks do not help.",
        cause="The words are numbered anew for the validation texts: the same number is "
        "another word.",
        program=numbered_again,
        faulty=0.65,
        corrected=0.4,
        right={"development_differs"},
        follows=NOT_LEARNED | {"overfitting"},
        remains={"overfitting"},
    ),
    Question(
        "downloaded twice",
        asked="I put two downloads of the texts into one file and split it at random. 97 % in "
        "validation. In production it is wrong for about every fourth text. Do people write so "
        "differently?",
        cause="Each text is in the file twice, so that nearly every validation text is among "
        "the training texts as well.",
        program=downloaded_twice,
        faulty=0.1,
        corrected=0.05,
        right={"leaking_duplicates"},
        follows={"overfitting"},
        remains={"overfitting"},
    ),
    Question(
        "argmax of numbers",
        asked="y = np.argmax(y.reshape(-1, 1), axis=1), as the error about the shape of the "
        "labels told me to convert them. Since then the loss is 0.00 and the accuracy 100 %, "
        "but it says class 0 for every new wine.",
        cause="The labels were class numbers before: the argmax of a single column is always 0, so "
        "that all targets are 0.",
        program=argmax_of_numbers,
        faulty=0.4,
        corrected=0.2,
        right={"single_class"},
        follows={"labels_shuffled", "class_never_predicted", "development_noise", "too_few_epochs"},
        words=("target|label|class", "equal|same|all|only|single|one class"),
        remains={"development_noise", "too_few_epochs"},
    ),
)

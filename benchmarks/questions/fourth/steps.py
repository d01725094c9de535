"""Questions whose cause is the size or the number of the steps."""

from __future__ import annotations

from benchmarks.questions.fourth.sets import friedman
from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error
from benchmarks.questions.second.sequences import LastRow
from benchmarks.questions.sets import digit_rows, table, unit_digits
from clearprop import nn, ops


def descent_by_hand(corrected: bool) -> Program:
    """Linear regression of ten columns by gradient descent with the rate 1.5."""
    return Program(
        nn.Linear(10, 1),
        *friedman().standardized().with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=20,
        options={"optimizer": "sgd", "learning_rate": 0.01 if corrected else 1.5},
        score=relative_error,
    )


def long_steps_of_momentum(corrected: bool) -> Program:
    """A CNN with momentum and the rate 1, which was good without momentum."""
    model = nn.Sequential(
        [
            nn.Conv2d(1, 12, 3),
            ops.relu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(108, 32),
            ops.relu,
            nn.Linear(32, 10),
        ]
    )
    settings = {"optimizer": "momentum", "learning_rate": 0.02 if corrected else 1.0}
    return Program(model, *unit_digits().all(), epochs=12, options=settings)


def plain_descent_of_an_lstm(corrected: bool) -> Program:
    """An LSTM over the rows of pictures by plain gradient descent with the rate 0.01."""
    optimizer = "adam" if corrected else "sgd"
    return Program(
        LastRow(nn.LSTM(8, 32), 32),
        *digit_rows().all(),
        epochs=15,
        options={"optimizer": optimizer, "learning_rate": 0.01},
    )


def stopped_at_once(corrected: bool) -> Program:
    """Flowers with early stopping that waits for a single epoch."""
    model = nn.Sequential([nn.Linear(4, 16), ops.relu, nn.Linear(16, 3)])
    settings = {"learning_rate": 0.002, "patience": 40 if corrected else 1}
    parts = table("iris").standardized()
    return Program(model, *parts.all(), epochs=150, options=settings)


QUESTIONS = (
    Question(
        "descent by hand",
        asked="Linear regression by gradient descent, ten columns, all standardized. The loss is "
        "4, then 30, then 1e5, and after an epoch inf. The derivative is right, I checked it on "
        "paper. I chose alpha = 1.5 to be quicker.",
        cause="With this rate each step goes beyond the minimum by more than it was away from it.",
        program=descent_by_hand,
        faulty=1.5,
        corrected=0.6,
        right={"rate_too_high"},
        follows=NOT_LEARNED | {"non_finite"},
        remains={"underfitting"},
    ),
    Question(
        "long steps of momentum",
        asked="SGD with the rate 1 was the best of my search. I added momentum 0.9, which is said "
        "to help always. Now the CNN is at 10 % and says the same digit for each picture.",
        cause="Momentum adds up ten steps, so that they are ten times as long: the first ones kill "
        "the rectified units.",
        program=long_steps_of_momentum,
        faulty=0.6,
        corrected=0.1,
        right={"rate_too_high"},
        follows=NOT_LEARNED
        | {"dead_units", "never_moved", "vanishing_by_depth", "lost_information"},
        remains={"too_few_epochs"},
    ),
    Question(
        "plain descent of an LSTM",
        asked="SGD(0.01) trains my dense network well. With an LSTM on the same digits, row by "
        "row, the loss falls from 2.31 to 2.0 in fifteen epochs. Is the LSTM wrong for pictures?",
        cause="Plain gradient descent with 0.01 is far too slow for an LSTM; Adam is at 95 % in "
        "the same time.",
        program=plain_descent_of_an_lstm,
        faulty=0.4,
        corrected=0.12,
        right={"rate_too_low", "unsuitable_optimizer", "too_few_epochs"},
        follows=NOT_LEARNED | {"vanishing_through_time"},
        remains={"below_linear_model", "too_few_epochs"},
    ),
    Question(
        "stopped at once",
        asked="EarlyStopping(patience=1) stops after thirty epochs with 20 % errors on "
        "iris, though I allow 150. Is the rate wrong? Others report 2 %.",
        cause="The validation error of 22 flowers stays equal from one epoch to the next while "
        "the network still learns; one epoch of patience is too little.",
        program=stopped_at_once,
        faulty=0.15,
        corrected=0.1,
        right={"too_few_epochs", "development_noise"},
        follows=NOT_LEARNED | {"rate_too_low"},
        remains={"too_few_epochs", "development_noise"},
    ),
)

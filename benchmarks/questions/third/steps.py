"""Questions whose cause is the rate or the number of the steps."""

from __future__ import annotations

from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error
from benchmarks.questions.second.sequences import Forecaster
from benchmarks.questions.second.sets import sunspots
from benchmarks.questions.sets import table
from benchmarks.questions.third.sets import payments
from clearprop import nn, ops


def half_a_step(corrected: bool) -> Program:
    """A GRU for the sunspots with RMSprop and the rate 0.5."""
    rate = 0.003 if corrected else 0.5
    return Program(
        Forecaster(nn.Linear(1, 1)),
        *sunspots().all(),
        loss="mean_squared_error",
        epochs=30,
        options={"optimizer": "rmsprop", "learning_rate": rate},
        score=relative_error,
    )


def careful_descent(corrected: bool) -> Program:
    """Payments, half of them frauds, by gradient descent with momentum and the rate 0.00002."""
    return Program(
        nn.Sequential([nn.Linear(8, 16), ops.relu, nn.Linear(16, 2)]),
        *payments(1500, fraction=0.5).all(),
        epochs=10,
        options={"optimizer": "momentum", "learning_rate": 0.05 if corrected else 0.00002},
    )


def five_epochs_of_four_steps(corrected: bool) -> Program:
    """Wines: 124 rows, four steps an epoch, five epochs, the default rate of Adam."""
    model = nn.Sequential([nn.Linear(13, 16), ops.relu, nn.Linear(16, 3)])
    epochs = 60 if corrected else 5
    return Program(model, *table("wine").standardized().all(), epochs=epochs)


QUESTIONS = (
    Question(
        "half a step",
        asked="RMSprop with a rate of 0.5, since 0.001 felt slow. The loss of my GRU jumps between "
        "0.2 and 70, and the forecast is a straight line. Do I have to clip?",
        cause="The rate is a hundred times too high for RMSprop: each step moves every weight by "
        "about 0.5.",
        program=half_a_step,
        faulty=0.9,
        corrected=0.65,
        right={"rate_too_high"},
        follows=NOT_LEARNED
        | {"saturated_units", "never_moved", "vanishing_through_time", "development_differs"},
        remains={"development_noise", "development_differs"},
    ),
    Question(
        "careful descent",
        asked="I set the rate to 0.00002 to be sure that nothing diverges. Nothing diverges. The "
        "loss went from 0.840 to 0.815 in ten epochs. Is the network too small?",
        cause="The rate is a thousand times too low.",
        program=careful_descent,
        faulty=0.35,
        corrected=0.12,
        right={"rate_too_low"},
        follows=NOT_LEARNED | {"too_few_epochs"},
    ),
    Question(
        "five epochs of four steps",
        asked="Five epochs were enough for MNIST. On the wines the same settings give 40 %, but "
        "with a decision tree I get 90 %. Are networks bad for tables?",
        cause="The table has 124 rows: five epochs are twenty steps.",
        program=five_epochs_of_four_steps,
        faulty=0.2,
        corrected=0.1,
        right={"too_few_epochs"},
        follows=NOT_LEARNED | {"rate_too_low", "development_noise"},
        remains={"too_few_epochs", "development_noise"},
    ),
)

"""Questions about too little or too much capacity, and about penalties."""

from __future__ import annotations

from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error
from benchmarks.questions.sets import table, unit_digits
from clearprop import nn, ops, optim


def learned_by_heart(corrected: bool) -> Program:
    """Ten columns, 100 rows and two layers of 200 units, for 150 epochs."""
    large = nn.Sequential(
        [nn.Linear(10, 200), ops.relu, nn.Linear(200, 200), ops.relu, nn.Linear(200, 1)]
    )
    small = nn.Sequential([nn.Linear(10, 3), ops.tanh, nn.Linear(3, 1)])
    return Program(
        small if corrected else large,
        *table("diabetes").standardized().with_fewer(100).with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=30 if corrected else 150,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


def sparse_weights(corrected: bool) -> Program:
    """A CNN with an L1 penalty of 0.05 on every weight."""
    penalty = optim.add_l1_penalty(1e-5 if corrected else 0.05)
    model = nn.Sequential(
        [nn.Conv2d(1, 8, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)]
    )
    settings = {"optimizer": optim.chain(penalty, optim.momentum(0.05))}
    return Program(model, *unit_digits().all(), epochs=8, options=settings)


QUESTIONS = (
    Question(
        "learned by heart",
        asked="My training loss is nearly 0, so the network is good. Why is its forecast for new "
        "patients worse than their mean? The validation loss was best after five epochs.",
        cause="40,000 weights learn 100 noisy rows by heart, and the training goes on for far too "
        "long.",
        program=learned_by_heart,
        faulty=0.97,
        corrected=0.95,
        right={"overfitting"},
        follows={"below_linear_model"},
        remains={"development_noise"},
    ),
    Question(
        "sparse weights",
        asked="With an L1 penalty I want to see which weights matter. None does: all are around "
        "0.001, the loss is 2.30 and each picture gets the same answer.",
        cause="The penalty of 0.05 is larger than the gradients of the loss.",
        program=sparse_weights,
        faulty=0.6,
        corrected=0.1,
        right={"penalty_too_strong"},
        follows=NOT_LEARNED
        | {"dead_units", "vanishing_by_depth", "never_moved", "lost_information"},
    ),
)

"""Questions whose cause is a penalty or a dropout that is too strong."""

from __future__ import annotations

from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.sets import flat_digits, unit_digits
from clearprop import nn, ops, optim
from clearprop.nn.containers import Layer


def heavy_decay(corrected: bool) -> Program:
    """An MLP with a weight decay of 0.3, added to the gradients."""
    decay = optim.add_decayed_weights(1e-4 if corrected else 0.3)
    optimizer = optim.chain(decay, optim.momentum(0.05))
    model = nn.Sequential(
        [nn.Linear(64, 48), ops.relu, nn.Linear(48, 48), ops.relu, nn.Linear(48, 10)]
    )
    return Program(model, *flat_digits().all(), epochs=12, options={"optimizer": optimizer})


def dropped_almost_all(corrected: bool) -> Program:
    """A CNN with a dropout of 0.95 before each of its last layers: 0.95 was meant as kept."""
    rate = 0.05 if corrected else 0.95
    layers: list[Layer] = [
        nn.Conv2d(1, 8, 3),
        ops.relu,
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(rate),
        nn.Linear(72, 48),
        ops.relu,
        nn.Dropout(rate),
        nn.Linear(48, 10),
    ]
    settings = {"learning_rate": 0.003}
    return Program(nn.Sequential(layers), *unit_digits().all(), epochs=12, options=settings)


QUESTIONS = (
    Question(
        "heavy decay",
        asked="Against overfitting I added weight decay. Now neither training nor validation "
        "accuracy leaves 10 %, and the loss ends at 2.30. When I print the weights, they are all "
        "nearly zero.",
        cause="A weight decay of 0.3 pulls every weight to zero faster than the gradients push.",
        program=heavy_decay,
        faulty=0.6,
        corrected=0.06,
        right={"penalty_too_strong"},
        follows=NOT_LEARNED | {"vanishing_by_depth", "dead_units"},
    ),
    Question(
        "dropped almost all",
        asked="The paper uses dropout with 0.95, so do I. The CNN does not learn at all, not even "
        "the training pictures; without the dropout layers it is at 98 %.",
        cause="0.95 is the fraction that is kept there; here it is the fraction that is dropped.",
        program=dropped_almost_all,
        faulty=0.5,
        corrected=0.05,
        right={"dropout_too_strong"},
        follows=NOT_LEARNED,
    ),
)

"""Questions whose cause is the learning rate, or a schedule of it."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.sets import digit_rows, flat_digits, unit_digits
from clearprop import nn, ops, optim


def lenet() -> nn.Module:
    """Return a small network in the manner of LeNet, for digits of 8 x 8 pixels."""
    return nn.Sequential(
        [
            nn.Conv2d(1, 8, 3, padding=1),
            ops.relu,
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3),
            ops.relu,
            nn.Flatten(),
            nn.Linear(64, 32),
            ops.relu,
            nn.Linear(32, 10),
        ]
    )


def adam_with_a_tenth(corrected: bool) -> Program:
    """A CNN with Adam at the rate that a tutorial used for gradient descent."""
    settings = {"learning_rate": 0.003 if corrected else 0.3}
    return Program(lenet(), *unit_digits().all(), epochs=8, options=settings)


class RowReader(nn.Module):
    """Attends from every row of a picture to every other, and classifies their mean."""

    embed: nn.Linear
    places: nn.LearnedPositions
    block: nn.TransformerBlock
    head: nn.Linear

    def __init__(self) -> None:
        self.embed = nn.Linear(8, 24)
        self.places = nn.LearnedPositions(8, 24)
        self.block = nn.TransformerBlock(24, 2, 24)
        self.head = nn.Linear(24, 10)

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 10) of pictures (N, 8, 8)."""
        return self.head(ops.mean(self.block(self.places(self.embed(x))), axis=1))


def tiny_steps(corrected: bool) -> Program:
    """Attention over the rows of a picture, with a rate for the fine-tuning of large models."""
    settings = {"learning_rate": 0.005 if corrected else 2e-6, "batch_size": 64}
    return Program(RowReader(), *digit_rows().all(), epochs=12, options=settings)


def schedule_of_updates(corrected: bool) -> Program:
    """A rate that shall fall every second epoch, but falls every second update."""
    every = 2 * (len(flat_digits().train[0]) // 32 + 1) if corrected else 2
    model = nn.Sequential([nn.Linear(64, 64), ops.relu, nn.Linear(64, 10)])
    optimizer = optim.momentum(optim.schedules.step(0.1, every=every, factor=0.5))
    return Program(model, *flat_digits().all(), epochs=12, options={"optimizer": optimizer})


QUESTIONS = (
    Question(
        "Adam with a tenth",
        asked="My LeNet is at 10 % and the loss at 2.33 from the second epoch on. I took the rate "
        "from a tutorial that uses gradient descent and changed the optimizer to Adam, because "
        "Adam is better.",
        cause="A rate of 0.3 is a hundred times too high for Adam: after a few steps the rectified "
        "units are dead.",
        program=adam_with_a_tenth,
        faulty=0.6,
        corrected=0.08,
        right={"rate_too_high"},
        follows=NOT_LEARNED | {"dead_units", "vanishing_by_depth", "never_moved"},
    ),
    Question(
        "tiny steps",
        asked="I train a small attention model on rows of digits with the rate 2e-6, as people do "
        "for BERT. Loss goes down in the third digit only. Is attention unsuitable for such small "
        "pictures?",
        cause="The rate is that for fine-tuning a large trained model; for a model from scratch "
        "it is a thousand times too low.",
        program=tiny_steps,
        faulty=0.5,
        corrected=0.15,
        right={"rate_too_low"},
        follows=NOT_LEARNED | {"too_few_epochs"},
        remains={"below_linear_model", "too_few_epochs"},
    ),
    Question(
        "schedule of updates",
        asked="With a step schedule, halved every 2, the loss improves during the first epoch and "
        "then is a horizontal line at 2.0. With a constant rate it goes on improving. I thought "
        "that schedules help.",
        cause="The schedule counts updates, not epochs: after an epoch, which has forty updates, "
        "the rate is a millionth of the first one.",
        program=schedule_of_updates,
        faulty=0.3,
        corrected=0.05,
        right={"rate_too_low"},
        follows=NOT_LEARNED,
    ),
)

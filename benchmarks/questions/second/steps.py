"""Questions whose cause is the size or the number of the steps."""

from __future__ import annotations

from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.second.own_loss import BagOfWords
from benchmarks.questions.second.sets import topic_words
from benchmarks.questions.sets import flat_digits, unit_digits
from clearprop import nn, ops, optim


def clipped_to_nothing(corrected: bool) -> Program:
    """A CNN with gradients that are clipped to the norm 0.001."""
    model = nn.Sequential(
        [nn.Conv2d(1, 8, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)]
    )
    limit = optim.clip_by_global_norm(1.0 if corrected else 0.001)
    optimizer = optim.chain(limit, optim.momentum(0.05))
    return Program(model, *unit_digits().all(), epochs=8, options={"optimizer": optimizer})


def one_batch_of_all(corrected: bool) -> Program:
    """Plain gradient descent in which all examples are one batch: a step an epoch."""
    model = nn.Sequential([nn.Linear(64, 32), ops.tanh, nn.Linear(32, 10)])
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 16 if corrected else 1257}
    return Program(model, *flat_digits().all(), epochs=15, options=settings)


def adadelta_of_another_library(corrected: bool) -> Program:
    """A classifier of texts with Adadelta and the rate 0.001."""
    optimizer = optim.adadelta(1.0 if corrected else 0.001)
    return Program(BagOfWords(), *topic_words().all(), epochs=25, options={"optimizer": optimizer})


QUESTIONS = (
    Question(
        "clipped to nothing",
        asked="I clip the gradients to be safe, with clipnorm=0.001. The loss of my CNN "
        "hardly falls in eight epochs. Without clipping others need two epochs.",
        cause="Every gradient is shortened to the length 0.001, and the rate makes it shorter "
        "still: the steps are tiny.",
        program=clipped_to_nothing,
        faulty=0.4,
        corrected=0.1,
        right={"rate_too_low"},
        follows=NOT_LEARNED | {"too_few_epochs", "unsuitable_optimizer"},
    ),
    Question(
        "one batch of all",
        asked="To get exact gradients I put all 1257 examples into one batch. An epoch is much "
        "faster now, but after fifteen epochs the accuracy is below 60 %. Before it was 95 %.",
        cause="An epoch is one step now: fifteen steps in all.",
        program=one_batch_of_all,
        faulty=0.25,
        corrected=0.1,
        right={"unsuitable_optimizer", "too_few_epochs"},
        follows=NOT_LEARNED | {"rate_too_low"},
        remains={"too_few_epochs", "below_linear_model"},
    ),
    Question(
        "Adadelta of another library",
        asked="The paper says that Adadelta needs no tuning. With Adadelta(0.001), which I found "
        "as the default elsewhere, my text classifier stays at the level of guessing.",
        cause="Adadelta computes its own step size, and its rate only multiplies it: it belongs "
        "near 1.",
        program=adadelta_of_another_library,
        faulty=0.45,
        corrected=0.35,
        right={"rate_too_low", "unsuitable_optimizer"},
        follows=NOT_LEARNED | {"too_few_epochs"},
        remains={"overfitting"},
    ),
)

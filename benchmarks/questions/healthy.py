"""Questions about programs in which nothing is wrong."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import Program, Worry, relative_error, wrong_side
from benchmarks.questions.recurrent import LastState
from benchmarks.questions.sets import (
    CHARACTERS,
    digit_rows,
    flat_digits,
    help_texts,
    table,
    unit_digits,
)
from benchmarks.questions.training import place_errors
from clearprop import nn, ops, optim
from clearprop.models import RecurrentLanguageModel
from clearprop.nn.containers import Layer


def noisy_targets() -> Program:
    """Diabetes: the table explains about half of the targets' variance."""
    return Program(
        nn.Sequential([nn.Linear(10, 4), ops.tanh, nn.Linear(4, 1)]),
        *table("diabetes").standardized().with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=25,
        options={"learning_rate": 0.01},
        score=relative_error,
    )


def hard_labels() -> Program:
    """Diabetes above or below 140: about a quarter cannot be told apart."""
    parts = table("diabetes").standardized()
    parts = parts.with_targets(*((part[1][:, 0] > 140).astype("int32") for part in parts.all()))
    return Program(
        nn.Sequential([nn.Linear(10, 4), ops.tanh, nn.Linear(4, 1)]),
        *parts.all(),
        loss="binary_cross_entropy",
        epochs=20,
        options={"learning_rate": 0.01},
        score=wrong_side(0.0),
    )


def few_to_check_with() -> Program:
    """Iris, with 22 flowers in the development set: one of them is 4.5 %."""
    model = nn.Sequential([nn.Linear(4, 12), ops.tanh, nn.Linear(12, 3)])
    settings = {"learning_rate": 0.01}
    return Program(model, *table("iris").standardized().all(), epochs=80, options=settings)


def sum_of_squares(outputs: Array, targets: Array) -> Array:
    """Return the sum of (y - t)^2 over all pixels of a picture."""
    return ops.sum(ops.square(outputs - targets), axis=1)


def sum_of_a_picture() -> Program:
    """An autoencoder of digits whose loss is a sum over 64 pixels."""
    parts = flat_digits()
    parts = parts.with_targets(*(part[0] for part in parts.all()))
    return Program(
        nn.Sequential([nn.Linear(64, 24), ops.relu, nn.Linear(24, 64)]),
        *parts.all(),
        loss=sum_of_squares,
        epochs=40,
        options={"learning_rate": 0.003},
        score=relative_error,
    )


def better_in_development() -> Program:
    """A CNN with dropout, whose error is larger in training than in development."""
    layers: list[Layer] = [
        nn.Conv2d(1, 12, 3),
        ops.relu,
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(108, 10),
    ]
    settings = {"learning_rate": 0.005}
    return Program(nn.Sequential(layers), *unit_digits().all(), epochs=12, options=settings)


def next_character() -> Program:
    """A language model of characters: half of the next characters cannot be known."""
    model = RecurrentLanguageModel(
        len(CHARACTERS), cell="lstm", embedding_features=16, hidden_size=64
    )
    return Program(
        model,
        *help_texts().all(),
        loss="sequence_cross_entropy",
        epochs=20,
        options={"learning_rate": 0.01},
        score=place_errors,
    )


def restless_loss() -> Program:
    """Batches of eight: the loss jumps from step to step, and its mean falls."""
    model = nn.Sequential([nn.Linear(64, 48), ops.relu, nn.Linear(48, 10)])
    settings = {"batch_size": 8}
    return Program(model, *flat_digits().all(), epochs=14, options=settings)


def plain_logistic_regression() -> Program:
    """A single neuron for a table with 37 % malignant cases: no hidden layer is needed."""
    return Program(
        nn.Linear(30, 1),
        *table("breast_cancer").standardized().all(),
        loss="binary_cross_entropy",
        epochs=40,
        options={"learning_rate": 0.01},
        score=wrong_side(0.0),
    )


def rows_with_a_gru() -> Program:
    """A GRU over rows of pictures whose training error reaches almost zero."""
    model = LastState(nn.GRU(8, 32), 32)
    settings = {"learning_rate": 0.01}
    return Program(model, *digit_rows().all(), epochs=15, options=settings)


def rate_falls_to_nothing() -> Program:
    """A cosine schedule, whose last updates are almost nothing."""
    steps = 10 * (len(unit_digits().train[0]) // 32 + 1)
    layers: list[Layer] = [
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm(8),
        ops.relu,
        nn.Flatten(),
        nn.Linear(288, 10),
    ]
    optimizer = optim.adam(optim.schedules.cosine(0.005, steps))
    return Program(
        nn.Sequential(layers), *unit_digits().all(), epochs=10, options={"optimizer": optimizer}
    )


WORRIES = (
    Worry(
        "noisy targets",
        asked="My regression for diabetes does not get below 0.7 deviations. Training and "
        "validation error agree, and no other size of network is better. What do I overlook?",
        answer="The ten columns explain about half of the variance of the targets.",
        program=noisy_targets,
        reached=0.95,
    ),
    Worry(
        "hard labels",
        asked="I predict whether the progression is above 140. Accuracy stops at about 75 %. On "
        "the digits the same code reaches 98 %.",
        answer="The two groups overlap: other methods make as many mistakes.",
        program=hard_labels,
        reached=0.4,
    ),
    Worry(
        "few to check with",
        asked="On iris the validation accuracy jumps between 91, 95 and 100 %. Is my rate too "
        "high?",
        answer="The development set has 22 flowers: one of them is 4.5 %.",
        program=few_to_check_with,
        reached=0.15,
    ),
    Worry(
        "sum of a picture",
        asked="The loss of my autoencoder is around 1 at the end and was 10 at the beginning. "
        "Others print 0.01. Is my loss wrong?",
        answer="The loss is a sum over 64 pixels; theirs is the mean.",
        program=sum_of_a_picture,
        reached=0.6,
    ),
    Worry(
        "better in development",
        asked="My validation error is lower than my training error in every epoch. That cannot be "
        "right. Do I leak something?",
        answer="Dropout makes it harder in training only, and the training error is that during "
        "the epoch.",
        program=better_in_development,
        reached=0.06,
    ),
    Worry(
        "next character",
        asked="My language model of characters is wrong in more than 40 % of the cases. The loss "
        "is 1.2 and does not come near to 0.",
        answer="What follows in a text is not determined by what came before.",
        program=next_character,
        reached=0.55,
    ),
    Worry(
        "restless loss",
        asked="When I plot the loss of every step, it looks like grass, from 0.01 to 0.9. Should "
        "I not see a smooth curve?",
        answer="A batch has eight examples; the mean of each epoch falls.",
        program=restless_loss,
        reached=0.07,
    ),
    Worry(
        "plain logistic regression",
        asked="I have one linear layer only and 63 % benign cases. Do I need hidden layers, and "
        "do I have to balance the classes?",
        answer="The classes are separated almost linearly, and neither of them is rare.",
        program=plain_logistic_regression,
        reached=0.1,
    ),
    Worry(
        "rows with a GRU",
        asked="My GRU has 0.1 % training error and 1 % validation error. Such a gap means "
        "overfitting, does it not?",
        answer="Both errors are small, and the validation error does not rise.",
        program=rows_with_a_gru,
        reached=0.06,
    ),
    Worry(
        "rate falls to nothing",
        asked="At the end of the cosine schedule my rate is 1e-8 and the loss does not move any "
        "more. Was the rate too low?",
        answer="The rate falls to zero on purpose; the network has learned before.",
        program=rate_falls_to_nothing,
        reached=0.05,
    ),
)

"""Questions about programs in which nothing is wrong."""

from __future__ import annotations

import numpy as np
from jax import Array

from benchmarks.questions.fourth.sets import (
    balance,
    first_letters,
    friedman,
    moons,
    overlapping_groups,
    wave,
)
from benchmarks.questions.question import Program, Worry, relative_error, wrong_side
from benchmarks.questions.second.sequences import LastRow
from benchmarks.questions.sets import digit_rows, unit_digits
from clearprop import nn, ops, optim
from clearprop.nn.containers import Layer


def touching_moons() -> Program:
    """Two half-moons that touch, by a tanh network."""
    return Program(
        nn.Sequential([nn.Linear(2, 24), ops.tanh, nn.Linear(24, 2)]),
        *moons().all(),
        epochs=60,
        options={"learning_rate": optim.schedules.cosine(0.02, 60 * 53)},
    )


def noise_of_one() -> Program:
    """Friedman's function, whose targets have noise of deviation 1."""
    return Program(
        nn.Sequential([nn.Linear(10, 16), ops.relu, nn.Linear(16, 1)]),
        *friedman(6000).standardized().with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": optim.schedules.cosine(0.01, 40 * 132)},
        score=relative_error,
    )


def three_clouds() -> Program:
    """Three overlapping groups of points, by softmax regression."""
    return Program(
        nn.Linear(2, 3),
        *overlapping_groups().all(),
        epochs=30,
        options={"optimizer": "sgd", "learning_rate": 0.1},
    )


class Account(nn.Module):
    """Reads payments one after the other and says whether the balance is positive."""

    reader: nn.GRU
    head: nn.Linear

    def __init__(self) -> None:
        self.reader = nn.GRU(1, 16)
        self.head = nn.Linear(16, 1)

    def __call__(self, x: Array) -> Array:
        """Return a score (N, 1) of payments (N, T, 1)."""
        return self.head(self.reader(x)[:, -1])


def payments_in_and_out() -> Program:
    """A GRU that sums payments and tells the sign of the sum."""
    return Program(
        Account(),
        *balance(3000).all(),
        loss="binary_cross_entropy",
        epochs=20,
        options={"learning_rate": optim.schedules.cosine(0.01, 20 * 66)},
        score=wrong_side(0.0),
    )


def decay_of_the_weights() -> Program:
    """A CNN with smooth units and AdamW."""
    model = nn.Sequential(
        [
            nn.Conv2d(1, 16, 3),
            ops.gelu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(144, 48),
            ops.gelu,
            nn.Linear(48, 10),
        ]
    )
    optimizer = optim.adamw(0.002, weight_decay=0.05)
    return Program(model, *unit_digits().all(), epochs=20, options={"optimizer": optimizer})


def even_or_odd() -> Program:
    """Whether a digit is even, by a CNN with one output."""
    parts = unit_digits()
    parts = parts.with_targets(*((part[1] % 2).astype(np.int32) for part in parts.all()))
    trunk: list[Layer] = [nn.Conv2d(1, 16, 3), ops.relu, nn.Flatten(), nn.Linear(576, 32), ops.relu]
    return Program(
        nn.Sequential([*trunk, nn.Linear(32, 1)]),
        *parts.all(),
        loss="binary_cross_entropy",
        epochs=25,
        options={"learning_rate": optim.schedules.cosine(0.003, 25 * 40)},
        score=wrong_side(0.0),
    )


def columns_of_pictures() -> Program:
    """A GRU that reads the columns of pictures from the left to the right."""
    parts = digit_rows()
    parts = parts.with_inputs(*(np.swapaxes(part[0], 1, 2) for part in parts.all()))
    settings = {"optimizer": "rmsprop", "learning_rate": 0.003}
    return Program(LastRow(nn.GRU(8, 48), 48), *parts.all(), epochs=30, options=settings)


def waves_by_other_weights() -> Program:
    """A noisy sine by a small network, whose weights are others after each training."""
    return Program(
        nn.Sequential([nn.Linear(1, 32), ops.tanh, nn.Linear(32, 16), ops.tanh, nn.Linear(16, 1)]),
        *wave(4000).all(),
        loss="mean_squared_error",
        epochs=40,
        options={"learning_rate": optim.schedules.cosine(0.01, 40 * 88)},
        score=relative_error,
    )


class Letters(nn.Module):
    """Looks at all letters of a row, with a table that has more letters than occur."""

    letters: nn.Embedding
    hidden: nn.Linear
    head: nn.Linear

    def __init__(self) -> None:
        self.letters = nn.Embedding(26, 8)
        self.hidden = nn.Linear(8, 16)
        self.head = nn.Linear(16, 2)

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 2) of rows of letters (N, T)."""
        return self.head(ops.max(ops.tanh(self.hidden(self.letters(x))), axis=1))


def letters_that_never_occur() -> Program:
    """Rows of eight letters, and an embedding for twenty-six."""
    settings = {"learning_rate": 0.005}
    return Program(Letters(), *first_letters(12).all(), epochs=15, options=settings)


def top_quarter() -> Program:
    """Whether Friedman's function is in its highest quarter."""
    parts = friedman(6000).standardized()
    parts = parts.with_targets(*((part[1][:, 0] > 18).astype(np.int32) for part in parts.all()))
    return Program(
        nn.Sequential([nn.Linear(10, 16), ops.tanh, nn.Linear(16, 1)]),
        *parts.all(),
        loss="binary_cross_entropy",
        epochs=20,
        options={"learning_rate": optim.schedules.cosine(0.01, 20 * 132)},
        score=wrong_side(0.0),
    )


WORRIES = (
    Worry(
        "touching moons",
        asked="make_moons with noise 0.2: my network stays at 3 % errors, also with more units and "
        "layers. In the plot of the lecture the moons are parted perfectly. What is wrong?",
        answer="With this noise the moons overlap; some points lie in the other one.",
        program=touching_moons,
        reached=0.06,
    ),
    Worry(
        "noise of one",
        asked="My regression ends with a mean squared error of about 1.1, before scaling, and the "
        "loss has not moved for ten epochs. Is it stuck in a local minimum?",
        answer="The targets have noise of variance 1: nothing can be better than this.",
        program=noise_of_one,
        reached=0.25,
    ),
    Worry(
        "three clouds",
        asked="Softmax regression, 18 % errors from the second epoch on. The loss hardly moves any "
        "more. Do I need a hidden layer?",
        answer="The groups overlap, and the best borders between them are straight lines.",
        program=three_clouds,
        reached=0.22,
    ),
    Worry(
        "payments in and out",
        asked="My GRU must sum twelve payments. Its states are never the sum, they are between -1 "
        "and 1. How can it be right for 98 % then? Do I have a leak?",
        answer="Several units hold the sum together, each in a part of its range.",
        program=payments_in_and_out,
        reached=0.05,
    ),
    Worry(
        "decay of the weights",
        asked="With AdamW the norm of some weights becomes smaller from epoch to epoch, while the "
        "loss still falls. Is the decay killing my network?",
        answer="The decay takes what the loss does not need; accuracy is as good as without it.",
        program=decay_of_the_weights,
        reached=0.06,
    ),
    Worry(
        "even or odd",
        asked="I never tell the network which digit it sees, only whether it is even, and after "
        "25 epochs it is right for 98 %. That looks too good. Where is the leak?",
        answer="There is none: the shapes tell the digit, and the digit tells whether it is even.",
        program=even_or_odd,
        reached=0.06,
    ),
    Worry(
        "columns of pictures",
        asked="Recurrent networks are for language, I was told. Mine reads pictures column by "
        "column and has 1 % errors, better than my dense one. Is the test wrong?",
        answer="The columns of a picture are a sequence, too.",
        program=columns_of_pictures,
        reached=0.05,
    ),
    Worry(
        "waves by other weights",
        asked="Two trainings with different seeds give the same curve, but none of the weights "
        "are alike. Has my network not converged?",
        answer="Hidden units can be exchanged and their signs turned: many weights make one curve.",
        program=waves_by_other_weights,
        reached=0.2,
    ),
    Worry(
        "letters that never occur",
        asked="18 of the 26 rows of my embedding are the same after training as before, bit "
        "by bit. The others have changed. Is the gradient of the embedding broken?",
        answer="These letters do not occur in the texts, so that they get no gradient.",
        program=letters_that_never_occur,
        reached=0.02,
    ),
    Worry(
        "top quarter",
        asked="A quarter of my examples are of class 1, and everybody warns of imbalance. The "
        "error is 6 %. Must I take weights or repeat examples?",
        answer="A quarter is not rare, and both classes are found.",
        program=top_quarter,
        reached=0.09,
    ),
)

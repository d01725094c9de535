"""Questions about programs in which nothing is wrong."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import Program, Values, Worry, relative_error, wrong_side
from benchmarks.questions.second.own_loss import BagOfWords
from benchmarks.questions.second.sets import carbon_dioxide, topic_words
from benchmarks.questions.sets import Parts, flat_digits, unit_digits
from benchmarks.questions.third.sets import houses, orders_of_letters, rings, severe
from clearprop import nn, ops, optim
from clearprop.training.augmentation import Shift


def slow_rings() -> Program:
    """Two rings by a small tanh network, whose loss hardly moves during the first epochs."""
    return Program(
        nn.Sequential([nn.Linear(2, 8), ops.tanh, nn.Linear(8, 1)]),
        *rings().all(),
        loss="binary_cross_entropy",
        epochs=60,
        options={"optimizer": "momentum", "learning_rate": 0.1},
        score=wrong_side(0.0),
    )


class Order(nn.Module):
    """Attends over letters, with their places, and classifies the mean."""

    letters: nn.Embedding
    places: nn.LearnedPositions
    block: nn.TransformerBlock
    head: nn.Linear

    def __init__(self) -> None:
        self.letters = nn.Embedding(8, 16)
        self.places = nn.LearnedPositions(8, 16)
        self.block = nn.TransformerBlock(16, 2, 32)
        self.head = nn.Linear(16, 2)

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 2) of rows of letters (N, T)."""
        return self.head(ops.mean(self.block(self.places(self.letters(x))), axis=1))


def first_a_then_b() -> Program:
    """Attention that tells whether "a" comes before "b"."""
    settings = {"learning_rate": 0.003}
    return Program(Order(), *orders_of_letters().all(), epochs=15, options=settings)


def rises_and_falls() -> Program:
    """The change of CO2 in the next week, by a network that sees the changes so far."""

    def changes(x: Values, y: Values) -> tuple[Values, Values]:
        level = x[:, -1]
        return (x[:, :-1, 0] - level) / 5, y - level

    parts = Parts(*(changes(*part) for part in carbon_dioxide().all()))
    return Program(
        nn.Sequential([nn.Linear(12, 16), ops.tanh, nn.Linear(16, 1)]),
        *parts.all(),
        loss="mean_squared_error",
        epochs=25,
        options={"learning_rate": 0.003},
        score=relative_error,
    )


def smoothed_labels() -> Program:
    """A CNN whose labels are smoothed, so that its loss cannot become 0."""
    model = nn.Sequential(
        [nn.Conv2d(1, 12, 3), ops.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 10)]
    )
    settings = {"learning_rate": 0.005, "label_smoothing": 0.1}
    return Program(model, *unit_digits().all(), epochs=12, options=settings)


def a_third_of_the_patients() -> Program:
    """Severe cases, about a third of the table, by logistic regression and AdamW."""
    return Program(
        nn.Linear(10, 1),
        *severe(180).all(),
        loss="binary_cross_entropy",
        epochs=30,
        options={"optimizer": "adamw", "learning_rate": 0.01},
        score=wrong_side(0.0),
    )


def clipped_texts() -> Program:
    """A classifier of texts whose gradients are clipped."""
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.003))
    return Program(BagOfWords(), *topic_words().all(), epochs=24, options={"optimizer": optimizer})


def many_silent_units() -> Program:
    """A wide rectified network: at each digit, a quarter of its first units are 0."""
    model = nn.Sequential(
        [nn.Linear(64, 256), ops.relu, nn.Linear(256, 64), ops.relu, nn.Linear(64, 10)]
    )
    return Program(model, *flat_digits().all(), epochs=14, options={"learning_rate": 0.001})


def pixels_without_ink() -> Program:
    """Logistic regression of ten classes, some of whose pixels are 0 in all pictures."""
    settings = {"learning_rate": 0.01}
    return Program(nn.Linear(64, 10), *flat_digits().all(), epochs=40, options=settings)


def shifted_pictures() -> Program:
    """A CNN that sees each picture moved by up to a pixel, another way in every epoch."""
    model = nn.Sequential(
        [
            nn.Conv2d(1, 16, 3, padding=1),
            ops.relu,
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3),
            ops.relu,
            nn.Flatten(),
            nn.Linear(128, 10),
        ]
    )
    settings = {"learning_rate": 0.003, "augment": Shift(1)}
    return Program(model, *unit_digits().all(), epochs=15, options=settings)


def absolute(outputs: Array, targets: Array) -> Array:
    """Return |y - t|."""
    return ops.abs(outputs - targets)


def prices_of_houses() -> Program:
    """Prices of houses with the absolute error, a loss written by hand."""
    return Program(
        nn.Sequential([nn.Linear(1, 8), ops.tanh, nn.Linear(8, 1)]),
        *houses().standardized().with_standardized_targets().all(),
        loss=absolute,
        epochs=30,
        options={"learning_rate": 0.005},
        score=relative_error,
    )


WORRIES = (
    Worry(
        "slow beginning of the rings",
        asked="The loss stays at 0.69 during the first two or three epochs, and then it falls "
        "quickly. Is there a hidden bug at the start?",
        answer="The network leaves a flat region first; it parts the rings in the end.",
        program=slow_rings,
        reached=0.08,
    ),
    Worry(
        "first a then b",
        asked="My attention heads look at one or two letters only, all others get a weight of "
        "almost 0. Has the softmax collapsed?",
        answer="Two letters decide about the answer, so nothing else deserves attention.",
        program=first_a_then_b,
        reached=0.05,
    ),
    Worry(
        "changes of carbon dioxide",
        asked="I predict next week's change of CO2, not its level. The error is four fifths of "
        "the spread of the changes. Is my network too small?",
        answer="A part of the change from week to week is chance.",
        program=rises_and_falls,
        reached=0.85,
    ),
    Worry(
        "smoothed labels",
        asked="With label smoothing my loss does not go below 0.6, although 98 % are right. "
        "Without it, the loss was 0.1. Is it harmful?",
        answer="A smoothed label is not reached with loss 0: its own entropy remains.",
        program=smoothed_labels,
        reached=0.06,
    ),
    Worry(
        "a third of the patients",
        asked="My logistic regression is wrong for about a quarter of the patients, in training as "
        "in validation. Should I look for a bug?",
        answer="The table does not say more; other methods are not better.",
        program=a_third_of_the_patients,
        reached=0.3,
    ),
    Worry(
        "clipped texts",
        asked="I clip at norm 1, and in the log nearly no gradient is that large. Does clipping do "
        "anything at all, or is it broken?",
        answer="It is a guard for rare large gradients and does nothing otherwise.",
        program=clipped_texts,
        reached=0.35,
    ),
    Worry(
        "many silent units",
        asked="For each picture about sixty of my 256 ReLU units are exactly 0. Are these dead "
        "neurons?",
        answer="Nearly all of them are silent for this picture and active for others.",
        program=many_silent_units,
        reached=0.06,
    ),
    Worry(
        "pixels without ink",
        asked="Some weights of my softmax regression are the same before and after training. I "
        "compared them bit by bit.",
        answer="Their pixels are 0 in all pictures, so they have no effect and no gradient.",
        program=pixels_without_ink,
        reached=0.08,
    ),
    Worry(
        "shifted pictures",
        asked="Training error is higher than validation error, since I move the pictures at "
        "random. Is my validation set too easy?",
        answer="The moved pictures are harder than the ones of the validation set.",
        program=shifted_pictures,
        reached=0.06,
    ),
    Worry(
        "prices of houses",
        asked="The absolute error as a loss of my own. Its gradient is always 1 or -1, also close "
        "to the target. Can this converge?",
        answer="The mean over a batch and Adam's small steps make it converge well enough.",
        program=prices_of_houses,
        reached=0.35,
    ),
)

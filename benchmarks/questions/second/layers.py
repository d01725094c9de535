"""Questions whose cause is a layer, or one that is missing, or one that does not learn."""

from __future__ import annotations

import numpy as np

from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.second.own_loss import BagOfWords
from benchmarks.questions.second.sets import topic_words
from benchmarks.questions.sets import Parts, flat_digits, unit_digits
from clearprop import nn, ops
from clearprop.nn.containers import Layer


def averaged_places(corrected: bool) -> Program:
    """A CNN that looks at single pixels and then takes the mean over the picture."""
    size = 3 if corrected else 1
    layers: list[Layer] = [nn.Conv2d(1, 16, size), ops.relu]
    if corrected:
        layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 10)]
    else:
        layers += [nn.GlobalAvgPool(), nn.Linear(16, 10)]
    settings = {"learning_rate": 0.005}
    return Program(nn.Sequential(layers), *unit_digits().all(), epochs=10, options=settings)


def is_even(parts: Parts) -> Parts:
    """Return the parts with target 1 for an even digit."""
    return parts.with_targets(*((part[1] % 2 == 0).astype(np.int32) for part in parts.all()))


def only_linear_layers(corrected: bool) -> Program:
    """Even or odd, by three linear layers without a function between them."""
    between: list[Layer] = [ops.relu] if corrected else []
    layers = [
        nn.Linear(64, 48),
        *between,
        nn.Linear(48, 24),
        *between,
        nn.Linear(24, 2),
    ]
    settings = {"learning_rate": 0.003}
    parts = is_even(flat_digits())
    return Program(nn.Sequential(layers), *parts.all(), epochs=20, options=settings)


def frozen_without_weights(corrected: bool) -> Program:
    """A text classifier whose embedding and hidden layer are frozen, but were never trained."""
    options = {} if corrected else {"freeze": ["words", "hidden"]}
    settings = {"learning_rate": 0.005, **options}
    return Program(BagOfWords(), *topic_words().all(), epochs=12, options=settings)


def slow_statistics(corrected: bool) -> Program:
    """A CNN with batch normalization whose running statistics hardly move."""
    momentum = 0.1 if corrected else 0.00001
    model = nn.Sequential(
        [
            nn.Conv2d(1, 8, 3),
            nn.BatchNorm(8, momentum=momentum),
            ops.relu,
            nn.Conv2d(8, 16, 3),
            nn.BatchNorm(16, momentum=momentum),
            ops.relu,
            nn.Flatten(),
            nn.Linear(256, 10),
        ]
    )
    # Pixels from 0 to 16: the statistics have a way to go from their start, 0 and 1.
    parts = unit_digits()
    parts = parts.with_inputs(*(16 * part[0] for part in parts.all()))
    return Program(model, *parts.all(), epochs=5, options={"learning_rate": 0.003})


QUESTIONS = (
    Question(
        "averaged places",
        asked="My CNN has 1x1 convolutions and global average pooling as in modern papers. It is "
        "little better than guessing on digits, in training as well. A linear classifier reaches "
        "95 %.",
        cause="No layer looks at neighbours, and the mean over the picture forgets where the ink "
        "is: only how much there is remains.",
        program=averaged_places,
        faulty=0.4,
        corrected=0.08,
        right={"lost_information"},
        follows=NOT_LEARNED | {"too_few_epochs"},
    ),
    Question(
        "only linear layers",
        asked="Even or odd? Logistic regression is wrong for 10 % of the digits. I used three "
        "layers with 48 and 24 units, and get 10 % too. Why does depth not help?",
        cause="Without a function between them three linear layers are one.",
        program=only_linear_layers,
        faulty=0.07,
        corrected=0.05,
        right={"missing_nonlinearity"},
        follows={"underfitting"},
    ),
    Question(
        "frozen without weights",
        asked="For transfer learning I freeze everything but the head. The tutorial reaches 90 % "
        "in three epochs. I get 40 % for four kinds of text. I did not find out where the weights "
        "of the tutorial come from; does that matter?",
        cause="The frozen layers were never trained: the head sees random features.",
        program=frozen_without_weights,
        faulty=0.4,
        corrected=0.35,
        right={"never_moved"},
        follows=NOT_LEARNED | {"too_few_epochs"},
        remains={"overfitting"},
    ),
    Question(
        "slow statistics",
        asked="With batch normalization the training accuracy is 99 %, the validation accuracy "
        "much lower. I set its momentum to 0.00001, since I want precise statistics. Is that "
        "overfitting?",
        cause="Evaluation uses the running mean and variance, which have hardly left their start.",
        program=slow_statistics,
        faulty=0.15,
        corrected=0.08,
        right=set(),  # no kind is about running statistics
        follows={"class_never_predicted", "below_linear_model"},
    ),
)

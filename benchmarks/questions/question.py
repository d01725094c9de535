"""What a question consists of: the asker's words, two programs, and the cause that a reader fixed.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.nn.recording import LossLike

NOT_LEARNED = frozenset({"underfitting", "below_linear_model", "class_never_predicted"})
"""The kinds that are true of every network that has learned next to nothing, for any cause."""

Values = NDArray[Any]
Pair = tuple[Values, Values]
Score = Callable[[Values, Values], float]


def wrong_class(outputs: Values, labels: Values) -> float:
    """Return the fraction of examples whose largest output is not that of their label."""
    return float((outputs.argmax(-1) != labels).mean())


def wrong_side(threshold: float) -> Score:
    """Return the score of one output that means class 1 from the threshold on."""

    def score(outputs: Values, labels: Values) -> float:
        return float(((outputs.ravel() >= threshold) != (labels.ravel() > 0.5)).mean())

    return score


def relative_error(outputs: Values, targets: Values) -> float:
    """Return the root mean square error in deviations of the targets: 1 is that of their mean."""
    outputs, targets = outputs.reshape(len(outputs), -1), targets.reshape(len(targets), -1)
    return float(np.sqrt(((outputs - targets) ** 2).mean() / targets.var(0).mean()))


@dataclass(frozen=True)
class Program:
    """A program as it is posted: a model, its data and how it is trained.

    Attributes:
        model: as `fit` takes it.
        train: inputs and targets.
        dev: the development set that the asker looks at; None where there is none.
        test: examples that the asker never sees, prepared as the program prepares its inputs.
        loss: as `fit` takes it.
        epochs: as `fit` takes them.
        options: further arguments of `fit`.
        score: (outputs, targets) of the test examples -> an error; smaller is better.
        promised: whether the score is how far the development error is from the test error.
    """

    model: nn.Module
    train: Pair
    dev: Pair | None
    test: Pair
    loss: LossLike = "cross_entropy"
    epochs: int = 10
    options: Mapping[str, Any] = field(default_factory=dict)
    score: Score = wrong_class
    promised: bool = False


@dataclass(frozen=True)
class Question:
    """A question about a program that does not learn, with its answer.

    Attributes:
        name: of the question.
        asked: the question in the asker's words.
        cause: what is wrong, in words.
        program: False -> the program as it was posted; True -> the corrected one.
        faulty: the posted program's score is at least this; a program that stops has no score.
        corrected: the corrected program's score is at most this.
        right: the kinds of findings that name the cause.
        follows: the kinds that are a true consequence of the cause: not wrong, but not the answer.
        words: what the text of an error must contain to name the cause, where `fit` refuses the
            program. Each entry is one word, or several to choose from, parted by "|".
        remains: the kinds of what is still true of the corrected program.
    """

    name: str
    asked: str
    cause: str
    program: Callable[[bool], Program]
    faulty: float
    corrected: float
    right: Set[str]
    follows: Set[str] = frozenset()
    words: tuple[str, ...] = ()
    remains: Set[str] = frozenset()


@dataclass(frozen=True)
class Worry:
    """A question about a program in which nothing is wrong.

    Attributes:
        name: of the question.
        asked: the question in the asker's words.
        answer: why nothing is wrong.
        program: makes the program.
        reached: the program's score is at most this.
    """

    name: str
    asked: str
    answer: str
    program: Callable[[], Program]
    reached: float

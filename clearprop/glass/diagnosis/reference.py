"""How well nearest neighbors and a linear model predict the targets: references of a network.

Shape letters: N examples, D numbers of an example.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.baseline import held_out_scores, log_chances
from clearprop.glass.diagnosis.outputs import ranking

Numbers = NDArray[Any]

NEIGHBOURS = 5
MOST_EXAMPLES = 1000
"""To compare a thousand examples with each other takes a few hundredths of a second."""

MOST_NUMBERS = 20_000
"""Numbers of one example. Whether large pictures, say 224 x 224, are similar does not depend on
single pixels."""

MOST_CLASSES = 100
"""With more classes a thousand examples say little of each."""

ORDERED, FEWEST_PAIRS = 0.7, 10
"""A mean difference of neighbors, as a fraction of that of any two examples, and the least number
of pairs. For grades from 1 to 5 it is about a half, for the numbers of classes near 1."""

FEWEST = 40
"""With fewer examples, neighbors agree too often by chance."""


@dataclass(frozen=True)
class Reference:
    """How well each example's target is predicted from other examples.

    Attributes:
        error: fraction of wrong predictions, or root mean square error.
        strength: how much better the predictions are than by chance, in standard deviations.
        examples: N.
    """

    error: float
    strength: float
    examples: int


def linear(x: Numbers, y: Numbers, classifies: bool) -> Reference | None:
    """Return how well a linear model predicts each target; None for too few examples.

    Each example is predicted by logistic or ridge regression of other examples.

    Args:
        x: (N, D).
        y: labels (N,), or numbers (N, outputs).
        classifies: whether the task is classification.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> found = linear(x, (x[:, 0] > 0).astype(int), classifies=True)
    >>> found.error < 0.05, found.strength > 5
    (True, True)
    """
    classes = int(y.max()) + 1 if y.ndim == 1 else None
    if len(x) < FEWEST or x.shape[1] > MOST_NUMBERS or (classes or 0) > MOST_CLASSES:
        return None
    rows, scores = held_out_scores(x, y, classes)
    y = y[rows]
    if classes is None:
        return _of_numbers(y, scores, classifies)
    strength = ranking(log_chances(scores), y)[0]
    return Reference(float((scores.argmax(axis=1) != y).mean()), strength, len(y))


def constant_error(y: Numbers, classifies: bool) -> float:
    """Return the error of the best constant prediction.

    Args:
        y: labels (N,), or numbers (N, outputs); several labels at once are numbers, 0 or 1 each.
        classifies: whether the task is classification.

    >>> import numpy as np
    >>> constant_error(np.array([0, 0, 0, 1]), classifies=True)
    0.25
    """
    if y.ndim == 1:
        return float(1 - np.bincount(y).max() / len(y))
    if classifies:
        often = y.mean(axis=0)
        return float(np.minimum(often, 1 - often).mean())
    return float(np.sqrt(np.mean(np.square(y - y.mean(axis=0)))))


def neighbours(x: Numbers, y: Numbers, classifies: bool) -> Reference | None:
    """Return how well nearest neighbors predict each target; None for too few examples.

    The prediction for an example does not use its own target. It is the most frequent class among
    its five nearest neighbors, or the mean of their targets.

    Args:
        x: (N, D).
        y: labels (N,), or numbers (N, outputs); several labels at once are numbers, 0 or 1 each.
        classifies: whether the task is classification.

    >>> import numpy as np
    >>> x = np.arange(100.0)[:, None]
    >>> found = neighbours(x, (x[:, 0] > 50).astype(int), classifies=True)
    >>> found.error < 0.05, found.strength > 5
    (True, True)
    """
    if len(x) < FEWEST or x.shape[1] > MOST_NUMBERS:
        return None
    nearest = _nearest(x)
    if y.ndim == 1:
        return _of_classes(y, y[nearest])
    return _of_numbers(y, y[nearest].mean(axis=1), classifies)


def is_ordered(x: Numbers, y: Numbers) -> bool:
    """Whether whole numbers look like a quantity: similar examples have similar numbers.

    Among neighbors with different numbers, the mean difference is compared with that of any two
    examples with different numbers. For the numbers of classes the two are alike.

    Args:
        x: (N, D).
        y: whole numbers, (N,).

    >>> import numpy as np
    >>> x = np.arange(100.0)[:, None]
    >>> is_ordered(x, x[:, 0] // 10), is_ordered(x, 7 * (x[:, 0] // 10) % 10)
    (True, False)
    """
    if len(x) < FEWEST or x.shape[1] > MOST_NUMBERS:
        return False
    near = np.abs(y[_nearest(x)] - y[:, None])
    every = np.abs(y[:, None] - y[None, :])
    near, every = near[near > 0], every[every > 0]
    return len(near) >= FEWEST_PAIRS and bool(near.mean() < ORDERED * every.mean())


def _nearest(x: Numbers) -> Numbers:
    """Return the rows of each example's five nearest neighbors, (N, 5), itself not counted."""
    x = np.asarray(x, np.float64)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    squares = (x * x).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    nearest: Numbers = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return nearest


def _of_classes(y: Numbers, near: Numbers) -> Reference:
    classes = int(y.max()) + 1
    votes = np.stack([(near == k).sum(axis=1) for k in range(classes)], axis=1)
    error = float((votes.argmax(axis=1) != y).mean())
    fractions = np.bincount(y, minlength=classes) / len(y)
    by_chance = float((fractions**2).sum())
    agreement = float((near == y[:, None]).mean())
    # Neighbors of neighbors are neighbors, so the five are counted as one.
    deviation = np.sqrt(max(by_chance * (1 - by_chance), 1e-12) / len(y))
    return Reference(error, float((agreement - by_chance) / deviation), len(y))


def _of_numbers(y: Numbers, near: Numbers, several_labels: bool) -> Reference:
    error = float(np.sqrt(np.mean(np.square(y - near))))
    if several_labels:
        error = float(((near >= 0.5) != (y >= 0.5)).mean())
    spreads = y.std(axis=0) * near.std(axis=0)
    together = ((y - y.mean(axis=0)) * (near - near.mean(axis=0))).mean(axis=0)
    alike = np.where(spreads > 0, together / np.where(spreads > 0, spreads, 1), 0)
    return Reference(error, float(alike.max() * np.sqrt(len(y))), len(y))

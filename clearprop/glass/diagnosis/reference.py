"""What like examples say of each other: how well targets follow from inputs, without a network.

Shape letters: N examples, D numbers an example.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5
MOST_EXAMPLES = 1000
"""A thousand examples compared with each other take a few hundredths of a second."""

MOST_NUMBERS = 20_000
"""Of one example: pictures of 224 x 224 are alike or not for other reasons than their pixels."""

FEWEST = 40
"""Below that chance agrees too often to tell anything."""


@dataclass(frozen=True)
class Reference:
    """What each example's nearest neighbors say of it.

    Attributes:
        error: fraction of wrong answers, or root mean square error, when neighbors answer.
        strength: by how many deviations neighbors agree more than chance would have it.
        examples: N.
    """

    error: float
    strength: float
    examples: int


def neighbours(x: NDArray[Any], y: NDArray[Any], task: str) -> Reference | None:
    """Return what each example's nearest neighbors say of it; None of too few examples.

    Every example is left out when it is answered: by the most frequent class among its five
    nearest, or by the mean of their targets.

    Args:
        x: (N, D).
        y: labels (N,), or numbers (N, outputs).
        task: "classification" or "regression".

    >>> import numpy as np
    >>> x = np.arange(100.0)[:, None]
    >>> found = neighbours(x, (x[:, 0] > 50).astype(int), "classification")
    >>> found.error < 0.05, found.strength > 5
    (True, True)
    """
    if len(x) < FEWEST or x.shape[1] > MOST_NUMBERS:
        return None
    x = np.asarray(x, np.float64)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    squares = (x * x).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    if task == "classification":
        return _of_classes(y, y[nearest])
    return _of_numbers(y, y[nearest].mean(axis=1))


def _of_classes(y: NDArray[Any], told: NDArray[Any]) -> Reference:
    classes = int(y.max()) + 1
    votes = np.stack([(told == k).sum(axis=1) for k in range(classes)], axis=1)
    error = float((votes.argmax(axis=1) != y).mean())
    fractions = np.bincount(y, minlength=classes) / len(y)
    by_chance = float((fractions**2).sum())
    agreement = float((told == y[:, None]).mean())
    # Neighbors of neighbors are neighbors, so the five are counted as one.
    deviation = np.sqrt(max(by_chance * (1 - by_chance), 1e-12) / len(y))
    return Reference(error, float((agreement - by_chance) / deviation), len(y))


def _of_numbers(y: NDArray[Any], told: NDArray[Any]) -> Reference:
    y, told = y.reshape(len(y), -1), told.reshape(len(y), -1)
    error = float(np.sqrt(np.mean(np.square(y - told))))
    spreads = y.std(axis=0) * told.std(axis=0)
    together = ((y - y.mean(axis=0)) * (told - told.mean(axis=0))).mean(axis=0)
    alike = np.where(spreads > 0, together / np.where(spreads > 0, spreads, 1), 0)
    return Reference(error, float(alike.max() * np.sqrt(len(y))), len(y))

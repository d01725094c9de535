"""WeightedExamples as an estimator gets them: numbers for a network, and how much each counts.

Shape letters: N examples, F features.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from clearprop.errors import DataError


class WeightedExamples(NamedTuple):
    """WeightedExamples with their targets.

    Attributes:
        inputs: float32 (N, ...).
        targets: of the loss, (N, ...).
        weights: how much each counts, (N,); None where all count the same.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[Any]
    weights: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.inputs)

    def at(self, rows: NDArray[np.intp]) -> WeightedExamples:
        """Return some of the examples."""
        weights = None if self.weights is None else self.weights[rows]
        return WeightedExamples(self.inputs[rows], self.targets[rows], weights)


def counted(examples: WeightedExamples) -> WeightedExamples:
    """Return the examples without those of weight 0.

    Raises:
        DataError: none is left.
    """
    if examples.weights is None:
        return examples
    kept = np.flatnonzero(examples.weights)
    if not len(kept):
        raise DataError("all weights are 0, so nothing would be learned", where="sample_weight")
    return examples if len(kept) == len(examples) else examples.at(kept)


def merged(examples: WeightedExamples) -> WeightedExamples:
    """Return the examples with equal ones as one that counts as much as they do, in a fixed order.

    The gradient of the whole data is the same. So an example of weight 2 and an example that is
    there twice lead to the same network, bit for bit, where a step takes all examples.
    """
    count = len(examples)
    weights = np.ones(count) if examples.weights is None else examples.weights
    rows = [np.asarray(part, np.float64).reshape(count, -1) for part in examples[:2]]
    _, first, group = np.unique(
        np.concatenate(rows, axis=1), axis=0, return_index=True, return_inverse=True
    )
    total = np.bincount(group.ravel(), weights, len(first)).astype(np.float64)
    # Weights have no unit: those that all are equal say nothing.
    return WeightedExamples(
        examples.inputs[first],
        examples.targets[first],
        None if np.all(total == total[0]) else total,
    )


def held_out(
    examples: WeightedExamples, fraction: float, seed: int, labels: NDArray[Any] | None
) -> tuple[WeightedExamples, WeightedExamples]:
    """Return the examples to train with, and those that are held out to measure.

    Args:
        examples: all of them.
        fraction: of them, to hold out.
        seed: of the order.
        labels: classes, which are kept in proportion where each has enough examples; else None.

    Raises:
        ValueError: too few examples would be left in a part.
    """
    rows = np.arange(len(examples))
    if labels is not None and np.unique(labels, return_counts=True)[1].min() < 2:
        labels = None
    train, rest = train_test_split(rows, test_size=fraction, random_state=seed, stratify=labels)
    return examples.at(np.sort(train)), examples.at(np.sort(rest))

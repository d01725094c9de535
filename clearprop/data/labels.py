"""Targets as they stand in files: classes or numbers, and labels counted from 0.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import DataError

FEW = 20


def task_of(targets: NDArray[np.generic]) -> Literal["classification", "regression"]:
    """Return what targets call for: names and few distinct whole numbers are classes.

    Few is at most 20 or the square root of N, whichever is more, and at most half of N.

    >>> task_of(np.array(["cat", "dog"])), task_of(np.array([0.5, 1.5, 2.5]))
    ('classification', 'regression')
    >>> task_of(np.arange(100)), task_of(np.arange(100) % 3)
    ('regression', 'classification')
    """
    if targets.dtype.kind not in "iuf":
        return "classification"
    if targets.ndim != 1 or not np.array_equal(targets, np.round(targets)):
        return "regression"
    distinct = len(np.unique(targets))
    few = min(max(FEW, int(len(targets) ** 0.5)), len(targets) // 2)
    return "classification" if distinct <= max(2, few) else "regression"


def labels_and_names(
    targets: NDArray[np.generic], where: str | None = None
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return each target's place among the sorted distinct ones, and their names.

    Raises:
        DataError: there is only one class, or targets are numbers that are not whole.

    >>> labels_and_names(np.array([-1, 1, 1]))
    (array([0, 1, 1], dtype=int32), ('-1', '1'))
    """
    if targets.dtype.kind == "f" and not np.array_equal(targets, np.round(targets)):
        raise DataError(
            "classes must be names or whole numbers",
            where=where,
            given=str(targets[int(np.argmax(targets.astype(np.float64) % 1 != 0))]),
            fix="numbers to predict are task='regression'",
        )
    classes, labels = np.unique(targets, return_inverse=True)
    if len(classes) < 2:
        raise DataError(
            "there is only one class, so there is nothing to learn",
            where=where,
            given=f"every target is {class_name(classes[0])!r}",
            expected="two classes or more",
        )
    return labels.reshape(-1).astype(np.int32), tuple(map(class_name, classes))


def class_name(target: object) -> str:
    """Return how a class is called: whole numbers without a decimal point.

    >>> class_name(2.0), class_name("cat")
    ('2', 'cat')
    """
    return str(int(target)) if isinstance(target, float | np.floating) else str(target)

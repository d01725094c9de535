"""Targets of a file: whether they are classes or numbers, and classes as labels from 0 up.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_classes, check_none
from clearprop.data.preprocessor import Task
from clearprop.errors import DataError, option

FEW = 20


def task_of(targets: NDArray[np.generic]) -> Task:
    """Return "classification" for names and for few distinct whole numbers, else "regression".

    "Few" is at most 20 or the square root of N, whichever is more, and at most half of N.

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
    """Return the place of each target among the sorted distinct targets, and their names.

    Raises:
        DataError: there is only one class, or a target is a number that is not whole.

    >>> labels_and_names(np.array([-1, 1, 1]))
    (array([0, 1, 1], dtype=int32), ('-1', '1'))
    """
    if targets.dtype.kind == "f":
        check_none(
            targets.astype(np.float64) % 1 != 0,
            targets,
            "classes must be names or whole numbers",
            where=where,
            fix=option("task", "regression") + ", if numbers are to be predicted",
        )
    classes, labels = np.unique(targets, return_inverse=True)
    names = tuple(map(class_name, classes))
    check_classes(names, where)
    return labels.reshape(-1).astype(np.int32), names


def labels_by_name(called: Sequence[str], names: Sequence[str], where: str) -> NDArray[np.int32]:
    """Return the place of each class name among the names of the training part.

    Raises:
        DataError: a class is not in the training part.

    >>> labels_by_name(["dog", "cat"], ["cat", "dog"], "pets").tolist()
    [1, 0]
    """
    position = {name: index for index, name in enumerate(names)}
    unknown = [name for name in called if name not in position]
    if unknown:
        raise DataError(
            "a class of the test part is not in the training part",
            where=where,
            given=unknown[0],
            expected=f"one of {', '.join(names)}",
        )
    return np.array([position[name] for name in called], np.int32)


def class_name(target: object) -> str:
    """Return the name of a class; a whole number has no decimal point.

    >>> class_name(2.0), class_name("cat")
    ('2', 'cat')
    """
    return str(int(target)) if isinstance(target, float | np.floating) else str(target)

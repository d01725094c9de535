"""Labels of classes as numbers, and the refusal of those that were not announced.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import DataError

ANEW = "sklearn.base.clone(estimator), and train the copy from the beginning"


def numbered(y: NDArray[Any], given: object, learned: NDArray[Any] | None) -> NDArray[Any]:
    """Return the classes in their order, (K,).

    Args:
        y: labels, (N,).
        given: all classes there will be, as a caller names them; None where they are not named.
        learned: the classes of an estimator that goes on; None where it begins.

    Raises:
        DataError: others are given than were learned.
    """
    named = None if given is None else np.unique(np.asarray(given))
    if learned is None:
        return np.unique(y) if named is None else named
    if named is not None and not np.array_equal(named, learned):
        raise DataError(
            "the classes are others than in the first partial_fit",
            where="classes",
            given=listed(named),
            expected=listed(learned),
            fix="leave classes out, or " + ANEW,
        )
    return learned


def places_of(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Return the number of each label among the classes, (N,).

    Raises:
        DataError: a label is none of the classes.
    """
    strange = np.setdiff1d(y, classes)
    if len(strange):
        raise DataError(
            "there are labels outside the classes",
            where="y",
            given=listed(strange),
            expected=listed(classes),
            fix="name all classes in the first call, partial_fit(X, y, classes=[...]), or fit "
            "without warm_start",
        )
    return np.searchsorted(classes, y)


def listed(values: NDArray[Any]) -> str:
    """Return the first of some labels as text."""
    return ", ".join(map(str, values[:10])) + (", ..." if len(values) > 10 else "")

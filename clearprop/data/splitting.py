"""Splits of rows: training, evaluation while training (dev) and evaluation at the end (test).

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop.data.randomness import permutation
from clearprop.data.sources import Indices
from clearprop.errors import ConfigurationError, DataError, option


class SplitRows(NamedTuple):
    """Row numbers of the three parts, each in ascending order."""

    train: Indices
    dev: Indices
    test: Indices


def check_fractions(dev: float, test: float) -> None:
    """Raise unless both are fractions, and their sum leaves rows for training.

    Raises:
        ConfigurationError: a fraction outside [0, 1), or the two together reach 1.
    """
    for name, fraction in (("dev", dev), ("test", test)):
        if not 0 <= fraction < 1:
            raise ConfigurationError(
                f"{name} is the fraction of the examples to hold out",
                given=f"{name}={fraction}",
                expected="a number from 0 up to, but not including, 1",
                fix=f"{name}=0.1",
            )
    if dev + test >= 1:
        raise ConfigurationError(
            "dev and test together leave no example to train on",
            given=f"dev={dev}, test={test}",
            expected="dev + test < 1",
        )


def in_order(length: int, dev: float, test: float, gap: int = 0) -> SplitRows:
    """Return the first rows for training, the next as dev and the last as test.

    This is for the windows of a text or a series.

    Args:
        length: N.
        dev: the fraction of the rows to hold out for evaluation while training.
        test: the fraction to hold out for evaluation at the end.
        gap: how many rows between two parts are left out, because they share values with both.

    Raises:
        ConfigurationError: a fraction is outside [0, 1).
        DataError: there are too few rows for the wanted parts.

    >>> [part.tolist() for part in in_order(10, 0.2, 0.1)]
    [[0, 1, 2, 3, 4, 5, 6], [7, 8], [9]]
    >>> [part.tolist() for part in in_order(10, 0.2, 0.1, gap=1)]
    [[0, 1, 2, 3, 4], [6, 7], [9]]
    """
    check_fractions(dev, test)
    held_test, held_dev = round(length * test), round(length * dev)
    before_test = length - held_test - (gap if held_test else 0)
    before_dev = before_test - held_dev - (gap if held_dev else 0)
    part_of = np.full(length, -1, np.int8)
    part_of[: max(before_dev, 0)] = 0
    part_of[before_test - held_dev : before_test] = 1
    part_of[length - held_test :] = 2
    what = f"{length} examples" + (f" with gaps of {gap} between the parts" if gap else "")
    return _parts(part_of, dev, test, what)


def shuffled(length: int, dev: float, test: float, seed: int) -> SplitRows:
    """Return three disjoint random parts that the seed decides.

    Raises:
        ConfigurationError: a fraction is outside [0, 1), or the seed is negative.
        DataError: there are too few rows for the wanted parts.

    >>> [len(part) for part in shuffled(100, 0.1, 0.2, seed=0)]
    [70, 10, 20]
    """
    parts = in_order(length, dev, test)
    order = permutation(length, seed)
    return SplitRows(*(np.sort(order[part]) for part in parts))


def grouped(groups: NDArray[np.generic], dev: float, test: float, seed: int) -> SplitRows:
    """Return three random parts of about the wanted sizes; each group stays in one part.

    Args:
        groups: int, (N,), the group of each row, such as the file that it comes from.
        dev: the fraction of the rows to hold out for evaluation while training.
        test: the fraction to hold out for evaluation at the end.
        seed: decides which groups.

    Raises:
        ConfigurationError: the seed is negative.
        DataError: there are too few groups for the wanted parts.

    >>> rows = grouped(np.array([4, 4, 7, 7, 5, 5, 5, 5]), dev=0.25, test=0.25, seed=0)
    >>> [len(part) for part in rows]
    [4, 2, 2]
    """
    length = len(groups)
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    part_of_group = np.zeros(len(sizes), np.int8)
    free = permutation(len(sizes), seed)
    for part, fraction in ((2, test), (1, dev)):
        wanted, held, passed = round(length * fraction), 0, []
        for group in free:
            # A group is taken if it brings the part nearer to its wanted size.
            if 2 * (wanted - held) > sizes[group]:
                part_of_group[group] = part
                held += int(sizes[group])
            else:
                passed.append(group)
        free = np.array(passed, np.intp)
    return _parts(part_of_group[group_of], dev, test, f"{length} examples in {len(sizes)} groups")


def stratified(labels: NDArray[np.generic], dev: float, test: float, seed: int) -> SplitRows:
    """Return three disjoint random parts in which every class has the same fraction.

    The rows of a class are counted out by largest remainder, so that the parts have the same sizes
    as without strata if the classes allow it. The training part has at least one row of each class.

    Args:
        labels: int, (N,), each from 0 to K-1.
        dev: the fraction of the rows to hold out for evaluation while training.
        test: the fraction to hold out for evaluation at the end.
        seed: decides which rows.

    Raises:
        ConfigurationError: the seed is negative.
        DataError: there are too few rows for the wanted parts.

    >>> rows = stratified(np.repeat([0, 1, 2], 50), dev=0.1, test=0.1, seed=0)
    >>> np.bincount(np.repeat([0, 1, 2], 50)[rows.dev]).tolist()
    [5, 5, 5]
    """
    length = len(labels)
    classes, class_of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    test_counts = _allot(counts, test, counts - 1)
    dev_counts = _allot(counts, dev, counts - 1 - test_counts)
    order = permutation(length, seed)
    part_of = np.zeros(length, np.int8)
    for index in range(len(classes)):
        members = order[class_of[order] == index]
        held_test, held_dev = test_counts[index], dev_counts[index]
        part_of[members[:held_test]] = 2
        part_of[members[held_test : held_test + held_dev]] = 1
    return _parts(part_of, dev, test, f"{length} examples")


def _allot(counts: Indices, fraction: float, most: Indices) -> Indices:
    exact = counts * fraction
    allotted: Indices = np.minimum(np.floor(exact).astype(np.intp), most)
    missing = round(int(counts.sum()) * fraction) - int(allotted.sum())
    for index in np.argsort(-(exact - np.floor(exact)), kind="stable"):
        if missing > 0 and allotted[index] < most[index]:
            allotted[index] += 1
            missing -= 1
    return allotted


def _parts(part_of: NDArray[np.int8], dev: float, test: float, what: str) -> SplitRows:
    parts = SplitRows(*(np.flatnonzero(part_of == part) for part in range(3)))
    starved = (dev > 0 and not len(parts.dev)) or (test > 0 and not len(parts.test))
    if starved or not len(parts.train):
        raise DataError(
            f"{what} are too few to hold some out",
            given=f"dev={dev}, test={test}",
            expected="at least one example or whole group in every part",
            fix="train on all of them: " + option("dev", 0) + ", " + option("test", 0),
        )
    return parts

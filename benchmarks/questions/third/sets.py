"""Further data of the questions: made-up tables, curves and tokens, and other targets of tables."""

from __future__ import annotations

import numpy as np
from sklearn import datasets

from benchmarks.questions.question import Pair, Values
from benchmarks.questions.sets import Parts, split, table


def houses(count: int = 600) -> Parts:
    """Return the floor space of houses in square feet, and prices in 100,000 dollars, (N, 1)."""
    rng = np.random.default_rng(11)
    area = rng.uniform(600, 4200, (count, 1))
    price = 0.4 + 0.0013 * area + 0.3 * rng.standard_normal((count, 1))
    return split(area.astype(np.float32), price.astype(np.float32))


def payments(count: int = 4000, fraction: float = 0.01) -> Parts:
    """Return eight standardized columns of payments, and 1 where one is a fraud, int32 (N,)."""
    rng = np.random.default_rng(12)
    fraud = (rng.random(count) < fraction).astype(np.int32)
    shift = np.array([1.6, -1.2, 1.0, 0.8, -0.6, 0, 0, 0])
    rows = rng.standard_normal((count, 8)) + fraud[:, None] * shift
    return split(rows.astype(np.float32), fraud)


def rings() -> Parts:
    """Return points (N, 2) of two rings around each other, and the number of the ring."""
    x, y = datasets.make_circles(600, noise=0.08, factor=0.5, random_state=0)
    return split(x.astype(np.float32), y.astype(np.int32))


def orders_of_letters(length: int = 8, count: int = 1500) -> Parts:
    """Return rows of 8 letters, int32 (N, T), and 1 where the only "a" comes before the only "b".

    Letter 0 is "a", letter 1 is "b"; the others are drawn from six more.
    """
    rng = np.random.default_rng(13)
    rows = rng.integers(2, 8, (count, length)).astype(np.int32)
    places = np.argsort(rng.random((count, length)), axis=1)[:, :2]
    rows[np.arange(count), places[:, 0]] = 0
    rows[np.arange(count), places[:, 1]] = 1
    return split(rows, (places[:, 0] < places[:, 1]).astype(np.int32))


def columns_as_targets(columns: list[int]) -> Parts:
    """Return the wines with some columns as targets, the others as standardized inputs."""
    parts = table("wine")
    targets = [part[0][:, columns] for part in parts.all()]
    parts = parts.with_inputs(*(np.delete(part[0], columns, axis=1) for part in parts.all()))
    return parts.standardized().with_targets(*targets)


def severe(limit: float) -> Parts:
    """Return the diabetes table, standardized, and 1 where the progression is above the limit."""
    parts = table("diabetes").standardized()
    return parts.with_targets(*((p[1][:, 0] > limit).astype(np.int32) for p in parts.all()))


def weighted_more(x: Values, y: Values, times: int) -> Pair:
    """Return the examples, in another order, with each of class 1 several times."""
    rows = np.concatenate([np.arange(len(x)), np.flatnonzero(y).repeat(times - 1)])
    rows = np.random.default_rng(14).permutation(rows)
    return x[rows], y[rows]

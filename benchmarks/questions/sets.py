"""The data of the questions: scikit-learn's bundled sets and the texts of Python's help."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pydoc_data.topics import topics

import numpy as np
from sklearn import datasets

from benchmarks.questions.question import Pair, Values


@dataclass(frozen=True)
class Parts:
    """Three parts of a data set that share no example.

    Attributes:
        train: inputs and targets to train with.
        dev: those of the development set.
        test: those that the asker never sees.
    """

    train: Pair
    dev: Pair
    test: Pair

    def with_inputs(self, train: Values, dev: Values, test: Values) -> Parts:
        """Return the parts with other inputs."""
        return Parts((train, self.train[1]), (dev, self.dev[1]), (test, self.test[1]))

    def with_targets(self, train: Values, dev: Values, test: Values) -> Parts:
        """Return the parts with other targets."""
        return Parts((self.train[0], train), (self.dev[0], dev), (self.test[0], test))

    def standardized(self) -> Parts:
        """Return the parts with the columns of the inputs at mean 0 and deviation 1 in training."""
        x = self.train[0]
        center, spread = x.mean(0), x.std(0)
        spread = np.where(spread > 0, spread, 1)
        return self.with_inputs(*((part[0] - center) / spread for part in self.all()))

    def with_standardized_targets(self) -> Parts:
        """Return the parts with targets of mean 0 and deviation 1 in training."""
        y = self.train[1]
        return self.with_targets(*((part[1] - y.mean(0)) / y.std(0) for part in self.all()))

    def with_fewer(self, count: int) -> Parts:
        """Return the parts with the first examples of training only."""
        return replace(self, train=(self.train[0][:count], self.train[1][:count]))

    def all(self) -> tuple[Pair, Pair, Pair]:
        """Return the three parts."""
        return self.train, self.dev, self.test


def split(x: Values, y: Values, seed: int = 0) -> Parts:
    """Return 70 % of the examples for training, 15 % for development and 15 % to test with."""
    order = np.random.default_rng(seed).permutation(len(x))
    first, second = int(0.7 * len(x)), int(0.85 * len(x))
    train, dev, test = order[:first], order[first:second], order[second:]
    return Parts((x[train], y[train]), (x[dev], y[dev]), (x[test], y[test]))


@functools.cache
def table(name: str) -> Parts:
    """Return a table of scikit-learn, as it is: "breast_cancer", "diabetes", "iris", "wine"."""
    # Scikit-learn has scaled the columns of "diabetes"; the raw ones are years, mmHg, mg/dl.
    options = {"scaled": False} if name == "diabetes" else {}
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True, **options)
    y = y.astype(np.int32) if y.dtype.kind == "i" else y.astype(np.float32)[:, None]
    return split(x.astype(np.float32), y)


@functools.cache
def digits() -> Parts:
    """Return 1797 pictures of digits, (N, 8, 8, 1) from 0 to 16, and their labels."""
    x, y = datasets.load_digits(return_X_y=True)
    return split(x.astype(np.float32).reshape(-1, 8, 8, 1), y.astype(np.int32))


def unit_digits() -> Parts:
    """Return the digits with values from 0 to 1."""
    parts = digits()
    return parts.with_inputs(*(part[0] / 16 for part in parts.all()))


def flat_digits() -> Parts:
    """Return the digits as rows of 64 values from 0 to 1."""
    parts = unit_digits()
    return parts.with_inputs(*(part[0].reshape(-1, 64) for part in parts.all()))


def digit_rows() -> Parts:
    """Return the digits as sequences of 8 rows of 8 values from 0 to 1."""
    parts = unit_digits()
    return parts.with_inputs(*(part[0].reshape(-1, 8, 8) for part in parts.all()))


CHARACTERS = " abcdefghijklmnopqrstuvwxyz"


@functools.cache
def help_texts(length: int = 24, count: int = 1000) -> Parts:
    """Return windows of Python's help as numbers of characters, each with the one that follows it.

    Only letters and spaces are kept. Inputs and targets: int32 (N, length).
    """
    text = " ".join(topics[name] for name in sorted(topics)).lower()
    kept = " ".join("".join(c if c in CHARACTERS else " " for c in text).split())
    numbers = np.array([CHARACTERS.index(c) for c in kept[: count * length + 1]], np.int32)
    return split(numbers[:-1].reshape(-1, length), numbers[1:].reshape(-1, length))

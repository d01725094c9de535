"""Further data of the questions: other help texts, sequences of letters and made-up curves."""

from __future__ import annotations

import functools
from collections import Counter
from pydoc_data.topics import topics

import numpy as np
from sklearn import datasets

from benchmarks.questions.question import Pair, Values
from benchmarks.questions.sets import Parts, split

TOPICS = ("types", "execmodel", "typesseq", "string-methods", "customization", "attribute-access")
LENGTH, COUNT = 16, 120
WORDS = 500


@functools.cache
def passages() -> tuple[tuple[tuple[str, ...], ...], Values]:
    """Return 120 passages of 16 words of each of six help texts, and the number of the text."""
    rows: list[tuple[str, ...]] = []
    labels: list[int] = []
    for label, topic in enumerate(TOPICS):
        words = "".join(c if c.isalpha() else " " for c in topics[topic].lower()).split()
        found = [tuple(words[i * LENGTH : (i + 1) * LENGTH]) for i in range(COUNT)]
        rows += found
        labels += [label] * len(found)
    return tuple(rows), np.array(labels, np.int32)


def vocabulary(rows: list[tuple[str, ...]]) -> dict[str, int]:
    """Return numbers from 1 on for the 499 most frequent words, the most frequent one first."""
    counts = Counter(word for row in rows for word in row)
    return {word: i + 1 for i, (word, _) in enumerate(counts.most_common(WORDS - 1))}


def numbered(rows: list[tuple[str, ...]], numbers: dict[str, int]) -> Values:
    """Return the numbers of the words, int32 (N, 16); 0 stands for all words without a number."""
    return np.array([[numbers.get(word, 0) for word in row] for row in rows], np.int32)


def passages_in_numbers(own_numbers: bool = False) -> Parts:
    """Return the passages as numbers of words, by the words of training or of each part alone."""
    rows, labels = passages()
    parts = split(np.arange(len(rows)), labels)
    texts = [[rows[i] for i in part[0]] for part in parts.all()]
    of_training = vocabulary(texts[0])
    return parts.with_inputs(
        *(numbered(text, vocabulary(text) if own_numbers else of_training) for text in texts)
    )


def parabola(count: int = 800) -> Parts:
    """Return numbers from -100 to 100, and their squares, (N, 1)."""
    x = np.random.default_rng(21).uniform(-100, 100, (count, 1)).astype(np.float32)
    return split(x, x**2)


def wave(count: int = 1500, noise: float = 0.1) -> Parts:
    """Return numbers from -3 to 3, and the noisy sine of twice each, (N, 1)."""
    rng = np.random.default_rng(22)
    x = rng.uniform(-3, 3, (count, 1))
    y = np.sin(2 * x) + noise * rng.standard_normal((count, 1))
    return split(x.astype(np.float32), y.astype(np.float32))


def moons(count: int = 2400, noise: float = 0.2) -> Parts:
    """Return points (N, 2) of two half-moons, and the number of the half-moon."""
    x, y = datasets.make_moons(count, noise=noise, random_state=0)
    return split(x.astype(np.float32), y.astype(np.int32))


def friedman(count: int = 2400) -> Parts:
    """Return Friedman's first function: ten columns from 0 to 1, and noisy targets, (N, 1)."""
    x, y = datasets.make_friedman1(count, noise=1.0, random_state=0)
    return split(x.astype(np.float32), y.astype(np.float32)[:, None])


def first_letters(length: int = 40, count: int = 1500) -> Parts:
    """Return rows of 8 letters, int32 (N, T), of which the first is 0 or 1: the target."""
    rows = np.random.default_rng(23).integers(2, 8, (count, length)).astype(np.int32)
    labels = (np.arange(count) % 2).astype(np.int32)
    rows[:, 0] = labels
    return split(rows, labels)


def overlapping_groups(count: int = 2400) -> Parts:
    """Return points (N, 2) of three overlapping groups, and the number of the group."""
    rng = np.random.default_rng(24)
    labels = rng.integers(0, 3, count).astype(np.int32)
    centers = np.array([[0.0, 1.4], [-1.2, -0.7], [1.2, -0.7]])
    return split((centers[labels] + rng.standard_normal((count, 2))).astype(np.float32), labels)


def balance(count: int = 1500, length: int = 12) -> Parts:
    """Return payments in and out, (N, T, 1), and whether more came in than went out."""
    x = np.random.default_rng(25).standard_normal((count, length, 1)).astype(np.float32)
    return split(x, (x.sum((1, 2)) > 0).astype(np.int32))


def only_some(x: Values, y: Values, label: int, kept: int) -> Pair:
    """Return the examples with only the first few of one class."""
    rows = np.sort(np.concatenate([np.flatnonzero(y != label), np.flatnonzero(y == label)[:kept]]))
    return x[rows], y[rows]


def repeated(x: Values, y: Values, label: int, times: int) -> Pair:
    """Return the examples, in another order, with each of one class several times."""
    rows = np.concatenate([np.arange(len(x)), np.flatnonzero(y == label).repeat(times - 1)])
    rows = np.random.default_rng(26).permutation(rows)
    return x[rows], y[rows]

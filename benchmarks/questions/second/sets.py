"""Further data of the questions: series, words of Python's help, several labels of a digit."""

from __future__ import annotations

import functools
from collections import Counter
from pydoc_data.topics import topics

import numpy as np

import clearprop as cp
from benchmarks.questions.question import Values
from benchmarks.questions.sets import Parts, split, unit_digits


def in_order(x: Values, y: Values, gap: int = 0) -> Parts:
    """Return the first 70 %, the next 15 % and the last 15 %, with some left out between them."""
    first, second = int(0.7 * len(x)), int(0.85 * len(x))
    bounds = ((0, first), (first + gap, second), (second + gap, len(x)))
    train, dev, test = ((x[a:b], y[a:b]) for a, b in bounds)
    return Parts(train, dev, test)


@functools.cache
def sunspots() -> Parts:
    """Return 24 years of sunspot numbers, (N, 24, 1), and the next year's; hundreds of spots."""
    data = cp.data.load("sunspots")
    x, y = np.asarray(data.inputs), np.asarray(data.targets)
    return in_order(x.astype(np.float32) / 100, y.astype(np.float32) / 100, gap=24)


@functools.cache
def carbon_dioxide() -> Parts:
    """Return 13 values of CO2 in air, four weeks apart, (N, 13, 1), and that of the next week; ppm.

    The parts are in the order of time.
    """
    data = cp.data.load("co2")
    x, y = np.asarray(data.inputs)[:, 55::4], np.asarray(data.targets)
    return in_order(x.astype(np.float32), y.astype(np.float32), gap=52)


TOPICS = ("specialnames", "compound", "formatstrings", "debugger")
WORDS = 400


@functools.cache
def topic_words(length: int = 12, count: int = 260) -> Parts:
    """Return windows of words of four help texts as numbers, each with the number of its text.

    Word 0 stands for all but the 399 most frequent words. Inputs int32 (N, length).
    """
    texts = ["".join(c if c.isalpha() else " " for c in topics[name].lower()) for name in TOPICS]
    words = [text.split()[: length * count] for text in texts]
    frequent = Counter(word for text in words for word in text).most_common(WORDS - 1)
    number = {word: i + 1 for i, (word, _) in enumerate(frequent)}
    rows, labels = [], []
    for label, text in enumerate(words):
        numbers = np.array([number.get(word, 0) for word in text], np.int32)
        windows = numbers[: len(numbers) // length * length].reshape(-1, length)
        rows.append(windows)
        labels.append(np.full(len(windows), label, np.int32))
    return split(np.concatenate(rows), np.concatenate(labels))


LARGE = 5
WITH_A_HOLE = (0, 6, 8, 9)


def several_labels() -> Parts:
    """Return the digits with three answers, 0 or 1: is it even, is it large, has it a hole?"""

    def answers(y: Values) -> Values:
        columns = (y % 2 == 0, y >= LARGE, np.isin(y, WITH_A_HOLE))
        return np.stack(columns, axis=1).astype(np.float32)

    parts = unit_digits()
    return parts.with_targets(*(answers(part[1]) for part in parts.all()))


def wrong_answers(outputs: Values, targets: Values) -> float:
    """Return the fraction of answers on the wrong side of 0."""
    return float(((outputs >= 0) != (targets > 0.5)).mean())

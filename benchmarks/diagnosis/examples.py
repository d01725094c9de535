"""The data sets of the benchmark as arrays: pictures, tables, series, and texts as bags of words.

All are real data. Nothing is downloaded, except Fashion-MNIST where no copy is on the machine.

Shape letters: N examples, T values of a window, W words.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import data
from clearprop.data.randomness import permutation

Pair = tuple[NDArray[Any], NDArray[Any]]

TASKS = {
    **dict.fromkeys(("digits", "iris", "wine", "breast-cancer"), "classes"),
    **dict.fromkeys(("even", "severe", "fashion", "words", "topics"), "classes"),
    **dict.fromkeys(("attributes", "garments"), "several labels"),
    **dict.fromkeys(("diabetes", "weak", "sunspots", "co2"), "numbers"),
}
"""Every data set, and whether its targets are class numbers, several labels (0 or 1 each), or
numbers."""

SOURCES = {"even": "digits", "attributes": "digits", "garments": "fashion",
           "weak": "diabetes", "severe": "diabetes"}  # fmt: skip
"""Data sets with the inputs of another one, but targets of their own."""

ATTRIBUTES = {
    "attributes": ((0, 2, 4, 6, 8), (5, 6, 7, 8, 9), (0, 6, 8, 9), (2, 3, 5, 7), (1, 4, 7)),
    "garments": ((0, 2, 4, 6), (5, 7, 9), (2, 4), (3, 0), (1, 3)),
}
"""The classes that have each label. Digits: even, above four, with a loop, prime, of straight
lines. Fashion: for the upper body, shoes, warm, cut in one piece, covering the legs."""

PICTURES, PICTURES_HELD_OUT = 2000, 500
TEXTS, TEXTS_HELD_OUT, MOST_WORDS, KNOWN_WORDS = 1600, 400, 800, 3000
TOPICS, LEAST_LETTERS, LEAST_PARAGRAPHS = 6, 80, 50
WINDOWS = {"sunspots": 23, "co2": 52}
WEAK_COLUMNS = [0, 3, 9]
"""Age, blood pressure and blood sugar: a line explains about a quarter of the target's variance."""

SEVERE = 1.4
"""In standard deviations above the mean: an eighth of the targets are larger. A network sees age
and blood pressure alone, which say little about it."""


def load(name: str, seed: int, form: str = "flat") -> tuple[Pair, Pair]:
    """Return training and development examples, with inputs as a network sees them.

    Args:
        name: a key of `TASKS`.
        seed: of the split.
        form: "flat"; "picture" (N, H, W, 1); "rows", a sequence of a picture's rows or of a
            series' values; for texts "counts" or "tfidf".
    """
    if name in ("words", "topics"):
        return _bags(name, seed, form)
    if name in ("sunspots", "co2"):
        return _series(name, form)
    source = SOURCES.get(name, name)
    train, dev = _fashion(seed) if source == "fashion" else _scaled(source, seed)
    return _formed(train, name, form), _formed(dev, name, form)


def _scaled(name: str, seed: int) -> tuple[Pair, Pair]:
    """Return the two parts of a named data set, scaled by the statistics of the first."""
    splits = data.load(name).split(dev=0.2, test=0.0, seed=seed)
    assert splits.dev is not None
    pairs = []
    for part in (splits.train, splits.dev):
        x = np.asarray(splits.preprocessor.scaled(np.asarray(part.inputs)), np.float32)
        y = np.asarray(part.targets)
        if TASKS[name] == "numbers":
            y = np.asarray(splits.preprocessor.scaled_targets(y), np.float32)
        pairs.append((x, y))
    return pairs[0], pairs[1]


def _fashion(seed: int) -> tuple[Pair, Pair]:
    pictures = _all_of_fashion()
    order = permutation(len(pictures[1]), seed)
    rows = order[: PICTURES + PICTURES_HELD_OUT]
    x = (pictures[0][rows] / np.float32(255) - np.float32(0.286)) / np.float32(0.353)
    y = pictures[1][rows]
    return (x[:PICTURES], y[:PICTURES]), (x[PICTURES:], y[PICTURES:])


@functools.cache
def _all_of_fashion() -> Pair:
    pictures = data.load("fashion-mnist")
    return np.asarray(pictures.inputs), np.asarray(pictures.targets, np.int64)


def _formed(pair: Pair, name: str, form: str) -> Pair:
    """Return examples in the form that a network takes, with the targets of a data set."""
    x, y = pair
    if form == "flat":
        x = x.reshape(len(x), -1)
    elif form == "rows":
        x = x.reshape(x.shape[:3])
    if name == "even":
        y = y % 2
    elif name in ATTRIBUTES:
        y = np.stack([np.isin(y, having) for having in ATTRIBUTES[name]], axis=1).astype(np.float32)
    if name == "weak":
        x = x[:, WEAK_COLUMNS]
    elif name == "severe":
        x = x[:, WEAK_COLUMNS[:2]]
        y = (y.reshape(-1) > SEVERE).astype(np.int64)
    return x, y


def _series(name: str, form: str) -> tuple[Pair, Pair]:
    """Return windows and the values that follow, as differences from the last value of each window.

    The development part comes after the training part, so a series that rises has other values
    there; its differences have the same range.
    """
    window = WINDOWS[name]
    series = data.load(name, window=window + 1)
    values = np.asarray(series.inputs, np.float32)[..., 0]
    x = values[:, :-1] - values[:, -1:]
    y = np.asarray(series.targets, np.float32) - values[:, -1:]
    end = len(y) * 3 // 4
    scales = x[:end].std(), y[:end].std()
    x, y = x / scales[0], y / scales[1]
    x = x[..., None] if form == "rows" else x
    return (x[:end], y[:end]), (x[end + window + 1 :], y[end + window + 1 :])


def _bags(name: str, seed: int, form: str) -> tuple[Pair, Pair]:
    """Return how often each word occurs in a text, (N, W), or that times its rarity."""
    counts, labels = _all_words() if name == "words" else _all_topics()
    order = permutation(len(labels), seed)
    train = order[: min(TEXTS, len(order) * 4 // 5)]
    dev = order[len(train) :][:TEXTS_HELD_OUT]
    frequent = np.argsort(-(counts[train] > 0).sum(0), kind="stable")[:MOST_WORDS]
    counts = counts[:, np.sort(frequent)].astype(np.float32)
    # Short texts may be equal without their rare words, in a different length too.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    _, first = np.unique(shares[order[: len(train) + len(dev)]], axis=0, return_index=True)
    kept = order[first][counts[order[first]].any(axis=1)]
    train, dev = (rows[np.isin(rows, kept)] for rows in (train, dev))
    if form == "tfidf":
        rarity = 1 + np.log((1 + len(train)) / (1 + (counts[train] > 0).sum(0)))
        counts = counts * rarity.astype(np.float32)
        counts /= np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-6)
    return (counts[train], labels[train]), (counts[dev], labels[dev])


@functools.cache
def _all_words() -> Pair:
    """Return bags of words of the docstrings of four libraries, with the library of each."""
    texts = data.load("docstrings")
    tokens = np.asarray(texts.inputs)
    counts = np.zeros((len(tokens), int(tokens.max()) + 1), np.uint8)
    np.add.at(counts, (np.arange(len(tokens))[:, None], tokens), 1)
    # Without the padding and the unknown word; the words are numbered by their frequency.
    return counts[:, 2 : 2 + KNOWN_WORDS], np.asarray(texts.targets)


@functools.cache
def _all_topics() -> Pair:
    """Return bags of words of paragraphs of Python's help, with the topic of each."""
    from pydoc_data.topics import topics

    from sklearn.feature_extraction.text import CountVectorizer

    parts = {
        topic: [part for part in text.split("\n\n") if len(part) >= LEAST_LETTERS]
        for topic, text in sorted(topics.items())
    }
    longest = sorted(parts, key=lambda topic: -len(topics[topic]))
    chosen = [topic for topic in longest if len(parts[topic]) >= LEAST_PARAGRAPHS][:TOPICS]
    label_of = {part: label for label, topic in enumerate(chosen) for part in parts[topic]}
    counts = CountVectorizer(min_df=2, dtype=np.int32).fit_transform(label_of).toarray()
    return counts, np.array(list(label_of.values()))

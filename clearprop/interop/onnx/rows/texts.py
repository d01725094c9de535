"""Operators on texts, which NumPy keeps as objects."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.table import ALL, row


def _texts(values: list[str], shape: tuple[int, ...]) -> Any:
    found = np.empty(len(values), object)
    found[:] = values
    return found.reshape(shape)


@row("StringConcat", known=(ALL,))
def _string_concat(node: OnnxNode, x: Any, y: Any) -> Any:
    x, y = np.broadcast_arrays(x, y)
    pairs = zip(x.reshape(-1), y.reshape(-1), strict=True)
    return _texts([f"{a}{b}" for a, b in pairs], x.shape)


@row("StringNormalizer", known=(ALL,))
def _string_normalizer(node: OnnxNode, x: Any) -> Any:
    stop = node.texts("stopwords", ())
    exact = bool(node.integer("is_case_sensitive", 0))
    change = node.text("case_change_action", "NONE")
    compared = set(stop) if exact else {word.lower() for word in stop}
    rows = x.reshape(1, -1) if x.ndim == 1 else x
    kept = [
        [word for word in texts if (word if exact else word.lower()) not in compared]
        for texts in rows
    ]
    changed = {"LOWER": str.lower, "UPPER": str.upper}.get(change, str)
    words = [[changed(word) for word in texts] for texts in kept]
    words = [texts or [""] for texts in words]
    flat = [word for texts in words for word in texts]
    return _texts(flat, (len(flat),) if x.ndim == 1 else (1, len(flat)))


@row("StringSplit", known=(ALL,))
def _string_split(node: OnnxNode, x: Any) -> Any:
    delimiter = node.text("delimiter", "") or None
    limit = node.integer("maxsplit", -1)
    split = [str(text).split(delimiter, limit) for text in x.reshape(-1)]
    longest = max(map(len, split), default=0)
    filled = [part for parts in split for part in [*parts, *[""] * (longest - len(parts))]]
    lengths = np.array([len(parts) for parts in split], np.int64).reshape(x.shape)
    return _texts(filled, (*x.shape, longest)), lengths


@row("RegexFullMatch", known=(ALL,))
def _regex_full_match(node: OnnxNode, x: Any) -> Any:
    try:
        pattern = re.compile(node.text("pattern"))
    except re.error as error:
        raise node.error("the regular expression is not valid", given=str(error)) from error
    return np.array([bool(pattern.fullmatch(text)) for text in x.reshape(-1)], bool).reshape(
        x.shape
    )


@row("TfIdfVectorizer", known=(ALL,))
def _tf_idf(node: OnnxNode, x: Any) -> Any:
    mode = node.text("mode")
    shortest, longest = node.integer("min_gram_length"), node.integer("max_gram_length")
    skips = node.integer("max_skip_count")
    starts, places = node.ints("ngram_counts"), node.ints("ngram_indexes")
    pool: Any = node.ints("pool_int64s") if node.has("pool_int64s") else node.texts("pool_strings")
    weights = node.floats("weights") if node.has("weights") else None
    grams: dict[tuple[Any, ...], int] = {}
    number = 0
    ends = [*starts[1:], len(pool)]
    for length, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        for first in range(start, end, length):
            if shortest <= length <= longest:
                grams[tuple(pool[first : first + length])] = number
            number += 1
    rows = x.reshape(1, -1) if x.ndim < 2 else x
    counts = np.zeros((len(rows), max(places) + 1), np.float32)
    for i, values in enumerate(rows):
        for gram, times in _grams(values.tolist(), shortest, longest, skips).items():
            if gram in grams:
                number = grams[gram]
                weight = 1.0 if weights is None else weights[number]
                counts[i, places[number]] += {"TF": times, "IDF": weight}.get(mode, times * weight)
    return counts[0] if x.ndim < 2 else counts


def _grams(values: list[Any], shortest: int, longest: int, skips: int) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for length in range(shortest, longest + 1):
        for step in range(1, skips + 2):
            if length == 1 and step > 1:
                break
            for first in range(len(values) - (length - 1) * step):
                found[tuple(values[first + j * step] for j in range(length))] += 1
    return found


@row("LabelEncoder", domain="ai.onnx.ml", known=(0,))
def _label_encoder(node: OnnxNode, x: Any) -> Any:
    keys = _pairs(node, "keys")
    values = _pairs(node, "values")
    default = node.tensor("default_tensor")
    if default is not None:
        fallback: Any = default.reshape(-1)[0]
    elif values.dtype == object:
        fallback = node.text("default_string", "_Unused")
    elif values.dtype.kind == "f":
        fallback = node.number("default_float", -0.0)
    else:
        fallback = node.integer("default_int64", -1)
    table = {_key(k): v for k, v in zip(keys.tolist(), values.tolist(), strict=True)}
    given = node.known(x, "the labels")
    found = [table.get(_key(k), fallback) for k in given.reshape(-1).tolist()]
    if values.dtype == object:
        return _texts(found, given.shape)
    return np.array(found, values.dtype).reshape(given.shape)


def _key(value: Any) -> Any:
    return "nan" if isinstance(value, float) and value != value else value


def _pairs(node: OnnxNode, name: str) -> Any:
    tensor = node.tensor(f"{name}_tensor")
    if tensor is not None:
        return tensor.reshape(-1)
    if node.has(f"{name}_strings"):
        return _texts(list(node.texts(f"{name}_strings")), (-1,))
    if node.has(f"{name}_int64s"):
        return np.array(node.ints(f"{name}_int64s"), np.int64)
    return np.array(node.floats(f"{name}_floats"), np.float32)


_MODES = {0: np.less_equal, 1: np.less, 2: np.greater_equal, 3: np.greater, 4: np.equal,
          5: np.not_equal}  # fmt: skip
_MEMBER = 6


@row("TreeEnsemble", domain="ai.onnx.ml")
def _tree_ensemble(node: OnnxNode, x: Any) -> Any:
    """Each example walks through every tree; the weights of its leaves are added."""
    features = node.ints("nodes_featureids")
    splits, modes = node.tensor("nodes_splits"), node.tensor("nodes_modes")
    true_ids, false_ids = node.ints("nodes_truenodeids"), node.ints("nodes_falsenodeids")
    true_leaf, false_leaf = node.ints("nodes_trueleafs"), node.ints("nodes_falseleafs")
    targets, weights = node.ints("leaf_targetids"), node.tensor("leaf_weights")
    if splits is None or modes is None or weights is None:
        raise node.error("the trees have no nodes")
    members = _members(node, modes)
    values = node.known(x, "the examples")
    y = np.zeros((len(values), node.integer("n_targets")), values.dtype)
    for i, example in enumerate(values):
        for root in node.ints("tree_roots"):
            place, leaf = root, False
            while not leaf:
                seen = example[features[place]]
                mode = int(modes[place])
                goes = (
                    seen in members[place] if mode == _MEMBER else _MODES[mode](seen, splits[place])
                )
                leaf = bool((true_leaf if goes else false_leaf)[place])
                place = (true_ids if goes else false_ids)[place]
            y[i, targets[place]] += weights[place]
    return y


def _members(node: OnnxNode, modes: Any) -> dict[int, set[float]]:
    """Return the sets of the nodes that ask for membership; NaN ends each in the file."""
    given = node.tensor("membership_values")
    sets: list[set[float]] = [set()]
    for value in [] if given is None else given.tolist():
        if value != value:
            sets.append(set())
        else:
            sets[-1].add(value)
    places = [i for i, mode in enumerate(modes) if int(mode) == _MEMBER]
    return dict(zip(places, sets, strict=False))

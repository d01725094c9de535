"""Formulas of what relates an entry to its neighbors: softmax, attention, normalization."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from clearprop.glass.equations.application import Application, Index
from clearprop.glass.equations.expression import (
    Expression,
    Number,
    Symbol,
    call,
    long_sum,
)
from clearprop.glass.equations.gathered import leading, reduced

SAFE_POWER = 500.0
"""e to this is still a number: formulas with larger exponents are not written as they stand."""

ZERO = Number(0.0)


# --- softmax, cross-entropy, attention -----------------------------------------------------------


def _along(application: Application, index: Index) -> list[Expression]:
    """Return the entries of the input along the axis of a softmax."""
    x = application.operand(0)
    axis = application.parameters.get("axis", -1) % len(index)
    return [x.entry((*index[:axis], k, *index[axis + 1 :])) for k in range(x.shape[axis])]


def powers(scores: list[Expression], shown: int | None) -> Expression | None:
    """Return the sum of e to the scores, or None where that is no number."""
    if not all(abs(score.value) < SAFE_POWER for score in scores):
        return None
    return long_sum([call("exp", score) for score in scores], shown)


def softmax_row(application: Application, index: Index) -> Expression | None:
    """Write an entry of a softmax; None where its powers overflow."""
    whole = powers(_along(application, index), application.shown)
    return None if whole is None else call("exp", application.operand(0).entry(index)) / whole


def log_softmax_row(application: Application, index: Index) -> Expression | None:
    """Write an entry of the logarithm of a softmax."""
    whole = powers(_along(application, index), application.shown)
    return None if whole is None else application.operand(0).entry(index) - call("log", whole)


def logsumexp_row(application: Application, index: Index) -> Expression | None:
    """Write the logarithm of a sum of powers."""
    whole = powers(reduced(application, index), application.shown)
    return None if whole is None else call("log", whole)


def masked_softmax_row(application: Application, index: Index) -> Expression | None:
    """Write an entry of a softmax over what the mask shows."""
    mask = np.broadcast_to(application.operand(1).array, application.shape)
    if not mask[index]:
        return ZERO
    axis = application.parameters.get("axis", -1) % len(index)
    line = np.moveaxis(mask, axis, -1)[(*index[:axis], *index[axis + 1 :])]
    shown = [x for x, seen in zip(_along(application, index), line, strict=True) if seen]
    whole = powers(shown, application.shown)
    return None if whole is None else call("exp", application.operand(0).at(index)) / whole


def class_of(application: Application, index: Index) -> int | None:
    """Return the class of an example; None where the targets are probabilities."""
    labels = np.asarray(application.operand(1).array)
    return None if np.issubdtype(labels.dtype, np.floating) else int(labels[index])


def cross_entropy_row(application: Application, index: Index) -> Expression | None:
    """Write the cross-entropy of an example."""
    z, t = application.operand(0), application.operand(1)
    whole = powers([z.entry((*index, k)) for k in range(z.shape[-1])], application.shown)
    if whole is None:
        return None
    label = class_of(application, index)
    if label is None:
        weighed = [
            t.entry((*index, k)) * (call("log", whole) - z.entry((*index, k)))
            for k in range(z.shape[-1])
        ]
        return long_sum(weighed, application.shown)
    return call("log", whole) - z.entry((*index, label)) if 0 <= label < z.shape[-1] else None


def kl_row(application: Application, index: Index) -> Expression:
    """Write the divergence of two distributions."""
    p, q = application.operand(0), application.operand(1)
    pairs = [(p.entry((*index, k)), q.entry((*index, k))) for k in range(p.shape[-1])]
    return long_sum([a * call("log", a / b) for a, b in pairs if a.value > 0], application.shown)


def attend_row(application: Application, index: Index) -> Expression | None:
    """Write an entry of attention's answer, or of its weights."""
    if application.output == 0:
        value = application.operand(2)
        places = range(value.shape[-2])
        left = leading(value, index[:-2])
        terms = [
            application.result(1, (*index[:-1], s)) * value.entry((*left, s, index[-1]))
            for s in places
        ]
        return long_sum(terms, application.shown)
    query, key = application.operand(0), application.operand(1)
    scale, causal = (
        application.parameters.get("scale", 1.0),
        application.parameters.get("causal", False),
    )
    mask = application.inputs[3] if len(application.inputs) > 3 else None
    seen = np.ones(application.shape[-2:], bool) if mask is None else mask.array
    seen = np.broadcast_to(seen, application.shape)[index[:-1]]
    rows = query.array[(*leading(query, index[:-2]), index[-2])]
    columns = np.asarray(key.array[leading(key, index[:-2])], np.float64)
    scores = scale * (columns @ np.asarray(rows, np.float64))
    last = index[-2] + key.shape[-2] - query.shape[-2] if causal else key.shape[-2]
    shown = {s: Symbol(f"s[{s}]", float(scores[s])) for s in range(len(scores)) if seen[s]}
    shown = {s: score for s, score in shown.items() if s <= last}
    if index[-1] not in shown:
        return ZERO
    whole = powers(list(shown.values()), application.shown)
    return None if whole is None else call("exp", shown[index[-1]]) / whole


# --- normalization -------------------------------------------------------------------------------


def _normalized(application: Application, index: Index, axes: tuple[int, ...]) -> Expression:
    x, named = application.operand(0), application.parameters
    line: Any = tuple(slice(None) if a in axes else i for a, i in enumerate(index))
    entries = np.asarray(x.array[line], np.float64)
    mean, variance = Symbol("mean", float(entries.mean())), Symbol("var", float(entries.var()))
    root = call("sqrt", variance + named.get("epsilon", 1e-5))
    scale, shift = application.inputs[1:3]
    y = (x.entry(index) - mean) / root
    y = y if scale is None else scale.at(index) * y
    return y if shift is None else y + shift.at(index)


def layer_norm_row(application: Application, index: Index) -> Expression:
    """Write an entry of a normalized example."""
    axis = application.parameters.get("axis", -1)
    given = (axis,) if isinstance(axis, int) else axis
    return _normalized(application, index, tuple(a % len(index) for a in given))


def batch_norm_row(application: Application, index: Index) -> Expression:
    """Write an entry of a normalized batch, of its mean or of its variance."""
    if application.output == 0:
        return _normalized(application, index, tuple(range(len(index) - 1)))
    x = application.operand(0)
    places = itertools.product(*map(range, x.shape[:-1]))
    terms = [x.entry((*place, *index)) for place in places]
    if application.output == 1:
        return long_sum(terms, application.shown) / len(terms)
    mean = Symbol("mean", math.fsum(t.value for t in terms) / len(terms))
    return long_sum([(t - mean) ** 2 for t in terms], application.shown) / len(terms)

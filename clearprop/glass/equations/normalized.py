"""Formulas of operations that compare an entry with others: softmax, attention, normalization."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from clearprop.glass.equations.application import Application, Index, Unwritten
from clearprop.glass.equations.expression import (
    Expression,
    Number,
    Symbol,
    call,
    long_sum,
)
from clearprop.glass.equations.gathered import leading, mean_of, reduced, variance_of

SAFE_POWER = 500.0
"""e to this is still a finite number; formulas with larger exponents are not written out."""

ZERO = Number(0.0)


# --- softmax, cross-entropy, attention -----------------------------------------------------------


def _along(application: Application, index: Index) -> list[Expression]:
    """Return the entries of the input along the axis of a softmax."""
    x = application.operand(0)
    (axis,) = application.axes(len(index), -1)
    return [x.entry((*index[:axis], k, *index[axis + 1 :])) for k in range(x.shape[axis])]


def powers(scores: list[Expression], shown: int | None) -> Expression:
    """Return the sum of e to the scores.

    Raises:
        Unwritten: a power overflows.
    """
    if not all(abs(score.value) < SAFE_POWER for score in scores):
        raise Unwritten
    return long_sum([call("exp", score) for score in scores], shown)


def softmax_row(application: Application, index: Index) -> Expression:
    """Write an entry of a softmax."""
    whole = powers(_along(application, index), application.shown)
    return call("exp", application.operand(0).entry(index)) / whole


def log_softmax_row(application: Application, index: Index) -> Expression:
    """Write an entry of the logarithm of a softmax."""
    whole = powers(_along(application, index), application.shown)
    return application.operand(0).entry(index) - call("log", whole)


def logsumexp_row(application: Application, index: Index) -> Expression:
    """Write the logarithm of a sum of powers."""
    return call("log", powers(reduced(application, index), application.shown))


def masked_softmax_row(application: Application, index: Index) -> Expression:
    """Write an entry of a softmax over the entries that the mask keeps."""
    mask = np.broadcast_to(application.operand(1).array, application.shape)
    if not mask[index]:
        return ZERO
    (axis,) = application.axes(len(index), -1)
    line = np.moveaxis(mask, axis, -1)[(*index[:axis], *index[axis + 1 :])]
    kept = list(itertools.compress(_along(application, index), line))
    return call("exp", application.operand(0).at(index)) / powers(kept, application.shown)


def class_of(application: Application, index: Index) -> int | None:
    """Return the class of an example; None where the targets are probabilities."""
    labels = np.asarray(application.operand(1).array)
    return None if np.issubdtype(labels.dtype, np.floating) else int(labels[index])


def cross_entropy_row(application: Application, index: Index) -> Expression:
    """Write the cross-entropy of an example."""
    z, t = application.operand(0), application.operand(1)
    places = [(*index, k) for k in range(z.shape[-1])]
    log_sum = call("log", powers([z.entry(place) for place in places], application.shown))
    label = class_of(application, index)
    if label is None:
        weighted = [t.entry(place) * (log_sum - z.entry(place)) for place in places]
        return long_sum(weighted, application.shown)
    if not 0 <= label < z.shape[-1]:
        raise Unwritten
    return log_sum - z.entry((*index, label))


def kl_row(application: Application, index: Index) -> Expression:
    """Write the divergence of two distributions."""
    p, q = application.operand(0), application.operand(1)
    pairs = [(p.entry((*index, k)), q.entry((*index, k))) for k in range(p.shape[-1])]
    if any(a.value > 0 and not b.value > 0 for a, b in pairs):
        raise Unwritten  # the operation's logarithm has a bound, the formula's has none
    return long_sum([a * call("log", a / b) for a, b in pairs if a.value > 0], application.shown)


def attend_row(application: Application, index: Index) -> Expression:
    """Write an entry of the output of attention, or of its weights."""
    if application.output == 0:
        value = application.operand(2)
        left = leading(value, index[:-2])
        terms = [
            application.result(1, (*index[:-1], s)) * value.entry((*left, s, index[-1]))
            for s in range(value.shape[-2])
        ]
        return long_sum(terms, application.shown)
    query, key, named = application.operand(0), application.operand(1), application.parameters
    mask = application.inputs[3] if len(application.inputs) > 3 else None
    seen = np.ones(application.shape[-2:], bool) if mask is None else mask.array
    seen = np.broadcast_to(seen, application.shape)[index[:-1]]
    rows = query.array[(*leading(query, index[:-2]), index[-2])]
    columns = np.asarray(key.array[leading(key, index[:-2])], np.float64)
    scores = named.get("scale", 1.0) * (columns @ np.asarray(rows, np.float64))
    bias = application.inputs[4] if len(application.inputs) > 4 else None
    if bias is not None:
        added = np.broadcast_to(np.asarray(bias.array, np.float64), application.shape)[index[:-1]]
        seen, scores = seen & (added != -np.inf), scores + added
    end = key.shape[-2]
    if named.get("causal", False):
        end = min(end, index[-2] + end - query.shape[-2] + 1)
    kept = {s: Symbol(f"s[{s}]", float(scores[s])) for s in range(end) if seen[s]}
    if index[-1] not in kept:
        return ZERO
    return call("exp", kept[index[-1]]) / powers(list(kept.values()), application.shown)


# --- normalization -------------------------------------------------------------------------------


def _normalized(
    application: Application, index: Index, axes: tuple[int, ...], channels: slice = slice(None)
) -> Expression:
    x, named = application.operand(0), application.parameters
    line: Any = tuple(slice(None) if a in axes else i for a, i in enumerate(index))
    line = line if channels == slice(None) else (*line[:-1], channels)
    entries = np.asarray(x.array[line], np.float64)
    mean, variance = Symbol("mean", float(entries.mean())), Symbol("var", float(entries.var()))
    root = call("sqrt", variance + named.get("epsilon", 1e-5))
    scale, shift = application.inputs[1:3]
    y = (x.entry(index) - mean) / root
    y = y if scale is None else scale.at(index) * y
    return y if shift is None else y + shift.at(index)


def layer_norm_row(application: Application, index: Index) -> Expression:
    """Write an entry of a normalized example."""
    return _normalized(application, index, application.axes(len(index), -1))


def group_norm_row(application: Application, index: Index) -> Expression:
    """Write an entry of an example of which each group of channels is normalized."""
    size = application.shape[-1] // application.parameters["groups"]
    first = index[-1] // size * size
    places = tuple(range(1, len(index) - 1))
    return _normalized(application, index, places, slice(first, first + size))


def batch_norm_row(application: Application, index: Index) -> Expression:
    """Write an entry of a normalized batch, of its mean or of its variance."""
    if application.output == 0:
        return _normalized(application, index, tuple(range(len(index) - 1)))
    x = application.operand(0)
    places = itertools.product(*map(range, x.shape[:-1]))
    terms = [x.entry((*place, *index)) for place in places]
    of = mean_of if application.output == 1 else variance_of
    return of(terms, application.shown)

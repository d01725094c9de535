"""Losses as people write them for themselves, in place of a named one.

Shape letters: B batch, K classes.
"""

from __future__ import annotations

from clearprop import ops
from clearprop.nn.fields import Array


def absolute_error(outputs: Array, targets: Array) -> Array:
    """|y - t|, summed: one number an example."""
    return ops.sum(abs(outputs - targets), axis=1)


def mean_absolute_error(outputs: Array, targets: Array) -> Array:
    """The mean of |y - t| over the batch: one number for all examples."""
    return ops.mean(abs(outputs - targets))


def huber(outputs: Array, targets: Array) -> Array:
    """sqrt(1 + (y - t)^2) - 1: squared near 0, absolute far from it."""
    return ops.sum(ops.sqrt(1 + ops.square(outputs - targets)) - 1, axis=1)


def weighted_squares(outputs: Array, targets: Array) -> Array:
    """(y - t)^2, where large targets count more."""
    return ops.mean((1 + ops.square(targets)) * ops.square(outputs - targets), axis=1)


def own_cross_entropy(outputs: Array, targets: Array) -> Array:
    """-log softmax(z)[t], written out."""
    chosen = ops.one_hot(targets, outputs.shape[-1]) * ops.log_softmax(outputs)
    return -ops.sum(chosen, axis=1)


def focal(outputs: Array, targets: Array) -> Array:
    """-(1 - y)^2 log y of the true class: examples that are right count less."""
    logs = ops.sum(ops.one_hot(targets, outputs.shape[-1]) * ops.log_softmax(outputs), axis=1)
    return -ops.square(1 - ops.exp(logs)) * logs


OF_NUMBERS = (absolute_error, mean_absolute_error, huber, weighted_squares)
OF_CLASSES = (own_cross_entropy, focal)

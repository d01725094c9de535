"""What a loss is, and what losses share.

Shape letters: B batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.errors import ShapeError
from clearprop.nn.fields import Array


def _mean_itself(mean: Array | np.floating) -> Array | np.floating:
    return mean


@dataclass(frozen=True)
class Loss:
    """A loss, and the error that is reported with it.

    Attributes:
        name: by which `fit` and the command line find it.
        per_example: (outputs, targets) -> one number an example, shape (batch,).
        error: (outputs, targets) -> one number an example, such as 1 for a wrong class. Their mean
            is the reported error. It is never differentiated.
        error_name: the name of this mean.
        task: "classification" or "regression".
        finish: computes the reported error from the mean of `error`: the square root for the root
            mean square error, else the mean itself.
        threshold: for one output, the smallest value for which the predicted class is 1; None where
            the predicted class is the largest of K outputs, and for regression.
        skips_negative: whether places with a negative label are left out.
        smoothing: the fraction of every target that is spread over all classes; see `smoothed`.
        unknown: whether it is a function that says nothing about its task.
        measured: (outputs, targets) -> the loss of each example in evaluation, where `per_example`
            gives every example the mean of its batch; else None.
        pooled: whether it returns one value for a whole batch, which every example then gets.
        comparable: whether an output says the class or the number that the target is; False for
            embeddings and alignments, which have no accuracy and no other metric with a name.
        positive_weight: how much the term of a target 1 counts; see `positive_weighted`.
    """

    name: str
    per_example: Callable[[Array, Array], Array]
    error: Callable[[Array, Array], Array]
    error_name: str
    task: str
    finish: Callable[[Array | np.floating], Array | np.floating] = _mean_itself
    threshold: float | None = None
    skips_negative: bool = False
    smoothing: float = 0.0
    unknown: bool = False
    measured: Callable[[Array, Array], Array] | None = None
    positive_weight: tuple[float, ...] = ()
    comparable: bool = True
    pooled: bool = False

    def __call__(self, outputs: Array, targets: Array) -> Array:
        """Return the mean over the batch."""
        return ops.mean(self.per_example(outputs, targets))


def by_example(values: Array) -> Array:
    """Sum over all axes but the batch."""
    axes = tuple(range(1, len(values.shape)))
    return ops.sum(values, axis=axes) if axes else values


def like(outputs: Array, targets: Array) -> Array:
    """Return the targets in the outputs' shape: (batch,) fits (batch, 1)."""
    targets = jnp.asarray(targets)
    if targets.shape == outputs.shape:
        return targets.astype(outputs.dtype)
    if targets.shape[:1] == outputs.shape[:1] and _flattens(targets.shape, outputs.shape):
        return targets.reshape(outputs.shape).astype(outputs.dtype)
    raise ShapeError(
        "the targets and the outputs have different shapes",
        given=f"outputs {tuple(outputs.shape)}, targets {tuple(targets.shape)}",
        fix="make the last layer with as many units as a target has numbers",
    )


def _flattens(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether the axes of one shape are those of the other, some of them as one axis.

    Other reshapes would mix entries, such as those of pictures with the channels first and last.
    """
    if math.prod(one) != math.prod(other):
        return False
    long, short = sorted(([n for n in shape if n > 1] for shape in (one, other)), key=len)[::-1]
    at = 0
    for size in short:
        product = 1
        while product < size and at < len(long):
            product, at = product * long[at], at + 1
        if product != size:
            return False
    return True


def width(y: Array) -> int:
    """Return how many numbers an output has for each example."""
    return int(y.size // y.shape[0]) if y.shape and y.shape[0] else 1

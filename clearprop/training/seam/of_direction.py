"""Whether gradient descent on a loss of one's own leads the outputs to the targets.

The loss and its derivative are computed for outputs that are drawn, so that neither the model nor
its weights matter.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.autodiff import grad
from clearprop.training.seam.examples import Targets, percent
from clearprop.training.seam.last_operation import Seam
from clearprop.training.seam.mismatch import Mismatch

DRAWN = 64
"""So many examples are drawn."""

NEARLY_ALL = 0.98
"""The part of the examples that has to agree; one at the border may not."""

CANCELLED = 1e-3
"""The loss of errors of both signs divided by that of equal errors. For a square it is 1."""

CLASSES = "classes"
SIDES = "sides"
NUMBERS = "numbers"


@dataclass(frozen=True)
class Direction:
    """Where gradient descent on a loss leads the outputs.

    Attributes:
        of: "classes" where the targets are labels of K outputs, or one-hot rows; "sides" where they
            are 0 and 1 for one output; "numbers" otherwise.
        towards: the fraction of the examples whose loss falls on the way to the target.
        away: the fraction of those whose loss falls on the way away from it.
        highest: the highest mean loss of the outputs that were drawn.
    """

    of: str
    towards: float
    away: float
    highest: float


def direction_of(loss: nn.Loss, shape: tuple[int, ...], targets: Any) -> Direction | None:
    """Return where a loss leads outputs; None where it cannot be computed, or targets fit nothing.

    Args:
        loss: a function of outputs and targets.
        shape: of the output for one example.
        targets: as the loss takes them, (N, ...).
    """
    y = some(targets)
    if y.dtype.kind not in "biuf" or len(y) < 2:
        return None
    first = None
    for outputs in drawn((len(y), *shape), y):
        wanted = _way(outputs, y)
        if wanted is None:
            return None
        of, way = wanted
        try:
            made = jnp.asarray(outputs)
            value = float(loss(made, jnp.asarray(y)))
            slope = np.asarray(grad(lambda z: loss(z, jnp.asarray(y)))(made), np.float64)
        except Exception:  # the check of shapes tells it
            return None
        if not np.isfinite(value) or not np.isfinite(slope).all():
            continue
        if of == CLASSES and not _is_of_the_label(slope, way):
            if y.shape == outputs.shape:
                return None
            continue
        falls = -(slope * way).reshape(len(y), -1).sum(axis=1)
        found = Direction(of, float((falls > 0).mean()), float((falls < 0).mean()), value)
        # A loss of probabilities may have no slope where an output is negative.
        if max(found.towards, found.away) >= NEARLY_ALL or y.shape == outputs.shape:
            return found
        first = first or found
    return first


def mismatches_of_direction(seam: Seam, loss: nn.Loss, targets: Targets) -> Iterator[Mismatch]:
    """Yield the mismatch of a loss that leads away from the targets, as without its minus sign.

    A loss that leads away and is not below zero may be meant, such as a distance that is to grow.

    Args:
        seam: of the model.
        loss: a function of outputs and targets.
        targets: as the loss takes them.
    """
    if (balanced := _cancelling(seam, loss, targets)) is not None:
        yield balanced
        return
    found = direction_of(loss, seam.shape, targets.values)
    if found is None or found.away < NEARLY_ALL:
        return
    # The output of a label that is to fall cannot be meant, whatever the sign of the loss is.
    if found.highest >= 0 and not (found.of == CLASSES and targets.integer):
        return
    what = "when the output of the right class falls" if found.of == CLASSES else (
        "when the outputs go away from the targets")  # fmt: skip
    yield Mismatch(
        "wrong_sign",
        "warning",
        f"the loss falls {what}, and training lowers the loss",
        f"a mean loss of {found.highest:.3g} for outputs that were drawn; it leads away from "
        f"{percent(found.away)} of the targets",
        "in the loss, return the negative of the value, such as -log_likelihood"
        if found.highest < 0
        else "in the loss, exchange p and 1 - p, or the order of a difference",
        "a loss that is lowest where the outputs are right",
        "the loss",
        {"fraction that is led away": found.away, "mean loss": found.highest},
    )


def _cancelling(seam: Seam, loss: nn.Loss, targets: Targets) -> Mismatch | None:
    """Return the mismatch of a loss in which the errors of two examples cancel each other out."""
    y = some(targets.values)
    y = y[: len(y) // 2 * 2]
    if y.dtype.kind != "f" or y.size != len(y) * math.prod(seam.shape) or len(y) < 2:
        return None
    y = y.reshape(len(y), *seam.shape)
    size = float(y.std()) or 1.0
    same = np.full_like(y, size)
    signs = np.random.default_rng(0).permutation(np.where(np.arange(len(y)) % 2, 1, -1))
    turns = same * signs.reshape(-1, *[1] * len(seam.shape))
    try:
        wanted = jnp.asarray(y.reshape(len(y), *targets.values.shape[1:]))
        made = (jnp.asarray(y + away, np.float32) for away in (0 * same, same, turns))
        right, alike, opposite = (float(loss(outputs, wanted)) for outputs in made)
    except Exception:  # the check of shapes tells it
        return None
    if not np.isfinite([right, alike, opposite]).all() or alike == right:
        return None
    if abs(opposite - right) > CANCELLED * abs(alike - right):
        return None
    return Mismatch(
        "cancelling_errors",
        "warning",
        "the errors of two examples cancel each other out in the loss",
        f"a loss of {alike:.3g} where all outputs are {size:.3g} too large, and of {opposite:.3g} "
        f"where half of them are {size:.3g} too small",
        "in the loss, take the square or the absolute value of each error before the mean",
        "a loss that is larger where any output is wrong",
        "the loss",
        {"loss of equal errors": alike, "loss of opposite errors": opposite},
    )


def some(targets: Any) -> NDArray[Any]:
    """Return at most `DRAWN` evenly spaced targets."""
    every = np.atleast_1d(np.asarray(targets))
    return every[np.linspace(0, len(every) - 1, min(DRAWN, len(every))).astype(np.intp)]


def drawn(shape: tuple[int, ...], y: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Yield outputs of any sign, around the targets of a regression, then some from 0 to 1."""
    normal = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    if y.dtype.kind == "f" and not np.isin(y, (0, 1)).all():
        yield np.float32(y.mean()) + np.float32(y.std()) * normal
    else:
        yield normal
    if len(shape) > 1 and shape[-1] > 1:
        yield np.asarray(jax.nn.softmax(normal, axis=-1))
    yield np.asarray(jax.nn.sigmoid(normal))


def _way(outputs: NDArray[Any], y: NDArray[Any]) -> tuple[str, NDArray[np.float64]] | None:
    """Return what the targets are, and the way of each output to its target."""
    classes = outputs.shape[-1] if outputs.ndim > 1 else 1
    if classes > 1 and y.shape == outputs.shape[:-1] and y.dtype.kind in "iu":
        if y.max() >= classes or y.max() < 0:
            return None
        return CLASSES, (np.eye(classes)[np.maximum(y, 0)] - 1 / classes) * (y >= 0)[..., None]
    if y.shape == outputs.shape and classes > 1 and _is_one_hot(y):
        return CLASSES, y - 1 / classes
    if y.size != outputs.size:
        return None
    y = y.reshape(outputs.shape)
    if np.isin(y, (0, 1)).all():
        return SIDES, 2.0 * y - 1
    return (NUMBERS, y - outputs) if y.dtype.kind == "f" and len(np.unique(y)) > 2 else None


def _is_of_the_label(slope: NDArray[np.float64], way: NDArray[np.float64]) -> bool:
    """Whether the output of the right class counts as much as any other one.

    It does not where a loss reads the first output only, whatever the labels are for.
    """
    right = way == way.max(axis=-1, keepdims=True)
    sizes = np.abs(slope)
    counts = (sizes * right).max(axis=-1) >= 0.999 * sizes.max(axis=-1)
    return float(counts.mean()) >= NEARLY_ALL


def _is_one_hot(y: NDArray[Any]) -> bool:
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=-1) == 1).all())

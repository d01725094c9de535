"""What a model returns for some examples in inference, and how well that fits their targets.

Shape letters: N examples, K classes or numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data.baseline import log_chances
from clearprop.glass.capture import compiled_capture, plain
from clearprop.glass.diagnosis.signals import MOST_NUMBERS, PASS

Numbers = NDArray[Any]

FEWEST_TO_RANK = 5
"""With fewer examples of a class, or of the others, a ranking says nothing."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a model returns for some examples in inference.

    Attributes:
        values: (N, ...), as the loss takes them.
        targets: (N, ...), as the loss takes them.
        error: as the loss reports it, of these examples.
        objective: the mean loss.
        loss: whose error this is.
    """

    values: Numbers
    targets: Numbers
    error: float
    objective: float
    loss: nn.Loss

    @functools.cached_property
    def losses(self) -> Numbers:
        """The loss of each example, (N,); of a loss that takes a mean itself, of examples alone."""
        outputs, targets = jnp.asarray(self.values), jnp.asarray(self.targets)
        found = np.asarray(self.loss.per_example(outputs, targets), np.float64)
        if found.size > 1 and (found == found.flat[0]).all():
            found = np.asarray(jax.vmap(self._alone)(outputs, targets), np.float64)
        losses: Numbers = found.reshape(len(self.values), -1).mean(axis=1)
        return losses

    @property
    def error_rates(self) -> Numbers:
        """The error of each example, (N,): of a sequence, the fraction of its wrong places."""
        outputs, targets = jnp.asarray(self.values), jnp.asarray(self.targets)
        return np.asarray(self.loss.error(outputs, targets), np.float64).reshape(-1)

    def _alone(self, output: jax.Array, target: jax.Array) -> jax.Array:
        return self.loss.per_example(output[None], target[None])

    def predicted(self, loss: nn.Loss) -> Numbers | None:
        """Return the predicted class of each example, (N,); None where it is no classification.

        Args:
            loss: says where the predicted class is 1, for one output.
        """
        if loss.task != "classification" or loss.skips_negative or self.values.ndim != 2:
            return None
        if loss.threshold is not None:
            wide = self.values.shape[1] > 1
            one: Numbers = (self.values[:, 0] >= loss.threshold).astype(np.intp)
            return None if wide else one
        largest: Numbers = self.values.argmax(axis=1)
        return largest

    def scores(self, loss: nn.Loss) -> Numbers | None:
        """Return a number for each class that is larger where the class is more likely, (N, K)."""
        if self.predicted(loss) is None:
            return None
        z = np.asarray(self.values, np.float64)
        if loss.threshold is not None:
            return np.concatenate([-z, z], axis=1)
        return log_chances(z)


def outputs_of(
    model: nn.Module,
    batch: tuple[Any, Any],
    loss: nn.Loss,
    units: Callable[[Any], Any],
    size: int = PASS,
) -> Outputs | None:
    """Return what a model returns for some examples; None where a number is not finite.

    It uses the compiled pass of `signals`, so that nothing is compiled for it.

    Args:
        model: with values.
        batch: inputs and targets as the model and the loss take them, N of each.
        loss: whose error is measured.
        units: returns outputs in the units of the raw targets, in which an error is measured.
        size: number of examples of a pass.
    """
    x, y = batch
    n = len(jax.tree.leaves(y)[0])
    size = min(size, n)
    values: list[Numbers] = []
    objectives: list[float] = []
    rows = np.arange(-(-n // size) * size) % n  # the last pass is filled up with the first examples
    for start in range(0, len(rows), size):
        chosen = rows[start : start + size]
        part = jax.tree.map(lambda a, chosen=chosen: a[chosen], (x, y))
        seen = compiled_capture(model, part[0], part[1], loss)
        value = seen.output
        if not hasattr(value, "shape") or not value.shape:
            return None
        values.append(plain(value))
        objectives.append(float(seen.objective))
        numbers = sum(v.size for layer in seen for v in jax.tree.leaves(layer.value))
        if numbers * (len(values) + 1) > MOST_NUMBERS:
            break
    found = np.concatenate(values)[:n]
    targets = jax.tree.map(lambda a: a[: len(found)], y)
    if not np.isfinite(found).all():
        return None
    outputs = jnp.asarray(found)
    mean = float(np.mean(np.asarray(loss.error(units(outputs), units(targets)), np.float64)))
    return Outputs(
        found, np.asarray(targets), float(loss.finish(np.float64(mean))),
        float(np.mean(objectives)), loss,
    )  # fmt: skip


def ranking(scores: Numbers, labels: Numbers) -> tuple[float, int, float]:
    """Return how well scores rank classes: the surest class's deviations from chance.

    For each class, the fraction of pairs (one example of the class, one of the others) in which the
    first has the higher score is compared with one half. It does not depend on how frequent the
    class is.

    Args:
        scores: (N, K).
        labels: (N,).

    Returns:
        Standard deviations from chance, the class, and its fraction of pairs; (0, 0, 0.5) where no
        class has enough examples.

    >>> labels = np.array([0] * 20 + [1] * 10)
    >>> deviations, label, fraction = ranking(np.stack([-labels, labels], 1), labels)
    >>> round(deviations, 1), fraction
    (4.4, 1.0)

    Source: Mann and Whitney (1947), *On a test of whether one of two random variables is
    stochastically larger than the other*.
    """
    best = (0.0, 0, 0.5)
    for label in range(scores.shape[1]):
        own = labels == label
        n, others = int(own.sum()), int((~own).sum())
        if min(n, others) < FEWEST_TO_RANK:
            continue
        _, place, counts = np.unique(scores[:, label], return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
        fraction = (ranks[own].sum() - n * (n + 1) / 2) / (n * others)
        deviation = math.sqrt((n + others + 1) / (12 * n * others))
        best = max(best, (float((fraction - 0.5) / deviation), label, float(fraction)))
    return best

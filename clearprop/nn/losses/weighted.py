"""Losses in which some classes count more than others.

Shape letters: B batch, T places of a sequence, K classes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.errors import ConfigurationError
from clearprop.nn.fields import Array
from clearprop.nn.losses.find import find_loss
from clearprop.nn.losses.loss import Loss, by_example, like
from clearprop.nn.losses.of_classes import of_places


def positive_weighted(loss: str | Loss, pos_weight: object) -> Loss:
    """Return binary cross-entropy in which a target 1 counts more.

    ``L = -p t log y - (1 - t) log(1 - y)`` with ``y = sigmoid(z)``: a p above 1 raises the recall,
    one below 1 the precision. The reported error does not change.

    Args:
        loss: "binary_cross_entropy".
        pos_weight: p, a number or one for each of the K outputs.

    Raises:
        ConfigurationError: the loss is another one, or a weight is negative.

    >>> z, t = jnp.array([[0.0], [0.0]]), jnp.array([1, 0])
    >>> print(positive_weighted("binary_cross_entropy", 3).per_example(z, t).round(3))
    [2.079 0.693]

    Source: as ``pos_weight`` of PyTorch's `BCEWithLogitsLoss`.
    """
    plain = find_loss(loss)
    if plain.name != "binary_cross_entropy" or plain.smoothing:
        raise ConfigurationError(
            "pos_weight belongs to binary_cross_entropy without label smoothing",
            where="pos_weight",
            given=f"the loss {plain.name!r}" + (" with smoothing" if plain.smoothing else ""),
            fix="class_weight={0: 1.0, 1: 3.0}"
            if plain.task == "classification"
            else "leave pos_weight out",
        )
    weights = np.asarray(pos_weight)
    numbers = weights.dtype.kind in "iuf" and weights.ndim <= 1 and weights.size > 0
    if not numbers or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ConfigurationError(
            "pos_weight is a number of 0 or more, or one for each output",
            where="pos_weight",
            given=repr(pos_weight)[:80],
            fix="pos_weight=3.0",
        )
    values = tuple(weights.astype(np.float64).ravel().tolist())
    of_examples = functools.partial(_of_positives, weights=values)
    return replace(plain, per_example=of_examples, positive_weight=values)


def _of_positives(outputs: Array, targets: Array, *, weights: Sequence[float]) -> Array:
    t = like(outputs, targets)
    if len(weights) not in (1, outputs.shape[-1] if outputs.shape[1:] else 1):
        raise ConfigurationError(
            "there must be one weight for each output",
            where="pos_weight",
            given=f"{len(weights)} weights for {outputs.shape[-1]} outputs",
            fix=f"pos_weight={weights[0]}",
        )
    p = jnp.asarray(weights, t.dtype) if len(weights) > 1 else weights[0]
    ones = ops.sigmoid_binary_cross_entropy(outputs, jnp.ones_like(t))
    zeros = ops.sigmoid_binary_cross_entropy(outputs, jnp.zeros_like(t))
    return by_example(ones * (p * t) + zeros * (1 - t))


def class_weighted(loss: str | Loss, weights: Sequence[float]) -> Loss:
    """Return the cross-entropy of sequences in which the places of some classes count more.

    The loss of an example is ``sum_t w_t L_t / sum_t w_t`` over its counted places, with the weight
    w of the class at each place: PyTorch's ``cross_entropy(weight=w)`` of one sequence.

    Args:
        loss: "sequence_cross_entropy".
        weights: of the K classes.

    Raises:
        ConfigurationError: the loss is another one, or has label smoothing.

    >>> z, t = jnp.log(jnp.array([[[0.5, 0.5], [0.2, 0.8]]])), jnp.array([[0, 1]])
    >>> print(f"{class_weighted('sequence_cross_entropy', [1, 3])(z, t):.3f}")
    0.341

    Source: as the ``weight`` of PyTorch's `cross_entropy`.
    """
    plain = find_loss(loss)
    if plain.name != "sequence_cross_entropy" or plain.smoothing:
        raise ConfigurationError(
            "only the cross-entropy of sequences weighs the classes of places",
            where="class_weight",
            given=f"the loss {plain.name!r}" + (" with smoothing" if plain.smoothing else ""),
            fix="label_smoothing=None" if plain.smoothing else "loss='sequence_cross_entropy'",
        )
    of_examples = functools.partial(_of_weighted_places, weights=tuple(map(float, weights)))
    return replace(plain, per_example=of_examples)


def _of_weighted_places(outputs: Array, targets: Array, *, weights: Sequence[float]) -> Array:
    labels, shares = of_places(targets, outputs)
    known = jnp.asarray(weights, outputs.dtype)[labels] * (shares > 0)
    total = known.sum(tuple(range(1, known.ndim)), keepdims=True)
    return by_example(
        ops.softmax_cross_entropy(outputs, labels) * (known / jnp.where(total > 0, total, 1))
    )

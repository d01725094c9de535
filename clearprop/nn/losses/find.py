"""The losses by name, and what becomes one."""

from __future__ import annotations

import copyreg
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from clearprop import elsewhere, ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.nn import misuse
from clearprop.nn.fields import Array
from clearprop.nn.losses.alignment import ctc
from clearprop.nn.losses.loss import Loss
from clearprop.nn.losses.of_classes import (
    binary_cross_entropy,
    binary_squared_error,
    cross_entropy,
    hinge,
    kl_divergence,
    log_loss,
    nll,
    of_classes,
    of_sequences,
    of_sides,
    perceptron,
    sequence_cross_entropy,
)
from clearprop.nn.losses.of_embeddings import cosine_embedding, triplet
from clearprop.nn.losses.of_numbers import (
    absolute_error,
    huber,
    mean_absolute_error,
    mean_squared_error,
    smooth_l1,
    squared_error,
)

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        cross_entropy,
        sequence_cross_entropy,
        kl_divergence,
        binary_cross_entropy,
        log_loss,
        squared_error,
        mean_squared_error,
        binary_squared_error,
        hinge,
        perceptron,
        nll,
        absolute_error,
        mean_absolute_error,
        huber(),
        smooth_l1(),
        ctc,
        triplet(),
        cosine_embedding(),
    )
}


def _as_copied(loss: Loss) -> tuple[Any, ...]:
    """Return how a loss is copied: one of these by its name, as its functions have none."""
    if LOSSES.get(loss.name) is loss:
        return find_loss, (loss.name,)
    return cast("tuple[Any, ...]", object.__reduce_ex__(loss, 2))


copyreg.pickle(Loss, _as_copied)

_SMOOTHED: dict[str, Callable[..., Array]] = {
    "cross_entropy": of_classes,
    "sequence_cross_entropy": of_sequences,
    "binary_cross_entropy": of_sides,
}


def smoothed(loss: str | Loss, amount: float) -> Loss:
    """Return a cross-entropy with smoothed targets.

    t' = (1 - amount) t + amount / K for K classes; for binary targets K is 2. The reported
    error still compares with the true labels.

    Args:
        loss: "cross_entropy", "sequence_cross_entropy" or "binary_cross_entropy".
        amount: the fraction of a target that is spread over all classes, from 0 to below 1.

    Raises:
        ConfigurationError: the amount is out of its range, or the loss has no classes.

    >>> import jax.numpy as jnp
    >>> z, t = jnp.array([[0.0, 0.0, 2.0]]), jnp.array([2])
    >>> print(f"{cross_entropy(z, t):.2f} {smoothed('cross_entropy', 0.3)(z, t):.2f}")
    0.24 0.64

    Source: Szegedy et al. (2016), *Rethinking the Inception architecture*; as in PyTorch.
    """
    plain = find_loss(loss)
    if plain.name not in _SMOOTHED or plain.positive_weight:
        raise ConfigurationError(
            "the targets of this loss cannot be smoothed",
            where="label_smoothing",
            given=plain.name + (" with pos_weight" if plain.positive_weight else ""),
            expected=f"one of {', '.join(_SMOOTHED)}",
        )
    if not 0 <= amount < 1:
        raise ConfigurationError(
            "label_smoothing is a fraction of the target",
            given=f"label_smoothing={amount}",
            expected="a number from 0 to below 1",
        )
    of_examples = functools.partial(_SMOOTHED[plain.name], smoothing=float(amount))
    return replace(plain, per_example=of_examples, smoothing=float(amount))


def find_loss(loss: str | Loss | Callable[[Array, Array], Array]) -> Loss:
    """Return a loss by its name; a function (outputs, targets) -> values becomes a `Loss`.

    Raises:
        ConfigurationError: there is no loss of this name.
        ModelError: when it is called, the function returns nothing.

    >>> find_loss("cross_entropy").error_name
    'error rate'
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise unknown_name("loss", loss, LOSSES, fix=elsewhere.fix_of(loss, elsewhere.LOSSES))
        return LOSSES[loss]

    def per_example(outputs: Array, targets: Array) -> Array:
        values: Array | None = loss(outputs, targets)
        if values is None:
            raise misuse.no_output(loss, loss, "loss")
        # A function that returns the mean of the batch: every example gets the mean.
        return values if values.shape else ops.broadcast_to(values, shape=outputs.shape[:1])

    name = getattr(loss, "__name__", "loss")
    return Loss(
        f"own {name}" if name in LOSSES else name,
        per_example,
        lambda outputs, targets: stop_gradient(per_example(outputs, targets)),
        "loss",
        "regression",
        unknown=True,
    )

"""What a loss that is a function does: found out by computing it for outputs that are drawn.

A function (outputs, targets) -> values says nothing about itself. Its derivative shows whether it
raises the output of the right class, and the loss of one example alone whether it is a mean.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.nn.fields import Array
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.seam.examples import spaced
from clearprop.training.seam.of_direction import CLASSES, NEARLY_ALL, direction_of, drawn, some
from clearprop.training.training_data import Split


def suited(loss: nn.Loss, shape: tuple[int, ...], targets: Any) -> nn.Loss:
    """Return a loss with what is found out about it; one with a name stays as it is.

    A function that raises the output of the right class of K is one of classification: its error
    is the fraction of wrong classes. A function that returns the mean over its batch gets the loss
    of each example too, so that the examples that fill up a last batch do not count.

    Args:
        loss: as `nn.find_loss` returns it.
        shape: of the output for one example.
        targets: as the loss takes them, (N, ...).
    """
    if not loss.unknown:
        return loss
    pooled, alone = _pooling(loss, shape, targets)
    if pooled:
        loss = replace(loss, pooled=True)
    if alone is not None:
        loss = replace(loss, measured=alone, error=alone)
    found = direction_of(loss, shape, targets)
    if found is None or found.of != CLASSES or found.towards < NEARLY_ALL:
        return loss
    known = nn.LOSSES["sequence_cross_entropy" if len(shape) > 1 else "cross_entropy"]
    return replace(
        loss,
        error=known.error,
        error_name=known.error_name,
        task=known.task,
        skips_negative=known.skips_negative,
    )


def suited_to(loss: nn.Loss, model: nn.Module, inputs: ModelInputs, part: Split) -> nn.Loss:
    """Return a loss as `suited` does, for a model and some examples."""
    if not loss.unknown or not len(part):
        return loss
    shape = output_shape(model, inputs, part)
    return loss if shape is None else suited(loss, shape, inputs.targets(spaced(part.targets)))


def output_shape(model: nn.Module, inputs: ModelInputs, part: Split) -> tuple[int, ...] | None:
    """Return the shape of a model's output for one example; None where it has none such."""
    try:
        x, _ = inputs.examples(part.inputs, part.targets, slice(0, 2))
        outputs = jax.eval_shape(lambda model, x: model(x), model, x)
    except Exception:  # the check of the examples tells it
        return None
    shape = getattr(outputs, "shape", ())
    return tuple(shape[1:]) if shape else None


def _pooling(loss: nn.Loss, shape: tuple[int, ...], targets: Any) -> tuple[bool, Any]:
    """Return whether a function returns one value for a batch, and the loss of each example.

    The latter is None unless the value is the mean of the examples.
    """
    y = some(targets)

    def alone(outputs: Array, targets: Array) -> Array:
        one: Callable[[Array, Array], Array] = jax.vmap(
            lambda z, t: loss.per_example(z[None], t[None])[0]
        )
        values: Array = one(outputs, jnp.asarray(targets))
        return values

    pooled = False
    for outputs in drawn((len(y), *shape), y):
        try:
            whole = np.asarray(loss.per_example(jnp.asarray(outputs), jnp.asarray(y)))
            if whole.shape != (len(y),) or len(y) < 2 or (whole != whole[:1]).any():
                return False, None
            pooled = bool(np.isfinite(whole).all())
            each = np.asarray(alone(jnp.asarray(outputs), jnp.asarray(y)), np.float64)
        except Exception:  # it cannot take a single example, or the check of shapes tells it
            return pooled, None
        if pooled and np.isfinite(each).all():
            close = np.abs(each.mean() - whole[0]) <= 1e-4 * max(np.abs(each).mean(), 1e-12)
            return True, alone if close else None
    return pooled, None

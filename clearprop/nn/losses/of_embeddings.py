"""Losses of embeddings: how near the outputs for several inputs are to each other.

The model returns the embeddings of one example side by side: it applies one layer to each of its
inputs and stacks the results, so that the inputs share their weights.

Shape letters: B batch, D numbers of an embedding.
"""

from __future__ import annotations

import jax.numpy as jnp

from clearprop import ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.fields import Array
from clearprop.nn.losses.loss import Loss

NEAR = 1e-6
"""Added to the difference of two embeddings, so that equal ones have a derivative; PyTorch's."""

SHORT = 1e-12
"""Added to the squared length of an embedding; PyTorch's."""


def triplet(margin: float = 1.0) -> Loss:
    """Return the triplet loss, ``max(0, |a - p| - |a - n| + margin)``.

    The anchor a is to be nearer to the positive p than to the negative n. The reported error is the
    fraction of triplets where it is not.

    Shapes: outputs (B, 3, D) with anchor, positive and negative; targets (B, ...), of which nothing
    is read: give zeros.

    Args:
        margin: by how much. `fit` finds "triplet" with 1 by name.

    Raises:
        ConfigurationError: the margin is negative or not finite.
        ShapeError: the outputs are not three embeddings.

    >>> y = jnp.array([[[0.0, 0.0], [3.0, 4.0], [0.0, 5.5]]])
    >>> print(triplet()(y, jnp.zeros(1)).round(3))
    0.5

    Source: Schroff, Kalenichenko and Philbin 2015, *FaceNet*; as PyTorch's `triplet_margin_loss`.
    """
    _check_margin(margin, 0.0, float("inf"))

    def per_example(outputs: Array, targets: Array) -> Array:
        near, far = _distances(outputs)
        return ops.relu(near - far + margin)

    def wrong(outputs: Array, targets: Array) -> Array:
        near, far = _distances(stop_gradient(outputs))
        return (near >= far).astype(jnp.float32)

    name = "triplet" if margin == 1 else f"triplet(margin={margin:g})"
    return Loss(name, per_example, wrong, "error rate", "classification", comparable=False)


def cosine_embedding(margin: float = 0.0) -> Loss:
    """Return the cosine embedding loss of two embeddings, ``1 - cos`` or ``max(0, cos - margin)``.

    Two embeddings that belong together, target 1, are to have one direction; others, target -1, are
    to have a cosine of the margin or less. The reported error is the fraction of pairs whose cosine
    is above the margin though they are different, or not above it though they belong together.

    Shapes: outputs (B, 2, D); targets (B,), 1 or -1.

    Args:
        margin: from -1 to below 1. `fit` finds "cosine_embedding" with 0 by name.

    Raises:
        ConfigurationError: the margin is out of its range.
        ShapeError: the outputs are not two embeddings, or the targets not one number each.

    >>> y = jnp.array([[[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]])
    >>> print(cosine_embedding().per_example(y, jnp.array([1, -1])).round(3))
    [0.293 0.707]

    Source: Hadsell, Chopra and LeCun 2006, *Dimensionality reduction by learning an invariant
    mapping*, with the cosine as distance; as PyTorch's `cosine_embedding_loss`.
    """
    _check_margin(margin, -1.0, 1.0)

    def per_example(outputs: Array, targets: Array) -> Array:
        cosine = _cosine(outputs)
        return ops.where(_together(outputs, targets), 1 - cosine, ops.relu(cosine - margin))

    def wrong(outputs: Array, targets: Array) -> Array:
        said = _cosine(stop_gradient(outputs)) > margin
        return (said != _together(outputs, targets)).astype(jnp.float32)

    name = "cosine_embedding" if margin == 0 else f"cosine_embedding(margin={margin:g})"
    return Loss(name, per_example, wrong, "error rate", "classification", comparable=False)


def _check_margin(margin: float, low: float, high: float) -> None:
    if not low <= margin < high:
        raise ConfigurationError(
            "the margin is out of its range",
            given=f"margin={margin}",
            expected=f"from {low:g}" + (f" to below {high:g}" if high < float("inf") else ""),
            fix="margin=0.5",
        )


def _parts(name: str, outputs: Array, count: int) -> list[Array]:
    if len(outputs.shape) != 3 or outputs.shape[1] != count:
        raise ShapeError(
            f"the outputs are not {count} embeddings of each example",
            where=name,
            given=f"outputs {tuple(outputs.shape)}",
            expected=f"(B, {count}, D)",
            fix="in the model, return ops.stack([...], axis=1) of the embeddings",
        )
    return [outputs[:, i] for i in range(count)]


def _distances(outputs: Array) -> tuple[Array, Array]:
    anchor, positive, negative = _parts("triplet", outputs, 3)
    near, far = (
        ops.sqrt(ops.sum(ops.square(anchor - other + NEAR), axis=-1))
        for other in (positive, negative)
    )
    return near, far


def _cosine(outputs: Array) -> Array:
    one, other = _parts("cosine_embedding", outputs, 2)
    lengths = [ops.sum(ops.square(part), axis=-1) + SHORT for part in (one, other)]
    return ops.sum(one * other, axis=-1) / ops.sqrt(lengths[0] * lengths[1])


def _together(outputs: Array, targets: Array) -> Array:
    given = jnp.asarray(targets)
    if given.size != outputs.shape[0]:
        raise ShapeError(
            "there must be one target for each pair",
            where="cosine_embedding",
            given=f"outputs {tuple(outputs.shape)}, targets {tuple(given.shape)}",
            expected="targets (B,), 1 or -1",
        )
    return given.reshape(-1) > 0

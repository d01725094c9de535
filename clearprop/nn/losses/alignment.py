"""The loss of sequences whose labels have no known places.

Shape letters: B batch, T steps of the outputs, K classes with the blank, L labels of a target.
"""

from __future__ import annotations

import jax.numpy as jnp

from clearprop import ops
from clearprop.autodiff import stop_gradient
from clearprop.nn.fields import Array
from clearprop.nn.losses.loss import Loss

BLANK = 0
"""The class that stands for no label."""


def _of_alignments(outputs: Array, targets: Array) -> Array:
    labels = jnp.asarray(targets)
    losses = ops.ctc_loss(ops.log_softmax(outputs), labels, blank=BLANK)
    return losses / jnp.maximum(1, (labels >= 0).sum(-1)).astype(outputs.dtype)


def collapsed(classes: Array, length: int) -> Array:
    """Return the labels that a path says, (B, length), filled up with -1.

    Repetitions count once, and blanks are left out; one of the labels beyond the length is kept in
    the last place, so that a path that says too much differs from its target.

    >>> print(collapsed(jnp.array([[1, 1, 0, 1, 2]]), 4))
    [[ 1  1  2 -1]]
    """
    before = jnp.concatenate([jnp.full_like(classes[:, :1], -1), classes[:, :-1]], axis=1)
    said = (classes != BLANK) & (classes != before)
    at = jnp.where(said, jnp.minimum(jnp.cumsum(said, axis=1) - 1, length - 1), length)
    rows = jnp.arange(len(classes))[:, None]
    empty = jnp.full((len(classes), length + 1), -1, classes.dtype)
    return empty.at[rows, at].set(classes)[:, :length]


def _wrong_sequence(outputs: Array, targets: Array) -> Array:
    labels = jnp.asarray(targets)
    classes = jnp.argmax(stop_gradient(outputs), axis=-1)
    padded = jnp.pad(labels, ((0, 0), (0, 1)), constant_values=-1)
    said = collapsed(classes, padded.shape[1])
    return (said != jnp.where(padded < 0, -1, padded)).any(axis=1).astype(jnp.float32)


ctc = Loss(
    "ctc",
    _of_alignments,
    _wrong_sequence,
    "error rate of sequences",
    "classification",
    skips_negative=True,
    comparable=False,
)
"""-log of the probability that the outputs say the labels of the target, by any alignment, divided
by the number of labels: outputs (B, T, K) before log_softmax, which leaves log-probabilities as
they are; targets int (B, L) of 1 to K-1, filled up with -1. Class 0 is the blank. The reported
error is the fraction of sequences whose most probable path says other labels; see `ops.ctc_loss`.
As PyTorch's `ctc_loss`."""

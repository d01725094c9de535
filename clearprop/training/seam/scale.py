"""What a loss takes the outputs of a model for: scores, chances or the values themselves."""

from __future__ import annotations

from enum import Enum

from clearprop import nn
from clearprop.training.seam.last_operation import Seam


class Scale(Enum):
    """What a loss takes an output for."""

    SOFTMAX = "scores before softmax"
    SIGMOID = "scores before sigmoid"
    SCORE = "scores whose sign decides"
    CHANCE = "probabilities"
    VALUE = "values"
    LOG_CHANCE = "log-probabilities"
    EMBEDDING = "embeddings"
    UNKNOWN = ""


OF_LOSSES = {
    "cross_entropy": Scale.SOFTMAX,
    "sequence_cross_entropy": Scale.SOFTMAX,
    "kl_divergence": Scale.SOFTMAX,
    "binary_cross_entropy": Scale.SIGMOID,
    "hinge": Scale.SCORE,
    "perceptron": Scale.SCORE,
    "log_loss": Scale.CHANCE,
    "squared_error": Scale.VALUE,
    "mean_squared_error": Scale.VALUE,
    "binary_squared_error": Scale.VALUE,
    "absolute_error": Scale.VALUE,
    "mean_absolute_error": Scale.VALUE,
    "huber": Scale.VALUE,
    "smooth_l1": Scale.VALUE,
    "nll": Scale.LOG_CHANCE,
    "ctc": Scale.SOFTMAX,
    "triplet": Scale.EMBEDDING,
    "cosine_embedding": Scale.EMBEDDING,
}

OF_OPERATIONS = {
    "softmax_cross_entropy": Scale.SOFTMAX,
    "log_softmax": Scale.SOFTMAX,
    "softmax": Scale.SOFTMAX,
    "sigmoid_binary_cross_entropy": Scale.SIGMOID,
    "sigmoid": Scale.SIGMOID,
    "hinge": Scale.SCORE,
    "log_loss": Scale.CHANCE,
}
"""By the operation that a loss applies to the outputs first."""


def known_loss(loss: nn.Loss) -> str:
    """Return the name of one of clearprop's own losses; "" for a function of somebody else."""
    named = nn.LOSSES.get(loss.name)
    if named is None:
        return ""
    same = loss.per_example is named.per_example or bool(loss.smoothing or loss.positive_weight)
    return loss.name if same else ""


def scale_of(loss: nn.Loss, seam: Seam) -> Scale:
    """Return what a loss takes the outputs for.

    Of a function it is known where it first applies such an operation to the outputs, or where
    nothing is lost but their difference from the targets.
    """
    if name := known_loss(loss):
        return OF_LOSSES[name]
    found = {OF_OPERATIONS[name] for name in seam.takes if name in OF_OPERATIONS}
    if len(found) == 1:
        return found.pop()
    if not found and seam.compares:
        return Scale.VALUE
    return Scale.UNKNOWN

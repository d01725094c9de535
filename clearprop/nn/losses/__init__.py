"""Losses: the functions that training minimizes, averaged over the examples of a batch.

A `Loss` computes the loss of each example and the error that is reported with it, such as a
misclassification. The three learning curves (objective, training error, development error) are
computed from these two.
"""

from clearprop.nn.losses.alignment import ctc
from clearprop.nn.losses.find import LOSSES, find_loss, smoothed
from clearprop.nn.losses.loss import Loss
from clearprop.nn.losses.of_classes import (
    binary_cross_entropy,
    binary_squared_error,
    cross_entropy,
    kl_divergence,
    nll,
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
from clearprop.nn.losses.weighted import class_weighted, positive_weighted

__all__ = [
    "LOSSES",
    "Loss",
    "absolute_error",
    "binary_cross_entropy",
    "binary_squared_error",
    "class_weighted",
    "cosine_embedding",
    "cross_entropy",
    "ctc",
    "find_loss",
    "huber",
    "kl_divergence",
    "mean_absolute_error",
    "mean_squared_error",
    "nll",
    "perceptron",
    "positive_weighted",
    "sequence_cross_entropy",
    "smooth_l1",
    "smoothed",
    "squared_error",
    "triplet",
]

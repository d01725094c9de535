"""What the outputs of a classifier say: the predicted classes and their probabilities.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import nn

OF_PROBABILITIES = ("log_loss", "binary_squared_error")
"""Losses whose outputs are probabilities of class 1 themselves."""


def classes(made: NDArray[Any], loss: nn.Loss) -> NDArray[np.int64]:
    """Return the numbers of the predicted classes: outputs (..., K) -> (...); of one output 0 or 1.

    >>> classes(np.array([[0.1, 2.0], [3.0, 0.2]]), nn.find_loss("cross_entropy"))
    array([1, 0])
    """
    if made.shape[-1] == 1:
        threshold = loss.threshold if loss.threshold is not None else 0.0
        return (made[..., 0] >= threshold).astype(np.int64)
    return np.asarray(made.argmax(axis=-1), np.int64)


def probabilities(made: NDArray[Any], loss: nn.Loss) -> NDArray[np.float64] | None:
    """Return the probability of each class, (N, K); None where the loss has none.

    >>> probabilities(np.array([[0.0, 0.0]]), nn.find_loss("cross_entropy"))
    array([[0.5, 0.5]])
    """
    made = np.asarray(made, np.float64)
    if loss.threshold is None:
        powers = np.exp(made - made.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    if loss.name in OF_PROBABILITIES:
        one = made.clip(0, 1)
    elif loss.name == "binary_cross_entropy":
        one = 1 / (1 + np.exp(-made.clip(-500, 500)))
    else:
        return None
    return np.concatenate([1 - one, one], axis=1) if made.shape[1] == 1 else one

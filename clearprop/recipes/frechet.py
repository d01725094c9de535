"""The Fréchet distance of pictures, in the features of a LeNet-5 that is trained for it.

Shape letters: N pictures, F features.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from clearprop import models, nn
from clearprop.recipes.lenet5 import enlargement
from clearprop.recipes.pictures import sized
from clearprop.training import fit

Features = NDArray[np.floating]

LAYER = "hidden2"
"""The last layer before the classes: 84 features."""

EPOCHS, FEWEST_STEPS, RATE, BATCH = 3, 500, 0.002, 128


def frechet_distance(first: Features, second: Features) -> float:
    """Return the Fréchet distance of two sets of features, each taken as a normal distribution.

    ``|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))``, with means m and covariances S. It is 0 for equal
    means and covariances.

    Shapes: (N, F) and (N', F), best with N much larger than F.

    >>> x = np.random.default_rng(0).standard_normal((2000, 3))
    >>> round(frechet_distance(x, x + [3.0, 0.0, 0.0]), 3)
    9.0

    Source: Dowson and Landau (1982) for the distance; Heusel et al. (2017), *GANs trained by a two
    time-scale update rule converge to a local Nash equilibrium*. Deviation: the features of a
    LeNet-5 in place of Inception, so the numbers cannot be compared with published ones.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    spreads = [np.cov(x.astype(np.float64), rowvar=False) for x in (first, second)]
    # The trace of (S S')^(1/2) is that of (R S' R)^(1/2) with R = S^(1/2), which is symmetric, so
    # that features that never vary do no harm.
    values, vectors = linalg.eigh(spreads[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(linalg.eigvalsh(root @ spreads[1] @ root), 0)).sum()
    squares = float(np.square(means[0] - means[1]).sum())
    return max(0.0, squares + float(np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared))


def judge_of(
    pictures: NDArray[np.floating], labels: NDArray[np.number], classes: int, seed: int
) -> nn.Module | None:
    """Return a LeNet-5 that has learned the classes of pictures; None where it takes no such ones.

    Args:
        pictures: (N, height, width, channels) with pixels from 0 to 1.
        labels: (N,).
        classes: how many there are.
        seed: of its initial values.
    """
    height, width, channels = shape = pictures.shape[1:]
    factor = enlargement(shape)
    if factor is None:
        return None
    network = models.LeNet5(channels, classes, size=height * factor)
    size = min(BATCH, len(pictures))
    run = fit(
        sized(network, height * factor, (height, width, channels)),
        (pictures, labels),
        optimizer="adam",
        learning_rate=RATE,
        epochs=max(EPOCHS, math.ceil(FEWEST_STEPS * size / len(pictures))),
        batch_size=size,
        seed=seed,
        progress=False,
    )
    return run.model


def features_of(judge: nn.Module, pictures: NDArray[np.number]) -> Features:
    """Return what a LeNet-5 computes before its last layer, (N, 84), of pixels from 0 to 1."""
    path = next(path for path in nn.modules(judge) if path.split(".")[-1] == LAYER)
    # A rectified unit follows the layer.
    return np.maximum(nn.features(judge, pictures, path, flat=True), 0)

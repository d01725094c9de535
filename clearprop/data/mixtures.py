"""Mixtures of Gaussian distributions in the plane: the published tests of generative models.

Shape letters: N points, K modes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import Dataset

DRAWN = 50_000
"""Points of a named mixture, in equal numbers from every mode."""

SOURCE = "drawn from a mixture of Srivastava et al.: VEEGAN (2017)"
LICENCE = "public domain"


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussian distributions of one deviation and equal weight, around K centers.

    Attributes:
        centers: (K, 2).
        deviation: of each coordinate around a center.

    >>> MIXTURES["gaussian-ring"].centers.shape, MIXTURES["gaussian-grid"].centers.shape
    ((8, 2), (25, 2))
    """

    centers: NDArray[np.float64]
    deviation: float

    def draw(self, count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return points (N, 2) in random order, and the number of the mode of each."""
        random = np.random.default_rng(seed)
        modes = random.permutation(np.arange(count) % len(self.centers))
        noise = random.standard_normal((count, 2)) * self.deviation
        points = self.centers[modes] + noise
        return points.astype(np.float32), modes.astype(np.int32)

    def to_config(self) -> dict[str, object]:
        """Return the mixture as plain data."""
        return {"centers": self.centers.tolist(), "deviation": self.deviation}


def _ring(modes: int) -> NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(modes) / modes
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _grid(side: int) -> NDArray[np.float64]:
    places = np.linspace(-1, 1, side)
    return np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)


MIXTURES = {
    "gaussian-ring": Mixture(_ring(8), 0.01),
    "gaussian-grid": Mixture(_grid(5), 0.0125),
}
"""The mixtures of the published tests, by name: a ring of radius 1 with deviation 0.01, and a grid
from -1 to 1 with deviation 0.0125. The published grid reaches from -4 to 4 with deviation 0.05,
which is the same test in other units."""


def load_mixture(name: str) -> Dataset:
    """Return points of a named mixture; the target of a point is its mode.

    >>> load_mixture("gaussian-ring").inputs.shape
    (50000, 2)
    """
    mixture = MIXTURES[name]
    points, modes = mixture.draw(DRAWN, seed=0)
    return Dataset(
        name=name,
        inputs=points,
        targets=modes,
        task="classification",
        class_names=tuple(f"mode {k}" for k in range(len(mixture.centers))),
        feature_names=("x1", "x2"),
        source=SOURCE,
        licence=LICENCE,
        scaling="none",
    )

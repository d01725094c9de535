"""The point sets of the page's dense engine are those of the library's playground."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clearprop.studio.playground import datasets, point_set
from tests.studio import dense


def points(kind: str, **changed: Any) -> dict[str, Any]:
    given = {"examples": 101, "noise": 0.0, "test": 0.25, "classes": 3, "seed": 5, "points": []}
    return {
        "kind": "points",
        "settings": {"kind": kind, **given, **changed},
        "features": list(point_set.FEATURES),
    }


class _Given:
    """Stands for a source of random numbers, and gives these places first, then no noise."""

    def __init__(self, places: NDArray[np.float64]) -> None:
        self.places = [places]

    def uniform(self, low: float, high: float, shape: object) -> NDArray[np.float64]:
        return self.places.pop() if self.places else np.zeros(shape)


def test_point_sets_are_those_of_the_library() -> None:
    """Without noise: sets without random numbers point by point, rules of targets at any place."""
    found = dict(
        zip(
            datasets.KINDS,
            dense.computed([points(kind) for kind in datasets.KINDS]),
            strict=True,
        )
    )
    for kind, one in found.items():
        own = datasets.made(kind, examples=101, test=0.25, classes=3)
        assert (one["training"], one["task"], one["about"]) == (own.training, own.task, own.about)
        assert tuple(one["classes"]) == own.class_names
        places, targets = np.reshape(one["places"], (-1, 2)), np.asarray(one["targets"])
        expected = point_set.features(places, list(point_set.FEATURES))
        np.testing.assert_allclose(
            np.reshape(one["features"], expected.shape), expected, 1e-5, 1e-6
        )
        if kind in ("spiral", "moons"):
            rows = np.column_stack([places, targets])
            others = np.column_stack([own.places, own.targets])
            for a, b in ((rows, others), (others, rows)):
                assert np.abs(a[:, None] - b).max(axis=2).min(axis=1).max() < 1e-5
        elif kind in ("plane", "gauss-plane"):
            drawn_again = datasets.KINDS[kind].draw(_Given(places), 101, 0.0, 1)
            np.testing.assert_allclose(targets, drawn_again[1], atol=1e-12)
        elif kind == "circle":
            assert ((np.linalg.norm(places, axis=1) < 2.5) == targets).all()
        elif kind == "xor":
            assert ((places.prod(axis=1) >= 0) == targets).all()
            assert np.abs(places).min() >= datasets.PADDING


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_random_points_are_distributed_alike(noise: float) -> None:
    """Means of places, squares and targets agree to 5 standard errors."""
    count = 4000
    kinds = list(datasets.KINDS)
    cases = [points(kind, examples=count, noise=noise, test=0.0) for kind in kinds]
    for kind, one in zip(kinds, dense.computed(cases), strict=True):
        own = datasets.made(kind, examples=count, noise=noise, test=0.0, classes=3, seed=9)
        a = _moments(np.reshape(one["places"], (-1, 2)), np.asarray(one["targets"]))
        b = _moments(own.places.astype(float), own.targets.astype(float))
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / count)
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 5 * error + 1e-6).all(), kind


def _moments(places: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    t = targets[:, None]
    return np.hstack([places, places**2, t, t * places, t * places**2])

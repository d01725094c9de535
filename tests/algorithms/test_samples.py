"""What is said of samples: precision, coverage, spread, modes and good samples."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.algorithms.samples import GOOD_OF_MIXTURE, ModeCoverage, compared
from clearprop.data.mixtures import MIXTURES

GRID = MIXTURES["gaussian-grid"]


def of(real: np.ndarray, samples: np.ndarray) -> dict[str, float]:
    return {k: float(v) for k, v in compared(jnp.asarray(real), jnp.asarray(samples)).items()}


def test_samples_of_the_mixture_are_good_as_often_as_computed() -> None:
    points, _ = GRID.draw(20_000, 0)
    found = ModeCoverage(GRID)(jnp.asarray(points))
    assert float(found["good fraction"]) == pytest.approx(GOOD_OF_MIXTURE, abs=0.003)
    assert float(found["modes covered"]) == 25


def test_a_mode_that_only_bad_samples_are_near_is_not_covered() -> None:
    samples = np.concatenate([GRID.centers[:3], GRID.centers[3:9] + 4 * GRID.deviation])
    found = ModeCoverage(GRID)(jnp.asarray(samples))
    assert (float(found["modes covered"]), float(found["good fraction"])) == (
        3,
        pytest.approx(1 / 3),
    )


@pytest.mark.parametrize("shape", [(2,), (2, 2, 1)])
def test_real_samples_reach_everything(shape: tuple[int, ...]) -> None:
    x = np.asarray(jax.random.normal(jax.random.key(0), (1200, *shape)))
    found = of(x[:600], x[600:])
    assert found["precision"] > 0.9
    assert found["coverage"] > 0.9
    assert found["spread"] == pytest.approx(1.0, abs=0.1)


def test_some_modes_only_look_real_and_cover_little() -> None:
    points, modes = GRID.draw(4000, 0)
    some = points[modes < 5]
    found = of(points[:1000], some[:600])
    assert found["precision"] > 0.9
    assert found["coverage"] < 0.3


def test_one_example_again_and_again_has_no_spread() -> None:
    points, _ = GRID.draw(1000, 0)
    found = of(points, np.repeat(points[:1], 1000, axis=0))
    assert found["spread"] < 1e-6
    assert found["precision"] == 1
    assert found["coverage"] < 0.05


def test_the_neighbors_are_those_of_scikit_learn() -> None:
    from sklearn.neighbors import NearestNeighbors

    x = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)
    y = (x[::-1] * 1.5 + 0.3).astype(np.float32)
    radius = NearestNeighbors(n_neighbors=6).fit(x).kneighbors(x)[0][:, -1]
    inside = np.linalg.norm(x[:, None] - y[None], axis=-1) <= radius[:, None]
    found = of(x, y)
    assert found["precision"] == pytest.approx(inside.any(axis=0).mean(), abs=0.011)
    assert found["coverage"] == pytest.approx(inside.any(axis=1).mean(), abs=0.011)

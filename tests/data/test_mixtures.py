"""The mixtures are what they say, and a data set has equal numbers of every mode."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import data
from clearprop.data.mixtures import DRAWN, MIXTURES


@pytest.mark.parametrize("name", MIXTURES)
def test_points_lie_around_their_modes(name: str) -> None:
    mixture, dataset = MIXTURES[name], data.load(name)
    offsets = dataset.inputs - mixture.centers[dataset.targets]
    assert len(dataset) == DRAWN
    np.testing.assert_allclose(offsets.std(axis=0), mixture.deviation, rtol=0.02)
    assert np.ptp(np.bincount(dataset.targets)) <= 1


def test_the_grid_is_the_published_one_in_other_units() -> None:
    grid = MIXTURES["gaussian-grid"]
    places = np.unique(grid.centers[:, 0])
    np.testing.assert_allclose(places * 4, [-4, -2, 0, 2, 4])
    assert grid.deviation * 4 == 0.05


def test_points_are_drawn_again_from_the_same_seed() -> None:
    ring = MIXTURES["gaussian-ring"]
    first, second, other = (ring.draw(40, seed) for seed in (1, 1, 2))
    assert np.array_equal(first[0], second[0])
    assert not np.array_equal(first[0], other[0])

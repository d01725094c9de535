"""Features, and targets as the losses take them."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop.errors import ConfigurationError, DataError
from clearprop.studio.playground.point_set import FEATURES, PointSet, features, shuffled_parts


def test_features_are_computed_from_the_place() -> None:
    places = np.random.default_rng(0).uniform(-6, 6, (50, 2)).astype(np.float32)
    x, y = places.T
    wanted = np.stack([x, y, x * x, y * y, x * y, np.sin(x), np.sin(y)], axis=1)
    found = features(places, list(FEATURES))
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == np.float32
    assert features(places, ["sin(x2)"]).shape == (50, 1)
    with pytest.raises(ConfigurationError, match=r"sin\(x1\)"):
        features(places, ["sin(x3)"])


def test_targets_are_coded_as_losses_take_them() -> None:
    points = PointSet(np.zeros((3, 2), np.float32), np.array([0, 1, 1], np.int32), 2, ("a", "b"))
    assert points.coded("signs").tolist() == [[-1], [1], [1]]
    assert points.coded("bits").tolist() == [[0], [1], [1]]
    assert points.coded("labels").tolist() == [0, 1, 1]
    assert points.coded("labels").dtype == np.int32
    assert points.task == "two classes"
    (x, y), test = points.examples(["x1"], "bits")
    assert x.shape == (2, 1)
    assert y.shape == (2, 1)
    assert test is not None
    assert len(test[1]) == 1
    whole = PointSet(points.places, np.array([0.5, -1, 2], np.float32), 3, ())
    assert whole.examples(["x1", "x2"], "numbers")[1] is None
    assert whole.coded("numbers").ravel().tolist() == [0.5, -1, 2]
    assert whole.task == "regression"


def test_parts_have_every_point_once() -> None:
    order, training = shuffled_parts(10, 0.3, 4)
    assert sorted(order.tolist()) == list(range(10))
    assert training == 7
    assert not np.array_equal(order, shuffled_parts(10, 0.3, 5)[0])
    with pytest.raises(DataError, match="no point is left"):
        shuffled_parts(1, 0.9, 0)

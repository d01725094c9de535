"""The point sets follow their formulas, and each is decided by its seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_moons

from clearprop.errors import ConfigurationError, DataError
from clearprop.studio.playground import datasets
from clearprop.studio.playground.datasets import HILLS, KINDS, drawn, made
from clearprop.studio.playground.point_set import PointSet


def heights(x: float, y: float) -> float:
    """The hills of "gauss-plane" as a loop, one after the other."""
    found = 0.0
    for cx, cy, sign in HILLS.tolist():
        far = math.hypot(x - cx, y - cy)
        new = sign * min(1.0, max(0.0, 1 - far / 2))
        if abs(new) > abs(found):
            found = new
    return found


RULES: dict[str, Callable[[float, float], float]] = {
    "circle": lambda x, y: math.hypot(x, y) < 2.5,
    "xor": lambda x, y: x * y >= 0,
    "plane": lambda x, y: (x + y) / 10,
    "gauss-plane": heights,
}


@pytest.mark.parametrize("kind", RULES)
def test_without_noise_the_target_follows_from_the_place(kind: str) -> None:
    points = made(kind, examples=400)
    wanted = [RULES[kind](x, y) for x, y in points.places.astype(np.float64).tolist()]
    np.testing.assert_allclose(points.targets, wanted, atol=1e-6)


def test_a_circle_has_a_gap_between_its_classes() -> None:
    points = made("circle", examples=1000)
    radii = np.linalg.norm(points.places, axis=1)
    inside = points.targets == 1
    assert inside.sum() == 500
    assert radii[inside].max() < 2.5
    assert 3.5 <= radii[~inside].min() < radii[~inside].max() <= 5.0001
    # Radii are uniform, so the points are denser in the middle, as in TensorFlow Playground.
    assert abs(np.median(radii[inside]) - 1.25) < 0.15


def test_exclusive_or_stays_away_from_the_axes() -> None:
    places = np.abs(made("xor", examples=1000).places)
    assert places.min() >= 0.2999
    assert places.max() <= 5.3001


@pytest.mark.parametrize(("noise", "variance"), [(0.0, 0.5), (0.5, 4.0), (0.25, 2.25)])
def test_clouds_have_the_variance_of_the_noise(noise: float, variance: float) -> None:
    points = made("gauss", examples=4000, noise=noise)
    for label, center in ((0, -2.0), (1, 2.0)):
        of = points.places[points.targets == label].astype(np.float64)
        np.testing.assert_allclose(of.mean(axis=0), center, atol=0.15)
        np.testing.assert_allclose(of.var(axis=0), variance, rtol=0.1)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_the_arms_of_a_spiral_are_turned_against_each_other(classes: int) -> None:
    points = made("spiral", examples=60 * classes, classes=classes, test=0.0)
    assert len(points.class_names) == classes
    for arm in range(classes):
        places = points.places[points.targets == (arm + 1) % classes].astype(np.float64)
        places = places[np.argsort(np.linalg.norm(places, axis=1))]
        i = np.arange(60)
        r, t = i / 60 * 5, 1.75 * i / 60 * 2 * np.pi + 2 * np.pi * arm / classes
        np.testing.assert_allclose(places, np.stack([r * np.sin(t), r * np.cos(t)], 1), atol=1e-5)


def test_moons_are_those_of_scikit_learn() -> None:
    points = made("moons", examples=100, test=0.0)
    x, y = make_moons(100, shuffle=False)
    wanted = np.column_stack([(x - [0.5, 0.25]) * 3.3, 1 - y])
    found = np.column_stack([points.places, points.targets]).astype(np.float64)
    far = np.abs(found[:, None] - wanted).max(axis=2)
    assert sorted(far.argmin(axis=1).tolist()) == list(range(100))
    assert far.min(axis=1).max() < 1e-5


def test_blobs_stand_in_a_ring() -> None:
    points = made("blobs", examples=3000, classes=5, test=0.0)
    centers = [points.places[points.targets == k].mean(axis=0) for k in range(5)]
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 4, atol=0.15)


def test_noise_moves_labels_or_places() -> None:
    for kind in KINDS:
        plain, noisy = made(kind), made(kind, noise=0.5)
        same = np.array_equal(plain.places, noisy.places)
        assert same == (kind in RULES), kind
        assert not same or not np.array_equal(plain.targets, noisy.targets), kind
    assert np.abs(made("spiral", noise=0.5).places - made("spiral").places).max() <= 0.5 + 1e-6


@given(
    kind=st.sampled_from(sorted(KINDS)),
    examples=st.integers(4, 300),
    noise=st.floats(0, 0.5),
    test=st.floats(0, 0.9),
    classes=st.integers(2, 6),
    seed=st.integers(0, 2**53 - 1),
)
def test_one_seed_is_one_set(
    kind: str, examples: int, noise: float, test: float, classes: int, seed: int
) -> None:
    def points() -> PointSet:
        return made(kind, examples=examples, noise=noise, test=test, classes=classes, seed=seed)

    one, other = points(), points()
    assert np.array_equal(one.places, other.places)
    assert np.array_equal(one.targets, other.targets)
    assert len(one) == examples
    assert one.training == examples - round(test * examples)
    assert np.isfinite(one.places).all()
    assert np.isfinite(one.targets).all()
    assert one.places.dtype == np.float32
    if one.class_names:
        assert set(one.targets.tolist()) <= set(range(len(one.class_names)))


def test_another_seed_is_another_set_and_another_split() -> None:
    one, other = made("circle", seed=1), made("circle", seed=2)
    assert not np.array_equal(one.places, other.places)
    first, second = (made("plane", examples=20, test=test) for test in (0.5, 0.0))
    assert set(map(tuple, first.places.tolist())) == set(map(tuple, second.places.tolist()))
    assert first.training == 10
    assert second.training == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "cirle"}, "circle"),
        ({"kind": "circle", "noise": 0.6}, "from 0 to 0.5"),
        ({"kind": "circle", "noise": float("nan")}, "finite"),
        ({"kind": "circle", "examples": 1}, "2 or above"),
        ({"kind": "blobs", "classes": 7}, "2 to 6"),
    ],
)
def test_what_cannot_be_made_is_told(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        made(**options)  # type: ignore[arg-type]


def test_drawn_points_are_classes_where_their_targets_are() -> None:
    classes = drawn([(0, 0, 0), (1, 1, 2), (2, 2, 0), (3, 3, 1)], test=0.25)
    assert classes.class_names == ("class 1", "class 2", "class 3")
    assert classes.training == 3
    numbers = drawn([(0, 0, 0), (1, 1, -1)], test=0.0)
    assert numbers.task == "regression"
    assert sorted(numbers.targets.tolist()) == [-1.0, 0.0]
    assert drawn([(0, 0, 0.5), (1, 1, 1)], test=0.0).task == "regression"


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], "too few"),
        ([(0, 0, 1)], "too few"),
        ([(0, 0, 1), (1, 2, 1)], "one class"),
        ([(0, 0, 1), (1, 2, 0)], "no point is left"),
    ],
)
def test_too_few_points_are_told(points: list[tuple[float, float, float]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        drawn(points, test=0.9)


def test_every_kind_has_words() -> None:
    for kind, found in datasets.KINDS.items():
        assert found.about.endswith("."), kind
        assert made(kind).about == found.about

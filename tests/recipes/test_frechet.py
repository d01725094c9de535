"""The Fréchet distance is that of normal distributions, and is taken in a LeNet's features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from clearprop.recipes.frechet import features_of, frechet_distance, judge_of


def test_the_distance_is_the_published_formula() -> None:
    random = np.random.default_rng(0)
    first = random.standard_normal((500, 6)) @ random.standard_normal((6, 6))
    second = random.standard_normal((400, 6)) @ random.standard_normal((6, 6)) + 0.5
    S, T = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    means = first.mean(axis=0) - second.mean(axis=0)
    expected = means @ means + np.trace(S + T - 2 * np.real(linalg.sqrtm(S @ T)))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-8)


def test_features_that_never_vary_do_no_harm() -> None:
    x = np.random.default_rng(0).standard_normal((300, 4))
    with_constant = np.concatenate([x, np.zeros((300, 2))], axis=1)
    other = with_constant + np.eye(6)[0]
    assert frechet_distance(with_constant, other) == pytest.approx(1.0, abs=1e-9)
    assert frechet_distance(with_constant, with_constant) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_real_digits_are_nearer_to_real_ones_than_noise() -> None:
    from sklearn.datasets import load_digits

    found = load_digits()
    x = (found.images / 16).astype(np.float32)[..., None]
    judge = judge_of(x, found.target, 10, 0)
    assert judge is not None
    noise = np.random.default_rng(0).random((600, 8, 8, 1), np.float32)
    real, other, made = (features_of(judge, p) for p in (x[:600], x[600:1200], noise))
    assert real.shape == (600, 84)
    assert 5 * frechet_distance(real, other) < frechet_distance(real, made)


def test_pictures_that_lenet_does_not_take_have_no_judge() -> None:
    assert judge_of(np.zeros((4, 12, 12, 1), np.float32), np.zeros(4, int), 2, 0) is None

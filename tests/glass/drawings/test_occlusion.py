"""Occlusion and saliency, against covering by hand and against JAX."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.glass import occlusion, saliency
from clearprop.glass.drawings.occlusion import covered, slopes_of
from tests.glass.page import ink_in

CNN = nn.Sequential([nn.Conv2d(2, 3, 3), "relu", nn.Flatten(), nn.Linear(60, 4)]).init(0)
X = np.random.default_rng(0).normal(size=(3, 7, 6, 2)).astype(np.float32)


@pytest.mark.parametrize(("patch", "stride"), [(3, 2), (2, 3), (6, 1)])
def test_the_drop_is_that_of_a_picture_covered_by_hand(patch: int, stride: int) -> None:
    found = covered(CNN, X, 2, patch, stride, 0.5, example=1)
    assert found.score == pytest.approx(float(CNN(X)[1, 2]), abs=1e-5)
    # The last place touches the edge.
    assert found.rows[-1] == 7 - patch
    assert found.columns[-1] == 6 - patch
    drops: dict[tuple[int, int], list[float]] = {}
    for i, top in enumerate(found.rows):
        for j, left in enumerate(found.columns):
            one = X[1:2].copy()
            one[:, top : top + patch, left : left + patch] = 0.5
            drop = found.score - float(CNN(one)[0, 2])
            assert found.drops[i, j] == pytest.approx(drop, abs=1e-5)
            for pixel in np.ndindex(patch, patch):
                drops.setdefault((top + pixel[0], left + pixel[1]), []).append(drop)
    for pixel in np.ndindex(7, 6):
        expected = np.mean(drops[pixel]) if pixel in drops else np.nan
        np.testing.assert_allclose(found.by_pixel[pixel], expected, atol=1e-5)


def test_without_a_class_the_answer_is_scored() -> None:
    drawing = occlusion(CNN, X, patch=3, stride=2)
    assert drawing.title == f"Occlusion for class {int(np.argmax(CNN(X)[0]))}"
    drops = covered(CNN, X, None, 3, 2, 0.0).by_pixel
    np.testing.assert_allclose(drawing.figure.axes[1].images[0].get_array(), drops)
    assert ink_in(drawing) > 0.5


def test_a_single_output_scores_both_classes() -> None:
    model = nn.Sequential([nn.Flatten(), nn.Linear(84, 1)]).init(0)
    one, zero = (covered(model, X, y, 3, 3, 0.0) for y in (1, 0))
    np.testing.assert_allclose(one.drops, -zero.drops, atol=1e-6)


def test_slopes_are_those_of_jax() -> None:
    def score(x: Any) -> Any:
        return CNN(x)[0, 3]

    np.testing.assert_allclose(
        slopes_of(CNN, X, 3, example=2)[1], jax.grad(score)(X[2:3])[0], atol=1e-6
    )
    drawing = saliency(CNN, X, 3, example=2)
    assert drawing.title == "Slope of the score of class 3"
    seen, slopes = (axes.images[0].get_array() for axes in drawing.figure.axes[:2])
    np.testing.assert_allclose(seen, X[2].mean(axis=2), atol=1e-6)
    np.testing.assert_allclose(slopes, slopes_of(CNN, X, 3, example=2)[1].sum(axis=2), atol=1e-6)


def test_what_cannot_be_covered_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="patch from 1 to 6"):
        occlusion(CNN, X, 0, patch=7)
    with pytest.raises(ConfigurationError, match="stride from 1"):
        occlusion(CNN, X, 0, stride=0)
    with pytest.raises(ConfigurationError, match="0 to 3"):
        occlusion(CNN, X, 4)
    with pytest.raises(ShapeError, match="patches cover pictures"):
        occlusion(nn.Linear(4, 2).init(0), np.ones((2, 4), np.float32), 0)
    with pytest.raises(ShapeError, match="score for each class"):
        saliency(nn.Sequential([nn.Conv2d(2, 1, 3)]).init(0), X, 0)


def test_a_sigmoid_at_the_end_is_answered_at_a_half() -> None:
    layers = [nn.Flatten(), nn.Linear(84, 1), "sigmoid"]
    model = nn.Sequential(layers).init(0)
    for example in range(3):
        label = int(float(model(X)[example, 0]) >= 0.5)
        drawing = occlusion(model, X, patch=3, stride=3, example=example, threshold=0.5)
        assert drawing.title == f"Occlusion for class {label}"
        drawing = saliency(model, X, example=example, threshold=0.5)
        assert drawing.title == f"Slope of the score of class {label}"
        np.testing.assert_array_equal(
            slopes_of(model, X, None, example, 0.5)[1], slopes_of(model, X, label, example)[1]
        )
    assert {int(float(y) >= 0.5) for y in model(X)[:, 0]} == {0, 1}

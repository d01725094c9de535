"""The numbers behind the pictures of a self-organizing map, and the pictures."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import tree
from clearprop.errors import ShapeError
from clearprop.glass.drawings.organized_map import (
    class_counts,
    class_map,
    codebook_pictures,
    component_planes,
    hit_map,
    hits,
    u_matrix,
    unit_distances,
)
from clearprop.models import SelfOrganizingMap

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 4)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 40)


def som(grid: str = "rectangular") -> SelfOrganizingMap:
    made = SelfOrganizingMap(3, 4, 4, grid=grid).init(0)
    return tree.replace(made, {"codebook": jnp.asarray(X[:12])})


def test_distances_are_means_over_the_neighbors() -> None:
    found = unit_distances(som())
    corner = [np.linalg.norm(X[0] - X[j]) for j in (1, 4, 5)]
    assert found[0] == pytest.approx(np.mean(corner), rel=1e-5)
    middle = [np.linalg.norm(X[5] - X[j]) for j in (0, 1, 2, 4, 6, 8, 9, 10)]
    assert found[5] == pytest.approx(np.mean(middle), rel=1e-5)
    hexagon = [np.linalg.norm(X[5] - X[j]) for j in (4, 6, 1, 2, 9, 10)]
    assert unit_distances(som("hexagonal"))[5] == pytest.approx(np.mean(hexagon), rel=1e-5)


def test_hits_and_classes_are_counted() -> None:
    best = ((X[:, None] - X[None, :12]) ** 2).sum(axis=-1).argmin(axis=1)
    assert np.array_equal(hits(som(), X), np.bincount(best, minlength=12))
    counts = class_counts(som(), X, LABELS)
    assert counts.shape == (12, 3)
    assert counts[0, 1] == ((best == 0) & (LABELS == 1)).sum()
    assert counts.sum() == 40


@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_every_picture_shows_every_unit(grid: str) -> None:
    model = som(grid)
    drawings: list[Any] = [u_matrix(model), hit_map(model, X)]
    for drawing, values in zip(drawings, (unit_distances(model), hits(model, X)), strict=True):
        cells = drawing.figure.axes[0].collections[0]
        np.testing.assert_allclose(cells.get_array(), values)
        assert len(cells.get_paths()) == 12
        assert drawing.png()[:4] == b"\x89PNG"
    classes = class_map(model, X, LABELS, ["red", "green", "blue"])
    assert len(classes.figure.axes[0].patches) == 12
    texts = {text.get_text() for text in classes.figure.axes[0].texts}
    assert texts <= {"red", "gre", "blu"}
    best = class_counts(model, X, LABELS).max(axis=1).sum() / 40
    assert f"{100 * best:.1f} %" in classes.caption


def test_components_have_names_and_points_are_pictures() -> None:
    planes = component_planes(som(), ["length", "width"])
    titles = [axes.get_title() for axes in planes.figure.axes if axes.get_title()]
    assert titles == ["length", "width", "x3", "x4"]
    pictures = codebook_pictures(som(), (2, 2, 1))
    sheet = np.asarray(pictures.figure.axes[0].images[0].get_array())
    assert sheet.shape == (9, 12)
    low, high = X[:12].min(), X[:12].max()
    np.testing.assert_allclose(1 - sheet[:2, :2].ravel(), (X[0] - low) / (high - low), atol=1e-5)
    with pytest.raises(ShapeError):
        codebook_pictures(som(), (3, 2))

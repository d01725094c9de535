"""Loss surfaces: heights, directions and paths, each compared with a second computation."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.axes import Axes

from clearprop import data, models, nn, tree
from clearprop.errors import ConfigurationError, ModelError
from clearprop.glass import loss_surface
from clearprop.glass.drawings.landscape import filter_normalized, landscape_of
from clearprop.glass.drawings.snapshots import examples_for
from clearprop.training import evaluate
from tests.glass.page import ink_in

IRIS = data.load("iris").split(dev=0.2, test=0)
MODEL = models.MLP((4, 5, 3)).init(0)


def moved(model: Any, *ways: tuple[float, Any]) -> Any:
    values = {
        path: w + sum(far * way[path] for far, way in ways)
        for path, w in nn.parameters(model).items()
    }
    return tree.replace(model, {path: jnp.asarray(w, jnp.float32) for path, w in values.items()})


def a_path() -> list[tuple[int, Any]]:
    random = np.random.default_rng(3)
    ways = [{p: random.normal(size=w.shape) for p, w in nn.parameters(MODEL).items()}
            for _ in range(3)]  # fmt: skip
    places = [(3.0, 0.0, 0.1), (2.0, 0.5, 0.0), (0.5, 0.5, 0.1), (0.0, 0.0, 0.0)]
    return [
        (10 * i, moved(MODEL, *zip(place, ways, strict=True))) for i, place in enumerate(places)
    ]


def test_raw_examples_are_prepared_as_in_the_run() -> None:
    raw = data.load("iris")
    inputs, targets = np.asarray(raw.inputs)[:5], np.asarray(raw.targets)[:5]
    x, y = examples_for((inputs, targets), IRIS.preprocessor)
    np.testing.assert_array_equal(x, IRIS.preprocessor.apply(inputs))
    np.testing.assert_array_equal(y, targets)


def test_heights_are_what_evaluate_says() -> None:
    found = landscape_of(MODEL, IRIS, side=5)
    objective = evaluate(MODEL, IRIS.train).objective
    assert found.center == pytest.approx(objective, rel=1e-5)
    assert found.losses[2, 2] == pytest.approx(objective, rel=1e-5)
    there = moved(MODEL, (found.across[4], found.directions[0]), (found.up[1], found.directions[1]))
    assert found.losses[1, 4] == pytest.approx(evaluate(there, IRIS.train).objective, rel=1e-4)
    assert found.fraction is None


def test_filters_of_random_directions_are_as_long_as_the_models_own() -> None:
    model = nn.Sequential([nn.Embedding(6, 4), nn.Conv1d(4, 3, 2), nn.Linear(3, 2)]).init(0)
    weights = nn.parameters(model)
    for way in filter_normalized(model, seed=1):
        for path, axes in (("layers.0.weight", 1), ("layers.1.weight", (0, 1)),
                           ("layers.2.weight", 0)):  # fmt: skip
            lengths = [np.linalg.norm(np.asarray(w).reshape(-1, w.shape[-1]), axis=0)
                       if axes != 1 else np.linalg.norm(w, axis=1)
                       for w in (way[path], weights[path])]  # fmt: skip
            np.testing.assert_allclose(*lengths, rtol=1e-5)
        assert not way["layers.2.bias"].any()


@pytest.mark.parametrize("directions", ["random", "pca"])
def test_the_path_is_where_it_is_nearest(directions: Any) -> None:
    path = a_path()
    found = landscape_of(path, IRIS, directions=directions, side=3)
    np.testing.assert_array_equal(found.steps, [0, 10, 20, 30])
    flat = [np.concatenate([np.asarray(w, np.float64).ravel()
                            for w in nn.parameters(m).values()]) for _, m in path]  # fmt: skip
    ways = np.stack(flat) - flat[-1]
    plane = np.stack([np.concatenate([d.ravel() for d in way.values()])
                      for way in found.directions])  # fmt: skip
    nearest = np.linalg.lstsq(plane.T, ways.T, rcond=None)[0].T
    np.testing.assert_allclose(found.path, nearest, atol=1e-5)
    assert found.fraction == pytest.approx(((nearest @ plane) ** 2).sum() / (ways**2).sum())
    assert np.abs(found.path[:, 0]).max() <= found.across[-1]
    losses = [evaluate(m, IRIS.train).objective for _, m in path]
    np.testing.assert_allclose(found.path_losses, losses, rtol=1e-4)
    if directions == "pca":
        np.testing.assert_allclose(plane @ plane.T, np.eye(2), atol=1e-6)
        singular = np.linalg.svd(ways, compute_uv=False)
        assert found.fraction == pytest.approx((singular[:2] ** 2).sum() / (singular**2).sum())
        assert found.fraction > 0.99


def test_the_drawing_names_the_steps() -> None:
    drawing = loss_surface(a_path(), IRIS, directions="pca", side=5)
    assert {"step 0", "step 30"} <= {text.get_text() for text in drawing.figure.axes[0].texts}
    assert ink_in(drawing) > 0.95


def test_the_drawing_holds_the_path_and_the_heights(monkeypatch: pytest.MonkeyPatch) -> None:
    heights: list[Any] = []
    monkeypatch.setattr(Axes, "contourf", lambda _, *given, **__: heights.extend(given))
    drawing = loss_surface(a_path(), IRIS, directions="pca", side=5)
    found = landscape_of(a_path(), IRIS, directions="pca", side=5)
    for given, expected in zip(heights, (found.across, found.up, found.losses), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-5)
    lines = drawing.figure.axes[0].lines
    assert len(lines) == 2  # a white edge, and the line itself
    for line in lines:
        np.testing.assert_allclose(line.get_xydata(), found.path, atol=1e-6)


def test_surfaces_that_cannot_be_are_refused() -> None:
    pair = (np.ones((2, 4), np.float32), np.zeros(2, np.int32))
    with pytest.raises(ConfigurationError, match="did you mean 'random'"):
        loss_surface(MODEL, pair, directions="randam")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="an odd side from 3"):
        loss_surface(MODEL, pair, side=4)
    with pytest.raises(ConfigurationError, match="at least three snapshots"):
        loss_surface(MODEL, pair, directions="pca")
    with pytest.raises(ConfigurationError, match="not a training that can be drawn"):
        loss_surface([], pair)
    with pytest.raises(ConfigurationError, match="no examples"):
        loss_surface(MODEL, "iris")
    with pytest.raises(ModelError, match="different architectures"):
        loss_surface([(0, models.MLP((4, 3, 3)).init(0)), (1, MODEL)], pair)
    with pytest.raises(ModelError, match="no values yet"):
        loss_surface(models.MLP((4, 3, 3)), pair)

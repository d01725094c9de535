"""Learned filters and feature maps: that the numbers drawn are the weights and the outputs."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, tree
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass import feature_maps, filters
from clearprop.glass.drawings.choice import passed
from tests.glass.page import ink_in

CNN = nn.Sequential([nn.Conv2d(1, 3, 3), "relu", nn.Conv2d(3, 4, 3), nn.Flatten(),
                     nn.Linear(64, 2)]).init(0)  # fmt: skip


def shown(drawing: Any) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in drawing.figure.axes if axes.images]


def test_each_tile_is_a_kernel() -> None:
    tiles = shown(filters(CNN))
    assert len(tiles) == 3
    np.testing.assert_allclose(tiles[1], CNN[0].weight[:, :, 0, 1])
    (table,) = shown(filters(CNN, "layers.2"))
    assert table.shape == (9, 12)
    np.testing.assert_allclose(table[3:6, 6:9], CNN[2].weight[:, :, 1, 2])


def test_units_that_see_pictures_are_pictures() -> None:
    drawing = filters(CNN, "layers.4", shape=(8, 8))
    strongest = int(np.argmax(np.linalg.norm(CNN[4].weight, axis=0)))
    np.testing.assert_allclose(shown(drawing)[0], CNN[4].weight[:, strongest].reshape(8, 8))
    np.testing.assert_allclose(shown(filters(CNN, "layers.4"))[0], CNN[4].weight)


def test_kernels_of_colors_and_of_series() -> None:
    colors = nn.Sequential([nn.Conv2d(3, 2, 5)]).init(0)
    (tile, _) = shown(filters(colors))
    limit = np.abs(colors[0].weight).max()
    np.testing.assert_allclose(tile, 0.5 + colors[0].weight[..., 0] / (2 * limit), atol=1e-6)
    series = nn.Sequential([nn.Conv1d(2, 4, 5)]).init(0)
    np.testing.assert_allclose(shown(filters(series))[3], series[0].weight[:, :, 3].T)


def test_maps_are_what_the_layer_gives() -> None:
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32)
    drawing = feature_maps(CNN, x, "layers.1", example=1)
    seen, *maps = shown(drawing)
    gray = (x[1] - x[1].min()) / (x[1].max() - x[1].min())
    np.testing.assert_allclose(seen, np.repeat(gray, 3, axis=2), atol=1e-6)
    np.testing.assert_allclose(np.stack(maps, -1), nn.features(CNN, x, "layers.1")[1], atol=1e-6)
    units = shown(feature_maps(CNN, x, "layers.4"))
    np.testing.assert_allclose(units[0], CNN(x)[:1], atol=1e-6)


def test_a_layer_used_twice_has_its_second_call() -> None:
    model = models.MLP((3, 4, 5, 2)).init(0)
    x = jnp.ones((1, 3))
    assert passed(model, x, "activation").shape == (1, 4)
    assert passed(model, x, "activation#2").shape == (1, 5)
    with pytest.raises(ModelError, match="2 calls of it"):
        passed(model, x, "activation#3")


def test_sequences_and_layers_with_a_state() -> None:
    layer = nn.Sequential([nn.LSTM(2, 5)]).init(0)
    drawing = feature_maps(layer, np.ones((1, 7, 2), np.float32), "layers.0")
    assert shown(drawing)[0].shape == (5, 7)


def test_dead_and_broken_layers_are_drawn_too() -> None:
    zero = tree.replace(CNN, {"layers.0.weight": jnp.zeros((3, 3, 1, 3))})
    assert not any(tile.any() for tile in shown(filters(zero)))
    assert ink_in(filters(zero)) == 0
    broken = tree.replace(CNN, {"layers.0.weight": jnp.full((3, 3, 1, 3), jnp.nan)})
    assert ink_in(filters(broken)) == 1  # gray, the color of what is not finite


def test_what_cannot_be_drawn_says_what_can() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean 'layers\.0'"):
        filters(CNN, "layer.0")
    with pytest.raises(ModelError, match=r"'layers\.0', 'layers\.2', 'layers\.4'"):
        filters(CNN, "layers.1")
    with pytest.raises(ModelError, match="there are no filters here"):
        filters(nn.Sequential(["relu"]))
    with pytest.raises(ShapeError, match="49 numbers, for 64 inputs"):
        filters(CNN, "layers.4", shape=(7, 7))
    x = np.ones((2, 8, 8, 1), np.float32)
    with pytest.raises(ConfigurationError, match="0 to 1"):
        feature_maps(CNN, x, "layers.0", example=2)
    with pytest.raises(ShapeError, match="at least one example"):
        feature_maps(CNN, x[:0], "layers.0")
    with pytest.raises(ShapeError):
        feature_maps(CNN, x[0], "layers.0")

"""Activation maximization: the ascent goes up, and keeps to its rules."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.glass import maximize_activation
from clearprop.glass.drawings.maximization import Rules, ascend
from clearprop.glass.wording import number

CNN = nn.Sequential([nn.Conv2d(1, 3, 3), "tanh", nn.Flatten(), nn.Linear(108, 4)]).init(0)


def test_the_units_rise_and_the_values_are_theirs() -> None:
    found = ascend(CNN, "layers.3", [2, 0], (8, 8, 1), steps=40)
    assert (found.values[-1] > found.values[0] + 0.04).all()
    outputs = np.asarray(CNN(found.inputs.astype(np.float32)))
    np.testing.assert_allclose(found.values[-1], outputs[[0, 1], [2, 0]], atol=1e-5)


def test_a_channel_is_its_whole_map_and_a_place_one_unit() -> None:
    found = ascend(CNN, "layers.1", [1, (0, 0, 1)], (8, 8, 1), steps=20,
                   rules=Rules(jitter=0, blur=0))  # fmt: skip
    maps = nn.features(CNN, found.inputs.astype(np.float32), "layers.1")
    np.testing.assert_allclose(found.values[-1], [maps[0, ..., 1].mean(), maps[1, 0, 0, 1]],
                               atol=1e-5)  # fmt: skip
    # Nothing but the unit's own field is moved from the noise, which decays.
    outside = np.abs(found.inputs[1][4:])
    assert outside.max() < 0.05 < np.abs(found.inputs[1][:3]).max()


def test_the_drawing_shows_the_inputs_with_their_values() -> None:
    found = ascend(CNN, "layers.3", [2, 0], (8, 8, 1), steps=5)
    drawing = maximize_activation(CNN, "layers.3", [2, 0], (8, 8, 1), steps=5)
    for axes, unit, x, value in zip(
        drawing.figure.axes, (2, 0), found.inputs, found.values[-1], strict=False
    ):
        np.testing.assert_allclose(axes.images[0].get_array(), x[..., 0], atol=1e-6)
        assert axes.get_title() == f"{unit}: {number(value, 2)}"


def test_limits_and_inputs_that_are_no_pictures() -> None:
    bounded = ascend(CNN, "layers.3", [0], (8, 8, 1), steps=20, rules=Rules(limits=(0.0, 0.5)))
    assert bounded.inputs.min() >= 0
    assert bounded.inputs.max() <= 0.5
    # Of a linear unit the best direction is its own weight.
    line = nn.Linear(5, 2).init(0)
    found = ascend(line, "", [1], (5,), steps=60, rules=Rules(decay=0.1))
    weight = np.asarray(line.weight)[:, 1]
    aligned = found.inputs[0] @ weight / np.linalg.norm(found.inputs[0]) / np.linalg.norm(weight)
    assert aligned > 0.999


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 to 3"):
        maximize_activation(CNN, "layers.3", 4, (8, 8, 1))
    with pytest.raises(ConfigurationError, match="steps from 1"):
        maximize_activation(CNN, "layers.3", 0, (8, 8, 1), steps=0)
    with pytest.raises(ConfigurationError, match="no unit to maximize"):
        maximize_activation(CNN, "layers.3", [], (8, 8, 1))
    with pytest.raises(ShapeError):
        maximize_activation(CNN, "layers.3", 0, (7, 7, 1))
    with pytest.raises(ShapeError, match="an input needs numbers"):
        maximize_activation(CNN, "layers.3", 0, (8, 0, 1))

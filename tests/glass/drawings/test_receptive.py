"""Receptive fields: what the wiring lets through, against trying it out, and slopes against JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, tree
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass import receptive_field
from clearprop.glass.drawings.receptive import field_of
from clearprop.glass.drawings.support import support


def tried(model: nn.Module, shape: tuple[int, ...], layer: str, place: tuple[int, ...]) -> Any:
    """Return which numbers of an input change a unit, one after another, at positive weights."""
    random = np.random.default_rng(1)
    weights = {p: random.uniform(0.5, 1.5, w.shape) for p, w in nn.parameters(model).items()}
    positive = tree.replace(model, {p: jnp.asarray(w, jnp.float32) for p, w in weights.items()})
    size = int(np.prod(shape))
    raised = np.concatenate([np.zeros((1, size)), 3 * np.eye(size)]).astype(np.float32) + 0.01
    outputs = nn.features(positive, raised.reshape(-1, *shape), layer, batch_size=size + 1)
    unit = outputs[(slice(None), *place)].astype(np.float64)
    return (np.abs(unit[1:] - unit[0]) > 1e-6 * np.abs(unit[0])).reshape(shape)


STRIDES = nn.Sequential(
    [
        nn.Conv2d(1, 3, 3, stride=2, padding=1),
        nn.BatchNorm(3),
        "relu",
        nn.MaxPool2d(2),
        nn.Conv2d(3, 2, 2, dilation=2),
    ]
)
SHORTCUT = nn.Sequential(
    [nn.Conv2d(1, 2, 1), nn.Residual(nn.Sequential([nn.Conv2d(2, 2, 3, padding=1), "relu"]))]
)
GAPS = nn.Sequential(
    [
        nn.Conv2d(1, 2, 2),
        nn.MaxPool2d(2, stride=2, dilation=(3, 2), padding=1, ceil_mode=True),
        nn.AvgPool2d(2, ceil_mode=True),
    ]
)
SERIES = nn.Sequential([nn.Conv1d(2, 3, 3), "relu", nn.MaxPool1d(3, stride=2), nn.Conv1d(3, 1, 2)])


@pytest.mark.parametrize(
    ("model", "shape", "layer", "unit"),
    [
        (STRIDES, (16, 15, 1), "layers.4", (0, 1, 1)),
        (STRIDES, (16, 15, 1), "layers.3", (3, 0, 2)),
        (GAPS, (11, 10, 1), "layers.1", (0, 2, 1)),
        (GAPS, (11, 10, 1), "layers.1", (4, 4, 0)),
        (GAPS, (11, 10, 1), "layers.2", (2, 2, 1)),
        (SHORTCUT, (6, 6, 1), "layers.1", (0, 5, 1)),
        (SERIES, (14, 2), "layers.3", (1, 0)),
        (models.MLP((6, 4, 2)), (6,), "layers.1", (1,)),
        (nn.Sequential([nn.Conv2d(1, 2, 2), nn.GlobalAvgPool()]), (4, 4, 1), "layers.1", (1,)),
    ],
)
def test_what_can_reach_a_unit_is_what_changes_it(
    model: Any, shape: tuple[int, ...], layer: str, unit: tuple[int, ...]
) -> None:
    made = model.init(0)
    found = support(made, np.zeros(shape, np.float32), layer, unit)
    np.testing.assert_array_equal(found, tried(made, shape, layer, unit))


def test_a_causal_place_sees_itself_and_what_was_before() -> None:
    layer = nn.Sequential([nn.MultiHeadAttention(4, 2, causal=True)]).init(0)
    found = support(layer, np.zeros((5, 4), np.float32), "layers.0", (2, 1))
    assert found.any(axis=1).tolist() == [True, True, True, False, False]
    # A loop over time is not looked into: all of it may count.
    assert support(nn.GRU(4, 3).init(0), np.zeros((5, 4), np.float32), "", (2, 1)).all()


def test_the_field_of_lenet() -> None:
    model = models.LeNet5().init(0)
    field = field_of(model, (28, 28, 1), "conv2", 0)
    assert field.extent == (14, 14)  # 5 + (2 - 1) + (5 - 1) * 2
    assert field.box == ((8, 21), (8, 21))
    assert field.place == (5, 5, 0)


def test_influence_is_the_mean_slope_over_the_examples() -> None:
    model = STRIDES.init(0)
    x = np.random.default_rng(0).normal(size=(70, 16, 15, 1)).astype(np.float32)
    field = field_of(model, x, "layers.4", 1)

    def unit(one: Any) -> Any:
        return model(one[None])[(0, *field.place)]

    slopes = jax.jit(jax.vmap(jax.grad(unit)))(x)
    assert field.influence is not None
    np.testing.assert_allclose(field.influence, np.abs(slopes).mean(axis=0), atol=1e-6)
    assert not field.influence[~field.reached].any()
    drawing = receptive_field(model, x, "layers.4", 1)
    assert "over 70 examples" in drawing.caption
    np.testing.assert_allclose(
        drawing.figure.axes[1].images[0].get_array(), field.influence[..., 0], atol=1e-7
    )


def test_a_unit_that_nothing_moves_is_called_dead() -> None:
    model = nn.Sequential([nn.Conv2d(1, 1, 3), "relu"]).init(0)
    dead = tree.replace(model, {"layers.0.bias": jnp.array([-100.0])})
    drawing = receptive_field(dead, np.ones((2, 6, 6, 1), np.float32), "layers.1", 0)
    assert "dead" in drawing.caption


def test_what_has_no_receptive_field_is_refused() -> None:
    model = STRIDES.init(0)
    with pytest.raises(ConfigurationError, match=r"did you mean 'layers\.4'"):
        receptive_field(model, (16, 15, 1), "layer.4", 0)
    with pytest.raises(ConfigurationError, match="0 to 1, or all indices into"):
        receptive_field(model, (16, 15, 1), "layers.4", 2)
    with pytest.raises(ShapeError, match="at least one example"):
        receptive_field(model, np.zeros((0, 16, 15, 1)), "layers.4", 0)
    with pytest.raises(ShapeError, match="tokens are integers"):
        receptive_field(models.GPT(5, 4, 4, layers=1, heads=1).init(0), np.array([[1]]), "norm", 0)
    with pytest.raises(ModelError, match="no values yet"):
        receptive_field(STRIDES, (16, 15, 1), "layers.4", 0)

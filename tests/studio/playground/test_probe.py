"""The numbers of one example are those of `explain`, and the heat maps those of the model."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.studio.playground.heat import HIDDEN_CELLS, OUTPUT_CELLS, HeatMaps, cells
from clearprop.studio.playground.messages import DataKind, DataSettings, LayerSettings, Settings
from clearprop.studio.playground.network import HIDDEN_ACTIVATIONS, OUTPUTS
from clearprop.studio.playground.point_set import FEATURES, features
from clearprop.studio.playground.prepared import Prepared, prepared
from clearprop.studio.playground.probe import ExampleNumbers, probe

KIND_OF: dict[str, DataKind] = {
    "two classes": "circle",
    "several classes": "blobs",
    "regression": "plane",
}

EVERY_LOSS = {loss: list(tasks)[-1] for loss, tasks in OUTPUTS.items()}

# A step first: it passes no error signal, so that the layers before it would get none.
EVERY_ACTIVATION = Settings(
    features=tuple(FEATURES),  # type: ignore[arg-type]
    layers=tuple(
        LayerSettings(3, name)
        for name in sorted(HIDDEN_ACTIVATIONS, key=lambda name: name != "binary_step")
    ),
    dropout=0.25,
)


def with_loss(loss: str, task: str) -> Settings:
    data = DataSettings(KIND_OF[task], classes=3, examples=20)
    return Settings(data=data, loss=loss, layers=(LayerSettings(3),))


def ready(settings: Settings) -> tuple[Prepared, nn.Module]:
    found = prepared(settings, {})
    return found, found.config.model.init(settings.seed)


def probed(found: Prepared, model: nn.Module, example: int) -> ExampleNumbers:
    return probe(model, found.example(example), found.settings.loss, found.layers)


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [EVERY_ACTIVATION, *(with_loss(*one) for one in EVERY_LOSS.items())],
    ids=["every activation", *EVERY_LOSS],
)
def test_the_numbers_are_those_of_explain(settings: Settings) -> None:
    found, model = ready(settings)
    for example in (0, len(found.points) - 1):
        x, y = found.example(example)
        numbers = probed(found, model, example)
        glass: Any = cp.explain(model, x, y, settings.loss)
        close(numbers.loss, glass.nodes[-1].value)
        close(numbers.input, x[0])
        close(numbers.input_error, glass["input"].error[0])
        for k, (layer, of_layer) in enumerate(zip(found.layers, numbers.layers, strict=True)):
            z = glass[f"layers.{2 * k}/add"]
            close(of_layer.preactivation, z.value[0])
            close(of_layer.delta, z.error[0])
            close(of_layer.weight_gradient, glass[layer.weight].error)
            close(of_layer.bias_gradient, glass[layer.bias].error)
            value = z
            if layer.activation == "binary_step":  # no node: no error signal passes it
                assert of_layer.value.tolist() == (of_layer.preactivation >= 0).tolist()
                continue
            if k < len(found.layers) - 1 or layer.activation != "identity":
                inner = ".layers.0" if settings.dropout and k < len(found.layers) - 1 else ""
                value = glass[f"layers.{2 * k + 1}{inner}/{layer.activation}"]
            close(of_layer.value, value.value[0])
            close(of_layer.error, value.error[0])


def test_the_gradients_are_those_of_the_loss() -> None:
    found, model = ready(EVERY_ACTIVATION)
    x, y = map(jnp.asarray, found.example(3))
    loss = nn.find_loss(found.settings.loss)
    slopes = nn.parameters(cp.grad(lambda network: loss(network(x), y))(model))
    numbers = probed(found, model, 3)
    for layer, of_layer in zip(found.layers, numbers.layers, strict=True):
        close(of_layer.weight_gradient, slopes[layer.weight])
        close(of_layer.bias_gradient, slopes[layer.bias])


def test_a_step_gets_an_error_signal_and_passes_none() -> None:
    found, model = ready(EVERY_ACTIVATION)
    step, behind = probed(found, model, 0).layers[:2]
    weight = np.asarray(nn.parameters(model)[found.layers[1].weight])
    close(step.error, weight @ behind.delta)
    assert np.abs(step.error).max() > 0
    assert not step.delta.any()
    assert not step.slope.any()
    assert not step.weight_gradient.any()


def test_local_derivatives_lead_from_the_value_to_the_total_input() -> None:
    found, model = ready(EVERY_ACTIVATION)
    for of_layer in probed(found, model, 7).layers:
        close(of_layer.delta, of_layer.error * of_layer.slope)
    found, model = ready(with_loss("nll", "several classes"))
    assert np.isnan(probed(found, model, 0).layers[-1].slope).all()


@pytest.mark.parametrize(
    "settings", [EVERY_ACTIVATION, with_loss("nll", "several classes")], ids=["many", "scores"]
)
def test_heat_maps_are_the_outputs_over_the_square(settings: Settings) -> None:
    found, model = ready(settings)
    maps = HeatMaps(settings.features, found.layers).of(model)
    assert len(maps) == len(found.layers)
    for k, heat in enumerate(maps):
        side = OUTPUT_CELLS if k == len(maps) - 1 else HIDDEN_CELLS
        x = jnp.asarray(features(cells(side), settings.features))
        value = np.asarray(nn.Sequential(*model.layers[: 2 * k + 2])(x))  # type: ignore[attr-defined]
        limit = np.abs(value).max(axis=0)
        close(heat.limit, limit)
        shown = (heat.codes.astype(np.float64) - 127) / 127 * heat.limit[:, None, None]
        assert heat.codes.shape == (found.layers[k].units, side, side)
        far = np.abs(shown - value.T.reshape(-1, side, side)).max(axis=(1, 2))
        assert (far <= limit / 127 * 0.5001 + 1e-6).all()
        assert heat.codes.max() <= 254


def test_row_0_has_the_highest_x2() -> None:
    settings = Settings(features=("x1", "x2"), layers=())
    found = prepared(settings, {})
    x1, x2 = HeatMaps(settings.features, found.layers).features.codes.astype(int)
    assert (np.diff(x1, axis=1) > 0).all()
    assert (x1 == x1[:1]).all()
    assert (np.diff(x2, axis=0) < 0).all()
    assert (x2[0, 0], x2[-1, 0]) == (254, 0)
    limits = HeatMaps(settings.features, found.layers).features.limit
    np.testing.assert_allclose(limits, 6 - 6 / 40)


def test_numbers_that_are_not_finite_have_a_code_of_their_own() -> None:
    found, model = ready(Settings(layers=(LayerSettings(2, "relu"),), features=("x1",)))
    weights = {"layers.0.weight": jnp.array([[3e38, 0.0]]), "layers.0.bias": jnp.zeros(2)}
    broken = cp.tree.replace(model, weights)
    first = HeatMaps(("x1",), found.layers).of(broken)[0]
    values = np.asarray(broken.layers[0](features(cells(40), ["x1"])))[:, 0]  # type: ignore[attr-defined]
    over = np.isinf(values).reshape(40, 40) & (values.reshape(40, 40) > 0)
    assert over.any()
    assert ((first.codes[0] == 255) == over).all()
    assert np.isfinite(first.limit).all()
    assert (first.codes[1] == 127).all()
    assert first.limit[1] == 0

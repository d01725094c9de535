"""The network that settings describe, and the output that a loss needs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.studio.playground.messages import LayerSettings, Settings
from clearprop.studio.playground.network import (
    BIAS,
    HIDDEN_ACTIVATIONS,
    INITIALIZERS,
    OUTPUTS,
    UNFIT,
    OutputLayer,
    layers_of,
    model_of,
    output_of,
)

SIGN = OutputLayer("signs", 1, "tanh")


def built(settings: Settings, output: OutputLayer = SIGN) -> nn.Module:
    return model_of(settings, layers_of(settings.layers, output)).init(settings.seed)


def test_every_loss_of_the_library_fits_or_has_a_reason() -> None:
    assert set(OUTPUTS) | set(UNFIT) == set(nn.LOSSES)
    assert not set(OUTPUTS) & set(UNFIT)
    for name, why in UNFIT.items():
        with pytest.raises(ConfigurationError, match=why[:20]):
            output_of(name, "two classes", 2)


def test_a_loss_decides_the_output() -> None:
    assert output_of("squared_error", "two classes", 2) == SIGN
    assert output_of("squared_error", "regression", 0) == OutputLayer("numbers", 1, "identity")
    assert output_of("binary_cross_entropy", "two classes", 2).coding == "bits"
    assert output_of("cross_entropy", "several classes", 5) == OutputLayer("labels", 5, "identity")
    assert output_of("nll", "two classes", 2) == OutputLayer("labels", 2, "log_softmax")


@pytest.mark.parametrize(
    ("loss", "task", "words"),
    [
        ("squared_eror", "two classes", "squared_error"),
        ("cross_entropy", "regression", "does not fit targets that are numbers"),
        ("hinge", "several classes", "3 classes"),
        ("squared_error", "several classes", "cross_entropy"),
    ],
)
def test_a_loss_that_does_not_fit_is_told(loss: str, task: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        output_of(loss, task, 0 if task == "regression" else 3)


def test_layers_and_paths() -> None:
    settings = Settings(layers=(LayerSettings(3, "relu"), LayerSettings(5)), dropout=0.3)
    layers = layers_of(settings.layers, SIGN)
    assert [(one.units, one.activation) for one in layers] == [
        (3, "relu"),
        (5, "tanh"),
        (1, "tanh"),
    ]
    parameters = nn.parameters(built(settings))
    for layer, inputs in zip(layers, (2, 3, 5), strict=True):
        assert parameters[layer.weight].shape == (inputs, layer.units)
        assert parameters[layer.bias].shape == (layer.units,)
    without = nn.parameters(built(Settings(layers=settings.layers)))
    assert list(without) == list(parameters)


def test_the_activations_of_hidden_units_take_each_unit_by_itself() -> None:
    assert {"tanh", "relu", "binary_step", "identity"} <= set(HIDDEN_ACTIVATIONS)
    assert set(ops.ACTIVATIONS) - set(HIDDEN_ACTIVATIONS) == {"softmax", "log_softmax"}
    with pytest.raises(ConfigurationError, match="compares the units"):
        layers_of((LayerSettings(2, "softmax"),), SIGN)
    with pytest.raises(ConfigurationError, match="relu"):
        layers_of((LayerSettings(2, "reul"),), SIGN)


def test_the_usual_weights() -> None:
    settings = Settings(layers=(LayerSettings(60), LayerSettings(50)))
    parameters = nn.parameters(built(settings))
    for path, inputs, factor in (("0", 2, 1), ("2", 60, 3), ("4", 50, 3)):
        weight = np.asarray(parameters[f"layers.{path}.weight"])
        limit = math.sqrt(factor / inputs)
        assert 0.8 * limit < np.abs(weight).max() <= limit
        biases = np.asarray(parameters[f"layers.{path}.bias"])
        assert np.all(biases == (np.float32(BIAS) if path != "4" else 0))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_is_that_of_the_hidden_layers(name: str) -> None:
    settings = Settings(layers=(LayerSettings(4), LayerSettings(5)), weight_init=name)
    usual = nn.parameters(built(Settings(layers=settings.layers)))
    own = nn.parameters(built(settings))
    assert np.isfinite(own["layers.0.weight"]).all()
    for path in ("layers.0.weight", "layers.2.weight"):
        assert not np.array_equal(own[path], usual[path])
    assert np.array_equal(own["layers.4.weight"], usual["layers.4.weight"])
    assert np.all(np.asarray(own["layers.0.bias"]) == np.float32(BIAS))


def test_an_unknown_initializer_is_told() -> None:
    with pytest.raises(ConfigurationError, match="he_normal"):
        built(Settings(weight_init="he_norml"))
    with pytest.raises(ConfigurationError, match="constant"):
        built(Settings(weight_init="constant"))

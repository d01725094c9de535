"""Mixed precision: layers compute in bfloat16, parameters stay in float32."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, nn, ops, tree
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError
from clearprop.training import fit
from clearprop.training.supervised import in_precision, widened


def test_gradients_come_back_in_the_weights_own_type() -> None:
    w, x = jnp.full((3, 2), 0.1), jnp.ones((4, 3))

    def loss(w: Any) -> Any:
        narrow, inputs = in_precision((w, x), "bfloat16")
        product = ops.matmul(inputs, narrow)
        assert product.dtype == jnp.bfloat16
        return ops.mean(ops.square(widened(product)))

    gradient = grad(loss)(w)
    assert gradient.dtype == jnp.float32
    np.testing.assert_allclose(gradient, np.full((3, 2), 0.3), rtol=0.01)


@pytest.mark.optimized
@pytest.mark.parametrize("training", [True, False])
def test_every_layer_of_a_network_computes_in_bfloat16(training: bool) -> None:
    model = nn.Sequential(
        [
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm(4),
            ops.relu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(36, 8),
            nn.LayerNorm(8),
            nn.Dropout(0.2),
            nn.Linear(8, 3),
            ops.softmax,
        ]
    ).init(0)
    seen: list[Any] = []

    def listen(path: str, layer: nn.Module, inputs: Any, output: Any) -> None:
        seen.append((path, output.dtype))

    weights, x = in_precision((nn.parameters(model), jnp.ones((2, 8, 8, 1))), "bfloat16")
    narrow = tree.replace(model, weights)
    _, noted = nn.apply(narrow, x, training=training, key=jax.random.key(0), hook=listen)
    assert len(seen) >= 9
    assert {dtype for _, dtype in seen} == {jnp.dtype(jnp.bfloat16)}
    assert all(value.dtype == jnp.float32 for value in noted.values())


def test_means_and_variances_are_taken_in_float32() -> None:
    x = (jax.random.normal(jax.random.key(0), (64, 16)) * 0.3 + 20).astype(jnp.bfloat16)
    layer = nn.LayerNorm(16).init(0)
    exact = layer(x.astype(jnp.float32))
    assert layer(x).dtype == jnp.bfloat16
    np.testing.assert_allclose(layer(x).astype(jnp.float32), exact, rtol=2**-8)


@pytest.mark.optimized
def test_a_run_in_bfloat16_keeps_its_weights_in_float32(
    digits: data.Splits, perceptron: nn.Module
) -> None:
    options: dict[str, Any] = {"epochs": 6, "batch_size": 64, "progress": False}
    narrow = fit(perceptron, digits, precision="bfloat16", **options)
    wide = fit(perceptron, digits, **options)
    assert {str(x.dtype) for x in nn.parameters(narrow.model).values()} == {"float32"}
    assert narrow.config["settings"]["precision"] == "bfloat16"
    assert np.abs(narrow.losses - wide.losses).max() > 0
    assert narrow.history.development_error[-1] < wide.history.development_error[-1] + 0.02
    assert narrow.history.objective[-1] == pytest.approx(wide.history.objective[-1], rel=0.1)


def test_an_unknown_precision_is_refused(xor: Any, perceptron: nn.Module) -> None:
    with pytest.raises(ConfigurationError, match="float61"):
        fit(perceptron, xor, precision="float61")


def test_weights_in_double_precision_are_trained_in_it(xor: Any) -> None:
    with jax.enable_x64(True):
        model = nn.Sequential([nn.Linear(2, 4), ops.tanh, nn.Linear(4, 2)])
        model = model.init(0, dtype=jnp.float64)
        run = fit(model, xor, epochs=2, batch_size=4, progress=False)
        assert {str(x.dtype) for x in nn.parameters(run.model).values()} == {"float64"}

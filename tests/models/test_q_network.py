"""The Q-network: its two heads, its scale, and what it refuses."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.models import QNetwork

X = jax.random.normal(jax.random.key(0), (5, 4))


def test_the_plain_head_is_a_linear_layer_on_the_hidden_units() -> None:
    model = QNetwork(4, 3, hidden_sizes=(8,), scale=(1.0, 2.0, 4.0, 8.0)).init(0)
    w = {path: np.asarray(x) for path, x in nn.parameters(model).items()}
    hidden = np.maximum(X / np.array([1, 2, 4, 8]) @ w["layers.0.weight"] + w["layers.0.bias"], 0)
    expected = hidden @ w["advantage.weight"] + w["advantage.bias"]
    assert np.allclose(model(X), expected, atol=1e-6)


def test_the_duelling_head_adds_advantages_of_mean_0_to_the_value() -> None:
    model = QNetwork(4, 3, hidden_sizes=(8,), duelling=True).init(0)
    assert model.value is not None
    hidden = model.activation(model.layers[0](X))
    assert np.allclose(model(X).mean(axis=1), model.value(hidden)[:, 0], atol=1e-6)
    shifted = nn.parameters(model)["advantage.bias"] + 5.0
    from clearprop import tree

    moved = tree.replace(model, {"advantage.bias": shifted})
    assert np.allclose(moved(X), model(X), atol=1e-5)


def test_its_gradient_is_that_of_jax() -> None:
    from clearprop.autodiff import grad

    for duelling in (False, True):
        model = QNetwork(4, 3, hidden_sizes=(8,), duelling=duelling, scale=(2.0,) * 4).init(0)

        def total(model: nn.Module) -> jax.Array:
            q = model(X)
            return (q * q).sum()

        ours, theirs = grad(total)(model), jax.grad(total)(model)
        for path, value in nn.parameters(ours).items():
            assert np.allclose(value, nn.parameters(theirs)[path], rtol=1e-4, atol=1e-5), path


def test_what_does_not_fit_is_answered() -> None:
    with pytest.raises(ConfigurationError, match="a scale for each number"):
        QNetwork(4, 2, scale=(1.0, 2.0))
    with pytest.raises(ConfigurationError, match="has a hidden layer"):
        QNetwork(4, 2, hidden_sizes=())
    assert QNetwork(4, 2).init(0)(jnp.zeros((2, 4))).shape == (2, 2)

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import sigmoid

from clearprop import nn, tree
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.neuron import KINDS

Z = np.array([-2.0, -0.5, 0.0, 0.5, 2.0], np.float32)
S = np.asarray(sigmoid(Z))

VALUES = {
    "linear": (Z, np.ones(5)),
    "rectified linear": (np.maximum(Z, 0), [0, 0, 0, 1, 1]),
    "sigmoid": (S, S * (1 - S)),
    "binary threshold": ([0, 0, 1, 1, 1], np.zeros(5)),
}


def neuron(kind: str) -> nn.Neuron:
    values = {"weight": jnp.array([[2.0], [-1.0]]), "bias": jnp.array([0.5])}
    return tree.replace(nn.Neuron(2, kind).init(0), values)


def test_the_four_neurons_are_those_of_the_lectures() -> None:
    assert set(KINDS) == set(VALUES)


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_derivatives(kind: str) -> None:
    # z = 0.5 + 2 x1 - x2 takes the values Z on these points.
    x = jnp.stack([jnp.asarray(Z), jnp.asarray(Z) + 0.5], axis=-1)
    one = neuron(kind)
    np.testing.assert_allclose(one.total(x), Z, rtol=1e-6)
    y, slope = VALUES[kind]
    np.testing.assert_allclose(one(x), y, rtol=1e-6)
    np.testing.assert_allclose(one.slope(x), slope, rtol=1e-6)


def test_no_error_passes_a_binary_threshold() -> None:
    x = jnp.array([[1.0, 0.3], [-2.0, 0.7]])
    gradient = grad(lambda model: (model(x) - 1.0).sum() ** 2)(neuron("binary threshold"))
    assert not any(np.asarray(g).any() for g in nn.parameters(gradient).values())


def test_the_gradient_is_that_of_the_oracle() -> None:
    x = jnp.array([[1.0, 0.3], [-2.0, 0.7]])
    model = neuron("sigmoid")
    ours = grad(lambda model: (model(x) ** 2).sum())(model)
    theirs = jax.grad(lambda w, b: (sigmoid((x @ w + b)[:, 0]) ** 2).sum(), (0, 1))(
        model.weight, model.bias
    )
    np.testing.assert_allclose(ours.weight, theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours.bias, theirs[1], rtol=1e-5)


def test_what_a_neuron_refuses() -> None:
    with pytest.raises(ShapeError, match="one entry for each input"):
        nn.Neuron(3).init(0)(jnp.ones((4, 2)))
    with pytest.raises(ConfigurationError, match="unknown activation"):
        nn.Neuron(2, "binary")
    assert nn.Neuron(2).init(0)(jnp.ones((0, 2))).shape == (0,)

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, optim, tree
from clearprop.autodiff import value_and_grad
from clearprop.models import Perceptron
from clearprop.nn.losses import perceptron

XS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)


@pytest.mark.parametrize("rate", [0.5, 1.0])
@pytest.mark.parametrize("targets", [(0, 0, 0, 1), (0, 1, 1, 1), (0, 1, 1, 0)])
def test_descent_on_its_loss_is_rosenblatts_rule(targets: tuple[int, ...], rate: float) -> None:
    model = Perceptron(2).init(0)
    rule = optim.sgd(rate)
    state = rule.init(nn.parameters(model))
    w, b = np.zeros(2, np.float32), np.float32(0)
    for step in range(24):
        x, t = XS[step % 4], targets[step % 4]
        answer = float(w @ x + b >= 0)
        w, b = w + rate * (t - answer) * x, b + rate * (t - answer)

        def objective(model: Perceptron, row: int = step % 4) -> jax.Array:
            return perceptron(model(jnp.asarray(XS[row][None])), jnp.array([targets[row]]))

        _, gradient = value_and_grad(objective)(model)
        deltas, state = rule.update(nn.parameters(gradient), state, nn.parameters(model))
        moved = optim.apply(nn.parameters(model), deltas)
        model = tree.replace(model, moved)
        np.testing.assert_array_equal(model.neuron.weight[:, 0], w)
        np.testing.assert_array_equal(model.neuron.bias[0], b)


def test_the_error_signal_is_answer_minus_target() -> None:
    z = jnp.array([[-2.0], [-0.5], [0.0], [3.0]])
    t = jnp.array([0, 1, 1, 0])
    value, error = value_and_grad(lambda z: perceptron.per_example(z, t).sum())(z)
    np.testing.assert_array_equal(error[:, 0], [0, -1, 0, 1])
    assert float(value) == 3.5  # -(-0.5) + 3


def test_on_the_plane_the_answer_is_one() -> None:
    z = jnp.zeros((2, 1))
    np.testing.assert_array_equal(perceptron.error(z, jnp.array([0, 1])), [1, 0])


def test_it_begins_with_zeros() -> None:
    assert all((w == 0).all() for w in nn.parameters(Perceptron(3).init(5)).values())

"""Losses: values, error signals and the errors that people read."""

import jax.numpy as jnp
import pytest

from clearprop import nn
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError


def test_softmax_with_cross_entropy_passes_back_y_minus_t():
    logits = jnp.array([[2.0, 1.0, 0.1]])
    y = jnp.exp(logits) / jnp.exp(logits).sum()
    error = grad(lambda z: nn.cross_entropy(z, jnp.array([1])))(logits)
    assert jnp.allclose(error, y - jnp.array([[0.0, 1.0, 0.0]]), atol=1e-6)


def test_squared_error_is_half_the_sum_and_passes_back_y_minus_t():
    y, t = jnp.array([[0.690283]]), jnp.array([0.5])
    assert float(nn.squared_error(y, t)) == pytest.approx(0.5 * 0.190283**2, rel=1e-5)
    assert float(grad(lambda y: nn.squared_error(y, t))(y)[0, 0]) == pytest.approx(0.190283, 1e-5)


def test_mean_squared_error_is_the_mean_over_all_entries():
    y, t = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.zeros((2, 2))
    assert float(nn.mean_squared_error(y, t)) == pytest.approx(7.5)


def test_binary_cross_entropy_from_logits():
    z, t = jnp.array([[0.0], [3.0]]), jnp.array([1, 0])
    expected = (jnp.log(2.0) + jnp.log1p(jnp.exp(3.0))) / 2
    assert float(nn.binary_cross_entropy(z, t)) == pytest.approx(float(expected), rel=1e-6)


def test_errors_count_what_is_wrong():
    logits = jnp.array([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]])
    assert nn.cross_entropy.error(logits, jnp.array([0, 0, 1])).tolist() == [0, 1, 1]
    soft = jnp.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    assert nn.cross_entropy.error(logits, soft).tolist() == [0, 0, 0]
    assert nn.binary_cross_entropy.error(
        jnp.array([[-1.0], [2.0]]), jnp.array([1, 1])
    ).tolist() == [1, 0]
    assert nn.binary_squared_error.error(jnp.array([[0.4], [0.6]]), jnp.array([0, 0])).tolist() == [
        0,
        1,
    ]


def test_a_function_becomes_a_loss():
    loss = nn.find_loss(lambda outputs, targets: (outputs - targets) ** 2)
    assert float(loss(jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0]))) == 5.0
    averaging = nn.find_loss(lambda outputs, targets: ((outputs - targets) ** 2).mean())
    assert float(averaging(jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0]))) == 5.0


def test_unknown_losses_and_shapes_are_refused():
    with pytest.raises(ConfigurationError, match="cross_entrpy") as caught:
        nn.find_loss("cross_entrpy")
    assert "cross_entropy" in str(caught.value)
    with pytest.raises(ShapeError, match="targets"):
        nn.squared_error(jnp.ones((4, 3)), jnp.ones((4, 2)))

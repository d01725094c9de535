"""Normalization: moments, invariance, statistics with errors, and shapes that do not fit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.errors import ShapeError

X = jax.random.normal(jax.random.key(0), (4, 3, 5)) * 3 + 7


def test_each_example_or_feature_gets_mean_0_and_variance_1() -> None:
    y = ops.layer_norm(X)
    np.testing.assert_allclose(y.mean(-1), np.zeros((4, 3)), atol=1e-5)
    np.testing.assert_allclose(y.var(-1), np.ones((4, 3)), rtol=1e-3)
    y, mean, variance = ops.batch_norm(X)
    np.testing.assert_allclose(y.mean((0, 1)), np.zeros(5), atol=1e-5)
    np.testing.assert_allclose(mean, X.mean((0, 1)), rtol=1e-6)
    np.testing.assert_allclose(variance, X.var((0, 1)), rtol=1e-5)


def test_layer_norm_does_not_see_the_scale_of_its_input() -> None:
    np.testing.assert_allclose(ops.layer_norm(5 * X), ops.layer_norm(X), atol=1e-4)
    gradient = grad(lambda s: (ops.layer_norm(s * X) ** 3).sum())(2.0)
    assert abs(float(gradient)) < 1e-2


def test_scale_and_shift_come_last() -> None:
    scale, shift = jnp.arange(1.0, 6.0), jnp.arange(5.0)
    expected = ops.layer_norm(X) * scale + shift
    np.testing.assert_allclose(ops.layer_norm(X, scale, shift), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        grad(lambda s: ops.layer_norm(X, None, s).sum())(shift), np.full(5, 12.0)
    )
    expected = ops.batch_norm(X)[0] * scale + shift
    np.testing.assert_allclose(ops.batch_norm(X, scale, shift)[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        grad(lambda s: ops.batch_norm(X, None, s)[0].sum())(shift), np.full(5, 12.0)
    )


def test_the_statistics_of_a_batch_carry_errors_too() -> None:
    of_mean = grad(lambda x: ops.batch_norm(x)[1].sum())(X)
    np.testing.assert_allclose(of_mean, np.full(X.shape, 1 / 12), rtol=1e-6)
    of_variance = grad(lambda x: ops.batch_norm(x)[2].sum())(X)
    expected = (X - X.mean((0, 1))) / 6
    np.testing.assert_allclose(of_variance, expected, rtol=1e-4, atol=1e-5)


def test_a_weight_without_a_direction_is_zero_and_learns() -> None:
    v = jnp.array([[0.0, 3.0], [0.0, 4.0]])
    gain, weigh = jnp.array([2.0, 10.0]), jnp.array([[1.0, 1.0], [-1.0, 1.0]])
    w = ops.weight_norm(v, gain)
    np.testing.assert_allclose(w, [[0, 6], [0, 8]], rtol=1e-6)
    of_v, of_gain = grad(lambda v, g: (ops.weight_norm(v, g) * weigh).sum(), (0, 1))(v, gain)
    np.testing.assert_allclose(of_v[:, 0], gain[0] * weigh[:, 0])
    assert float(of_gain[0]) == 0
    assert np.isfinite(of_v).all()


def test_weight_norm_has_the_length_of_its_gain() -> None:
    v, gain = jnp.ones((2, 3, 4)), jnp.arange(1.0, 5.0)
    w = ops.weight_norm(v, gain)
    np.testing.assert_allclose(jnp.sqrt((w**2).sum((0, 1))), gain, rtol=1e-6)
    gradient = grad(lambda v: (ops.weight_norm(v, gain) * X[:2, :, :4]).sum())(v)
    np.testing.assert_allclose((gradient * v).sum((0, 1)), np.zeros(4), atol=1e-5)


def test_misfits_are_told() -> None:
    with pytest.raises(ShapeError, match=r"scale of shape \(5,\)"):
        ops.layer_norm(X, jnp.ones(4))
    with pytest.raises(ShapeError, match="not the last"):
        ops.layer_norm(X, axis=0)
    with pytest.raises(ShapeError, match=r"shift of shape \(5,\)"):
        ops.batch_norm(X, None, jnp.ones(3))
    with pytest.raises(ShapeError, match="no batch"):
        ops.batch_norm(jnp.ones(3))
    with pytest.raises(ShapeError, match="gain"):
        ops.weight_norm(jnp.ones((2, 3)), jnp.ones(2))

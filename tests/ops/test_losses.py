"""Losses: values, the rules of the lectures, large logits, and shapes that do not fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.errors import ShapeError

Z = jnp.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
LABELS = jnp.array([1, 0])


def test_the_rule_of_softmax_cross_entropy_is_output_less_target() -> None:
    targets = jax.nn.one_hot(LABELS, 3)
    for t in (LABELS, targets):
        gradient = grad(lambda z, t=t: ops.softmax_cross_entropy(z, t).sum())(Z)
        np.testing.assert_allclose(gradient, jax.nn.softmax(Z) - targets, rtol=1e-5, atol=1e-7)
    by_hand = -jnp.log(jax.nn.softmax(Z))[jnp.arange(2), LABELS]
    np.testing.assert_allclose(ops.softmax_cross_entropy(Z, LABELS), by_hand, rtol=1e-6)


def test_smoothed_and_soft_labels_are_taken_as_they_are() -> None:
    t = jnp.array([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])
    expected = -(t * jax.nn.log_softmax(Z)).sum(-1)
    np.testing.assert_allclose(ops.softmax_cross_entropy(Z, t), expected, rtol=1e-6)


def test_far_out_logits_stay_finite() -> None:
    z = jnp.array([[1e4, -1e4], [-1e4, 1e4]])
    for t in (jnp.array([1, 1]), jnp.array([[0.0, 1.0], [0.0, 1.0]])):
        np.testing.assert_allclose(ops.softmax_cross_entropy(z, t), [2e4, 0])
        gradient = grad(lambda z, t=t: ops.softmax_cross_entropy(z, t).sum())(z)
        np.testing.assert_allclose(gradient, [[1, -1], [0, 0]])
    t = jnp.array([0.0, 0.0])
    np.testing.assert_allclose(ops.sigmoid_binary_cross_entropy(z[0], t), [1e4, 0])
    gradient = grad(lambda z: ops.sigmoid_binary_cross_entropy(z, t).sum())(z[0])
    np.testing.assert_allclose(gradient, [1, 0])


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_class_that_is_not_there_does_not_pass_unseen(wrong: int) -> None:
    loss = ops.softmax_cross_entropy(Z, jnp.array([0, wrong]))
    assert not math.isnan(loss[0])
    assert math.isnan(loss[1])


def test_binary_losses_agree() -> None:
    z, t = jnp.array([0.3, -2.0, 1.5]), jnp.array([1.0, 0.0, 0.25])
    fused = ops.sigmoid_binary_cross_entropy(z, t)
    np.testing.assert_allclose(ops.log_loss(ops.sigmoid(z), t), fused, rtol=1e-5)
    gradient = grad(lambda z: ops.sigmoid_binary_cross_entropy(z, t).sum())(z)
    np.testing.assert_allclose(gradient, jax.nn.sigmoid(z) - t, rtol=1e-5)
    chained = grad(lambda z: ops.log_loss(ops.sigmoid(z), t).sum())(z)
    np.testing.assert_allclose(gradient, chained, rtol=1e-4)
    labels = jnp.array([1, 0, 1])
    assert ops.sigmoid_binary_cross_entropy(z, labels).dtype == jnp.float32
    assert grad(lambda z: ops.sigmoid_binary_cross_entropy(z, labels).sum())(z).shape == (3,)


def test_a_sure_and_right_probability_costs_nothing() -> None:
    y = t = jnp.array([0.0, 1.0])
    np.testing.assert_array_equal(ops.log_loss(y, t), [0, 0])
    np.testing.assert_array_equal(grad(lambda y: ops.log_loss(y, t).sum())(y), [1, -1])


def test_squared_error_is_the_lectures() -> None:
    y, t = jnp.array([0.69]), jnp.array([0.5])
    assert float(ops.squared_error(y, t)[0]) == pytest.approx(0.19**2 / 2)
    np.testing.assert_allclose(grad(lambda y: ops.squared_error(y, t).sum())(y), y - t)


def test_kl_divergence() -> None:
    p, q = jnp.array([0.5, 0.5, 0.0]), jnp.array([0.25, 0.5, 0.25])
    assert float(ops.kl_divergence(p, q)) == pytest.approx(0.5 * math.log(2))
    assert float(ops.kl_divergence(p, p)) == 0
    in_p, in_q = grad(ops.kl_divergence, argnums=(0, 1))(p, q)
    np.testing.assert_allclose(in_p, [math.log(2) + 1, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(in_q, [-2, -1, 0])


def test_zero_one_is_reported_and_passes_no_error() -> None:
    np.testing.assert_array_equal(ops.zero_one(Z, LABELS), [0, 1])
    np.testing.assert_array_equal(
        grad(lambda z: ops.zero_one(z, LABELS).sum())(Z), jnp.zeros((2, 3))
    )


def test_hinge_is_flat_beyond_the_margin() -> None:
    gradient = grad(lambda z: ops.hinge(z, jnp.array([1, -1])).sum())(jnp.array([2.0, 0.5]))
    np.testing.assert_array_equal(gradient, [0, 1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ops.softmax_cross_entropy(Z, LABELS[:1]), r"labels \(classes\) \(1,\)"),
        (lambda: ops.softmax_cross_entropy(Z, jnp.ones(2)), r"labels \(probabilities\) \(2,\)"),
        (lambda: ops.softmax_cross_entropy(jnp.ones(()), jnp.array(0)), "logits"),
        (lambda: ops.zero_one(Z, jnp.ones((2, 3))), "labels"),
        (lambda: ops.squared_error(jnp.ones((3, 1)), jnp.ones(3)), "every example with every"),
        (lambda: ops.hinge(jnp.ones((3, 1)), jnp.ones(3)), "output"),
        (lambda: ops.log_loss(jnp.ones(2), jnp.ones(3)), "output"),
        (lambda: ops.kl_divergence(jnp.ones(2), jnp.ones(3)), "output"),
        (lambda: ops.sigmoid_binary_cross_entropy(jnp.ones(2), jnp.ones(3)), "output"),
    ],
)
def test_misfits_are_told(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        call()

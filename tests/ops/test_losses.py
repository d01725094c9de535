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


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("logit", [17.0, 20.0, 90.0, 200.0, -200.0])
def test_the_log_loss_of_a_saturated_sigmoid_is_finite(logit: float, dtype: Any) -> None:
    """Its sigmoid is exactly 0 or 1 in the type; the target is on the other side."""
    z = jnp.array([logit], dtype)
    t = (z < 0).astype(dtype)
    loss = ops.log_loss(ops.sigmoid(z), t)
    assert 10 < float(loss[0]) <= 100
    for of in (
        lambda z: ops.log_loss(ops.sigmoid(z), t).sum(),
        lambda z: grad(lambda z: ops.log_loss(ops.sigmoid(z), t).sum())(z).sum(),
    ):
        assert np.isfinite(np.asarray(grad(of)(z), np.float32)).all()
    y = ops.sigmoid(z)
    of_y, of_t = grad(lambda y, t: ops.log_loss(y, t).sum(), (0, 1))(y, t)
    assert np.isfinite(np.asarray([of_y, of_t], np.float32)).all()
    assert np.sign(of_y[0]) == np.sign(logit)  # the error still says to which side


def test_the_bounds_of_log_loss_are_those_of_pytorch() -> None:
    y, t = jnp.array([0.0, 1.0, 1.0, 0.0]), jnp.array([1.0, 0.0, 0.25, 0.0])
    np.testing.assert_allclose(ops.log_loss(y, t), [100, 100, 75, 0])
    gradient = grad(lambda y: ops.log_loss(y, t).sum())(y)
    np.testing.assert_allclose(gradient, [-1e12, 1e12, 0.75e12, 1], rtol=1e-6)
    for outside in (-0.1, 1.1, math.nan):  # no probability
        assert math.isnan(ops.log_loss(jnp.array([outside]), jnp.array([0.5]))[0])
    torch = pytest.importorskip("torch", reason="PyTorch is a peer, not a dependency")
    theirs = torch.nn.functional.binary_cross_entropy(
        torch.tensor(np.array(y)), torch.tensor(np.array(t)), reduction="none"
    )
    np.testing.assert_allclose(ops.log_loss(y, t), theirs.numpy())


def every_order(function: Callable[..., Any], *inputs: jax.Array) -> list[Any]:
    """Return the value, the gradient and a product with the Hessian, as a flat list."""
    places = tuple(range(len(inputs)))
    first = grad(function, places)
    second = grad(lambda *x: sum((g * (i + 1)).sum() for i, g in enumerate(first(*x))), places)
    return jax.tree.leaves((function(*inputs), first(*inputs), second(*inputs)))


ZEROS = jnp.array([0.0, 0.5, 0.5, 0.0])
OTHER_ZEROS = jnp.array([0.0, 0.25, 0.0, 0.75])


@pytest.mark.parametrize(
    ("name", "function", "inputs"),
    [
        ("kl at p = q = 0", ops.kl_divergence, (ZEROS, ZEROS)),
        ("kl at q = 0", ops.kl_divergence, (ZEROS, OTHER_ZEROS)),
        ("log loss", lambda y, t: ops.log_loss(y, t).sum(), (ZEROS, OTHER_ZEROS)),
        ("log loss at y = t", lambda y, t: ops.log_loss(y, t).sum(), (ZEROS, ZEROS)),
        ("entropy", lambda p: -ops.xlogy(p, p).sum(), (ZEROS,)),
        ("cross-entropy", lambda t, y: -ops.xlogy(t, y).sum(), (ZEROS, ZEROS)),
        (
            "cross-entropy of logits",
            lambda z: ops.softmax_cross_entropy(z, ZEROS),
            (jnp.array([-math.inf, 1.0, 2.0, -math.inf]),),
        ),
        ("smooth logits", ops.softmax_cross_entropy, (OTHER_ZEROS, ZEROS)),
        (
            "binary cross-entropy of logits",
            lambda z, t: ops.sigmoid_binary_cross_entropy(z, t).sum(),
            (jnp.array([200.0, -200.0, 0.0, 0.0]), ZEROS),
        ),
    ],
)
def test_zeros_among_probabilities_give_no_nan(
    name: str, function: Callable[..., Any], inputs: tuple[jax.Array, ...]
) -> None:
    for value in every_order(function, *inputs):
        assert np.isfinite(value).all()


def test_what_is_no_probability_is_told_by_nan() -> None:
    p = jnp.array([0.5, 0.5])
    for wrong in (-0.5, math.nan):
        assert math.isnan(ops.kl_divergence(jnp.array([wrong, 0.5]), p))
        assert math.isnan(ops.kl_divergence(p, jnp.array([wrong, 0.5])))


def test_the_derivatives_of_x_log_y() -> None:
    x, y = jnp.array([0.0, 0.0, 2.0]), jnp.array([0.0, 3.0, 0.5])
    in_x, in_y = grad(lambda x, y: ops.xlogy(x, y).sum(), (0, 1))(x, y)
    np.testing.assert_allclose(in_x, [0, math.log(3), math.log(0.5)], rtol=1e-6)
    np.testing.assert_allclose(in_y, [0, 0, 4], rtol=1e-6)


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


def test_hinge_has_a_gradient_for_its_target_too() -> None:
    z, t = jnp.array([2.0, 0.5, -1.5]), jnp.array([1.0, -0.5, 0.25])
    ours = grad(lambda z, t: ops.hinge(z, t).sum(), (0, 1))(z, t)
    theirs = jax.grad(lambda z, t: jnp.maximum(0, 1 - z * t).sum(), (0, 1))(z, t)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b)


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

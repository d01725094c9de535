"""Losses: values, error signals and the reported errors."""

import jax
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


def test_positions_without_a_target_do_not_count():
    z = jax.random.normal(jax.random.key(0), (3, 4, 5))
    targets = jnp.array([[0, 1, 2, 3], [4, 0, -1, -1], [-1, -1, -1, -1]])
    log_share = jax.nn.log_softmax(z)
    expected = [
        -(log_share[0, 0, 0] + log_share[0, 1, 1] + log_share[0, 2, 2] + log_share[0, 3, 3]) / 4,
        -(log_share[1, 0, 4] + log_share[1, 1, 0]) / 2,
        0.0,
    ]
    losses = nn.sequence_cross_entropy.per_example(z, targets)
    assert jnp.allclose(losses, jnp.array(expected), rtol=1e-6)
    error = grad(lambda z: nn.sequence_cross_entropy(z, targets))(z)
    assert (error[1, 2:] == 0).all()
    assert (error[2] == 0).all()
    assert (error[0] != 0).all()


def test_wrong_positions_are_counted_among_those_that_count():
    z = jax.nn.one_hot(jnp.array([[0, 1, 2, 3], [4, 0, 1, 1]]), 5)
    targets = jnp.array([[0, 1, 2, 0], [4, 1, -1, -1]])
    assert nn.sequence_cross_entropy.error(z, targets).tolist() == [0.25, 0.5]


def test_a_sequence_needs_a_target_at_every_position():
    with pytest.raises(ShapeError, match="one label for each place"):
        nn.sequence_cross_entropy(jnp.ones((2, 3, 5)), jnp.ones((2, 4), jnp.int32))


def test_places_with_a_negative_label_are_not_counted_and_pass_nothing_back():
    logits = jnp.array(
        [[[2.0, 1.0], [0.0, 3.0], [9.0, -9.0]], [[1.0, 1.0], [5.0, 0.0], [2.0, 4.0]]]
    )
    targets = jnp.array([[0, 0, -1], [-1, -1, -1]])
    loss = nn.sequence_cross_entropy
    of_places = nn.cross_entropy.per_example(logits[0, :2], jnp.array([0, 0]))
    assert loss.per_example(logits, targets).tolist() == pytest.approx([float(of_places.mean()), 0])
    assert loss.error(logits, targets).tolist() == [0.5, 0]
    error = grad(lambda z: loss(z, targets))(logits)
    assert not error[0, 2].any()
    assert not error[1].any()
    assert error[0, :2].all()
    assert not grad(lambda z: nn.smoothed(loss, 0.2)(z, targets))(logits)[0, 2].any()


def test_a_sequence_needs_a_label_for_each_place():
    with pytest.raises(ShapeError, match="one label for each place"):
        nn.sequence_cross_entropy(jnp.ones((2, 3, 4)), jnp.array([0, 1]))


def test_divergence_is_cross_entropy_less_the_entropy_of_the_targets():
    logits, t = jnp.array([[2.0, 1.0, 0.1]]), jnp.array([[0.5, 0.5, 0.0]])
    divergence = nn.find_loss("kl_divergence")
    expected = nn.cross_entropy(logits, t) - jnp.log(2.0)
    assert float(divergence(logits, t)) == pytest.approx(float(expected), rel=1e-5)
    y = jnp.exp(logits) / jnp.exp(logits).sum()
    assert jnp.allclose(grad(lambda z: divergence(z, t))(logits), y - t, atol=1e-6)
    assert float(divergence(jnp.log(t + 1e-30), t)) == pytest.approx(0, abs=1e-6)


def test_log_loss_and_hinge_take_classes_0_and_1():
    y = jnp.array([[0.9], [0.2]])
    assert float(nn.find_loss("log_loss")(y, jnp.array([1, 0]))) == pytest.approx(0.1643, abs=1e-4)
    z = jnp.array([[0.5], [3.0], [-2.0]])
    hinge = nn.find_loss("hinge")
    assert hinge.per_example(z, jnp.array([1, 1, 1])).tolist() == [0.5, 0, 3]
    assert hinge.per_example(z, jnp.array([0, 0, 0])).tolist() == [1.5, 4, 0]
    assert hinge.error(z, jnp.array([1, 0, 1])).tolist() == [0, 1, 1]


def test_smoothed_targets_share_a_part_among_the_classes():
    z = jnp.array([[0.3, -1.0, 2.0, 0.0]])
    y = jnp.exp(z) / jnp.exp(z).sum()
    loss = nn.smoothed("cross_entropy", 0.2)
    expected = y - jnp.array([[0.05, 0.05, 0.85, 0.05]])
    assert jnp.allclose(grad(lambda z: loss(z, jnp.array([2])))(z), expected, atol=1e-6)
    assert float(loss(z, jnp.array([2]))) == pytest.approx(
        float(loss(z, jnp.array([[0.0, 0.0, 1.0, 0.0]]))), rel=1e-6
    )
    sided = nn.smoothed("binary_cross_entropy", 0.2)
    error = grad(lambda z: sided(z, jnp.array([1])))(jnp.zeros((1, 1)))
    assert float(error[0, 0]) == pytest.approx(0.5 - 0.9)
    assert bool(jnp.isnan(loss(z, jnp.array([4]))))


@pytest.mark.parametrize(("loss", "amount"), [("squared_error", 0.1), ("cross_entropy", 1.0)])
def test_what_cannot_be_smoothed_is_refused(loss: str, amount: float):
    with pytest.raises(ConfigurationError, match="label_smoothing"):
        nn.smoothed(loss, amount)

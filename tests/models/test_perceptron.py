from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from clearprop import nn, optim, tree
from clearprop.autodiff import value_and_grad
from clearprop.errors import DataError
from clearprop.models import Perceptron, kesler, rosenblatt
from clearprop.nn.losses import perceptron
from clearprop.recipes.separation import margin, separate

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
        updates, state = rule.update(nn.parameters(gradient), state, nn.parameters(model))
        moved = optim.apply(nn.parameters(model), updates)
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


def in_order(passes: int, length: int = 4) -> list[np.ndarray]:
    return [np.arange(length)] * passes


def test_every_correction_is_counted() -> None:
    done = rosenblatt(XS, np.array([0, 0, 0, 1]), in_order(50))
    assert done.ended
    assert done.total == sum(done.counts) == 11
    assert ((XS @ done.weights + done.bias >= 0) == [0, 0, 0, 1]).all()
    assert not rosenblatt(XS, np.array([0, 1, 1, 0]), in_order(50)).ended


@given(st.integers(0, 2**14 - 1), st.integers(0, 5), st.sampled_from([0.25, 1.0, 4.0]))
def test_the_corrections_stay_below_novikoffs_bound(bits: int, seed: int, rate: float) -> None:
    random = np.random.default_rng(seed)
    points = random.integers(-3, 4, (14, 2)).astype(np.float32)
    labels = np.array([bits >> i & 1 for i in range(14)])
    known = margin(points, labels)
    orders = (random.permutation(14) for _ in range(500))
    if known is None:
        assert separate(points, labels).separable is False
        return
    done = rosenblatt(points, labels, orders, rate=rate)
    assert done.total <= known.corrections
    assert done.ended or known.corrections >= 500


@pytest.mark.parametrize("targets", [(0, 0, 0, 1), (0, 1, 1, 1), (1, 0, 0, 0)])
def test_the_widest_margin_is_the_one_of_a_search(targets: tuple[int, ...]) -> None:
    known = margin(XS, np.array(targets))
    assert known is not None
    signs = np.where(np.array(targets) == 1, 1, -1)
    extended = np.column_stack([XS, np.ones(4)])
    directions = np.random.default_rng(0).normal(size=(100_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    best = (directions @ (signs[:, None] * extended).T).min(axis=1).max()
    assert best <= known.gamma + 1e-9
    assert best > 0.85 * known.gamma


def test_the_rate_changes_no_answer() -> None:
    labels = np.array([0, 1, 1, 1])
    counts = {rosenblatt(XS, labels, in_order(50), rate=rate).counts for rate in (0.125, 1, 8)}
    assert len(counts) == 1


@pytest.mark.parametrize("labels", [[0, 1, 2, 1], [0, 1], []])
def test_labels_that_are_none(labels: list[int]) -> None:
    with pytest.raises(DataError, match="labels of 0 or 1"):
        rosenblatt(XS[: 0 if not labels else 4], np.array(labels), in_order(1))


def test_several_classes_are_one_perceptron_of_kesler() -> None:
    iris = load_iris()
    length = iris.data[:, 2]
    rows = np.flatnonzero((length < 4.6) | (length > 5.2))  # three planes tell these apart
    x, t = iris.data[rows].astype(np.float32), iris.target[rows]
    learned = kesler(x, t, 3, in_order(500, len(x)))
    assert learned.counts[-1] == 0
    assert ((x @ learned.weights.T + learned.biases).argmax(axis=1) == t).all()
    # Kesler: one row for each example and each other class, with x at the place of the true class
    # and -x at that of the other; a plain perceptron without a bias has the same answers.
    one = np.c_[x, np.ones(len(x), np.float32)]
    found = np.zeros((3, 5), np.float32)
    for epoch, count in enumerate(learned.counts):
        wrong = 0
        for row, truth in zip(one, t, strict=True):
            said = (found @ row).argmax()
            if said != truth:
                rows_of_kesler = np.zeros((3, 5), np.float32)
                rows_of_kesler[truth], rows_of_kesler[said] = row, -row
                assert (found * rows_of_kesler).sum() <= 0
                found += rows_of_kesler
                wrong += 1
        assert wrong == count, epoch
    np.testing.assert_allclose(found, np.c_[learned.weights, learned.biases], atol=1e-3)


def test_it_goes_on_from_given_weights() -> None:
    targets = np.array([0, 0, 0, 1])
    once = rosenblatt(XS, targets, in_order(3))
    then = rosenblatt(XS, targets, in_order(17), start=(once.weights, once.bias))
    whole = rosenblatt(XS, targets, in_order(20))
    assert once.counts + then.counts == whole.counts
    np.testing.assert_array_equal(then.weights, whole.weights)
    machine = kesler(XS, targets, 2, in_order(2))
    after = kesler(XS, targets, 2, in_order(20), start=(machine.weights, machine.biases))
    assert machine.counts + after.counts == kesler(XS, targets, 2, in_order(22)).counts


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, -1, 1, 2]])
def test_labels_that_are_no_numbers_of_classes(labels: list[int]) -> None:
    with pytest.raises(DataError, match="numbers of their classes"):
        kesler(XS, np.array(labels), 3, in_order(1))

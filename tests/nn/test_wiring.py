"""Partial and lateral connections: right wiring, right gradients, and training."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import data, nn, tree
from clearprop.autodiff import check_gradients, grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn import Lateral, PartiallyConnected
from clearprop.nn.initializers import constant
from clearprop.nn.wiring import blocks, scattered, windows

RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.standard_normal((5, 6)), jnp.float32)
WIRED = scattered(6, 4, each=3)


# --- partial connections -------------------------------------------------------------------------


def test_missing_connections_are_zero_and_no_parameters() -> None:
    layer = PartiallyConnected(WIRED).init(0)
    np.testing.assert_array_equal(np.asarray(layer.matrix()) != 0, WIRED)
    np.testing.assert_array_equal(layer.connections, WIRED)
    assert nn.summary(layer, (6,)).parameters == WIRED.sum() + 4
    np.testing.assert_allclose(layer(X), X @ layer.matrix() + layer.bias, rtol=1e-6)


def test_an_input_without_connection_has_no_influence() -> None:
    layer = PartiallyConnected(WIRED).init(0)
    for i in range(6):
        moved = np.asarray(layer(X.at[:, i].add(1.0)) != layer(X)).any(axis=0)
        np.testing.assert_array_equal(moved, WIRED[i])


def test_the_gradient_is_the_dense_one_where_there_is_a_connection() -> None:
    layer = PartiallyConnected(WIRED).init(0)
    ours = grad(lambda layer: (layer(X) ** 2).sum())(layer)
    dense = jax.grad(lambda w: ((X @ w + layer.bias) ** 2).sum())(layer.matrix())
    np.testing.assert_allclose(ours.weight, np.asarray(dense).T[WIRED.T], rtol=1e-5)
    check_gradients(lambda layer: (layer(X) ** 2).sum(), layer, order=1, entries=4)


def test_a_full_pattern_is_the_linear_layer() -> None:
    layer = PartiallyConnected(np.ones((6, 4), bool)).init(0)
    linear = tree.replace(nn.Linear(6, 4).init(0), {"weight": layer.matrix()})
    np.testing.assert_allclose(layer(X), linear(X), rtol=1e-6)
    limit = np.sqrt(6 / (6 + 4))
    assert 0.7 * limit < np.abs(layer.weight).max() <= limit


def test_a_layer_of_windows_is_a_convolution_with_weights_of_its_own() -> None:
    image = jnp.asarray(RANDOM.standard_normal((2, 5, 7, 1)), jnp.float32)
    layer = PartiallyConnected(windows((5, 7), 3, stride=2), bias=False, weight_init=constant(1.0))
    sums = layer.init(0)(nn.Flatten()(image)).reshape(2, 2, 3)
    convolution = nn.Conv2d(1, 1, 3, stride=2, bias=False).init(0)
    ones = tree.replace(convolution, {"weight": jnp.ones((3, 3, 1, 1))})
    np.testing.assert_allclose(sums, ones(image)[..., 0], rtol=1e-5)


def test_a_partially_connected_network_reads_digits() -> None:
    splits = data.load("digits").split(dev=0.1, test=0.2)
    seen = windows((8, 8), 3)
    model = nn.Sequential(
        [nn.Flatten(), PartiallyConnected(seen), "relu", nn.Linear(seen.shape[1], 10)]
    )
    run = cp.fit(model, splits, epochs=6, learning_rate=0.03, progress=False)
    assert run.history.development_error[-1] < 0.1
    first = run.model.layers[1]
    assert first.weight.shape == (9 * 36,)
    np.testing.assert_array_equal(np.asarray(first.matrix()) != 0, seen)


def test_the_wiring_survives_a_file(tmp_path: Path) -> None:
    model = nn.Sequential([PartiallyConnected(WIRED), Lateral(4, 3, tolerance=1e-3)]).init(0)
    cp.save(model, tmp_path / "model.safetensors")
    again = cp.load(tmp_path / "model.safetensors").model
    np.testing.assert_array_equal(again(X), model(X))
    np.testing.assert_array_equal(again.layers[0].connections, WIRED)
    assert "connections=50.0%" in repr(again)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PartiallyConnected(np.ones(3, bool)), "matrix of truth values"),
        (lambda: PartiallyConnected(np.full((2, 2), 0.5)), "matrix of truth values"),
        (lambda: PartiallyConnected(np.zeros((0, 2), bool)), "matrix of truth values"),
        (lambda: PartiallyConnected(np.eye(3, 4, dtype=bool)), "a unit has no input"),
        (lambda: windows((4, 4), 5), "window is larger"),
        (lambda: blocks(4, 2, 3), "every group needs"),
        (lambda: scattered(4, 2, 5), "more connections than there are inputs"),
        (lambda: Lateral(4, 1), "at least two units"),
        (lambda: Lateral(4, 2, rounds=0), "rounds is out of range"),
        (lambda: Lateral(4, 2, tolerance=0.0), "tolerance is out of range"),
    ],
)
def test_what_cannot_be_wired(make: object, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make()  # type: ignore[operator]


def test_misfitting_inputs_are_named() -> None:
    with pytest.raises(ShapeError, match="one entry for each input"):
        PartiallyConnected(WIRED).init(0)(jnp.ones((2, 5)))
    with pytest.raises(ShapeError, match="one entry for each input"):
        Lateral(6, 3).init(0)(jnp.ones((2, 5)))
    assert PartiallyConnected(WIRED).init(0)(jnp.ones((0, 6))).shape == (0, 4)
    assert Lateral(6, 3).init(0)(jnp.ones((0, 6))).shape == (0, 3)


# --- lateral connections -------------------------------------------------------------------------


def by_hand(layer: Lateral, x: jax.Array, rounds: int) -> jax.Array:
    lateral = layer.between.matrix()
    y = jnp.zeros((len(x), lateral.shape[0]))
    for _ in range(rounds):
        y = jnp.tanh(x @ layer.forward.weight + layer.forward.bias + y @ lateral)
    return y


@pytest.mark.parametrize("rounds", [1, 2, 6])
def test_the_rounds_and_their_gradient(rounds: int) -> None:
    layer = Lateral(6, 4, activation="tanh", rounds=rounds).init(1)
    np.testing.assert_allclose(layer(X), by_hand(layer, X, rounds), rtol=1e-5)
    ours = nn.parameters(grad(lambda layer: (layer(X) ** 2).sum())(layer))
    theirs = nn.parameters(jax.grad(lambda layer: (by_hand(layer, X, rounds) ** 2).sum())(layer))
    for path, gradient in ours.items():
        np.testing.assert_allclose(gradient, theirs[path], rtol=1e-4, atol=1e-5, err_msg=path)


def test_no_unit_feeds_itself() -> None:
    layer = Lateral(6, 4).init(0)
    np.testing.assert_array_equal(np.diag(layer.between.matrix()), 0)
    assert nn.parameters(layer)["between.weight"].shape == (12,)


def test_at_rest_it_is_at_a_fixed_point() -> None:
    layer = Lateral(6, 4, activation="tanh", rounds=100, tolerance=1e-6).init(0)
    layer = tree.replace(layer, {"between.weight": jnp.full(12, -0.2)})
    y = layer(X)
    again = layer.activation(layer.forward(X) + y @ layer.between.matrix())
    np.testing.assert_allclose(y, again, atol=2e-6)
    ours = grad(lambda layer: (layer(X) ** 2).sum())(layer)
    long = jax.grad(jax.jit(lambda layer: (by_hand(layer, X, 25) ** 2).sum()))(layer)
    np.testing.assert_allclose(ours.between.weight, long.between.weight, rtol=1e-3, atol=1e-4)


def test_an_example_at_rest_does_not_wait_for_others() -> None:
    layer = Lateral(6, 4, rounds=50, tolerance=1e-3, lateral_init=constant(-0.3)).init(0)
    np.testing.assert_allclose(layer(X)[:1], layer(X[:1]), rtol=1e-6)


def test_inhibition_sharpens() -> None:
    layer = Lateral(3, 3, rounds=60, lateral_init=constant(-0.5)).init(0)
    layer = tree.replace(layer, {"forward.weight": jnp.eye(3)})
    y = np.asarray(layer(jnp.array([[1.0, 0.9, 0.2]])))[0]
    assert y[2] == 0  # completely inhibited
    assert y[0] / y[1] > 1.3  # 1.11 before


def test_a_lateral_network_learns_irises() -> None:
    splits = data.load("iris").split(dev=0.2, test=0.0)
    layer = Lateral(4, 6, lateral_init=constant(-0.1))
    before = np.asarray(layer.init(0).between.weight)
    run = cp.fit(
        nn.Sequential([layer, nn.Linear(6, 3)]), splits, epochs=30, learning_rate=0.03,
        progress=False,
    )  # fmt: skip
    assert run.history.development_error[-1] <= 0.1
    after = np.asarray(run.model.layers[0].between.weight)
    assert (np.abs(after - before) > 1e-3).mean() > 0.9

"""The error signals of a capture equal those of jax.grad."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, ops, tree
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass import Capture, capture

# One compiled call is quicker than many eager ones, which the last tests still make.
compiled = jax.jit(
    capture, static_argnums=3, compiler_options={"xla_backend_optimization_level": 0}
)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=1e-6)


def drawn(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def oracle(model: nn.Module, x: Any, y: Any, loss: nn.Loss) -> dict[str, Any]:
    def objective(weights: dict[str, Any]) -> Any:
        return loss(tree.replace(model, weights)(x), y)

    return jax.jit(jax.grad(objective))(nn.parameters(model))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def lenet() -> tuple[models.LeNet5, Any, Any, Capture]:
    model, x, y = models.LeNet5().init(0), drawn(2, 28, 28, 1), jnp.array([3, 7])
    return model, x, y, compiled(model, x, y, nn.cross_entropy)


def test_the_gradients_of_lenet5_are_those_of_jax(lenet: Any) -> None:
    model, x, y, seen = lenet
    expected = oracle(model, x, y, nn.cross_entropy)
    assert seen.gradients.keys() == expected.keys()
    for path, gradient in expected.items():
        close(seen.gradients[path], gradient)
    close(seen.objective, nn.cross_entropy(model(x), y))


def test_the_error_signals_of_lenet5_are_those_of_jax(lenet: Any) -> None:
    model, x, y, seen = lenet

    def from_pool1(h: Any) -> Any:
        h = model.pool2(ops.relu(model.conv2(h)))
        return from_hidden1(model.hidden1(model.flatten(h)))

    def from_hidden1(h: Any) -> Any:
        h = ops.relu(model.hidden2(ops.relu(h)))
        return nn.cross_entropy(model.output(h), y)

    close(seen["pool1"].value, model.pool1(ops.relu(model.conv1(x))))
    close(seen["pool1"].error, jax.jit(jax.grad(from_pool1))(seen["pool1"].value))
    close(seen["hidden1"].error, jax.jit(jax.grad(from_hidden1))(seen["hidden1"].value))
    close(seen["activation#3"].value, ops.relu(seen["hidden1"].value))
    close(seen.input.error, jax.jit(jax.grad(lambda v: nn.cross_entropy(model(v), y)))(x))


def test_each_call_of_a_layer_is_kept_in_the_order_of_the_calls(lenet: Any) -> None:
    names = [layer.name for layer in lenet[3]]
    assert names == [
        "conv1", "activation", "pool1", "conv2", "activation#2", "pool2", "flatten",
        "hidden1", "activation#3", "hidden2", "activation#4", "output", "LeNet5",
    ]  # fmt: skip
    assert lenet[3]["activation#2"].kind == "relu"
    assert len(lenet[3]) == len(names)
    assert lenet[3][""].value is lenet[3].output


@pytest.mark.parametrize(
    ("loss", "outputs", "y"),
    [
        (nn.cross_entropy, 3, jnp.array([0, 2, 1, 1])),
        (nn.squared_error, 3, drawn(4, 3, seed=1)),
        (nn.binary_cross_entropy, 1, jnp.array([0, 1, 1, 0])),
    ],
)
def test_an_mlp_is_seen_as_jax_sees_it(loss: nn.Loss, outputs: int, y: Any) -> None:
    model, x = models.MLP((5, 7, 6, outputs), activation="tanh").init(1), drawn(4, 5)
    seen = compiled(model, x, y, loss)
    for path, gradient in oracle(model, x, y, loss).items():
        close(seen.gradients[path], gradient)

    def rest(h: Any) -> Any:
        return loss(model.layers[2](ops.tanh(model.layers[1](h))), y)

    close(seen["activation"].error, jax.jit(jax.grad(rest))(seen["activation"].value))


def test_softmax_with_cross_entropy_sends_back_y_minus_t() -> None:
    model, x = nn.Linear(4, 3).init(0), drawn(1, 4)
    seen = compiled(model, x, jnp.array([2]), nn.cross_entropy)
    close(seen.output, model(x))
    close(seen[""].error, jax.nn.softmax(model(x)) - jnp.array([[0.0, 0.0, 1.0]]))


def test_an_example_in_a_batch_has_its_share_of_the_error_that_it_has_alone() -> None:
    model, x, y = models.MLP((3, 4, 2)).init(0), drawn(5, 3), jnp.array([0, 1, 0, 1, 1])
    together = compiled(model, x, y, nn.cross_entropy)
    alone = compiled(model, x[1:2], y[1:2], nn.cross_entropy)
    close(together["layers.0"].error[1] * 5, alone["layers.0"].error[0])


def test_a_layer_that_does_not_reach_the_loss_has_error_zero() -> None:
    class Sidelong(nn.Module):
        used: nn.Linear
        unused: nn.Linear

        def __call__(self, x: Any) -> Any:
            self.unused(x)
            return self.used(x)

    model = Sidelong(nn.Linear(2, 2), nn.Linear(2, 3)).init(0)
    seen = compiled(model, drawn(1, 2), jnp.array([0]), nn.cross_entropy)
    assert not np.asarray(seen["unused"].error).any()
    assert not np.asarray(seen.gradients["unused.weight"]).any()
    assert np.asarray(seen["used"].error).any()


def test_tokens_carry_no_error_but_their_vectors_do() -> None:
    model = nn.Sequential([nn.Embedding(7, 4), nn.Linear(4, 7)]).init(0)
    tokens = jnp.array([[1, 2, 6]])
    seen = compiled(model, tokens, jnp.array([[2, 6, 0]]), nn.cross_entropy)
    assert seen.input.error is None
    assert seen["layers.0"].error.shape == (1, 3, 4)


def test_several_outputs_of_a_layer_are_kept_as_they_are() -> None:
    class Both(nn.Module):
        def __call__(self, x: Any) -> Any:
            return {"twice": 2 * x, "largest": ops.argmax(x, axis=-1)}

    class Model(nn.Module):
        both: Both

        def __call__(self, x: Any) -> Any:
            return self.both(x)["twice"]

    seen = compiled(Model(Both()), drawn(1, 3), drawn(1, 3, seed=2), nn.squared_error)
    assert set(seen["both"].value) == {"twice", "largest"}
    close(seen["both"].error["twice"], seen.input.error / 2)
    assert seen["both"].error["largest"] is None


def test_eager_and_compiled_captures_agree() -> None:
    model, x, y = models.MLP((3, 4, 2)).init(0), drawn(2, 3), jnp.array([0, 1])
    quick = compiled(model, x, y, nn.cross_entropy)
    eager = capture(model, x, y, nn.cross_entropy)
    assert [layer.name for layer in quick] == [layer.name for layer in eager]
    jax.tree.map(close, quick, eager)


def test_a_missing_layer_is_named_with_the_nearest_one() -> None:
    seen = capture(nn.Linear(2, 2).init(0), drawn(1, 2), jnp.array([0]), "cross_entropy")
    with pytest.raises(ConfigurationError, match=r"unknown layer 'Linaer'(.|\n)*Linear"):
        seen["Linaer"]


def test_what_cannot_be_captured_says_why() -> None:
    model = nn.Linear(2, 2).init(0)
    with pytest.raises(ShapeError, match="batch"):
        capture(model, jnp.float32(1.0), jnp.array([0]), "cross_entropy")
    with pytest.raises(ShapeError, match="batch"):
        capture(model, jnp.zeros((0, 2)), jnp.zeros((0,), int), "cross_entropy")
    with pytest.raises(ModelError, match="no values"):
        capture(nn.Linear(2, 2), drawn(1, 2), jnp.array([0]), "cross_entropy")

"""Every error signal that `explain` shows agrees with small steps, at every node."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, ops, tree
from clearprop.autodiff import checkpoint, stop_gradient
from clearprop.errors import ConfigurationError
from clearprop.glass.explain import Glass, explain

RANDOM = np.random.default_rng(0)


def drawn(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def checked(glass: Glass, entries: int = 1) -> None:
    """Check the entry with the largest error of every node, and some random entries."""
    for node in glass:
        if node.error is None or not node.error.size:
            continue
        indices = [None] + [tuple(map(RANDOM.integers, node.shape)) for _ in range(entries)]
        for index in indices:
            check = node.check(index)
            assert check.agrees, f"{node.name} {check}"


def test_every_error_of_an_mlp_is_what_small_steps_measure() -> None:
    model = models.MLP((3, 5, 4, 2), activation="relu").init(1)
    checked(explain(model, drawn(4, 3), np.array([0, 1, 1, 0])), entries=3)


def test_what_is_drawn_in_training_is_the_same_in_double_precision() -> None:
    layers = [nn.Linear(2, 8), "tanh", nn.Dropout(0.5), nn.BatchNorm(8), nn.Linear(8, 1)]
    model = nn.Sequential(layers).init(0)
    key = jax.random.key(3)
    glass = explain(model, drawn(4, 2), drawn(4, 1), "squared_error", training=True, key=key)
    checked(glass)


class Held(nn.Module):
    inner: nn.Linear

    def __call__(self, x: Any) -> Any:
        h = self.inner(x)
        return h * stop_gradient(h) + checkpoint(ops.sigmoid)(h)


def test_what_the_model_holds_constant_stays_as_it_is() -> None:
    model = Held(nn.Linear(2, 2)).init(0)
    glass = explain(model, drawn(3, 2), drawn(3, 2), "squared_error")
    checked(glass, entries=2)


class Pieces(nn.Module):
    inner: nn.Linear
    number: int = 1

    def __call__(self, x: Any) -> Any:
        pieces = ops.split(self.inner(x), self.number, axis=-1)
        return checkpoint(lambda x: (x * x,))(pieces[0])[0]


@pytest.mark.parametrize("number", [1, 2])
def test_an_operation_that_returns_a_tuple_of_one_or_two(number: int) -> None:
    model = Pieces(nn.Linear(3, 4), number).init(0)
    glass = explain(model, drawn(2, 3), drawn(2, 4 // number), "squared_error")
    checked(glass)
    piece = next(node for node in glass if "split" in node.name)
    jacobian = piece.local(0)
    assert jacobian is not None
    np.testing.assert_array_equal(jacobian.row((0, 1)), np.eye(8)[1].reshape(2, 4))
    of_all = np.eye(8)[5].reshape(2, 4)
    np.testing.assert_array_equal(jacobian.column((1, 1)), of_all[:, : 4 // number])


def kinked() -> Glass:
    layers = [nn.Linear(2, 2, bias=False), "relu", nn.Linear(2, 1)]
    model = nn.Sequential(layers).init(0)
    model = tree.replace(model, {"layers.0.weight": jnp.array([[1.0, -1.0], [1.0, -1.0]])})
    return explain(model, jnp.array([[1.0, -1.0]]), jnp.ones((1, 1)), "squared_error")


def test_a_kink_is_said_to_be_one() -> None:
    check = kinked()["layers.0/matmul"].check((0, 0))
    assert check.agrees
    assert check.error == check.below == 0
    assert check.above != 0
    assert "kink" in check.note
    assert "kink" in str(check)


def test_a_wrong_error_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential([nn.Linear(2, 3), "sigmoid", nn.Linear(3, 1)]).init(0)
    rule = lambda error, y, x: error * y  # noqa: E731 - the derivative without its second factor
    monkeypatch.setattr(ops.OPERATIONS["sigmoid"], "errors", (rule,))
    glass = explain(model, drawn(2, 2), np.ones((2, 1)), lambda y, t: ops.square(y - t))
    assert glass["layers.1/sigmoid"].check().agrees
    check = glass["layers.0/add"].check()
    assert not check.agrees
    assert "DIFFERS" in str(check)


def test_an_entry_that_is_not_there_is_refused() -> None:
    glass = kinked()
    with pytest.raises(ConfigurationError, match="no such entry"):
        glass["layers.0/matmul"].check((0, 2))
    tokens = np.array([[0, 1]])
    glass = explain(nn.Embedding(3, 3).init(0), tokens, tokens, "sequence_cross_entropy")
    with pytest.raises(ConfigurationError, match="carries no error"):
        glass["input"].check()


def test_without_a_finite_objective_nothing_can_be_compared() -> None:
    model = nn.Linear(2, 1).init(0)
    glass = explain(model, np.full((1, 2), np.inf, np.float32), np.ones((1, 1)), "squared_error")
    check = glass["weight"].check()
    assert not check.agrees
    assert "not finite" in check.note


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "lstm", "gpt"])
def test_every_error_of_a_larger_network_is_what_small_steps_measure(name: str) -> None:
    if name == "lenet5":
        glass = explain(models.LeNet5().init(0), drawn(2, 28, 28, 1), np.array([3, 7]))
    elif name == "lstm":
        model = nn.Sequential([nn.Embedding(7, 4), nn.LSTM(4, 5), nn.Linear(5, 3)]).init(0)
        labels = RANDOM.integers(0, 3, (2, 6))
        glass = explain(model, RANDOM.integers(0, 7, (2, 6)), labels, "sequence_cross_entropy")
    else:
        model = models.GPT(11, context=6, width=8, layers=2, heads=2).init(0)
        tokens = RANDOM.integers(0, 11, (2, 6))
        glass = explain(model, tokens, np.roll(tokens, -1, 1), "sequence_cross_entropy")
    checked(glass, entries=3)

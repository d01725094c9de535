"""A recording contains every call of a layer, and the error signals that jax.grad computes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.errors import ModelError, ShapeError, TracedValueError
from clearprop.nn.recording import check_examples, record_model, recorded


class Twice(nn.Module):
    """One activation that is called twice."""

    activation: nn.Activation

    def __call__(self, x: Any) -> Any:
        return self.activation(self.activation(x) * 2.0)


def test_error_signals_are_those_of_jax() -> None:
    model = nn.Sequential([nn.Linear(3, 2), "tanh"]).init(0)
    x = jax.random.normal(jax.random.key(1), (4, 3))
    made = record_model(model, x, jnp.ones((4, 2)), lambda y, t: ((y - t) ** 2).sum())
    made.recording.sweep(made.objective, keep=made.inputs)

    def loss(x: Any) -> Any:
        y = jnp.tanh(x @ model[0].weight + model[0].bias)
        return ((y - 1.0) ** 2).sum()

    np.testing.assert_allclose(made.recording.error(made.inputs), jax.grad(loss)(x), rtol=1e-5)
    assert made.recording.value(made.objective) == pytest.approx(float(loss(x)), rel=1e-5)


def test_calls_of_one_layer_are_numbered() -> None:
    with recorded() as recording:
        nn.apply(Twice(nn.Activation("relu")), jnp.ones((1, 2)), hook=recording)
    names = [call.name("model") for call in recording.calls]
    assert names == ["activation", "activation#2", "model"]
    assert [call.kind for call in recording.calls] == ["relu", "relu", "Twice"]


def test_values_without_error_signals() -> None:
    with recorded() as recording:
        used, unused, integers = recording.variables((jnp.ones(2), jnp.ones(3), jnp.arange(2)))
        objective = ops.sum(used * 3.0)
    recording.sweep(objective, passed=True)
    errors = recording.error((used, unused, integers))
    assert errors[0].tolist() == [3.0, 3.0]
    assert errors[1].tolist() == [0.0, 0.0, 0.0]
    assert errors[2] is None
    assert any((part == 3.0).all() for part in recording.passed.values())
    with pytest.raises(TracedValueError, match="has ended"):
        used + 1.0


def test_an_objective_that_depends_on_nothing() -> None:
    with recorded() as recording:
        x = recording.variables(jnp.ones(2))
    recording.sweep(jnp.ones(()))
    assert recording.error(x).tolist() == [0.0, 0.0]


def test_examples_are_checked() -> None:
    with pytest.raises(ModelError, match="no values yet"):
        check_examples(nn.Linear(2, 1), jnp.ones((1, 2)))
    with pytest.raises(ShapeError, match="a batch of examples is needed"):
        check_examples(nn.Linear(2, 1).init(0), jnp.ones(()))

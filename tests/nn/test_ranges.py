"""Where values can lie: every range holds for numbers, and what is not known is not claimed."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.nn.ranges import ValueRange, ranges
from clearprop.nn.recording import recorded

W = np.random.default_rng(0).normal(0, 3, (4, 6)).astype(np.float32)


def range_of(function: Any, x: Any = None) -> tuple[ValueRange | None, Any]:
    """Return the range of a function's output, and its values for inputs of all sizes."""
    with recorded() as recording:
        weight = recording.variables(jnp.asarray(W))
        given = jnp.asarray(np.linspace(-30, 30, 200).reshape(50, 4).astype(np.float32))
        z = ops.matmul(given if x is None else x, weight)
        y = function(z)
    place = recording.place(y)
    assert place is not None
    return ranges(recording.tape.nodes).get(place), np.asarray(recording.value(y))


@pytest.mark.parametrize(
    ("function", "low", "high", "operation"),
    [
        (ops.sigmoid, 0, 1, "sigmoid"),
        (ops.tanh, -1, 1, "tanh"),
        (ops.relu, 0, math.inf, "relu"),
        (ops.softplus, 0, math.inf, "softplus"),
        (ops.softmax, 0, 1, "softmax"),
        (ops.log_softmax, -math.inf, 0, "log_softmax"),
        (ops.exp, 0, math.inf, "exp"),
        (ops.abs, 0, math.inf, "abs"),
        (ops.square, 0, math.inf, "square"),
        (lambda z: z**2, 0, math.inf, "power"),
        (ops.sin, -1, 1, "sin"),
        (ops.erf, -1, 1, "erf"),
        (ops.elu, -1, math.inf, "elu"),
        (ops.silu, -0.279, math.inf, "silu"),
        (ops.gelu, -0.171, math.inf, "gelu"),
        (ops.gelu_tanh, -0.171, math.inf, "gelu_tanh"),
        (lambda z: ops.clip(z, -2.0, 5.0), -2, 5, "clip"),
        (lambda z: ops.clip(z, low=0.5), 0.5, math.inf, "clip"),
        (lambda z: 4 * ops.tanh(z) + 2, -2, 6, "tanh"),
        (lambda z: 1 - ops.sigmoid(z), 0, 1, "sigmoid"),
        (lambda z: -ops.relu(z), -math.inf, 0, "relu"),
        (lambda z: ops.sigmoid(z) / 2, 0, 0.5, "sigmoid"),
        (lambda z: ops.sigmoid(ops.relu(z)), 0.5, 1, "sigmoid"),
        (lambda z: ops.tanh(ops.tanh(z)), math.tanh(-1), math.tanh(1), "tanh"),
        (lambda z: ops.reshape(ops.tanh(z).T, shape=(3, -1))[1:], -1, 1, "tanh"),
        (lambda z: ops.tanh(z).mean(axis=1), -1, 1, "tanh"),
        (lambda z: ops.tanh(z).sum(axis=1), -6, 6, "tanh"),
        (lambda z: ops.concatenate([ops.tanh(z), ops.sigmoid(z)]), -1, 1, "concatenate"),
        (lambda z: ops.sigmoid(z) * ops.tanh(z), -1, 1, "multiply"),
        (lambda z: ops.where(z.value > 0, ops.tanh(z), 0.0), -1, 1, "tanh"),
        (lambda z: ops.maximum(ops.tanh(z), 0.5), 0.5, 1, "tanh"),
        (lambda z: ops.maximum(z, 1e-7), 1e-7, math.inf, "maximum"),
        (lambda z: ops.minimum(ops.relu(z), 6.0), 0, 6, "relu"),
        (lambda z: ops.clip(z, low=np.float32(0.5), high=jnp.ones(())), 0.5, 1, "clip"),
        (lambda z: ops.log(ops.sigmoid(z)), -math.inf, 0, "log"),
        (lambda z: ops.sqrt(ops.relu(z)), 0, math.inf, "sqrt"),
        (lambda z: ops.leaky_relu(ops.tanh(z), 0.1), -0.1, 1, "tanh"),
    ],
)
def test_a_range_is_that_of_the_equation_and_holds_for_numbers(
    function: Any, low: float, high: float, operation: str
) -> None:
    found, values = range_of(function)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    assert found.operation == operation
    finite = values[np.isfinite(values)]
    assert finite.min() >= low - 1e-6
    assert finite.max() <= high + 1e-6


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z,
        lambda z: z + ops.tanh(z),
        lambda z: ops.relu(z) - z,
        lambda z: 2 * z,
        ops.leaky_relu,
        lambda z: ops.layer_norm(z, jnp.ones(6), jnp.zeros(6)),
    ],
)
def test_weights_can_give_any_number(function: Any) -> None:
    found, _ = range_of(function)
    assert found is not None
    assert not found.limited


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z * z,
        lambda z: ops.tanh(z) * jnp.asarray(W[:1]) * z,
        lambda z: 1 / ops.tanh(z),
        ops.logsumexp,
        lambda z: z**3,
        lambda z: ops.cumsum(ops.tanh(z)),
    ],
)
def test_what_is_not_known_is_not_claimed(function: Any) -> None:
    found, _ = range_of(function)
    assert found is None or not found.limited


def test_one_softmax_unit_can_only_be_1() -> None:
    found, values = range_of(lambda z: ops.softmax(z[:, :1]))
    assert found is not None
    assert (found.low, found.high) == (1, 1)
    assert (values == 1).all()


@pytest.mark.parametrize(
    ("layer", "limit"), [(nn.RNN(3, 2), 1.0), (nn.LSTM(3, 2), 1.0), (nn.GRU(3, 2), None)]
)
def test_a_loop_has_the_range_of_its_steps(layer: nn.Module, limit: float | None) -> None:
    model = layer.init(0)
    with recorded() as recording:
        given = nn.parameters(model)
        boxed = recording.variables({path: 20 * value for path, value in given.items()})
        from clearprop import tree

        y, _ = nn.apply(tree.replace(model, boxed), jnp.ones((4, 5, 3)), hook=recording)
    place = recording.place(y)
    assert place is not None
    found = ranges(recording.tape.nodes).get(place)
    assert np.abs(np.asarray(recording.value(y))).max() <= 1
    if limit is None:  # what a gate keeps of the step before is not followed
        assert found is None
    else:
        assert found is not None
        assert (found.low, found.high) == (-limit, limit)

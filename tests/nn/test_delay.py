"""Delays and memory blocks equal their written sums."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.autodiff import grad, value_and_grad
from clearprop.errors import ConfigurationError, ShapeError

B, T, D, H = 2, 5, 3, 4
X = np.random.default_rng(0).standard_normal((B, T, D)).astype(np.float32)
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)
LAYERS: dict[str, Any] = {
    "delay": lambda: nn.Delay(2),
    "line": lambda: nn.TappedDelayLine(3),
    "time-delay": lambda: nn.TimeDelay(D, H, taps=3),
    "vector": lambda: nn.MemoryBlock(D, look_back=2, look_ahead=1),
    "scalar": lambda: nn.MemoryBlock(D, look_back=2, look_ahead=1, memory="scalar"),
    "fsmn": lambda: nn.FSMN(D, H, look_back=2, look_ahead=2),
}


def at(x: Any, t: int) -> Any:
    return x[:, t] if 0 <= t < x.shape[1] else np.zeros_like(x[:, 0])


def test_an_error_signal_is_delayed_the_other_way() -> None:
    weigh = np.arange(T, dtype=np.float32)[None, :, None]
    error = grad(lambda x: (nn.Delay(2)(x) * weigh).sum())(jnp.asarray(X))
    assert np.asarray(error)[0, :, 0].tolist() == [2, 3, 4, 0, 0]


def test_a_time_delay_layer_is_its_sum() -> None:
    layer = nn.TimeDelay(D, H, taps=3).init(0)
    W = np.asarray(layer.linear.weight).reshape(3, D, H)
    for t in range(T):
        expected = sum(at(X, t - k) @ W[k] for k in range(3))
        np.testing.assert_allclose(layer(X)[:, t], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("memory", ["vector", "scalar"])
def test_a_memory_block_is_its_sum(memory: str) -> None:
    layer = nn.MemoryBlock(D, look_back=2, look_ahead=3, memory=memory).init(0)
    a = np.asarray(layer.coefficients)
    assert a.shape == (6, D if memory == "vector" else 1)
    for t in range(T):
        back = sum(at(X, t - k) * a[k] for k in range(3))
        ahead = sum(at(X, t + j) * a[2 + j] for j in range(1, 4))
        np.testing.assert_allclose(layer(X)[:, t], back + ahead, rtol=1e-5, atol=1e-6)


def test_an_fsmn_reads_its_hidden_units_and_their_memory() -> None:
    layer = nn.FSMN(D, H, look_back=2).init(0)
    h = np.maximum(X @ np.asarray(layer.input.weight), 0)
    m = np.asarray(layer.memory(h))
    both = h @ np.asarray(layer.direct.weight) + m @ np.asarray(layer.remembered.weight)
    np.testing.assert_allclose(layer(X), np.maximum(both, 0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", LAYERS)
def test_what_is_masked_has_no_influence(kind: str) -> None:
    layer = LAYERS[kind]().init(0)

    def loss(layer: Any, x: Any) -> Any:
        y = layer(x, jnp.asarray(MASK))
        return (y * y).sum(), y

    (value, y), (of_layer, of_x) = value_and_grad(loss, (0, 1), has_aux=True)(layer, jnp.asarray(X))
    wrong = jnp.where(MASK[:, :, None], X, jnp.nan)
    (other, _), (also, _) = value_and_grad(loss, (0, 1), has_aux=True)(layer, wrong)
    assert float(value) == float(other)
    for path, gradient in nn.parameters(of_layer).items():
        assert np.array_equal(gradient, nn.parameters(also)[path])
    assert not np.asarray(of_x)[~MASK].any()
    assert not np.asarray(y)[~MASK].any()


@pytest.mark.parametrize("kind", LAYERS)
def test_lengths_zero_and_one(kind: str) -> None:
    layer = LAYERS[kind]().init(0)
    width = layer(X).shape[-1]
    assert layer(X[:, :0]).shape == (B, 0, width)
    assert layer(X[:1, :1]).shape == (1, 1, width)
    only_first = np.arange(T)[None] + np.zeros((B, 1)) < 1
    np.testing.assert_allclose(layer(X[:, :1]), layer(X, only_first)[:, :1], rtol=1e-6)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="steps is out of range"):
        nn.Delay(0)
    with pytest.raises(ConfigurationError, match="look_back is out of range"):
        nn.MemoryBlock(4, look_back=-1)
    with pytest.raises(ConfigurationError, match="unknown memory"):
        nn.MemoryBlock(4, look_back=1, memory="tensor")
    with pytest.raises(ShapeError, match="batch of sequences"):
        nn.Delay()(X[0])
    with pytest.raises(ShapeError, match="batch of sequences"):
        nn.MemoryBlock(4, look_back=1).init(0)(X)
    with pytest.raises(ShapeError, match="mask must say"):
        nn.Delay()(X, MASK.T)

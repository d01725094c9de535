"""Attention: its weights, and hidden entries without any influence."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.errors import ShapeError

Q, K, V = (jax.random.normal(key, (2, 4, 3)) for key in jax.random.split(jax.random.key(0), 3))


def test_it_is_the_formula_of_the_lecture() -> None:
    weights = jax.nn.softmax(Q @ K.swapaxes(-1, -2))
    np.testing.assert_allclose(ops.attention(Q, K, V, scale=1.0), weights @ V, rtol=1e-5, atol=1e-6)
    scaled = jax.nn.softmax(Q @ K.swapaxes(-1, -2) / np.sqrt(3))
    np.testing.assert_allclose(ops.attention_weights(Q, K), scaled, rtol=1e-5)


def test_a_causal_query_sees_nothing_that_comes_later() -> None:
    weights = ops.attention_weights(Q, K, causal=True)
    np.testing.assert_array_equal(jnp.triu(weights, 1), np.zeros((2, 4, 4)))
    np.testing.assert_allclose(weights.sum(-1), np.ones((2, 4)), rtol=1e-6)
    gradient = grad(lambda v: ops.attention(Q, K, v, causal=True)[:, 1].sum())(V)
    np.testing.assert_array_equal(gradient[:, 2:], np.zeros((2, 2, 3)))


def test_what_is_hidden_has_no_influence() -> None:
    mask = jnp.array([True, True, False, True])

    def attend(k: jax.Array, v: jax.Array) -> jax.Array:
        return ops.attention(Q, k, v, mask).sum()

    huge = K.at[:, 2].set(1e18), V.at[:, 2].set(1e38)
    assert attend(*huge) == attend(K, V)
    for at in ((K, V), huge):
        in_key, in_value = grad(attend, argnums=(0, 1))(*at)
        np.testing.assert_array_equal(in_key[:, 2], np.zeros((2, 3)))
        np.testing.assert_array_equal(in_value[:, 2], np.zeros((2, 3)))
        assert bool(jnp.isfinite(in_key).all())


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_what_is_hidden_from_every_query_may_be_anything(rank: int) -> None:
    shown = jnp.array([True, True, False, True])
    shape = {1: (4,), 2: (4, 4), 3: (2, 4, 4), 4: (3, 2, 4, 4)}[rank]
    mask = jnp.broadcast_to(shown, shape).at[(0,) * rank].set(False)

    def loss(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
        y, weights = ops.attend(q, k, v, mask)
        return (y**2).sum() + (weights**3).sum()

    nan = Q, K.at[:, 2].set(jnp.nan), V.at[:, 2].set(jnp.inf)
    assert loss(*nan) == loss(Q, K, V)
    for a, b in zip(grad(loss, (0, 1, 2))(*nan), grad(loss, (0, 1, 2))(Q, K, V), strict=True):
        np.testing.assert_array_equal(a, b)

    def second(*at: jax.Array) -> jax.Array:
        of = grad(lambda *at: (grad(loss, (0, 1, 2))(*at)[0] ** 2).sum(), (0, 1, 2))
        return jnp.concatenate([g.ravel() for g in of(*at)])

    np.testing.assert_allclose(second(*nan), second(Q, K, V), rtol=1e-5, atol=1e-6)


def test_a_query_that_sees_nothing_gets_zeros() -> None:
    mask = jnp.zeros((4, 4), bool).at[0, 0].set(True)
    y = ops.attention(Q, K, V, mask)
    np.testing.assert_array_equal(y[:, 1:], np.zeros((2, 3, 3)))
    gradients = grad(lambda q, k, v: ops.attention(q, k, v, mask).sum(), argnums=(0, 1, 2))(Q, K, V)
    assert all(bool(jnp.isfinite(g).all()) for g in gradients)
    second = grad(lambda q: (grad(lambda q: ops.attention(q, K, V, mask).sum())(q) ** 2).sum())(Q)
    assert bool(jnp.isfinite(second).all())


@pytest.mark.parametrize("shape", [(5, 0, 0), (0, 3), (0,)])
@pytest.mark.parametrize("axis", [0, -1])
def test_the_masked_softmax_of_an_empty_array_is_empty(shape: tuple[int, ...], axis: int) -> None:
    empty, mask = jnp.zeros(shape), jnp.ones(shape, bool)
    assert ops.masked_softmax(empty, mask, axis=axis).shape == shape
    assert grad(lambda x: ops.masked_softmax(x, mask, axis=axis).sum())(empty).shape == shape


def test_fewer_queries_than_keys_stand_at_the_end() -> None:
    np.testing.assert_array_equal(ops.causal_mask(1, 3), [[True, True, True]])
    whole = ops.attention(Q, K, V, causal=True)
    last = ops.attention(Q[:, -1:], K, V, causal=True)
    np.testing.assert_allclose(last, whole[:, -1:], rtol=1e-5)


def test_masks_combine_with_causality() -> None:
    mask = jnp.array([False, True, True, True])
    weights = ops.attention_weights(Q, K, mask, causal=True)
    np.testing.assert_array_equal(weights[..., 0], np.zeros((2, 4)))
    np.testing.assert_array_equal(weights[:, 0], np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("query", "key", "value"),
    [
        ((4, 3), (4, 2), (4, 2)),
        ((4, 3), (0, 3), (0, 3)),
        ((4, 3), (5, 3), (4, 3)),
        ((3,), (4, 3), (4, 3)),
    ],
)
def test_misfits_are_told(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...]
) -> None:
    with pytest.raises(ShapeError, match="attention"):
        ops.attention(jnp.ones(query), jnp.ones(key), jnp.ones(value))
    with pytest.raises(ShapeError, match="attention"):
        ops.attention(Q, K, V, jnp.ones((5, 4), bool))
    with pytest.raises(ShapeError, match="attention"):
        ops.attention(Q, K, V, jnp.ones((4, 5), bool))


@pytest.mark.parametrize("added", [jnp.zeros((4, 4)), jnp.ones((4, 4), jnp.int32)])
def test_what_is_added_to_scores_is_no_mask(added: jax.Array) -> None:
    with pytest.raises(ShapeError, match="the mask is not bool"):
        ops.attention(Q, K, V, added)
    with pytest.raises(ShapeError, match="the mask is not bool"):
        ops.attention(Q, K, V, added, causal=True)


def test_numbers_are_added_to_the_scores() -> None:
    q, k, v = (jax.random.normal(jax.random.key(i), (2, 3, 4)) for i in range(3))
    hidden = jnp.array([[True, False, True]] * 2 + [[False] * 3])
    bias = jnp.where(hidden, 0.0, -jnp.inf)
    np.testing.assert_allclose(
        ops.attention(q, k, v, bias=bias), ops.attention(q, k, v, hidden), rtol=1e-5, atol=1e-6
    )
    gradient = grad(lambda b: ops.attention(q, k, v, bias=b).sum())(bias)
    assert bool(jnp.isfinite(gradient).all())
    np.testing.assert_array_equal(gradient[~hidden], 0)

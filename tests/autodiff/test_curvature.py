"""Products with the Jacobian and the Gauss-Newton matrix equal those with the full matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from clearprop import ops
from clearprop.autodiff import gauss_newton, jacobian, jvp

X = np.random.default_rng(0).normal(size=(5, 4))
LABELS = np.array([0, 2, 1, 1, 0])


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def _network(w: Any) -> Any:
    return ops.tanh(ops.tanh(jnp.asarray(X) @ w["a"] + w["b"]) @ w["c"])


def _weights() -> Any:
    random = np.random.default_rng(1)
    return {name: jnp.asarray(random.normal(size=s)) for name, s in SHAPES.items()}


SHAPES = {"a": (4, 3), "b": (3,), "c": (3, 3)}


def _matrix() -> tuple[Any, Any]:
    flat, shaped = ravel_pytree(_weights())
    outputs = _network(_weights())
    rows = jacobian(_network)(_weights())
    leaves = [rows[name].reshape(outputs.size, -1) for name in sorted(SHAPES)]
    return jnp.concatenate(leaves, axis=1), (flat, shaped, outputs)


def test_a_jacobian_vector_product_is_the_jacobian_times_the_vector() -> None:
    J, (flat, shaped, outputs) = _matrix()
    v = jnp.asarray(np.random.default_rng(2).normal(size=flat.shape))
    value, change = jvp(_network, _weights(), shaped(v))
    np.testing.assert_allclose(value, outputs, rtol=1e-12)
    np.testing.assert_allclose(change.ravel(), J @ v, rtol=1e-10)
    _, oracle = jax.jvp(_network, (_weights(),), (shaped(v),))
    np.testing.assert_allclose(change, oracle, rtol=1e-10)


@pytest.mark.slow
def test_a_gauss_newton_product_is_that_of_the_explicit_matrix() -> None:
    def loss(z: Any) -> Any:
        return ops.mean(ops.softmax_cross_entropy(z, jnp.asarray(LABELS)))

    J, (flat, shaped, outputs) = _matrix()
    H = jax.hessian(lambda z: loss(z.reshape(outputs.shape)))(outputs.ravel())
    G = J.T @ H @ J
    near = gauss_newton(_network, loss, _weights())
    for seed in range(3):
        v = jnp.asarray(np.random.default_rng(seed).normal(size=flat.shape))
        product, _ = ravel_pytree(near.product(shaped(v)))
        np.testing.assert_allclose(product, G @ v, rtol=1e-9, atol=1e-14)
    assert float(jnp.linalg.eigvalsh(G).min()) > -1e-12
    compiled = jax.jit(lambda w, v: gauss_newton(_network, loss, w).product(v))
    again, _ = ravel_pytree(compiled(_weights(), shaped(v)))
    np.testing.assert_allclose(again, G @ v, rtol=1e-9, atol=1e-14)

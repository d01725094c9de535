"""Partial and lateral layers, compared with the same wiring in PyTorch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.autodiff import value_and_grad
from clearprop.nn import Lateral, PartiallyConnected
from clearprop.nn.wiring import scattered

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-peers")

WIRED = scattered(6, 4, each=3)
X = np.random.default_rng(0).standard_normal((5, 6))
WITHIN = {"float32": {"rtol": 1e-5, "atol": 1e-6}, "float64": {"rtol": 1e-10, "atol": 1e-12}}


def masked(layer: PartiallyConnected, dtype: str) -> tuple[object, object]:
    weight = torch.tensor(np.asarray(layer.matrix()), requires_grad=True)
    mask = torch.tensor(layer.connections.astype(dtype))
    return weight, weight * mask


@pytest.mark.parametrize("dtype", WITHIN)
def test_a_masked_dense_layer(dtype: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        layer = PartiallyConnected(WIRED).init(0, dtype=dtype)
        x = jnp.asarray(X, dtype)
        value, ours = value_and_grad(lambda layer: (layer(x) ** 2).sum())(layer)
        weight, product = masked(layer, dtype)
        theirs = ((torch.tensor(np.asarray(x)) @ product) ** 2).sum()
        theirs.backward()
        np.testing.assert_allclose(value, theirs.item(), **WITHIN[dtype])
        gradient = weight.grad.numpy()  # type: ignore[attr-defined]
        np.testing.assert_allclose(ours.weight, gradient.T[WIRED.T], **WITHIN[dtype])
        assert not gradient[~WIRED].any()


@pytest.mark.parametrize("dtype", WITHIN)
def test_units_that_feed_each_other(dtype: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        layer = Lateral(6, 4, activation="tanh", rounds=5).init(0, dtype=dtype)
        x = jnp.asarray(X, dtype)
        value, ours = value_and_grad(lambda layer: (layer(x) ** 2).sum())(layer)
        lateral, product = masked(layer.between, dtype)
        weight = torch.tensor(np.asarray(layer.forward.weight), requires_grad=True)
        y = torch.zeros(5, 4, dtype=getattr(torch, dtype))
        for _ in range(5):
            y = torch.tanh(torch.tensor(np.asarray(x)) @ weight + y @ product)
        theirs = (y**2).sum()
        theirs.backward()
        np.testing.assert_allclose(value, theirs.item(), **WITHIN[dtype])
        found = nn.parameters(ours)
        np.testing.assert_allclose(found["forward.weight"], weight.grad.numpy(), **WITHIN[dtype])
        off = ~np.eye(4, dtype=bool)
        gradient = lateral.grad.numpy()  # type: ignore[attr-defined]
        np.testing.assert_allclose(found["between.weight"], gradient.T[off.T], **WITHIN[dtype])

"""Lion and LAMB, compared with their papers and with Optax."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim

TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def published_lion(problem: Any) -> list[Any]:
    """Program 1 of Chen et al., with its lines in their order."""
    p, m, points = problem.start, np.zeros(31), []
    for t in range(20):
        g = problem.gradient(p, t)
        update = np.sign(g * (1 - 0.8) + m * 0.8)
        m = g * (1 - 0.95) + m * 0.95
        update = update + p * 0.3
        p = p - update * 0.1
        points.append(p)
    return points


def published_lamb(problem: Any) -> list[Any]:
    """Algorithm 2 of You et al.; the weights are one layer, the bias another."""
    x, m, v, points = problem.start, np.zeros(31), np.zeros(31), []
    layers = slice(0, 30), slice(30, 31)
    for t in range(1, 21):
        g = problem.gradient(x, t - 1)
        m = 0.8 * m + (1 - 0.8) * g
        v = 0.95 * v + (1 - 0.95) * g**2
        r = (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-4)
        x = x.copy()
        for layer in layers:
            step = r[layer] + 0.3 * x[layer]
            x[layer] -= 0.1 * np.linalg.norm(x[layer]) / np.linalg.norm(step) * step
        points.append(x)
    return points


def test_lion_is_the_published_rule(follow: Any, problem: Any) -> None:
    rule = optim.lion(0.1, beta1=0.8, beta2=0.95, weight_decay=0.3)
    assert_allclose(follow(rule), published_lion(problem), **TIGHT)


def test_lamb_is_the_published_rule(follow: Any, problem: Any) -> None:
    rule = optim.lamb(0.1, beta1=0.8, beta2=0.95, epsilon=1e-4, weight_decay=0.3)
    assert_allclose(follow(rule), published_lamb(problem), **TIGHT)


def test_lion_is_that_of_optax(follow: Any, follow_optax: Any) -> None:
    optax = pytest.importorskip("optax", reason="Optax is not installed")
    peer = optax.lion(0.1, b1=0.8, b2=0.95, weight_decay=0.3)
    rule = optim.lion(0.1, beta1=0.8, beta2=0.95, weight_decay=0.3)
    assert_allclose(follow(rule), follow_optax(peer), **TIGHT)


def test_lamb_moves_weights_that_are_zero() -> None:
    parameters = {"w": jnp.zeros(2), "still": jnp.ones(2)}
    rule = optim.lamb(0.1, weight_decay=0.0, epsilon=0.01)
    gradients = {"w": jnp.array([3.0, -3.0]), "still": jnp.zeros(2)}
    updates, _ = rule.update(gradients, rule.init(parameters), parameters)
    assert_allclose(updates["w"], [-0.1, 0.1], rtol=1e-2)
    assert_allclose(updates["still"], 0)


@pytest.mark.parametrize("make", [optim.lion, optim.lamb, optim.muon])
def test_the_decay_spares_what_is_excluded(make: Any) -> None:
    parameters = {"0.weight": jnp.ones((2, 2)), "0.bias": jnp.ones(2), "1.scale": jnp.ones(2)}
    gradients = {path: jnp.zeros(w.shape) for path, w in parameters.items()}

    def decayed(**options: Any) -> set[str]:
        rule = make(0.1, weight_decay=0.5, **options)
        updates, _ = rule.update(gradients, rule.init(parameters), parameters)
        return {path for path, delta in updates.items() if (delta != 0).any()}

    assert decayed() == {"0.weight", "0.bias", "1.scale"}
    assert decayed(exclude=["*bias", "1"]) == {"0.weight"}
    assert decayed(min_ndim=2) == {"0.weight"}

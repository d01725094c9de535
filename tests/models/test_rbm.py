"""Restricted Boltzmann machines against sums over all states."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from clearprop import nn, tree
from clearprop.errors import ConfigurationError
from clearprop.models import (
    RBM,
    annealed_log_partition,
    exact_log_partition,
    log_likelihood,
)


def states(units: int) -> Any:
    return np.asarray(list(itertools.product((0.0, 1.0), repeat=units)))


def machine(visible: int, hidden: int, scale: float = 1.0, **options: Any) -> RBM:
    random = np.random.default_rng(visible + hidden)
    made = RBM(visible, hidden, **options).init(0)
    values = {
        path: jnp.asarray(scale * random.normal(size=x.shape), jnp.float32)
        for path, x in nn.parameters(made).items()
    }
    return tree.replace(made, values)


def energy(model: RBM, v: Any, h: Any) -> Any:
    """Return E(v, h) as it is written, for every pair: (states of v, states of h)."""
    W, b, a = (
        np.asarray(x, np.float64)
        for x in (model.hidden.weight, model.hidden.bias, model.visible_bias)
    )
    own = ((v - a) ** 2).sum(axis=1) / 2 if model.units == "gaussian" else -(v @ a)
    return own[:, None] - (h @ b)[None] - v @ W @ h.T


@pytest.mark.parametrize("units", ["bernoulli", "gaussian"])
def test_the_free_energy_is_the_sum_over_hidden_states(units: str) -> None:
    model, v = machine(5, 4, units=units), states(5)
    expected = -np.log(np.exp(-energy(model, v, states(4))).sum(axis=1))
    np.testing.assert_allclose(model.free_energy(jnp.asarray(v)), expected, rtol=1e-5, atol=1e-5)


def test_chances_are_those_of_the_joint_distribution() -> None:
    model, v, h = machine(4, 3), states(4), states(3)
    joint = np.exp(-energy(model, v, h))
    of_hidden = joint @ h / joint.sum(axis=1, keepdims=True)
    of_visible = joint.T @ v / joint.sum(axis=0)[:, None]
    np.testing.assert_allclose(model(jnp.asarray(v, jnp.float32)), of_hidden, rtol=1e-5)
    np.testing.assert_allclose(
        model.visible_mean(jnp.asarray(h, jnp.float32)), of_visible, rtol=1e-5
    )


@pytest.mark.parametrize(("visible", "hidden"), [(5, 4), (4, 5), (2, 16)])
def test_the_exact_partition_function_sums_over_all_states(visible: int, hidden: int) -> None:
    model = machine(visible, hidden)
    expected = math.log(np.exp(-energy(model, states(visible), states(hidden))).sum())
    assert exact_log_partition(model) == pytest.approx(expected, rel=1e-6)


def test_the_partition_function_of_gaussian_units_is_an_integral() -> None:
    model = machine(1, 3, units="gaussian")

    def density(v: float) -> float:
        return float(np.exp(-energy(model, np.array([[v]]), states(3))).sum())

    expected = math.log(integrate.quad(density, -30, 30)[0])
    assert exact_log_partition(model) == pytest.approx(expected, rel=1e-6)


def test_many_units_are_summed_in_parts_and_more_are_refused() -> None:
    alone = RBM(30, 16).init(0)
    zero = tree.replace(alone, {path: 0 * x for path, x in nn.parameters(alone).items()})
    assert exact_log_partition(zero) == pytest.approx(46 * math.log(2), rel=1e-6)
    with pytest.raises(ConfigurationError, match="annealed_log_partition"):
        exact_log_partition(RBM(30, 21).init(0))


@pytest.mark.parametrize("units", ["bernoulli", "gaussian"])
def test_annealing_finds_the_partition_function(units: str) -> None:
    model = machine(12, 8, scale=0.6, units=units)
    exact = exact_log_partition(model)
    found = annealed_log_partition(model, jax.random.key(1), chains=100, temperatures=1000)
    assert found.low <= exact <= found.high
    assert abs(found.value - exact) < 0.1
    x = np.random.default_rng(0).integers(0, 2, (50, 12)).astype(np.float32)
    near = annealed_log_partition(
        model, jax.random.key(2), chains=100, temperatures=1000, examples=jnp.asarray(x)
    )
    assert abs(near.value - exact) < 0.1
    assert log_likelihood(model, x, near.value) == pytest.approx(
        log_likelihood(model, x, exact), abs=0.1
    )


@pytest.mark.parametrize("units", ["bernoulli", "gaussian"])
def test_long_chains_visit_states_as_often_as_the_energy_says(units: str) -> None:
    model = machine(3, 2, units=units)
    v = model.gibbs(jnp.zeros((20_000, 3)), jax.random.key(0), 60)
    h, W = states(2), np.asarray(model.hidden.weight, np.float64)
    if units == "bernoulli":
        joint = np.exp(-energy(model, states(3), h))
        expected = joint.sum(axis=1) @ states(3) / joint.sum()
    else:
        a, b = np.asarray(model.visible_bias, np.float64), np.asarray(model.hidden.bias)
        drive = h @ W.T
        weight = np.exp(h @ b + drive @ a + (drive**2).sum(axis=1) / 2)
        expected = weight @ (a + drive) / weight.sum()
    np.testing.assert_allclose(v.mean(axis=0), expected, atol=0.05)


@pytest.mark.parametrize("given", [{"visible": 0, "hidden": 2}, {"visible": 2, "hidden": -1}])
def test_sizes_are_positive(given: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=r"visible|hidden"):
        RBM(**given)


def test_an_unknown_kind_of_units_gets_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'gaussian'"):
        RBM(4, 2, units="gausian")

"""The exponential moving average of the parameters."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.errors import ConfigurationError


def walk(rule: optim.Optimizer, steps: int) -> tuple[list[Any], Any]:
    """Return the parameters after each step, and the last state."""
    parameters = {"w": jnp.array([3.0, -1.0])}
    state, points = rule.init(parameters), []
    for step in range(steps):
        updates, state = rule.update({"w": jnp.array([0.1, 0.3]) * step}, state, parameters)
        parameters = optim.apply(parameters, updates)
        points.append(np.asarray(parameters["w"]))
    return points, state


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_the_average_is_the_weighted_mean_of_its_definition(decay: float, steps: int) -> None:
    rule = optim.chain(optim.sgd(1.0), optim.average_parameters(decay))
    points, state = walk(rule, steps)
    weights = [decay ** (steps - i) for i in range(1, steps + 1)]
    expected = np.average(points, axis=0, weights=weights)
    averaged = rule.averaged(state, {"w": jnp.asarray(points[-1])})
    assert_allclose(averaged["w"], expected, rtol=2e-6)


def test_the_average_is_the_corrected_one_of_optax() -> None:
    optax = pytest.importorskip("optax", reason="Optax is not installed")
    rule = optim.chain(optim.sgd(1.0), optim.average_parameters(0.9))
    points, state = walk(rule, 25)
    peer = optax.ema(0.9, debias=True)
    peer_state = peer.init(jnp.zeros(2))
    for point in points:
        expected, peer_state = peer.update(jnp.asarray(point), peer_state)
    assert_allclose(rule.averaged(state, {"w": jnp.zeros(2)})["w"], expected, rtol=2e-6)


def test_before_the_first_update_the_average_is_the_parameters() -> None:
    rule = optim.chain(optim.sgd(1.0), optim.average_parameters())
    parameters = {"w": jnp.array([3.0, -1.0])}
    assert rule.averaged(rule.init(parameters), parameters)["w"].tolist() == [3, -1]


def test_the_updates_pass_unchanged() -> None:
    plain, _ = walk(optim.adam(0.1), 5)
    averaging, _ = walk(optim.chain(optim.adam(0.1), optim.average_parameters()), 5)
    np.testing.assert_array_equal(plain, averaging)


def test_without_an_average_the_parameters_are_evaluated_as_they_are() -> None:
    parameters = {"w": jnp.ones(2)}
    for rule in (optim.sgd(), optim.chain(optim.clip_by_value(1), optim.sgd())):
        assert not rule.keeps_average
        assert rule.averaged(rule.init(parameters), parameters) is parameters


def test_the_average_of_narrow_parameters_is_kept_in_float32() -> None:
    # In bfloat16 every update by a thousandth of the distance from 1 to 2 would be rounded to 0.
    rule = optim.average_parameters(0.999)
    parameters = {"w": jnp.ones(1, jnp.bfloat16), "count": jnp.int32(7)}
    state, update = rule.init(parameters), jax.jit(rule.update)
    for step in range(500):
        parameters["w"] = jnp.full(1, 1 if step < 100 else 2, jnp.bfloat16)
        _, state = update({"w": jnp.zeros(1), "count": None}, state, parameters)
    expected = np.average([1] * 100 + [2] * 400, weights=0.999 ** np.arange(499, -1, -1))
    assert_allclose(state.average["w"], expected, rtol=1e-4)
    evaluated = rule.averaged(state, parameters)
    assert evaluated["w"].dtype == jnp.bfloat16
    assert int(evaluated["count"]) == 7


def test_it_has_to_come_last() -> None:
    with pytest.raises(ConfigurationError, match="must come last"):
        optim.chain(optim.average_parameters(), optim.sgd())
    with pytest.raises(ConfigurationError, match="must come last"):
        optim.chain(optim.chain(optim.sgd(), optim.average_parameters()), optim.scale(2))

"""Chains: order, state by name, and the learning rate of the chain."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.errors import ConfigurationError

PARAMETERS = {"w": jnp.zeros(2)}
GRADIENTS = {"w": jnp.array([3.0, 4.0])}


def first_updates(rule: optim.Optimizer) -> Any:
    return rule.update(GRADIENTS, rule.init(PARAMETERS), PARAMETERS)[0]["w"].tolist()


def test_parts_act_in_their_order() -> None:
    clip, double, descend = optim.clip_by_value(3.5), optim.scale(2), optim.sgd(1.0)
    assert first_updates(optim.chain(clip, double, descend)) == [-6, -7]
    assert first_updates(optim.chain(double, clip, descend)) == [-3.5, -3.5]
    assert first_updates(optim.chain(optim.chain(clip, double), descend)) == [-6, -7]


def test_a_chain_is_the_composition_of_its_updates(follow: Any, follow_optax: Any) -> None:
    optax = pytest.importorskip("optax", reason="Optax is not installed")
    rule = optim.chain(
        optim.clip_by_global_norm(0.1), optim.add_decayed_weights(0.01), optim.adam(0.1)
    )
    peer = optax.chain(
        optax.clip_by_global_norm(0.1), optax.add_decayed_weights(0.01), optax.adam(0.1)
    )
    assert_allclose(follow(rule), follow_optax(peer), rtol=1e-10)


def test_the_state_is_by_name_and_counts_repeated_names() -> None:
    rule = optim.chain(
        optim.scale(1), optim.momentum(), optim.scale(1), optim.momentum(), optim.sgd()
    )
    state = rule.init(PARAMETERS)
    assert list(state) == ["momentum", "momentum_2", "sgd"]
    _, after = rule.update(GRADIENTS, state, PARAMETERS)
    assert list(after) == list(state)
    assert [int(part.step) for part in after.values()] == [1, 1, 1]
    assert [int(part.step) for part in state.values()] == [0, 0, 0]


def test_the_rate_is_the_product_of_the_rates_of_the_parts() -> None:
    rule = optim.chain(
        optim.clip_by_value(1), optim.sgd(0.5), optim.reduce_on_plateau(factor=0.5, patience=0)
    )
    state = rule.init(PARAMETERS)
    assert float(rule.learning_rate(state)) == 0.5
    for _ in range(2):
        state = rule.observe(state, 1.0)
    assert float(rule.learning_rate(state)) == 0.25


def test_a_rule_made_by_hand_is_a_part_like_any_other() -> None:
    by_hand = optim.Optimizer(
        lambda parameters: {"count": jnp.int32(0)},
        lambda g, state, w: ({"w": jnp.sign(g["w"])}, {"count": state["count"] + 1}),
    )
    rule = optim.chain(by_hand, optim.scale_by_learning_rate(0.5))
    updates, state = rule.update(GRADIENTS, rule.init(PARAMETERS), PARAMETERS)
    assert updates["w"].tolist() == [-0.5, -0.5]
    assert int(state["custom"]["count"]) == 1


def test_a_chain_of_nothing_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="needs parts"):
        optim.chain()

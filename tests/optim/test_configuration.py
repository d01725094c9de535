"""Configurations: recorded and not recordable optimizers, and optimizers of users."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import optim
from clearprop.errors import ConfigurationError
from clearprop.optim import configuration, schedules


def test_a_configuration_is_json_and_whole() -> None:
    rate = schedules.warmup(5, then=schedules.piecewise([0.1, np.float32(0.5)], [np.int64(3)]))
    rule = optim.chain(optim.clip_by_global_norm(1), optim.adamw(rate, exclude=("*bias",)))
    config = rule.to_config()
    assert json.loads(json.dumps(config)) == config
    assert config == {
        "name": "chain",
        "parts": [
            {"name": "clip_by_global_norm", "max_norm": 1},
            {
                "name": "adamw",
                "learning_rate": {
                    "name": "warmup",
                    "steps": 5,
                    "then": {"name": "piecewise", "values": [0.1, 0.5], "boundaries": [3]},
                    "start": 0.0,
                },
                "weight_decay": 0.01,
                "beta1": 0.9,
                "beta2": 0.999,
                "epsilon": 1e-8,
                "amsgrad": False,
                "exclude": ["*bias"],
                "min_ndim": 0,
            },
        ],
    }
    assert optim.from_config(json.loads(json.dumps(config))).to_config() == config


def test_a_rate_given_as_an_array_is_recorded_as_a_number() -> None:
    assert optim.sgd(jnp.float32(0.5)).to_config() == {"name": "sgd", "learning_rate": 0.5}


@pytest.mark.parametrize(
    "rule",
    [
        optim.sgd(lambda t: 1 / (1 + t)),
        optim.sgd(optim.Schedule(lambda t: t)),
        optim.chain(optim.Optimizer(lambda w: (), lambda g, s, w: (g, s)), optim.sgd()),
    ],
    ids=["function", "schedule", "optimizer"],
)
def test_what_is_made_by_hand_works_but_cannot_be_recorded(rule: optim.Optimizer) -> None:
    parameters = {"w": jnp.ones(1)}
    rule.update({"w": jnp.ones(1)}, rule.init(parameters), parameters)
    assert repr(rule)
    with pytest.raises(ConfigurationError, match="cannot be recorded"):
        rule.to_config()


@pytest.fixture
def own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "_BUILDERS", dict(configuration._BUILDERS))


def test_a_rule_that_a_user_enters_is_made_and_recorded_by_name(own_table: None) -> None:
    @optim.register_optimizer
    def sign_descent(learning_rate: float = 0.5) -> optim.Optimizer:
        """Step by the sign of the gradient."""

        def update(gradients: Any, state: Any, parameters: Any) -> Any:
            return jax.tree.map(lambda g: -learning_rate * jnp.sign(g), gradients), state

        return optim.Optimizer(lambda parameters: optim.NoState(), update)

    rule = optim.create("sign_descent", learning_rate=0.25)
    assert rule.to_config() == {"name": "sign_descent", "learning_rate": 0.25}
    updates, _ = rule.update({"w": jnp.array([-3.0])}, optim.NoState(), {"w": jnp.zeros(1)})
    assert updates["w"].tolist() == [0.25]
    assert "sign_descent" in optim.optimizer_names()


def test_a_name_is_given_once(own_table: None) -> None:
    def adam() -> optim.Optimizer:
        return optim.sgd()

    with pytest.raises(ConfigurationError, match="'adam' is taken"):
        optim.register_optimizer(adam)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "has no name"),
        ({"name": 3}, "has no name"),
        ({"name": "adma"}, "did you mean 'adam'"),
        ({"name": "adam", "beta_1": 0.9}, "did you mean 'beta1'"),
        ({"name": "adam", "beta1": 1.0}, "adam.beta1"),
        ({"name": "clip_by_value"}, "'limit' is missing"),
        ({"name": "constant", "value": 1.0}, "makes a schedule"),
        ({"name": "chain", "parts": [{"name": "sdg"}]}, "did you mean 'sgd'"),
        ({"name": "sgd", "learning_rate": {"name": "cosinus"}}, "did you mean 'cosine'"),
    ],
)
def test_a_broken_configuration_says_where(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        optim.from_config(config)
    assert message in str(raised.value)


def test_the_options_of_a_name_are_listed_in_order() -> None:
    assert configuration.options_of("momentum") == ["learning_rate", "momentum"]
    with pytest.raises(ConfigurationError, match="momentun"):
        configuration.options_of("momentun")


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_does_the_same(copied: Any) -> None:
    rate = schedules.cosine(0.5, steps=10)
    rule = optim.chain(optim.clip_by_value(1.0), optim.adam(rate, beta1=0.8))
    twin = copied(rule)
    assert twin.to_config() == rule.to_config()
    parameters = {"w": jnp.array([1.0, -2.0])}
    made = [
        one.update(parameters, one.init(parameters), parameters)[0]["w"] for one in (rule, twin)
    ]
    np.testing.assert_array_equal(*made)


def test_one_that_was_made_by_hand_is_copied_with_its_functions() -> None:
    rule = optim.Optimizer(lambda parameters: (), lambda gradients, state, _: (gradients, state))
    assert copy.deepcopy(rule).update is rule.update

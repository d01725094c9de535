"""`create`: names, options, and error messages for wrong ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from clearprop import optim
from clearprop.errors import ConfigurationError


@pytest.mark.parametrize("name", optim.optimizer_names())
def test_every_rule_can_be_made_by_name_alone_and_with_a_rate(name: str) -> None:
    assert optim.create(name).to_config() == getattr(optim, name)().to_config()
    assert optim.create(name.upper(), 0.125).options["learning_rate"] == 0.125


def test_options_and_schedules_pass_through() -> None:
    rate = optim.schedules.cosine(0.1, steps=10)
    assert optim.create("adam", rate, beta1=0.5).options["learning_rate"] is rate
    from_data = optim.create("adam", {"name": "cosine", "initial": 0.1, "steps": 10})
    assert from_data.to_config() == optim.adam(rate).to_config()


def test_an_optimizer_and_its_configuration_are_optimizers() -> None:
    rule = optim.chain(optim.clip_by_value(1), optim.sgd(0.1))
    assert optim.create(rule) is rule
    assert optim.create(rule.to_config()).to_config() == rule.to_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.create("adma"), "did you mean 'adam'"),
        (lambda: optim.create("muon", scaling="other"), "the scaling is unknown"),
        (lambda: optim.create("clip_by_value", limit=1.0), "unknown optimizer"),
        (lambda: optim.create("momentum", momentun=0.9), "did you mean 'momentum'"),
        (lambda: optim.create("sgd", momentum=0.9), "unknown option 'momentum'"),
        (lambda: optim.create(optim.sgd(), learning_rate=0.1), "learning_rate with sgd"),
        (lambda: optim.create({"name": "sgd"}, momentum=0.1), "momentum with"),
        (lambda: optim.create(None), "not an optimizer"),  # type: ignore[arg-type]
    ],
)
def test_what_it_cannot_make_it_says(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert message in str(raised.value)


@pytest.mark.parametrize("name", optim.optimizer_names())
@pytest.mark.parametrize("rate", [0, -0.1, math.nan, math.inf, "0.1", True, [0.1]], ids=repr)
def test_a_rate_that_is_none_is_an_error_with_its_place(name: str, rate: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        optim.create(name, rate)
    assert raised.value.where == f"{name}.learning_rate"
    assert raised.value.given == repr(rate)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("momentum", "momentum", 1.0),
        ("nesterov", "momentum", -0.1),
        ("adagrad", "epsilon", -1e-9),
        ("adagrad", "initial_accumulator", -1),
        ("adadelta", "decay", 1.5),
        ("adadelta", "epsilon", 0),
        ("rmsprop", "decay", 1),
        ("rmsprop", "momentum", math.nan),
        ("adam", "beta1", 1),
        ("adam", "beta2", -0.5),
        ("adam", "epsilon", -1),
        ("adamw", "beta2", 1.0),
        ("adamw", "weight_decay", -0.1),
        ("adamw", "min_ndim", 1.5),
        ("nadam", "beta1", 1),
        ("nadam", "beta2", 1),
        ("nadam", "epsilon", -1),
        ("nadam", "momentum_decay", -1),
        ("radam", "beta1", 1),
        ("radam", "beta2", 1),
        ("radam", "epsilon", -1),
        ("adamax", "beta1", 1),
        ("adamax", "beta2", 1),
        ("adamax", "epsilon", 0),
        ("lion", "beta1", 1),
        ("lion", "beta2", 1),
        ("lion", "weight_decay", -1),
        ("lamb", "beta1", 1),
        ("lamb", "epsilon", -1),
        ("lamb", "weight_decay", -1),
        ("muon", "momentum", 1),
        ("muon", "iterations", 0),
        ("muon", "weight_decay", -1),
        ("muon", "beta1", 1),
    ],
)
def test_an_option_out_of_its_range_is_an_error(name: str, option: str, value: float) -> None:
    with pytest.raises(ConfigurationError) as raised:
        optim.create(name, **{option: value})
    assert raised.value.where == f"{name}.{option}"
    assert raised.value.expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.scale(math.inf),
        lambda: optim.scale_by_learning_rate(0),
        lambda: optim.clip_by_value(0),
        lambda: optim.clip_by_global_norm(-1),
        lambda: optim.add_decayed_weights(-1),
        lambda: optim.decoupled_weight_decay(optim.sgd(), math.nan),
        lambda: optim.average_parameters(1),
        lambda: optim.reduce_on_plateau(1.0),
        lambda: optim.reduce_on_plateau(0),
        lambda: optim.reduce_on_plateau(patience=-1),
        lambda: optim.reduce_on_plateau(mode="least"),  # type: ignore[arg-type]
    ],
)
def test_so_are_those_of_a_transformation(make: Callable[[], Any]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert "." in (raised.value.where or "")


def test_a_rate_that_is_only_known_inside_jit_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="learning_rate is out of range"):
        jax.jit(lambda rate: optim.sgd(rate).init({"w": jnp.zeros(1)}))(0.1)

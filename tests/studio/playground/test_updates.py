"""Optimizers, schedules and penalties from settings."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import optim
from clearprop.errors import ConfigurationError
from clearprop.optim import configuration
from clearprop.studio.playground.messages import OptimizerSettings, ScheduleSettings, Settings
from clearprop.studio.playground.updates import (
    RATE_OF,
    UNFIT_SCHEDULES,
    every_optimizer,
    has_rate,
    optimizer_of,
    options_of_optimizer,
    options_of_schedule,
)


def made(name: str = "sgd", options: dict[str, float] | None = None, **changed: Any) -> Any:
    return optimizer_of(Settings(optimizer=OptimizerSettings(name, options or {}), **changed))


def test_every_optimizer_of_the_library_can_be_made_with_all_its_numbers() -> None:
    assert set(every_optimizer()) == {*optim.optimizer_names(), *optim.second_order_names()}
    for name in every_optimizer():
        options = {one.name: one.default for one in options_of_optimizer(name)}
        one, other = made(name, options), made(name)
        assert one.to_config() == other.to_config(), name
        assert one.name == name
        if has_rate(name):
            assert one.options["learning_rate"] == 0.03


def test_every_schedule_of_the_library_fits_or_has_a_reason() -> None:
    assert set(RATE_OF) | set(UNFIT_SCHEDULES) == set(configuration.names("schedule"))
    for name in RATE_OF:
        options = {one.name: one.default for one in options_of_schedule(name)}
        found = made(schedule=ScheduleSettings(name, options)).options["learning_rate"]
        assert found == 0.03 or found.name == name
        same = made(schedule=ScheduleSettings(name)).options["learning_rate"]
        assert found == 0.03 or same.to_config() == found.to_config()
    with pytest.raises(ConfigurationError, match="lists of numbers"):
        made(schedule=ScheduleSettings("piecewise"))


@pytest.mark.parametrize(
    ("name", "options", "step", "rate"),
    [
        ("step", {"every": 10, "factor": 0.5}, 25, 0.0075),
        ("exponential", {"every": 10, "factor": 0.5}, 20, 0.0075),
        ("cosine", {"steps": 100}, 50, 0.015),
        ("polynomial", {"steps": 100, "power": 2}, 50, 0.0075),
        ("warmup", {"steps": 100}, 50, 0.015),
        ("cyclic", {"lowest": 0.01, "steps_up": 10}, 10, 0.03),
        ("one_cycle", {"steps": 100, "rise": 0.5}, 49, 0.03),
    ],
)
def test_a_schedule_has_the_learning_rate(
    name: str, options: dict[str, float], step: int, rate: float
) -> None:
    found = made(schedule=ScheduleSettings(name, options)).options["learning_rate"]
    assert float(found(step)) == pytest.approx(rate, rel=1e-5)


def test_penalties_are_those_of_tensorflow_playground() -> None:
    parameters = {"w": jnp.array([[2.0, -3.0]]), "b": jnp.array([5.0])}
    gradients = {"w": jnp.array([[0.5, 0.5]]), "b": jnp.array([0.5])}
    optimizer = made(l1=0.1, l2=0.01, learning_rate=1.0)
    updates, _ = optimizer.update(gradients, optimizer.init(parameters), parameters)
    np.testing.assert_allclose(-updates["w"], [[0.5 + 0.02 + 0.1, 0.5 - 0.03 - 0.1]], rtol=1e-6)
    np.testing.assert_allclose(-updates["b"], [0.5])
    assert made().name == "sgd"


def test_switches_and_whole_numbers() -> None:
    assert made("adam", {"amsgrad": 1.0}).options["amsgrad"] is True
    assert made("muon", {"iterations": 3.0}).options["iterations"] == 3
    descriptions = {one.name: one for one in options_of_optimizer("adamw")}
    assert descriptions["beta1"].about.startswith("decay of the mean of gradients")
    assert descriptions["amsgrad"].kind == "switch"
    assert "exclude" not in descriptions


@pytest.mark.parametrize(
    ("name", "options", "changed", "words"),
    [
        ("adma", {}, {}, "adam"),
        ("adam", {"beta": 0.9}, {}, "beta1"),
        ("adam", {"beta1": 1.5}, {}, "0 to below 1"),
        ("adam", {"amsgrad": 0.5}, {}, "0 for off or 1 for on"),
        ("muon", {"iterations": 2.5}, {}, "a whole number"),
        ("sgd", {}, {"schedule": ScheduleSettings("cosin")}, "cosine"),
        ("sgd", {}, {"schedule": ScheduleSettings("cosine", {"step": 3})}, "steps"),
        ("sgd", {}, {"schedule": ScheduleSettings("constant", {"value": 3})}, "value"),
        ("sgd", {}, {"schedule": ScheduleSettings("cyclic", {"lowest": 0.5})}, "below the lowest"),
        ("lbfgs", {}, {"l2": 0.1}, "penalty"),
        ("hessian_free", {}, {"schedule": ScheduleSettings("cosine")}, "no learning rate"),
    ],
)
def test_what_does_not_fit_is_told(
    name: str, options: dict[str, float], changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        made(name, options, **changed)

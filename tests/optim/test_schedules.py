"""Schedules, compared with their closed forms and with PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.errors import ConfigurationError
from clearprop.optim import Schedule, schedules

STEPS = 30

CLOSED_FORMS: list[tuple[Schedule, Callable[[int], float]]] = [
    (schedules.constant(0.3), lambda t: 0.3),
    (schedules.step(0.3, every=7, factor=0.5), lambda t: 0.3 * 0.5 ** math.floor(t / 7)),
    (
        schedules.piecewise((0.3, 0.2, 0.1), boundaries=(5, 9)),
        lambda t: 0.3 if t < 5 else 0.2 if t < 9 else 0.1,
    ),
    (schedules.exponential(0.3, factor=0.5, every=10), lambda t: 0.3 * 0.5 ** (t / 10)),
    (
        schedules.cosine(0.3, steps=20, final=0.1),
        lambda t: 0.1 + 0.2 * (1 + math.cos(math.pi * min(t / 20, 1))) / 2,
    ),
    (
        schedules.polynomial(0.3, steps=20, power=2.5, final=0.1),
        lambda t: 0.1 + 0.2 * (1 - min(t / 20, 1)) ** 2.5,
    ),
    (
        schedules.warmup(10, then=0.3, start=0.1),
        lambda t: 0.3 * (0.1 + 0.9 * t / 10) if t < 10 else 0.3,
    ),
    (
        schedules.warmup(10, then=schedules.cosine(0.3, steps=15)),
        lambda t: 0.03 * t
        if t < 10
        else 0.15 * (1 + math.cos(math.pi * min((t - 10) / 15, 1))),
    ),
]  # fmt: skip
EVERY_SCHEDULE = pytest.mark.parametrize("schedule", [s for s, _ in CLOSED_FORMS], ids=str)


@pytest.mark.parametrize(("schedule", "rate"), CLOSED_FORMS, ids=[str(s) for s, _ in CLOSED_FORMS])
def test_a_schedule_is_its_closed_form(schedule: Schedule, rate: Callable[[int], float]) -> None:
    expected = [rate(t) for t in range(STEPS)]
    assert_allclose([schedule(t) for t in range(STEPS)], expected, rtol=1e-6, atol=1e-8)
    assert_allclose(schedule(jnp.arange(STEPS)), expected, rtol=1e-6, atol=1e-8)
    assert_allclose(jax.jit(schedule)(jnp.arange(STEPS)), expected, rtol=1e-6, atol=1e-8)


@EVERY_SCHEDULE
def test_a_schedule_keeps_to_the_default_floating_dtype(schedule: Schedule) -> None:
    assert schedule(jnp.int32(3)).dtype == jnp.float32
    with jax.enable_x64(True):
        assert schedule(jnp.int32(3)).dtype == jnp.float64


@EVERY_SCHEDULE
def test_a_schedule_is_rebuilt_from_its_configuration(schedule: Schedule) -> None:
    again = schedules.from_config(schedule.to_config())
    assert again.to_config() == schedule.to_config()
    assert again(jnp.arange(STEPS)).tolist() == schedule(jnp.arange(STEPS)).tolist()


@pytest.mark.parametrize(
    ("schedule", "name", "options"),
    [
        (schedules.step(0.3, every=7, factor=0.5), "StepLR", {"step_size": 7, "gamma": 0.5}),
        (
            schedules.piecewise((0.3, 0.03, 0.003), boundaries=(5, 9)),
            "MultiStepLR",
            {"milestones": [5, 9]},
        ),
        (schedules.exponential(0.3, factor=0.9), "ExponentialLR", {"gamma": 0.9}),
        (
            schedules.cosine(0.3, steps=STEPS, final=0.1),
            "CosineAnnealingLR",
            {"T_max": STEPS, "eta_min": 0.1},
        ),
        (
            schedules.polynomial(0.3, steps=20, power=2.5),
            "PolynomialLR",
            {"total_iters": 20, "power": 2.5},
        ),
        (
            schedules.warmup(10, then=0.3, start=0.1),
            "LinearLR",
            {"start_factor": 0.1, "total_iters": 10},
        ),
    ],
    ids=str,
)
def test_a_schedule_is_that_of_pytorch(
    schedule: Schedule, name: str, options: dict[str, Any], x64: None
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    peer = getattr(torch.optim.lr_scheduler, name)(rule, **options)
    expected = []
    for _ in range(STEPS):
        expected.append(rule.param_groups[0]["lr"])
        rule.step()
        peer.step()
    assert_allclose([schedule(t) for t in range(STEPS)], expected, rtol=1e-11, atol=1e-15)


def test_a_rule_takes_its_rate_at_the_update_to_come() -> None:
    rule = optim.sgd(schedules.piecewise((1.0, 0.5), boundaries=(2,)))
    parameters = {"w": jnp.zeros(1)}
    state, rates, updates = rule.init(parameters), [], []
    for _ in range(4):
        rates.append(float(rule.learning_rate(state)))
        delta, state = rule.update({"w": jnp.ones(1)}, state, parameters)
        updates.append(float(delta["w"][0]))
    assert rates == [1, 1, 0.5, 0.5]
    assert updates == [-1, -1, -0.5, -0.5]


def test_any_function_of_the_update_number_is_a_schedule() -> None:
    rule = optim.sgd(lambda t: 1 / (1 + t))
    assert float(rule.learning_rate(optim.SgdState(jnp.int32(3)))) == 0.25


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.constant(0),
        lambda: schedules.step(-1, every=3),
        lambda: schedules.step(1, every=0),
        lambda: schedules.step(1, every=2.5),  # type: ignore[arg-type]
        lambda: schedules.step(1, every=3, factor=math.nan),
        lambda: schedules.piecewise((0.1, 0.01), boundaries=(3, 4)),
        lambda: schedules.piecewise((0.1, 0.01, 0.001), boundaries=(4, 3)),
        lambda: schedules.exponential(1, factor=0),
        lambda: schedules.cosine(math.inf, steps=3),
        lambda: schedules.cosine(1, steps=3, final=-0.1),
        lambda: schedules.polynomial(1, steps=3, power=0),
        lambda: schedules.warmup(0, then=1),
        lambda: schedules.warmup(3, then=-1),
        lambda: schedules.warmup(3, then=1, start=1),
        lambda: schedules.from_config({"name": "cosin", "initial": 1, "steps": 3}),
        lambda: schedules.from_config({"name": "cosine", "initial": 1, "step": 3}),
        lambda: schedules.from_config({"name": "adam"}),
    ],
)
def test_a_value_out_of_range_is_an_error(make: Callable[[], Schedule]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert raised.value.where or raised.value.fix or raised.value.expected


def test_rates_stay_exact_over_a_long_run() -> None:
    # float32 represents the numbers of updates exactly up to 2^24.
    schedule = schedules.step(1.0, every=1_000_000, factor=0.5)
    numbers = np.array([999_999, 1_000_000, 9_999_999, 10_000_000])
    assert schedule(numbers).tolist() == [1, 0.5, 0.5**9, 0.5**10]

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

PERIODS = ((0, 4), (4, 8), (12, 16), (28, 32))
"""Beginnings and lengths of periods of which each is twice as long as the one before it."""

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
    (
        schedules.cosine_restarts(0.3, steps=4, multiply=2, final=0.1),
        lambda t: 0.1
        + 0.1 * (1 + math.cos(math.pi * next((t - b) / n for b, n in PERIODS if t < b + n))),
    ),
    (
        schedules.cyclic(0.1, 0.3, steps_up=4, steps_down=2, mode="triangular2"),
        lambda t: 0.1 + 0.2 * min(t % 6 / 4, (6 - t % 6) / 2) / 2 ** (t // 6),
    ),
    (
        schedules.one_cycle(0.3, steps=20, rise=0.25, div_factor=10, shape="linear"),
        lambda t: 0.03 + 0.27 * t / 4
        if t < 4
        else 0.3 + (3e-6 - 0.3) * min((t - 4) / 15, 1),
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
        *(
            (
                schedules.one_cycle(0.3, STEPS, rise, shape=shape, three_phases=three),
                "OneCycleLR",
                {
                    "max_lr": 0.3,
                    "total_steps": STEPS,
                    "pct_start": rise,
                    "anneal_strategy": anneal,
                    "three_phase": three,
                    "cycle_momentum": False,
                },
            )
            for shape, anneal in (("cosine", "cos"), ("linear", "linear"))
            for three in (False, True)
            for rise in (0.3, 0.02)
        ),
        (
            schedules.one_cycle(0.3, STEPS, div_factor=4, final_div_factor=50),
            "OneCycleLR",
            {
                "max_lr": 0.3,
                "total_steps": STEPS,
                "div_factor": 4,
                "final_div_factor": 50,
                "cycle_momentum": False,
            },
        ),
        *(
            (
                schedules.cosine_restarts(0.3, steps, multiply, final=0.01),
                "CosineAnnealingWarmRestarts",
                {"T_0": steps, "T_mult": multiply, "eta_min": 0.01},
            )
            for steps, multiply in ((7, 1), (3, 2), (2, 3), (1, 2), (40, 1))
        ),
        *(
            (
                schedules.cyclic(0.1, 0.4, 4, down, mode, factor),
                "CyclicLR",
                {
                    "base_lr": 0.1,
                    "max_lr": 0.4,
                    "step_size_up": 4,
                    "step_size_down": down,
                    "mode": mode,
                    "gamma": factor,
                    "cycle_momentum": False,
                },
            )
            for down in (None, 3)
            for mode, factor in (("triangular", 1.0), ("triangular2", 1.0), ("exp_range", 0.9))
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
    assert_allclose([schedule(t) for t in range(STEPS)], expected, rtol=1e-10, atol=1e-14)


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
        lambda: schedules.cosine_restarts(0, steps=3),
        lambda: schedules.cosine_restarts(1, steps=0),
        lambda: schedules.cosine_restarts(1, steps=3, multiply=1.5),  # type: ignore[arg-type]
        lambda: schedules.cyclic(0, 1),
        lambda: schedules.cyclic(2, 1),
        lambda: schedules.cyclic(1, 2, steps_up=0),
        lambda: schedules.cyclic(1, 2, mode="triangle"),
        lambda: schedules.cyclic(1, 2, factor=1.5),
        lambda: schedules.one_cycle(1, steps=1),
        lambda: schedules.one_cycle(1, steps=9, rise=1),
        lambda: schedules.one_cycle(1, steps=9, shape="cos"),
        lambda: schedules.one_cycle(1, steps=9, rise=0.5, three_phases=True),
        lambda: schedules.from_config({"name": "cosin", "initial": 1, "steps": 3}),
        lambda: schedules.from_config({"name": "cosine", "initial": 1, "step": 3}),
        lambda: schedules.from_config({"name": "adam"}),
    ],
)
def test_a_value_out_of_range_is_an_error(make: Callable[[], Schedule]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert raised.value.where or raised.value.fix or raised.value.expected


def test_a_cycle_keeps_its_last_rate_behind_its_end() -> None:
    schedule = schedules.one_cycle(1.0, steps=10)
    assert float(schedule(500)) == float(schedule(9)) == pytest.approx(4e-6, rel=1e-5)


def test_a_restart_is_at_its_update_in_a_long_run() -> None:
    # The tenth period begins after 1023 first ones.
    schedule = schedules.cosine_restarts(1.0, steps=1_000, multiply=2)
    assert float(schedule(1_023_000)) == 1.0
    assert float(schedule(1_022_999)) < 1e-6


def test_rates_stay_exact_over_a_long_run() -> None:
    # float32 represents the numbers of updates exactly up to 2^24.
    schedule = schedules.step(1.0, every=1_000_000, factor=0.5)
    numbers = np.array([999_999, 1_000_000, 9_999_999, 10_000_000])
    assert schedule(numbers).tolist() == [1, 0.5, 0.5**9, 0.5**10]

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from clearprop import cpu
from clearprop.errors import ConfigurationError
from clearprop.training.execution_plan import (
    UNROLLED_STEPS,
    ExecutionPlan,
    Workload,
    choose,
    workload,
)

TINY = Workload(operations=1_000, instructions=100, convolutions=0, loops=0)
DENSE = Workload(operations=90_000_000, instructions=100, convolutions=0, loops=0)
HUGE = Workload(operations=50_000_000_000, instructions=1000, convolutions=0, loops=0)
RECURRENT = HUGE._replace(loops=2)
CONVOLVED = Workload(operations=500_000_000, instructions=100, convolutions=6, loops=0)


def plan(work: Workload, **changes: Any) -> ExecutionPlan:
    given: dict[str, Any] = {
        "batch_size": 64,
        "steps_per_epoch": 100,
        "examples": 6400,
        "platform": "cpu",
        "available": 2,
    }
    return choose(work, **{**given, **changes})


def test_many_passes_of_a_tiny_network_are_one_call() -> None:
    assert plan(TINY).epochs_per_call > 10
    assert plan(TINY, streamed=True).epochs_per_call == 0


def test_a_middling_step_runs_many_a_call_on_one_device() -> None:
    chosen = plan(DENSE)
    assert chosen.devices == 1
    assert 50 <= chosen.steps_per_call <= 100
    assert (chosen.epochs_per_call, chosen.unrolled) == (0, False)


def test_a_large_step_is_alone_in_its_call() -> None:
    assert plan(HUGE) == ExecutionPlan(1, 1, 0, unrolled=False)


def test_only_a_large_loop_over_time_is_sharded_over_the_cores() -> None:
    assert plan(RECURRENT) == ExecutionPlan(2, 1, 0, unrolled=False)
    assert plan(TINY._replace(loops=2)).devices == 1


def test_a_recurrent_network_on_one_device_is_told_how_to_use_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(cpu, "tell_once", told.append)
    monkeypatch.setattr(cpu, "usable_cores", lambda: 2)
    plan(HUGE, available=1)
    plan(RECURRENT, available=1, platform="gpu")
    plan(RECURRENT, available=1, batch_size=1)
    plan(RECURRENT, available=1, devices=1)
    assert told == []
    plan(RECURRENT, available=1)
    assert len(told) == 1


def test_convolutions_on_processors_are_unrolled() -> None:
    assert plan(CONVOLVED) == ExecutionPlan(1, UNROLLED_STEPS, 0, unrolled=True)
    assert not plan(CONVOLVED, platform="gpu").unrolled


def test_a_batch_is_sharded_evenly_or_not_at_all() -> None:
    assert plan(RECURRENT, batch_size=63, available=8).devices == 7
    assert plan(RECURRENT, batch_size=61, available=8).devices == 1
    assert plan(RECURRENT, batch_size=4, available=8).devices == 4


def test_small_work_stays_on_one_device_everywhere() -> None:
    small = Workload(operations=5000, instructions=100, convolutions=0, loops=0)
    assert plan(small, platform="gpu", batch_size=10, available=8).devices == 1
    assert plan(HUGE, platform="gpu", available=8).devices == 8


def test_what_the_user_chose_is_done() -> None:
    chosen = plan(TINY, steps_per_call=7, devices=2)
    assert chosen == ExecutionPlan(devices=2, steps_per_call=7, epochs_per_call=0, unrolled=False)
    with pytest.raises(ConfigurationError, match="sharded evenly") as caught:
        plan(TINY, batch_size=63, devices=2)
    assert caught.value.fix == "batch_size=62"


def test_work_is_counted_through_loops_and_calls() -> None:
    a = jnp.ones((8, 8))
    once = workload(lambda x: x @ a, a)
    assert once.operations == 2 * 8 * 8 * 8

    def often(x: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda c, _: (jax.jit(lambda y: y @ a)(c), None), x, None, length=5)[0]

    assert workload(often, a).operations == 5 * once.operations
    assert (once.loops, workload(often, a).loops) == (0, 1)


def test_a_convolution_is_counted() -> None:
    x, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 4))

    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        dimensions = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", dimension_numbers=dimensions
        )

    work = workload(convolve, x, kernel)
    assert work.convolutions == 1
    assert work.convolved == work.operations
    assert work.operations == 2 * (2 * 6 * 6 * 4) * (3 * 3 * 3)

"""The learning rate that decreases on a plateau, compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim

PARAMETERS = {"w": jnp.zeros(2)}


def scales(metrics: Any, **options: Any) -> list[float]:
    rule = optim.chain(optim.sgd(0.5), optim.reduce_on_plateau(**options))
    state, rates = rule.init(PARAMETERS), []
    observe = jax.jit(rule.observe)
    for metric in metrics:
        state = observe(state, float(metric))
        rates.append(float(rule.learning_rate(state)))
    return rates


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 0},
        {"patience": 2, "cooldown": 3},
        {"factor": 0.5, "patience": 1, "threshold": 0.2},
        {"factor": 0.3, "patience": 0, "threshold": 0.0, "cooldown": 1},
    ],
    ids=str,
)
def test_the_rate_falls_as_that_of_pytorch(mode: str, options: dict[str, Any], x64: None) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    random = np.random.default_rng(3)
    metrics = np.exp(-np.arange(200) / 15) + 0.2 * random.random(200) + 0.1
    if mode == "max":
        metrics = 2 - metrics
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(rule, mode=mode, eps=0, **options)
    expected = []
    for metric in metrics:
        peer.step(metric)
        expected.append(rule.param_groups[0]["lr"])
    rates = scales(metrics, mode=mode, **options)
    assert len(set(rates)) > 2
    assert_allclose(rates, expected, rtol=1e-12)


def test_the_scale_stops_at_its_least() -> None:
    assert scales([1.0] * 5, factor=0.1, patience=0, min_scale=0.05) == pytest.approx(
        [0.5, 0.05, 0.025, 0.025, 0.025]
    )


def test_a_metric_that_is_no_number_is_no_improvement() -> None:
    assert scales([1.0, np.nan, 0.5, np.nan], factor=0.5, patience=0) == [0.5, 0.25, 0.25, 0.125]


def test_the_updates_are_those_of_the_smaller_rate() -> None:
    rule = optim.chain(optim.sgd(0.5), optim.reduce_on_plateau(factor=0.5, patience=0))
    state = rule.init(PARAMETERS)
    for metric in (1.0, 2.0):
        state = rule.observe(state, metric)
    updates, state = rule.update({"w": jnp.ones(2)}, state, PARAMETERS)
    assert updates["w"].tolist() == [-0.25, -0.25]
    assert float(state["reduce_on_plateau"].scale) == 0.5


def test_the_threshold_asks_for_better_below_zero_too() -> None:
    # For a negative best value, PyTorch's best * (1 - threshold) is worse than the best.
    assert scales([-1.0, -1.0, -1.0], factor=0.5, patience=0, threshold=0.1)[-1] == 0.125


def test_observing_changes_nothing_where_no_part_learns_from_it() -> None:
    rule = optim.chain(optim.clip_by_value(1.0), optim.adam())
    state = rule.init(PARAMETERS)
    assert jax.tree.all(jax.tree.map(lambda a, b: a is b, state, rule.observe(state, 1.0)))

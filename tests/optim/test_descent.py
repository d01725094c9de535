"""Plain descent, momentum and Nesterov's, compared with their papers, PyTorch and Optax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim

TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def test_sgd_is_the_published_rule(follow: Any, problem: Any) -> None:
    w, points = problem.start, []
    for t in range(20):
        w = w - 0.3 * problem.gradient(w, t)
        points.append(w)
    assert_allclose(follow(optim.sgd(0.3)), points, **TIGHT)


def test_momentum_is_the_heavy_ball_of_polyak(follow: Any, problem: Any) -> None:
    before = w = problem.start
    points = []
    for t in range(20):
        before, w = w, w - 0.3 * problem.gradient(w, t) + 0.8 * (w - before)
        points.append(w)
    assert_allclose(follow(optim.momentum(0.3, momentum=0.8)), points, **TIGHT)


def test_momentum_is_the_rule_of_the_lecture_when_the_rate_changes(
    follow: Any, problem: Any
) -> None:
    w, change, points = problem.start, np.zeros(31), []
    for t in range(20):
        epsilon = 0.3 * 0.5 ** (t // 7)
        change = problem.gradient(w, t) + 0.8 * change
        w = w - epsilon * change
        points.append(w)
    rate = optim.schedules.step(0.3, every=7, factor=0.5)
    assert_allclose(follow(optim.momentum(rate, momentum=0.8)), points, **TIGHT)


def test_nesterov_is_the_lookahead_point_of_sutskever(follow: Any, problem: Any) -> None:
    theta, velocity, points = problem.start, np.zeros(31), []
    for t in range(20):
        velocity = 0.8 * velocity - 0.3 * problem.gradient(theta + 0.8 * velocity, t)
        theta = theta + velocity
        points.append(theta + 0.8 * velocity)
    assert_allclose(follow(optim.nesterov(0.3, momentum=0.8)), points, **TIGHT)


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (optim.sgd(0.3), {}),
        (optim.momentum(0.3, momentum=0.8), {"momentum": 0.8}),
        (optim.nesterov(0.3, momentum=0.8), {"momentum": 0.8, "nesterov": True}),
    ],
    ids=["sgd", "momentum", "nesterov"],
)
def test_the_path_is_that_of_pytorch_and_of_optax(
    rule: optim.Optimizer,
    options: dict[str, Any],
    follow: Any,
    follow_torch: Any,
    follow_optax: Any,
) -> None:
    optax = pytest.importorskip("optax")
    path = follow(rule)
    assert_allclose(path, follow_torch("SGD", lr=0.3, **options), **TIGHT)
    assert_allclose(path, follow_optax(optax.sgd(0.3, **options)), **TIGHT)

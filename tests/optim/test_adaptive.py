"""Adagrad, Adadelta and RMSprop, compared with their papers, PyTorch and Optax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim

TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def published_adagrad(start: Any, gradient: Callable[..., Any]) -> Any:
    w, total = start, np.zeros(31)
    for t in range(20):
        g = gradient(w, t)
        total = total + g**2
        w = w - 0.1 * g / (1e-3 + np.sqrt(total))
        yield w


def published_adadelta(start: Any, gradient: Callable[..., Any]) -> Any:
    w, g_squared, delta_squared = start, np.zeros(31), np.zeros(31)
    for t in range(20):
        g = gradient(w, t)
        g_squared = 0.9 * g_squared + 0.1 * g**2
        delta = -np.sqrt(delta_squared + 1e-4) / np.sqrt(g_squared + 1e-4) * g
        delta_squared = 0.9 * delta_squared + 0.1 * delta**2
        w = w + delta
        yield w


def published_rmsprop(start: Any, gradient: Callable[..., Any]) -> Any:
    w, mean_square = start, np.zeros(31)
    for t in range(20):
        g = gradient(w, t)
        mean_square = 0.9 * mean_square + 0.1 * g**2
        w = w - 0.01 * g / np.sqrt(mean_square)
        yield w


@pytest.mark.parametrize(
    ("rule", "published"),
    [
        (optim.adagrad(0.1, epsilon=1e-3), published_adagrad),
        (optim.adadelta(decay=0.9, epsilon=1e-4), published_adadelta),
        (optim.rmsprop(0.01, decay=0.9, epsilon=0), published_rmsprop),
    ],
    ids=["adagrad", "adadelta", "rmsprop"],
)
def test_the_path_is_that_of_the_paper(
    rule: optim.Optimizer, published: Any, follow: Any, problem: Any
) -> None:
    expected = list(published(problem.start, problem.gradient))
    assert_allclose(follow(rule), expected, **TIGHT)


def test_centered_rmsprop_with_momentum_is_the_rule_of_its_docstring(
    follow: Any, problem: Any
) -> None:
    w, points = problem.start, []
    s, m, v = np.zeros(31), np.zeros(31), np.zeros(31)
    for t in range(20):
        g = problem.gradient(w, t)
        s, m = 0.9 * s + 0.1 * g**2, 0.9 * m + 0.1 * g
        v = 0.5 * v + g / (np.sqrt(s - m**2) + 1e-3)
        w = w - 0.01 * v
        points.append(w)
    rule = optim.rmsprop(0.01, decay=0.9, epsilon=1e-3, centered=True, momentum=0.5)
    assert_allclose(follow(rule), points, rtol=1e-9)


@pytest.mark.parametrize(
    ("rule", "name", "options"),
    [
        (optim.adagrad(0.1), "Adagrad", {"lr": 0.1}),
        (
            optim.adagrad(0.1, epsilon=0.01, initial_accumulator=0.3),
            "Adagrad",
            {"lr": 0.1, "eps": 0.01, "initial_accumulator_value": 0.3},
        ),
        (optim.adadelta(), "Adadelta", {"rho": 0.95}),
        (
            optim.adadelta(0.5, decay=0.8, epsilon=1e-3),
            "Adadelta",
            {"lr": 0.5, "rho": 0.8, "eps": 1e-3},
        ),
        (optim.rmsprop(), "RMSprop", {"lr": 0.001, "alpha": 0.9}),
        (
            optim.rmsprop(0.01, epsilon=0.01, momentum=0.7),
            "RMSprop",
            {"lr": 0.01, "alpha": 0.9, "eps": 0.01, "momentum": 0.7},
        ),
        (
            optim.rmsprop(0.01, epsilon=0.01, centered=True),
            "RMSprop",
            {"lr": 0.01, "alpha": 0.9, "eps": 0.01, "centered": True},
        ),
        (
            optim.rmsprop(0.01, epsilon=0.01, centered=True, momentum=0.7),
            "RMSprop",
            {"lr": 0.01, "alpha": 0.9, "eps": 0.01, "centered": True, "momentum": 0.7},
        ),
    ],
    ids=str,
)
def test_the_path_is_that_of_pytorch(
    rule: optim.Optimizer, name: str, options: dict[str, Any], follow: Any, follow_torch: Any
) -> None:
    # The centered variance is a difference, so both sides lose a few digits.
    rtol = 1e-8 if options.get("centered") else 1e-11
    assert_allclose(follow(rule), follow_torch(name, **options), rtol=rtol, atol=1e-13)


def test_the_path_is_that_of_optax(follow: Any, follow_optax: Any) -> None:
    optax = pytest.importorskip("optax")
    # Optax adds epsilon under the root: both agree if epsilon is negligible beside the sums.
    for rule, peer in [
        (
            optim.adagrad(0.1, epsilon=0, initial_accumulator=0.1),
            optax.adagrad(0.1, initial_accumulator_value=0.1, eps=0),
        ),
        (optim.adadelta(0.5, decay=0.9), optax.adadelta(0.5, rho=0.9, eps=1e-6)),
        (
            optim.rmsprop(0.01, epsilon=0, momentum=0.5),
            optax.rmsprop(0.01, decay=0.9, eps=0, momentum=0.5),
        ),
    ]:
        assert_allclose(follow(rule), follow_optax(peer), err_msg=str(rule), **TIGHT)


def test_a_gradient_that_stays_zero_moves_nothing() -> None:
    parameters = {"w": jnp.ones(3)}
    gradients = {"w": jnp.zeros(3)}
    for rule in (optim.adagrad(), optim.adadelta(), optim.rmsprop(centered=True)):
        updates, _ = rule.update(gradients, rule.init(parameters), parameters)
        assert updates["w"].tolist() == [0, 0, 0]


def test_rounding_cannot_make_the_centered_variance_negative() -> None:
    rule = optim.rmsprop(0.1, decay=0.5, epsilon=1e-3, centered=True)
    parameters = {"w": jnp.zeros(64)}
    gradients = {"w": jnp.linspace(0.1, 3.7, 64)}
    state = rule.init(parameters)
    for _ in range(60):
        updates, state = rule.update(gradients, state, parameters)
    assert jnp.isfinite(updates["w"]).all()

"""NAdam, RAdam and Adamax, compared with their papers, PyTorch and Optax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.optim.adam_family import _gradients_in_mean

TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def published_nadam(problem: Any) -> list[Any]:
    """Algorithm 2 of Dozat, with the momentum of its section 4."""
    theta, m, v, points = problem.start, np.zeros(31), np.zeros(31), []
    mu = [0.8 * (1 - 0.5 * 0.96 ** (i * 0.1)) for i in range(1, 22)]
    for t in range(1, 21):
        g = problem.gradient(theta, t - 1)
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        m_bar = mu[t] * m / (1 - np.prod(mu[: t + 1])) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:t]))
        theta = theta - 0.1 * m_bar / (np.sqrt(v / (1 - 0.95**t)) + 1e-4)
        points.append(theta)
    return points


def published_radam(problem: Any) -> list[Any]:
    """Algorithm 2 of Liu et al., without its epsilon; rho never lies between 4 and 5 here."""
    theta, m, v, points = problem.start, np.zeros(31), np.zeros(31), []
    n = 2 / (1 - 0.95) - 1
    for t in range(1, 21):
        g = problem.gradient(theta, t - 1)
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        rho = n - 2 * t * 0.95**t / (1 - 0.95**t)
        step = m / (1 - 0.8**t)
        if rho > 5:
            r = np.sqrt((rho - 4) * (rho - 2) * n / ((n - 4) * (n - 2) * rho))
            step = r * step / np.sqrt(v / (1 - 0.95**t))
        theta = theta - 0.1 * step
        points.append(theta)
    return points


def published_adamax(problem: Any) -> list[Any]:
    """Algorithm 2 of Kingma and Ba; epsilon is so small that it is lost in the sum."""
    theta, m, u, points = problem.start, np.zeros(31), np.zeros(31), []
    for t in range(1, 21):
        g = problem.gradient(theta, t - 1)
        m = 0.8 * m + 0.2 * g
        u = np.maximum(0.95 * u, np.abs(g))
        theta = theta - 0.1 / (1 - 0.8**t) * m / u
        points.append(theta)
    return points


@pytest.mark.parametrize(
    ("rule", "published"),
    [
        (
            optim.nadam(0.1, beta1=0.8, beta2=0.95, epsilon=1e-4, momentum_decay=0.1),
            published_nadam,
        ),
        (optim.radam(0.1, beta1=0.8, beta2=0.95, epsilon=0), published_radam),
        (optim.adamax(0.1, beta1=0.8, beta2=0.95, epsilon=1e-30), published_adamax),
    ],
    ids=["nadam", "radam", "adamax"],
)
def test_the_path_is_the_published_one(
    rule: optim.Optimizer, published: Any, follow: Any, problem: Any
) -> None:
    assert_allclose(follow(rule), published(problem), **TIGHT)


@pytest.fixture
def doubles() -> Iterator[None]:
    """PyTorch keeps the product of NAdam's momentum in its default type."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("rule", "name", "options"),
    [
        (optim.nadam(), "NAdam", {}),
        (
            optim.nadam(0.1, beta1=0.7, beta2=0.8, epsilon=0.01, momentum_decay=0.5),
            "NAdam",
            {"lr": 0.1, "betas": (0.7, 0.8), "eps": 0.01, "momentum_decay": 0.5},
        ),
        (optim.radam(), "RAdam", {}),
        (
            optim.radam(0.1, beta1=0.7, beta2=0.9, epsilon=0.01),
            "RAdam",
            {"lr": 0.1, "betas": (0.7, 0.9), "eps": 0.01},
        ),
        (optim.radam(0.1, beta2=0.5), "RAdam", {"lr": 0.1, "betas": (0.9, 0.5)}),
        (optim.adamax(), "Adamax", {}),
        (
            optim.adamax(0.1, beta1=0.7, beta2=0.8, epsilon=0.01),
            "Adamax",
            {"lr": 0.1, "betas": (0.7, 0.8), "eps": 0.01},
        ),
        (
            optim.decoupled_weight_decay(optim.nadam(0.1), 0.3),
            "NAdam",
            {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True},
        ),
        (
            optim.chain(optim.add_decayed_weights(0.3), optim.radam(0.1)),
            "RAdam",
            {"lr": 0.1, "weight_decay": 0.3},
        ),
    ],
    ids=str,
)
def test_the_path_is_that_of_pytorch(
    rule: optim.Optimizer,
    name: str,
    options: dict[str, Any],
    follow: Any,
    follow_torch: Any,
    doubles: None,
) -> None:
    assert_allclose(follow(rule), follow_torch(name, **options), **TIGHT)


def test_radam_is_that_of_optax(follow: Any, follow_optax: Any) -> None:
    optax = pytest.importorskip("optax", reason="Optax is not installed")
    # Optax puts epsilon behind the correction of the root.
    assert_allclose(
        follow(optim.radam(0.1, epsilon=0)), follow_optax(optax.radam(0.1, eps=0)), **TIGHT
    )


@pytest.mark.parametrize("beta2", [0.9, 0.999, 0.99999])
def test_the_number_of_gradients_keeps_its_digits_in_float32(beta2: float) -> None:
    # The terms of the published formula are near 200,000 where their difference is near 1.
    steps = [1, 2, 5, 6, 7, 50, 199, 200, 201, 5_000, 10**6]
    b = np.longdouble(beta2)
    exact = [2 / (1 - b) - 1 - 2 * t * b**t / (1 - b**t) for t in steps]
    found = jax.vmap(lambda t: _gradients_in_mean(beta2, t))(jnp.array(steps, jnp.int32))
    assert found.dtype == jnp.float32
    assert_allclose(found, np.array(exact, np.float64), rtol=2e-6)

"""Adam and AdamW, compared with their papers, PyTorch and Optax."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.errors import ConfigurationError

TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def published_adam(problem: Any, alpha: float, decay: float = 0.0) -> list[Any]:
    """Algorithm 1 of Kingma and Ba; with decay algorithm 2 of Loshchilov and Hutter, eta = 1."""
    theta, m, v, points = problem.start, np.zeros(31), np.zeros(31), []
    for t in range(1, 21):
        g = problem.gradient(theta, t - 1)
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        m_hat, v_hat = m / (1 - 0.8**t), v / (1 - 0.95**t)
        theta = theta - (alpha * m_hat / (np.sqrt(v_hat) + 1e-4) + decay * theta)
        points.append(theta)
    return points


def test_adam_is_the_published_rule(follow: Any, problem: Any) -> None:
    rule = optim.adam(0.1, beta1=0.8, beta2=0.95, epsilon=1e-4)
    assert_allclose(follow(rule), published_adam(problem, alpha=0.1), **TIGHT)


def test_adamw_is_the_published_rule_with_the_rate_in_lambda(follow: Any, problem: Any) -> None:
    rule = optim.adamw(0.1, weight_decay=0.3, beta1=0.8, beta2=0.95, epsilon=1e-4)
    assert_allclose(follow(rule), published_adam(problem, alpha=0.1, decay=0.1 * 0.3), **TIGHT)


@pytest.mark.parametrize(
    ("rule", "name", "options"),
    [
        (optim.adam(), "Adam", {}),
        (
            optim.adam(0.1, beta1=0.7, beta2=0.8, epsilon=0.01),
            "Adam",
            {"lr": 0.1, "betas": (0.7, 0.8), "eps": 0.01},
        ),
        (optim.adam(0.1, beta1=0), "Adam", {"lr": 0.1, "betas": (0.0, 0.999)}),
        (optim.adam(0.1, beta2=0.5, amsgrad=True), "Adam",
         {"lr": 0.1, "betas": (0.9, 0.5), "amsgrad": True}),
        (optim.adamw(), "AdamW", {}),
        (optim.adamw(0.1, weight_decay=0.3, amsgrad=True), "AdamW",
         {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
    ],
    ids=str,
)  # fmt: skip
def test_the_path_is_that_of_pytorch(
    rule: optim.Optimizer, name: str, options: dict[str, Any], follow: Any, follow_torch: Any
) -> None:
    assert_allclose(follow(rule), follow_torch(name, **options), **TIGHT)


def test_the_path_is_that_of_optax(follow: Any, follow_optax: Any) -> None:
    optax = pytest.importorskip("optax")
    assert_allclose(follow(optim.adam(0.1)), follow_optax(optax.adam(0.1)), **TIGHT)
    peer = optax.adamw(0.1, weight_decay=0.3)
    assert_allclose(follow(optim.adamw(0.1, weight_decay=0.3)), follow_optax(peer), **TIGHT)


def test_adamw_follows_a_schedule_in_rule_and_decay(follow: Any, follow_torch: Any) -> None:
    torch = pytest.importorskip("torch")
    path = follow(optim.adamw(optim.schedules.step(0.1, every=6, factor=0.5), weight_decay=0.3))

    def schedule(rule: Any) -> Any:
        return torch.optim.lr_scheduler.StepLR(rule, step_size=6, gamma=0.5)

    assert_allclose(path, follow_torch("AdamW", schedule, lr=0.1, weight_decay=0.3), **TIGHT)


def test_the_first_correction_keeps_its_digits_in_float32() -> None:
    # In float32 the difference 1 - beta2^1 has an error of 1 in 77,000 for beta2 = 0.999.
    parameters = {"w": jnp.zeros(1)}
    rule = optim.adam(1.0, beta1=0, beta2=0.99999, epsilon=0)
    updates, _ = rule.update({"w": jnp.full(1, 0.25)}, rule.init(parameters), parameters)
    assert_allclose(updates["w"], -1, rtol=3e-7)


def test_adamw_spares_what_is_excluded() -> None:
    parameters = {"0.weight": jnp.ones((2, 2)), "0.bias": jnp.ones(2), "1.scale": jnp.ones(2)}
    gradients = {path: jnp.zeros(w.shape) for path, w in parameters.items()}

    def decayed(**options: Any) -> set[str]:
        rule = optim.adamw(0.1, weight_decay=0.5, **options)
        updates, _ = rule.update(gradients, rule.init(parameters), parameters)
        return {path for path, delta in updates.items() if (delta != 0).any()}

    assert decayed() == {"0.weight", "0.bias", "1.scale"}
    assert decayed(exclude=["*bias"]) == {"0.weight", "1.scale"}
    assert decayed(exclude=["*bias", "1"]) == {"0.weight"}
    assert decayed(min_ndim=2) == {"0.weight"}


def test_an_error_names_the_rule_that_was_called() -> None:
    with pytest.raises(ConfigurationError) as raised:
        optim.adamw(-1)
    assert raised.value.where == "adamw.learning_rate"

"""Weight decay: as part of the gradient, decoupled from it, and parameters without decay."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.errors import ConfigurationError

TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def test_decayed_weights_before_a_rule_are_the_weight_decay_of_pytorch(
    follow: Any, follow_torch: Any
) -> None:
    rule = optim.chain(optim.add_decayed_weights(0.3), optim.momentum(0.1, momentum=0.8))
    peer = follow_torch("SGD", lr=0.1, momentum=0.8, weight_decay=0.3)
    assert_allclose(follow(rule), peer, **TIGHT)
    rule = optim.chain(optim.add_decayed_weights(0.3), optim.adam(0.1))
    assert_allclose(follow(rule), follow_torch("Adam", lr=0.1, weight_decay=0.3), **TIGHT)


def test_decay_is_the_lecture_rule_before_plain_descent(follow: Any, problem: Any) -> None:
    w, points = problem.start, []
    for t in range(20):
        w = w - 0.1 * problem.gradient(w, t) - 0.03 * w
        points.append(w)
    assert_allclose(
        follow(optim.chain(optim.add_decayed_weights(0.3), optim.sgd(0.1))), points, **TIGHT
    )


def test_decoupled_decay_is_the_published_sgdw(follow: Any, problem: Any) -> None:
    """Algorithm 1 of Loshchilov and Hutter: momentum, with the rate in lambda."""
    w, v, points = problem.start, 0.0, []
    for t in range(20):
        v = 0.8 * v + 0.1 * problem.gradient(w, t)
        w = w - v - 0.1 * 0.3 * w
        points.append(w)
    rule = optim.decoupled_weight_decay(optim.momentum(0.1, momentum=0.8), 0.3)
    assert_allclose(follow(rule), points, **TIGHT)


def test_decoupled_decay_over_adam_is_adamw(follow: Any) -> None:
    rule = optim.decoupled_weight_decay(optim.adam(0.1), 0.3, exclude=["*bias"])
    assert_allclose(
        follow(rule), follow(optim.adamw(0.1, weight_decay=0.3, exclude=["*bias"])), **TIGHT
    )


PARAMETERS = {
    "trunk.0.weight": jnp.ones((2, 2)),
    "trunk.0.bias": jnp.ones(2),
    "head.weight": jnp.ones((2, 2)),
}


@pytest.mark.parametrize(
    ("options", "decayed"),
    [
        ({}, {"trunk.0.weight", "trunk.0.bias", "head.weight"}),
        ({"exclude": ["*.bias"]}, {"trunk.0.weight", "head.weight"}),
        ({"exclude": "trunk"}, {"head.weight"}),
        ({"exclude": ("head", "*bias")}, {"trunk.0.weight"}),
        ({"min_ndim": 2}, {"trunk.0.weight", "head.weight"}),
        ({"min_ndim": 2, "exclude": ["head"]}, {"trunk.0.weight"}),
    ],
)
def test_patterns_and_axes_spare_parameters(options: dict[str, Any], decayed: set[str]) -> None:
    zeros = {path: jnp.zeros_like(w) for path, w in PARAMETERS.items()}
    decay = optim.add_decayed_weights(0.5, **options)
    gradients, _ = decay.update(zeros, decay.init(PARAMETERS), PARAMETERS)
    assert {path for path, g in gradients.items() if (g == 0.5).all()} == decayed
    assert {path for path, g in gradients.items() if (g == 0).all()} == set(PARAMETERS) - decayed


def test_patterns_name_the_leaves_of_a_nested_tree() -> None:
    parameters = {"layers": [{"weight": jnp.ones(2), "bias": jnp.ones(2)}]}
    zeros = {"layers": [{"weight": jnp.zeros(2), "bias": jnp.zeros(2)}]}
    decay = optim.add_decayed_weights(0.5, exclude=["layers.0.bias"])
    gradients, _ = decay.update(zeros, decay.init(parameters), parameters)
    assert gradients["layers"][0]["weight"].tolist() == [0.5, 0.5]
    assert gradients["layers"][0]["bias"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "rule",
    [
        optim.add_decayed_weights(0.1, exclude=["*.bais"]),
        optim.adamw(exclude=["*.bais"]),
        optim.decoupled_weight_decay(optim.sgd(), 0.1, exclude=["*.bais"]),
        optim.chain(optim.add_decayed_weights(0.1, exclude=["*.bais"]), optim.sgd()),
    ],
    ids=str,
)
def test_a_pattern_that_names_nothing_is_an_error_from_the_start(rule: optim.Optimizer) -> None:
    with pytest.raises(ConfigurationError, match=r"\*\.bais"):
        rule.init(PARAMETERS)


def test_decay_beside_the_step_is_not_for_rules_of_curvature() -> None:
    with pytest.raises(ConfigurationError, match="gradients alone"):
        optim.decoupled_weight_decay(optim.hessian_free(), 0.1)


def test_an_l1_penalty_pulls_every_weight_with_the_same_force() -> None:
    rule = optim.chain(optim.add_l1_penalty(0.5, exclude=["b"]), optim.sgd(0.1))
    w = {"w": jnp.array([[3.0, -0.2]]), "b": jnp.array([1.0])}
    state = rule.init(w)
    updates, _ = rule.update({"w": jnp.zeros((1, 2)), "b": jnp.zeros(1)}, state, w)
    assert updates["w"].ravel().tolist() == pytest.approx([-0.05, 0.05])
    assert updates["b"].tolist() == [0.0]

"""L-BFGS, compared with PyTorch's, on a convex objective and in a curved valley."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.errors import ConfigurationError
from clearprop.optim import BatchObjective

UPDATES = 6


def on(value: Callable[[Any], Any]) -> BatchObjective:
    return BatchObjective(value, jax.value_and_grad(value))


def path(rule: optim.Optimizer, value: Callable[[Any], Any], start: Any, updates: int) -> Any:
    """The points after each update, and the iterations made until then."""
    assert rule.update_on is not None

    @jax.jit
    def updated(w: Any, state: Any) -> Any:
        changes, state = rule.update_on(jax.grad(value)(w), state, w, on(value))
        return optim.apply(w, changes), state

    w: Any = {"w": jnp.asarray(start)}
    state, points, iterations = rule.init(w), [], []
    for _ in range(updates):
        w, state = updated(w, state)
        points.append(np.asarray(w["w"]))
        iterations.append(int(state.iterations))
    return np.array(points), iterations


def path_of_pytorch(
    value: Callable[[Any, Any], Any], start: Any, updates: int, **options: Any
) -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    rule, points, iterations = torch.optim.LBFGS([w], **options), [], []

    def closure() -> Any:
        rule.zero_grad()
        loss = value(torch, w)
        loss.backward()
        return loss

    for _ in range(updates):
        rule.step(closure)
        points.append(w.detach().numpy().copy())
        iterations.append(rule.state[w]["n_iter"])
    return np.array(points), iterations


def rosenbrock(library: Any, w: Any) -> Any:
    return ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum()


OPTIONS = [
    {},
    {"lr": 0.5},
    {"max_iter": 4, "history_size": 3},
    {"max_iter": 5, "max_eval": 7},
    {"max_iter": 1},
    {"tolerance_grad": 0.05},
]


def ours(options: dict[str, Any], line_search: str | None) -> optim.Optimizer:
    return optim.lbfgs(
        options.get("lr", 1.0),
        iterations=options.get("max_iter", 20),
        evaluations=options.get("max_eval", max(2, options.get("max_iter", 20) * 5 // 4)),
        history=options.get("history_size", 100),
        tolerance_gradient=options.get("tolerance_grad", 1e-7),
        line_search=line_search,
    )


@pytest.mark.parametrize("line_search", ["strong_wolfe", None])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_path_down_a_logistic_regression_is_that_of_pytorch(
    options: dict[str, Any], line_search: str | None, x64: None, problem: Any
) -> None:
    x, targets = problem.x, problem.targets

    def loss(library: Any, w: Any) -> Any:
        inputs, wanted = (library.asarray(part) for part in (x, targets))
        outputs = inputs @ w[:30] + w[30]
        zero = library.zeros_like(outputs)
        return (library.logaddexp(zero, outputs) - wanted * outputs).mean() + 1e-3 * (w**2).sum()

    updates = 2 if not options else UPDATES
    if options.get("max_iter") == 1:
        # With at most one evaluation PyTorch's search has no trials; ours has at least one.
        options = {**options, "max_eval": 2}
    peer = path_of_pytorch(loss, problem.start, updates, line_search_fn=line_search, **options)
    found = path(ours(options, line_search), lambda w: loss(jnp, w["w"]), problem.start, updates)
    assert found[1] == peer[1]
    assert_allclose(found[0], peer[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("start", [(-1.2, 1.0), (-3.0, -4.0), (0.0, 5.0, -2.0)])
def test_the_path_down_a_curved_valley_is_that_of_pytorch(
    start: tuple[float, ...], x64: None
) -> None:
    # The searches here extrapolate, and narrow an interval.
    options = {"max_iter": 4, "history_size": 5}
    peer = path_of_pytorch(rosenbrock, start, 4, line_search_fn="strong_wolfe", **options)
    found = path(ours(options, "strong_wolfe"), lambda w: rosenbrock(jnp, w["w"]), start, 4)
    assert found[1] == peer[1]
    assert_allclose(found[0], peer[0], rtol=1e-7, atol=1e-9)


def test_it_arrives_at_the_lowest_point_of_the_valley(x64: None) -> None:
    points, _ = path(optim.lbfgs(), lambda w: rosenbrock(jnp, w["w"]), (-1.2, 1.0), 4)
    assert_allclose(points[-1], [1, 1], atol=1e-5)


def test_a_parabola_is_solved_in_float32_and_the_updates_after_that_do_nothing() -> None:
    a = jnp.diag(jnp.array([1.0, 10.0, 100.0])) + 0.5
    points, iterations = path(
        optim.lbfgs(), lambda w: w["w"] @ a @ w["w"] / 2 - w["w"].sum(), np.ones(3, np.float32), 4
    )
    assert points.dtype == np.float32
    assert_allclose(points[-1], jnp.linalg.solve(a, jnp.ones(3)), rtol=1e-3, atol=1e-5)
    assert_allclose(points[-1], points[-2], atol=1e-6)
    assert iterations[-1] - iterations[-2] <= 2


def test_a_point_where_the_objective_is_not_finite_is_too_far(x64: None) -> None:
    def value(w: Any) -> Any:
        (x,) = w["w"]
        return jnp.where(x < 1, -jnp.log(jnp.where(x < 1, 1 - x, 1)) - 5 * x, jnp.nan)

    points, _ = path(optim.lbfgs(iterations=10), value, np.zeros(1), 1)
    assert_allclose(points[-1], 0.8, rtol=1e-5)


def test_the_search_never_ends_higher_than_it_began(x64: None) -> None:
    # No point near w along the direction is lower: the objective has a jump.
    def value(w: Any) -> Any:
        (x,) = w["w"]
        return jnp.where(x > 0, 1.0, 0.0) - x * 0.001

    points, _ = path(optim.lbfgs(), value, np.zeros(1), 1)
    assert points[-1] == 0


def test_gradients_alone_are_not_enough() -> None:
    rule, w = optim.lbfgs(), {"w": jnp.ones(2)}
    with pytest.raises(ConfigurationError, match="the objective of the batch"):
        rule.update(w, rule.init(w), w)


def test_it_must_come_first_and_takes_no_separate_decay() -> None:
    with pytest.raises(ConfigurationError, match="must come first in a chain"):
        optim.chain(optim.clip_by_global_norm(1.0), optim.lbfgs())
    with pytest.raises(ConfigurationError, match="gradients alone"):
        optim.decoupled_weight_decay(optim.lbfgs(), 0.1)


def test_its_configuration_makes_it_again() -> None:
    rule = optim.create("lbfgs", 0.5, history=3, line_search=None)
    assert optim.from_config(rule.to_config()).to_config() == rule.to_config()
    assert "lbfgs" in optim.second_order_names()


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"iterations": 0},
        {"evaluations": 1},
        {"history": 0},
        {"tolerance_gradient": -1.0},
        {"tolerance_change": -1.0},
        {"line_search": "armijo"},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        optim.lbfgs(**wrong)

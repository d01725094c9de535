"""Hessian-free optimization: its parts, and Newton's step for a parabola."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import optim
from clearprop.errors import ConfigurationError
from clearprop.optim import BatchObjective

A = jnp.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
B = jnp.array([1.0, -2.0, 0.5])


def _parabola(bent: float = 1.0) -> tuple[Any, Any]:
    def value(w: Any) -> Any:
        return w["w"] @ (bent * A) @ w["w"] / 2 - B @ w["w"]

    def objective(w: Any) -> BatchObjective:
        gradient = bent * A @ w["w"] - B
        return BatchObjective(
            value,
            jax.value_and_grad(value),
            product=lambda v: {"w": A @ v["w"]},
            pulled=lambda weights: {"w": gradient * weights.mean()},
            examples=4,
        )

    return value, objective


def test_a_parabola_is_solved_as_damping_goes() -> None:
    _, objective = _parabola()
    rule = optim.hessian_free(damping=1e-6, tolerance=1e-9)
    w = {"w": jnp.array([5.0, 5.0, -5.0])}
    state = rule.init(w)
    for _ in range(2):
        gradient = {"w": A @ w["w"] - B}
        assert rule.update_on is not None
        updates, state = rule.update_on(gradient, state, w, objective(w))
        w = optim.apply(w, updates)
    np.testing.assert_allclose(w["w"], jnp.linalg.solve(A, B), rtol=1e-3)
    assert float(state.damping) == pytest.approx(1e-6 * (2 / 3) ** 2, rel=1e-5)
    assert int(state.step) == 2


def test_damping_rises_where_the_parabola_promises_too_much_and_the_step_is_shortened() -> None:
    # The true curvature is five times that of the products.
    value, objective = _parabola(5.0)
    rule = optim.hessian_free(damping=1e-3)
    w = {"w": jnp.array([5.0, 5.0, -5.0])}
    state = rule.init(w)
    gradient = {"w": 5 * A @ w["w"] - B}
    assert rule.update_on is not None
    updates, state = rule.update_on(gradient, state, w, objective(w))
    assert float(state.damping) == pytest.approx(1.5e-3)
    assert float(state.ratio) < 0.25
    assert float(value(optim.apply(w, updates))) < float(value(w))


def test_damping_rises_where_the_solution_is_no_descent() -> None:
    # From this distance one iteration ends at a higher point of the parabola.
    value, objective = _parabola()
    rule = optim.hessian_free(damping=1e-3, iterations=1)
    w = {"w": jnp.linalg.solve(A, B) + 0.1}
    state = rule.init(w)._replace(direction={"w": jnp.array([300.0, -200.0, 100.0])})
    assert rule.update_on is not None
    updates, state = rule.update_on({"w": A @ w["w"] - B}, state, w, objective(w))
    assert float(state.damping) == pytest.approx(1.5e-3)
    assert float(value(optim.apply(w, updates))) <= float(value(w))


def test_nothing_changes_the_gradients_before_it() -> None:
    with pytest.raises(ConfigurationError, match="must come first in a chain"):
        optim.chain(optim.add_decayed_weights(0.1), optim.hessian_free())


def test_its_configuration_makes_it_again() -> None:
    rule = optim.create("hessian_free", damping=3.0, iterations=20)
    assert optim.from_config(rule.to_config()).to_config() == rule.to_config()
    assert "hessian_free" in optim.second_order_names()


@pytest.mark.parametrize(
    "wrong", [{"damping": 0.0}, {"iterations": 0}, {"memory": 1.0}, {"tolerance": -1.0}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        optim.hessian_free(**wrong)


def test_gradients_alone_are_not_enough() -> None:
    rule, w = optim.hessian_free(), {"w": jnp.ones(2)}
    value, _ = _parabola()
    assert rule.update_on is not None
    with pytest.raises(ConfigurationError, match="Gauss-Newton matrix"):
        rule.update_on(w, rule.init(w), w, BatchObjective(value, jax.value_and_grad(value)))
    with pytest.raises(ConfigurationError, match="curvature"):
        rule.update(w, rule.init(w), w)


def test_it_stands_in_a_chain_with_what_needs_gradients_alone() -> None:
    _, objective = _parabola()
    w = {"w": jnp.zeros(3)}
    rule = optim.chain(optim.hessian_free(damping=1e-6, tolerance=1e-9), optim.average_parameters())
    assert rule.update_on is not None
    updates, state = rule.update_on({"w": -B}, rule.init(w), w, objective(w))
    np.testing.assert_allclose(updates["w"], jnp.linalg.solve(A, B), rtol=1e-3)
    assert sorted(state) == ["average_parameters", "hessian_free"]

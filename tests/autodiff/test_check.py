"""The gradient checker finds wrong gradients and says where they are."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from clearprop import ops
from clearprop.autodiff import Operation, check_gradients
from clearprop.errors import ConfigurationError


def test_right_rules_pass_and_are_listed_by_leaf() -> None:
    tree = {"w": jnp.array([[0.5, -1.0], [2.0, 0.1]]), "labels": jnp.array([0, 1])}

    def loss(tree: dict[str, Any], scale: Any) -> Any:
        return ops.mean(ops.softmax_cross_entropy(tree["w"] * scale, tree["labels"]))

    checks = check_gradients(loss, tree, 1.5)
    assert {check.order for check in checks} == {1, 2}
    assert len([c for c in checks if c.order == 1]) == 5
    assert {c.path for c in checks} == {"0.w", "1"}
    assert checks[0].error == max(c.error for c in checks) < 1e-6


def test_a_wrong_rule_is_found_with_its_place() -> None:
    def half_right(error: Any, y: Any, x: Any) -> Any:
        return ops.where(x > 1, error * x, error * y * (1 - y))

    wrong = Operation(jax.nn.sigmoid, name="wrong", errors=(half_right,))
    x = {"x": jnp.array([[0.0, 0.5], [2.0, -1.0]])}
    with pytest.raises(AssertionError, match=r"order 1 is wrong at 0\.x\[1, 0\]"):
        check_gradients(lambda tree: wrong(tree["x"]).sum(), x, order=1)


def test_a_rule_whose_own_derivative_is_lost_is_found_at_second_order() -> None:
    from clearprop.autodiff import stop_gradient

    frozen = Operation(
        jnp.square, name="frozen", errors=(lambda error, y, x: error * 2 * stop_gradient(x),)
    )
    check_gradients(frozen, jnp.array(0.7), order=1)
    with pytest.raises(AssertionError, match="order 2"):
        check_gradients(frozen, jnp.array(0.7))


def test_nan_does_not_pass() -> None:
    nan = Operation(jnp.sin, name="nan", errors=(lambda error, y, x: error * jnp.nan,))
    with pytest.raises(AssertionError):
        check_gradients(nan, jnp.array(0.3), order=1)


def test_a_number_of_entries_is_chosen_by_seed() -> None:
    x = jnp.linspace(-1, 1, 50)

    def places(seed: int) -> list[tuple[int, ...]]:
        checks = check_gradients(lambda x: ops.sin(x).sum(), x, order=1, entries=5, seed=seed)
        return sorted(check.index for check in checks)

    assert len(places(0)) == 5
    assert places(0) == places(0) != places(1)


def test_other_orders_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="order=3"):
        check_gradients(lambda x: x, 1.0, order=3)


def test_a_gradient_that_is_not_a_number_never_passes():
    def f(x):
        return ops.sum(ops.where(x > 0, ops.sqrt(x), 0.0))

    for x in (jnp.array([1.0, -1.0]), jnp.array([-1.0, 1.0])):
        with pytest.raises(AssertionError, match="nan"):
            check_gradients(f, x, order=1)

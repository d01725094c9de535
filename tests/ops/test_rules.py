"""Every rule of the table at first and second order, against JAX and finite differences."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.autodiff import OPERATIONS, grad
from tests.ops.cases import CASES, Draw

WITHOUT_RULE = {
    "argmax",
    "argmin",
    "binary_step",
    "floor",
    "one_hot",
    "round",
    "sign",
    "zero_one",
}
OURS = {
    name: row for name, row in OPERATIONS.items() if row.forward.__module__.startswith("clearprop.")
}
STEP = 1e-5


def test_every_operation_has_a_rule_or_is_known_to_have_none() -> None:
    assert {name for name, row in OURS.items() if not row.differentiable} == WITHOUT_RULE


def test_every_rule_has_a_case() -> None:
    assert sorted(OURS.keys() - WITHOUT_RULE - CASES.keys()) == []
    assert sorted(CASES.keys() - OURS.keys()) == []


@pytest.mark.parametrize(
    ("name", "number"), [(name, k) for name in sorted(CASES) for k in range(len(CASES[name]))]
)
def test_rule(name: str, number: int) -> None:
    @settings(max_examples=max(2, settings.default.max_examples // 8))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        d = Draw.of(data)
        function, inputs = CASES[name][number](d)
        with jax.enable_x64(True):
            check_derivatives(function, [jnp.asarray(x) for x in inputs], d.random)

    check()


def check_derivatives(
    function: Callable[..., Any], inputs: list[jax.Array], random: np.random.Generator
) -> None:
    """Compare gradient and Hessian product with `jax.grad` and with central differences."""
    outputs = jax.tree.leaves(jax.eval_shape(function, *inputs))
    weights = [random.uniform(0.5, 1.5, y.shape) for y in outputs]
    directions, others = ([random.standard_normal(x.shape) for x in inputs] for _ in range(2))

    def scalar(xs: list[Any]) -> Any:
        # Not linear in the output, so that the error signal too depends on the inputs.
        leaves = jax.tree.leaves(function(*xs))
        return sum((y * (0.5 * w * y + w)).sum() for y, w in zip(leaves, weights, strict=True))

    def along(gradient: list[Any], vector: list[Any]) -> Any:
        return sum((g * v).sum() for g, v in zip(gradient, vector, strict=True))

    def moved(xs: list[Any], vector: list[Any], step: float) -> list[Any]:
        return [x + step * v for x, v in zip(xs, vector, strict=True)]

    def slope(xs: list[Any]) -> Any:
        return along(grad(scalar)(xs), directions)

    def slope_of_jax(xs: list[Any]) -> Any:
        return along(jax.grad(scalar)(xs), directions)

    def central(f: Callable[[list[Any]], Any], xs: list[Any], vector: list[Any]) -> Any:
        return (f(moved(xs, vector, STEP)) - f(moved(xs, vector, -STEP))) / (2 * STEP)

    # The functions run once: what the compiler would win is less than what it takes.
    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def measure(xs: list[Any]) -> Any:
        first, second = grad(scalar)(xs), grad(slope)(xs)
        return (
            (first, jax.grad(scalar)(xs)),
            (second, jax.grad(slope_of_jax)(xs)),
            (along(first, directions), central(scalar, xs, directions)),
            (along(second, others), central(slope, xs, others)),
        )

    *exact, first, second = measure(inputs)
    for ours, theirs in exact:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), ours, theirs
        )
        assert [x.dtype for x in ours] == [x.dtype for x in inputs]
    np.testing.assert_allclose(*first, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(*second, rtol=1e-5, atol=1e-6)


def test_a_wrong_rule_is_found() -> None:
    from clearprop.autodiff import Operation

    wrong = Operation(jnp.sin, name="wrong_sine", errors=(lambda error, y, x: error * x,))
    with jax.enable_x64(True), pytest.raises(AssertionError):
        check_derivatives(wrong, [jnp.array([0.3])], np.random.default_rng(0))


@pytest.mark.parametrize("name", sorted(OURS.keys() - WITHOUT_RULE))
def test_no_rule_calls_jax(name: str) -> None:
    row = OURS[name]
    for rule in (row.joint, *(row.errors or ())):
        if rule is not None:
            source = inspect.getsource(rule)
            own = source if source.lstrip().startswith("def") else source.split("def ")[0]
            assert "jnp." not in own
            assert "jax." not in own

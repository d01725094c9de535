"""Every rule of the table at first and second order, against JAX and finite differences."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import ops
from clearprop.autodiff import OPERATIONS, Operation, grad
from tests.ops.cases import CASES, Draw, Made

for _path in sorted(Path(__file__).parent.glob("cases_*.py")):
    importlib.import_module(f"tests.ops.{_path.stem}")

WITHOUT_RULE = {
    "argmax",
    "argmin",
    "argsort",
    "binary_step",
    "ceil",
    "first_largest",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "last_written",
    "one_hot",
    "round",
    "sign",
    "top_k",
    "trunc",
    "zero_one",
}
OURS = {
    name: row for name, row in OPERATIONS.items() if row.forward.__module__.startswith("clearprop.")
}
STEP = 1e-5
# A test's function runs once, so optimizing it takes longer than it saves.
COMPILED = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def cases_of(names: Iterable[str]) -> list[Any]:
    """Return every case of the named operations once, under its first name."""
    cases: dict[Callable[[Draw], Made], str] = {}
    for name in sorted(names):
        for number, make in enumerate(CASES.get(name, [])):
            cases.setdefault(make, f"{name}-{number}")
    return [pytest.param(make, id=label) for make, label in cases.items()]


def test_every_operation_has_a_rule_or_is_known_to_have_none() -> None:
    assert {name for name, row in OURS.items() if not row.differentiable} == WITHOUT_RULE


def test_every_rule_has_a_case() -> None:
    assert sorted(OURS.keys() - WITHOUT_RULE - CASES.keys()) == []
    assert sorted(CASES.keys() - OURS.keys()) == []


@pytest.mark.parametrize("make", cases_of(OURS))
def test_rule(make: Callable[[Draw], Made]) -> None:
    @settings(max_examples=max(2, settings.default.max_examples // 12))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        d = Draw.of(data)
        function, inputs = make(d)
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
        # Not linear in the output, so the error signal also depends on the inputs.
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

    @COMPILED
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


@pytest.mark.parametrize("make", cases_of([name for name, row in OURS.items() if row.stacks]))
def test_a_rule_that_stacks_holds_for_all_steps_of_a_scan(make: Callable[[Draw], Made]) -> None:
    """Some inputs are the same at every step, others change."""

    @settings(max_examples=max(1, settings.default.max_examples // 25))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        d = Draw.of(data)
        function, inputs = make(d)
        changing = [d.choice(True, False) for _ in inputs]

        def total(xs: list[Any], scan: Callable[..., Any]) -> Any:
            def step(sum_so_far: Any, factor: Any) -> tuple[Any, None]:
                now = [x * factor if c else x for x, c in zip(xs, changing, strict=True)]
                leaves = jax.tree.leaves(function(*now))
                return sum_so_far + sum((y * y * factor).sum() for y in leaves), None

            return scan(step, jnp.zeros(()), jnp.array([0.9, 1.0, 1.1]))[0]

        @COMPILED
        def both(xs: list[Any]) -> Any:
            oracle = jax.grad(lambda xs: total(xs, jax.lax.scan))
            return grad(lambda xs: total(xs, ops.scan))(xs), oracle(xs)

        with jax.enable_x64(True):
            ours, theirs = both([jnp.asarray(x) for x in inputs])
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)

    check()


def small_network(w: Any, x: Any) -> Any:
    h = ops.layer_norm(ops.gelu(ops.einsum("bi,ij->bj", x, w)), epsilon=0.1)
    a = ops.attention(h[None], h[None], ops.silu(h)[None], causal=True)[0]
    spread = ops.std(a) + ops.prod(a[0, :2]) + ops.max(a, axis=0).sum()
    return ops.mean(ops.softmax_cross_entropy(a, jnp.array([0, 1, 2]))) + spread


def test_the_rules_of_a_whole_network_hold_at_third_order() -> None:
    random = np.random.default_rng(0)
    with jax.enable_x64(True):
        w, v = (jnp.asarray(random.normal(size=(2, 4))) for _ in range(2))
        x = jnp.asarray(random.normal(size=(3, 2)))

        def third(derive: Callable[..., Any]) -> Any:
            first = derive(small_network)
            second = derive(lambda w: (first(w, x) * v).sum())
            return derive(lambda w: (second(w) * v).sum())

        ours, theirs = COMPILED(lambda w: (third(grad)(w), third(jax.grad)(w)))(w)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def test_a_wrong_rule_is_found() -> None:
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


@pytest.mark.parametrize("make", cases_of(OURS))
def test_an_operation_takes_arrays_of_numpy(make: Callable[[Draw], Made]) -> None:
    @settings(max_examples=1)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        function, inputs = make(Draw.of(data))
        with jax.enable_x64(True):
            ours, given_jax = function(*inputs), function(*map(jnp.asarray, inputs))
        for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(given_jax), strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))

    check()

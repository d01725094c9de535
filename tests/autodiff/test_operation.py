"""The rule table: how a row is written, called, counted and observed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import OPERATIONS, grad, observe, operation

Array = jax.Array


@pytest.fixture(autouse=True)
def _own_rows() -> Iterator[None]:
    before = dict(OPERATIONS)
    yield
    OPERATIONS.clear()
    OPERATIONS.update(before)


def test_inputs_come_first_and_parameters_by_place_or_name() -> None:
    seen: list[tuple[Any, ...]] = []

    def rule(error: Any, z: Any, x: Any, y: Any, scale: float = 1.0, *, power: int = 1) -> Any:
        seen.append((scale, power))
        return error * y * scale

    @operation(errors=(rule, None))
    def scaled(x: Array, y: Array | None = None, scale: float = 1.0, *, power: int = 1) -> Array:
        return x * (1.0 if y is None else y) * scale

    for call in (
        lambda x: scaled(x, 2.0, 3.0, power=5),
        lambda x: scaled(x, y=2.0, scale=3.0, power=5),
        lambda x: scaled(y=2.0, x=x, power=5, scale=3.0),
    ):
        assert float(grad(call)(1.0)) == 6
    assert seen == [(3.0, 5)] * 3
    assert float(scaled(2.0)) == 2


def test_a_wrong_call_gets_pythons_own_message() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        ops.add(1.0)  # type: ignore[call-arg]  # the mistake
    with pytest.raises(TypeError, match="too many positional"):
        ops.add(1.0, 2.0, 3.0)  # type: ignore[call-arg]  # the mistake


def test_array_inputs_must_come_first() -> None:
    with pytest.raises(TypeError, match="must come first"):

        @operation()
        def backwards(scale: float, x: Array) -> Array:
            return x * scale


def test_two_rows_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="two operations are named 'add'"):

        @operation(name="add")
        def another(x: Array) -> Array:
            return x


def test_a_joint_rule_gives_all_errors_and_none_where_there_is_none() -> None:
    @operation(joint=lambda error, outputs, x, y, z: (error[0] * y + error[1], error[0] * x, None))
    def both(x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        return x * y, x + z

    def f(x: Any, y: Any, z: Any) -> Any:
        product, total = both(x, y, z)
        return product * 2 + total

    assert [float(g) for g in grad(f, argnums=(0, 1, 2))(3.0, 5.0, 7.0)] == [11, 6, 0]
    assert float(grad(lambda x: both(x, 5.0, 7.0)[0])(3.0)) == 5


def test_a_row_without_a_rule_stops_the_error() -> None:
    @operation()
    def opaque(x: Array) -> Array:
        return x * 3

    assert not opaque.differentiable
    assert float(grad(lambda x: opaque(x) * x)(2.0)) == 6


def test_variadic_inputs_may_come_as_a_list() -> None:
    x = jnp.ones(2)
    np.testing.assert_array_equal(ops.stack(x, x), ops.stack([x, x]))
    assert float(grad(lambda x: ops.stack([x, 2 * x]).sum())(1.0)) == 3
    assert ops.concatenate([x]).shape == (2,)
    assert ops.concatenate(x).shape == (2,)


def test_a_row_keeps_the_name_and_the_words_of_its_function() -> None:
    assert ops.sigmoid.name == ops.sigmoid.__name__ == "sigmoid"
    assert "Sigmoid unit" in (ops.sigmoid.__doc__ or "")
    assert repr(ops.sigmoid) == "<operation sigmoid>"
    assert OPERATIONS["sigmoid"] is ops.sigmoid


def test_differentiation_needs_no_floor_above_it() -> None:
    program = """
import sys
import jax.numpy as jnp
from clearprop.autodiff import grad, hvp

def loss(x):
    y = (x[None] @ jnp.ones((2, 3)) / 2 - 1) ** 2
    return abs(-y).mean() + x.max() * y.T.reshape(3).sum()

hvp(loss, jnp.array([1.0, 2.0]), jnp.ones(2))
print(grad(loss)(jnp.array([1.0, 2.0])), "clearprop.ops" in sys.modules)
"""
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert process.stdout.endswith("False\n"), process.stderr


def test_observers_see_what_is_computed_once_and_in_order() -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []

    def note(row: Any, inputs: Any, output: Any, parameters: Any) -> None:
        assert not any(hasattr(x, "tape") for x in inputs)
        seen.append((row.name, output.shape))

    with observe(note):
        grad(lambda x: ops.exp(x).sum())(jnp.ones(3))
    assert seen[:2] == [("exp", (3,)), ("sum", ())]
    assert len([name for name, _ in seen if name == "exp"]) == 1
    before = len(seen)
    ops.exp(1.0)
    assert len(seen) == before


def test_a_rule_is_not_asked_for_what_nobody_wants() -> None:
    asked: list[str] = []

    def rule(name: str) -> Any:
        def of_one(error: Any, z: Any, x: Any, y: Any) -> Any:
            asked.append(name)
            return error

        return of_one

    @operation(errors=(rule("x"), rule("y")))
    def plus(x: Array, y: Array) -> Array:
        return jnp.add(x, y)

    grad(lambda x: plus(x, 1.0) + plus(2.0, 3.0))(1.0)
    assert asked == ["x"]

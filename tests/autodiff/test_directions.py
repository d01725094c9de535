"""Vectors and error signals are trees like the inputs and outputs; no leaf meets another one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.autodiff import gauss_newton, grad, hvp, jvp, vjp
from clearprop.errors import ShapeError


class Pair(NamedTuple):
    a: Any
    b: Any


def product(tree: Any) -> Any:
    a, b = (tree["a"], tree["b"]) if isinstance(tree, dict) else tree
    return a * a * b


def of_hessian(at: Any, vector: Any) -> Any:
    return hvp(product, at, vector)


def of_jacobian(at: Any, vector: Any) -> Any:
    return jvp(product, at, vector)


def of_gauss_newton(at: Any, vector: Any) -> Any:
    return gauss_newton(product, lambda y: y * y, at).product(vector)


def of_pull_back(at: Any, vector: Any) -> Any:
    return vjp(lambda tree: tree, at)[1](vector)


PRODUCTS: list[Callable[[Any, Any], Any]] = [
    of_hessian,
    of_jacobian,
    of_gauss_newton,
    of_pull_back,
]
ORDERED = OrderedDict(a=2.0, b=3.0)


@pytest.mark.parametrize("multiply", PRODUCTS)
@pytest.mark.parametrize(
    ("at", "vector"),
    [
        (ORDERED, OrderedDict(b=1.0, a=0.0)),
        (ORDERED, {"a": 1.0, "b": 0.0}),
        (dict(ORDERED), {"a": 1.0}),
        (dict(ORDERED), {"a": 1.0, "b": 0.0, "c": 0.0}),
        (dict(ORDERED), {"a": 1.0, "c": 0.0}),
        (dict(ORDERED), {"a": 1.0, "b": [0.0]}),
        (dict(ORDERED), [1.0, 0.0]),
        (Pair(2.0, 3.0), (1.0, 0.0)),
        ([2.0, 3.0], (1.0, 0.0)),
        ([2.0, 3.0], [1.0, 0.0, 0.0]),
        (jnp.array([2.0, 3.0]), [1.0, 0.0]),
    ],
)
def test_a_tree_of_another_form_is_refused(
    multiply: Callable[[Any, Any], Any], at: Any, vector: Any
) -> None:
    with pytest.raises(ShapeError, match=r"not a tree like the[\s\S]*jax\.tree\.map"):
        multiply(at, vector)


@pytest.mark.parametrize("multiply", PRODUCTS)
def test_no_vector_at_an_input_with_a_gradient(multiply: Callable[[Any, Any], Any]) -> None:
    if multiply is of_pull_back:  # None is no error signal
        assert of_pull_back([2.0, 3.0], [None, 1.0])[0] == [0, 1]
        return
    with pytest.raises(ShapeError, match=r"shape of the inputs\s+given:\s+None"):
        multiply([2.0, 3.0], [None, 1.0])


def test_the_keys_of_a_dict_may_come_in_any_order() -> None:
    found = hvp(product, {"a": 2.0, "b": 3.0}, {"b": 1.0, "a": 0.0})
    assert {name: float(h) for name, h in found.items()} == {"a": 4, "b": 0}


def test_a_gradient_is_a_vector_also_where_leaves_carry_none() -> None:
    def loss(tree: Any) -> Any:
        return (tree["w"] ** 3).sum() * tree["n"]

    at = {"n": jnp.array(2), "w": jnp.array([1.0, 2.0]), "nothing": None}
    along = grad(loss)(at)
    assert along["n"] is None
    np.testing.assert_array_equal(hvp(loss, at, along)["w"], [72, 576])
    _, change = jvp(loss, at, along)
    assert float(change) == 6**2 + 24**2
    near = gauss_newton(lambda t: {"y": t["w"] * 3, "n": t["n"]}, lambda y: (y["y"] ** 2).sum(), at)
    np.testing.assert_array_equal(near.product(along)["w"], 18 * along["w"])


def test_an_output_may_hold_none() -> None:
    _, pull_back = vjp(lambda x: (x * 2, None), 3.0)
    assert float(pull_back((1.0, None))[0]) == 2

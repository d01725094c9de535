"""Matrix products: values, gradients of weights as a single product, counts and errors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import OPERATIONS, grad, observe
from clearprop.errors import ShapeError
from tests.ops.cases import EINSUMS


@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3, 4))],
)
def test_matmul_is_that_of_numpy(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=left), random.normal(size=right)
    np.testing.assert_allclose(ops.matmul(jnp.asarray(x), jnp.asarray(y)), x @ y, rtol=1e-5)


def test_a_weights_gradient_is_one_product() -> None:
    x, w = jnp.ones((7, 5, 3)), jnp.ones((3, 4))
    program = jax.make_jaxpr(grad(lambda w: ops.matmul(x, w).sum()))(w)
    products = [e for e in program.jaxpr.eqns if e.primitive.name == "dot_general"]
    summed = [e.params["dimension_numbers"][0] for e in products]
    assert ((0, 1), (0, 1)) in summed
    assert "reduce_sum" not in str(program).split("dot_general")[-1]


@pytest.mark.parametrize(("subscripts", "shapes"), EINSUMS)
def test_einsum_is_that_of_numpy(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape) for shape in shapes]
    ours = ops.einsum(subscripts, *(jnp.asarray(x) for x in arrays))
    np.testing.assert_allclose(ours, np.einsum(subscripts, *arrays), rtol=1e-5, atol=1e-6)


def test_a_diagonal_sees_nothing_beside_it() -> None:
    x = jnp.array([[1.0, jnp.inf], [jnp.nan, 2.0]])
    np.testing.assert_array_equal(ops.einsum("ii->i", x), [1, 2])
    assert float(ops.einsum("ii", x)) == 3
    gradient = grad(lambda x: (ops.einsum("ii->i", x) ** 2).sum())(x)
    np.testing.assert_array_equal(gradient, [[2, 0], [0, 4]])
    deep = jnp.stack([x, 2 * x], axis=-1)
    np.testing.assert_array_equal(ops.einsum("iij,j->i", deep, jnp.array([1.0, 1.0])), [3, 6])


def test_products_of_vectors() -> None:
    x, y = jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])
    np.testing.assert_array_equal(grad(ops.dot)(x, y), y)
    np.testing.assert_array_equal(grad(lambda x: ops.outer(x, y).sum())(x), [7, 7])
    for product in (ops.dot, ops.outer):
        with pytest.raises(ShapeError, match="two vectors"):
            product(x, jnp.ones((2, 2)))


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ((2, 3), (4, 5), r"\(2, 3\) and \(4, 5\)[\s\S]*inner sizes 3 and 4 must be equal"),
        ((3,), (4,), "inner sizes 3 and 4"),
        ((), (3,), r"multiply by a number with \*"),
        ((2, 4, 3), (5, 3, 4), "leading axes"),
    ],
)
def test_matmul_says_what_does_not_fit(
    left: tuple[int, ...], right: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ShapeError, match=words):
        ops.matmul(jnp.ones(left), jnp.ones(right))
    with pytest.raises(ShapeError, match=words):
        grad(lambda x: (x @ jnp.ones(right)).sum())(jnp.ones(left))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (4, 5)]),
        ("ij->ij", [(2, 3), (3,)]),
        ("ijk->i", [(2, 3)]),
        ("ij->ik", [(2, 3)]),
        ("ij->ii", [(2, 3)]),
        ("i1->i", [(2, 3)]),
        ("...ijk->i", [(2, 3)]),
        ("ii->", [(2, 3)]),
        ("ii->i", [(1, 3)]),
        ("iji->j", [(3, 2, 1)]),
        ("ii,ij->j", [(1, 3), (3, 2)]),
    ],
)
def test_einsum_says_what_does_not_fit(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ShapeError, match="letters do not fit") as caught:
        ops.einsum(subscripts, *(jnp.ones(shape) for shape in shapes))
    assert repr(subscripts) in str(caught.value)


def test_products_count_their_arithmetic() -> None:
    counts: dict[str, int] = {}

    def note(row: Any, inputs: Any, output: Any, parameters: Any) -> None:
        counts[row.name] = row.count(output, inputs, parameters)

    x = jnp.ones((2, 3))
    with observe(note):
        ops.matmul(x, jnp.ones((3, 4)))
        ops.einsum("ij,kj->ik", x, jnp.ones((4, 3)))
        ops.add(x, 1.0)
        ops.reshape(x, 6)
        ops.sum(x)
    assert counts == {"matmul": 48, "einsum": 48, "add": 6, "reshape": 0, "sum": 6}
    assert OPERATIONS["matmul"].stacks


@pytest.mark.parametrize(
    ("left", "right"), [((2, 0), (0, 3)), ((0,), (0, 3)), ((2, 0), (0,)), ((0, 2), (2, 3))]
)
def test_sizes_of_zero_have_gradients(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    ours = grad(lambda x, y: ops.matmul(x, y).sum(), argnums=(0, 1))(
        jnp.ones(left), jnp.ones(right)
    )
    assert [g.shape for g in ours] == [left, right]
    assert not any(g.any() for g in ours)


def test_a_sum_of_outer_products_is_the_same_in_the_order_that_a_processor_reads_quickly() -> None:
    x, y = (
        np.asarray(jax.random.normal(key, (128, n)))
        for key, n in ((jax.random.key(0), 1024), (jax.random.key(1), 128))
    )
    np.testing.assert_allclose(ops.outer_sum(x, y), x.T @ y, rtol=1e-4, atol=1e-4)
    with pytest.raises(ShapeError, match="outer_sum"):
        ops.outer_sum(x, y[1:])

"""Indexing: every kind of index that NumPy has, repeated places, and places outside."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError
from tests.ops.cases import INDICES

X = jnp.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_values_are_those_of_numpy(index: Any) -> None:
    np.testing.assert_array_equal(ops.getitem(X, index), np.asarray(X)[index])
    seen = grad(lambda x: (x[index] * x[index]).sum())(X)
    expected = np.zeros(X.shape)
    np.add.at(expected, index, 2 * np.asarray(X)[index])
    np.testing.assert_allclose(seen, expected)


def test_an_index_from_the_device_works_inside_jit() -> None:
    @jax.jit
    def read(x: jax.Array, i: jax.Array) -> tuple[jax.Array, jax.Array]:
        return ops.getitem(x, i), grad(lambda x: x[i, 1].sum())(x)

    row, gradient = read(X, jnp.array(1))
    np.testing.assert_array_equal(row, X[1])
    assert gradient.sum() == 4
    np.testing.assert_array_equal(gradient[1, 1], [1, 1, 1, 1])


@pytest.mark.parametrize("index", [2, -3, (0, 3), (0, 0, 0, 0)])
def test_a_place_outside_is_told(index: Any) -> None:
    with pytest.raises(ShapeError):
        ops.getitem(X, index)


def test_a_slice_is_cut_and_padded_not_gathered() -> None:
    """XLA gathers and scatters slowly; an LSTM slices out its gates in every step."""
    program = str(jax.make_jaxpr(grad(lambda x: x[:, 1:3, ::2].sum()))(X))
    assert "scatter" not in program
    assert "gather" not in program
    assert "pad" in program


def test_iteration_reads_every_entry_once() -> None:
    np.testing.assert_array_equal(
        grad(lambda x: sum(k * row.sum() for k, row in enumerate(x)))(jnp.ones((3, 2))),
        [[0, 0], [1, 1], [2, 2]],
    )
    first = grad(lambda x: next(iter(x)) * len(x))(jnp.ones(3))
    np.testing.assert_array_equal(first, [3, 0, 0])


def test_an_embedding_read_twice_gets_both_errors() -> None:
    table, words = jnp.ones((4, 2)), jnp.array([[1, 3], [1, 1]])
    np.testing.assert_array_equal(ops.take(table, words), np.ones((2, 2, 2)))
    gradient = grad(lambda t: ops.take(t, words).sum())(table)
    np.testing.assert_array_equal(gradient[:, 0], [0, 3, 0, 1])
    assert ops.gather is ops.take


def test_what_is_read_outside_gives_its_error_to_the_end() -> None:
    x = jnp.arange(3.0)
    assert ops.take(x, jnp.array(7)) == 2
    np.testing.assert_array_equal(grad(lambda x: ops.take(x, jnp.array(7)))(x), [0, 0, 1])


def test_scatter_add_keeps_what_was_there() -> None:
    x, places = jnp.ones((3, 2)), jnp.array([0, 2, 2])
    np.testing.assert_array_equal(ops.scatter_add(x, places, jnp.ones((3, 2)))[:, 0], [2, 1, 3])
    gradient = grad(lambda a: (ops.scatter_add(x, places, a)[2] * 5).sum())(jnp.ones((3, 2)))
    np.testing.assert_array_equal(gradient[:, 0], [0, 5, 5])


def test_take_along_axis_asks_for_one_shape() -> None:
    with pytest.raises(ShapeError, match="equal sizes along every axis but 1"):
        ops.take_along_axis(jnp.ones((2, 3)), jnp.zeros((3, 1), int), axis=1)
    with pytest.raises(ShapeError):
        ops.take_along_axis(jnp.ones((2, 3)), jnp.zeros(2, int), axis=1)
    picked = ops.take_along_axis(jnp.arange(6.0).reshape(2, 3), jnp.array([[-1], [0]]), axis=1)
    np.testing.assert_array_equal(picked, [[2], [3]])


def test_labels_outside_give_zeros() -> None:
    np.testing.assert_array_equal(ops.one_hot(jnp.array([1, 5]), 3), [[0, 1, 0], [0, 0, 0]])
    assert ops.one_hot(jnp.array(0), 2, dtype=jnp.bfloat16).dtype == jnp.bfloat16


def test_a_mask_is_read_eagerly_and_as_a_constant_of_jit() -> None:
    mask = np.array([True, False, True])
    x = jnp.arange(3.0)
    for read in (grad(lambda x: x[mask].sum()), jax.jit(grad(lambda x: x[mask].sum()))):
        np.testing.assert_array_equal(read(x), mask)
    np.testing.assert_array_equal(grad(lambda x: x[x > 0].sum())(x), [0, 1, 1])
    with pytest.raises(ShapeError, match=r"ops\.where"):
        jax.jit(grad(lambda x: x[x > 0].sum()))(x)


def test_what_is_added_outside_changes_nothing_and_gets_no_error() -> None:
    x, places, addend = jnp.zeros((3, 2)), jnp.array([0, 3, -4, -1]), jnp.ones((4, 2))

    def added(scatter: Any) -> Any:
        return lambda a: (scatter(x, places, a) * jnp.arange(1.0, 7).reshape(3, 2)).sum()

    theirs = jax.grad(added(lambda x, i, a: x.at[i].add(a)))(addend)
    np.testing.assert_array_equal(grad(added(ops.scatter_add))(addend), theirs)
    np.testing.assert_array_equal(ops.scatter_add(x, places, addend)[:, 0], [1, 0, 1])


@pytest.mark.parametrize("index", [1.7, np.float32(1), (0, 1.0), jnp.array([0.5]), [0.5], "a"])
def test_an_index_that_is_no_whole_number_is_told(index: Any) -> None:
    with pytest.raises(ShapeError, match="not a whole number"):
        ops.getitem(X, index)


def test_an_empty_list_reads_nothing() -> None:
    assert ops.getitem(X, []).shape == (0, 3, 4)


def test_take_reads_the_nearest_end() -> None:
    read = ops.take(X, jnp.array([-1, -9, 9]))
    np.testing.assert_array_equal(read, X[jnp.array([1, 0, 1])])


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize(
    ("x", "factor", "fix"),
    [
        (jnp.zeros(3, int), 1.0, "x.astype('float32')"),
        (jnp.zeros(3, bool), 1.0, "x.astype('float32')"),
        (jnp.zeros(3), jnp.array(1j), "x.astype('complex64')"),
    ],
)
def test_an_addend_that_would_be_cut_is_refused(
    x: jax.Array, factor: Any, fix: str, jitted: bool
) -> None:
    def total(x: Any) -> Any:
        return ops.scatter_add(x, jnp.array([0, 2]), factor).sum()

    with pytest.raises(ConfigurationError, match="does not fit into the number type") as caught:
        (jax.jit(total) if jitted else total)(x)
    assert fix in str(caught.value.fix)
    if isinstance(factor, float):
        with pytest.raises(ConfigurationError, match="its gradient lost"):
            grad(lambda t: ops.scatter_add(x, jnp.array([0]), t).sum() * 1.0)(2.0)


def test_numbers_of_another_width_may_be_added() -> None:
    for kind in (jnp.bfloat16, jnp.float16, jnp.float32):
        z = ops.scatter_add(jnp.zeros(2, kind), jnp.array([1]), jnp.float32(2))
        assert (z.dtype, float(z[1])) == (kind, 2)
    assert ops.scatter_add(jnp.zeros(2, int), jnp.array([1]), 3).tolist() == [0, 3]

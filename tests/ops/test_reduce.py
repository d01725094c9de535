"""Reductions: ties, zeros in products, overflow and empty arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.errors import ShapeError

REDUCTIONS = ["sum", "mean", "max", "min", "prod", "var", "std"]


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_values_are_those_of_numpy(name: str, axis: object, keepdims: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    ours = getattr(ops, name)(jnp.asarray(x), axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["max", "min"])
def test_equal_extremes_share_the_error(name: str) -> None:
    x = jnp.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
    ours = grad(lambda x: (getattr(ops, name)(x, axis=1) ** 2).sum())(x)
    theirs = jax.grad(lambda x: (getattr(jnp, name)(x, axis=1) ** 2).sum())(x)
    np.testing.assert_array_equal(ours, theirs)


def test_products_with_zeros_have_gradients() -> None:
    for x in ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 1.0, 2.0]):
        at = jnp.array(x)
        np.testing.assert_allclose(grad(ops.prod)(at), jax.grad(jnp.prod)(at))
    np.testing.assert_allclose(grad(ops.prod)(jnp.array([7.0])), [1.0])


def test_logsumexp_neither_overflows_nor_loses_a_gradient() -> None:
    for x in ([1000.0, 1000.0], [-1000.0, -1000.0], [-jnp.inf, 0.0]):
        at = jnp.array(x)
        np.testing.assert_allclose(ops.logsumexp(at), jax.nn.logsumexp(at))
        np.testing.assert_allclose(grad(ops.logsumexp)(at), jax.nn.softmax(at), rtol=1e-6)
    nothing = jnp.full(3, -jnp.inf)
    assert ops.logsumexp(nothing) == -jnp.inf
    np.testing.assert_array_equal(grad(ops.logsumexp)(nothing), [0, 0, 0])


def test_empty_arrays_reduce() -> None:
    empty = jnp.zeros((0, 3))
    np.testing.assert_array_equal(ops.sum(empty, axis=0), [0, 0, 0])
    assert grad(ops.sum)(empty).shape == (0, 3)


@pytest.mark.parametrize("name", [*REDUCTIONS, "cumsum", "logsumexp", "argmax", "argmin"])
def test_an_axis_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ShapeError, match=rf"{name}: there is no axis 2"):
        getattr(ops, name)(jnp.ones((2, 3)), axis=2)


def test_places_of_extremes_are_whole_numbers() -> None:
    x = jnp.array([[1.0, 4.0], [3.0, 2.0]])
    np.testing.assert_array_equal(ops.argmax(x, axis=1), [1, 0])
    np.testing.assert_array_equal(ops.argmin(x, axis=0), [0, 1])
    picked = grad(lambda x: x[0, ops.argmax(x[0])])(x)
    np.testing.assert_array_equal(picked, [[0, 1], [0, 0]])


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_an_empty_product_has_a_gradient(shape: tuple[int, ...], axis: int | None) -> None:
    assert grad(lambda x: ops.prod(x, axis=axis).sum())(jnp.zeros(shape)).shape == shape


@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("ddof", [3, 4])
def test_no_degree_of_freedom_gives_nan(name: str, ddof: int) -> None:
    x = jnp.array([1.0, 2.0, 4.0])
    assert jnp.isnan(getattr(ops, name)(x, ddof=ddof))
    assert jnp.isnan(grad(lambda x: getattr(ops, name)(x, ddof=ddof))(x)).all()


NOTHING = jnp.zeros((3, 0))


def test_the_logarithm_of_a_sum_of_nothing() -> None:
    assert float(ops.logsumexp(jnp.zeros(0))) == -np.inf
    np.testing.assert_array_equal(ops.logsumexp(NOTHING, axis=1), [-np.inf] * 3)
    assert ops.logsumexp(NOTHING, axis=0, keepdims=True).shape == (1, 0)
    for axis in (None, 0, 1, (0, 1)):
        gradient = grad(lambda x, axis=axis: ops.logsumexp(x, axis=axis).sum())(NOTHING)
        assert gradient.shape == (3, 0)
    second = grad(lambda x: grad(ops.logsumexp)(x).sum())(NOTHING)
    assert second.shape == (3, 0)


@pytest.mark.parametrize("ddof", [0, 1])
def test_the_deviation_of_equal_numbers_has_the_slope_0(ddof: int) -> None:
    x = jnp.array([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]])
    ours = grad(lambda x: ops.std(x, axis=1, ddof=ddof).sum())(x)
    np.testing.assert_array_equal(ours[0], [0, 0, 0])
    theirs = jax.grad(lambda x: jnp.std(x, axis=1, ddof=ddof).sum())(x)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)

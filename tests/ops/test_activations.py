"""Every activation in the table: documentation, shape, type, values and derivatives."""

from __future__ import annotations

import doctest
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import check_gradients, grad
from clearprop.ops.activations import ACTIVATIONS, activation
from tests.ops.test_rules import check_derivatives

EVERY = pytest.mark.parametrize("name", sorted(ACTIVATIONS))
DIFFERENTIABLE = pytest.mark.parametrize(
    "name", sorted(name for name, row in ACTIVATIONS.items() if row.differentiable)
)


@EVERY
def test_it_is_documented(name: str) -> None:
    row = ACTIVATIONS[name]
    text = row.__doc__ or ""
    first = text.strip().splitlines()[0]
    assert re.search(r"\by(_i)? = ", first), "the first line gives the equation"
    assert not row.differentiable or re.search(r"dy(_i)?/dx|derivative", text)
    assert doctest.DocTestParser().get_examples(text), "the docstring has an example"


@EVERY
def test_it_is_public_under_its_name(name: str) -> None:
    assert getattr(ops, name) is ACTIVATIONS[name]
    assert name in ops.__all__


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 2, 3)])
def test_it_keeps_shape_and_type(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    row = ACTIVATIONS[name]
    x = jnp.linspace(-2, 2, math.prod(shape)).reshape(shape).astype(dtype)
    assert row(x).shape == shape
    assert row(x).dtype == x.dtype
    if row.differentiable:
        gradient = grad(lambda x: row(x).sum())(x)
        assert (gradient.shape, gradient.dtype) == (shape, x.dtype)


@DIFFERENTIABLE
def test_its_derivatives_of_two_orders(name: str) -> None:
    random = np.random.default_rng(0)
    with jax.enable_x64(True):
        check_derivatives(ACTIVATIONS[name], [jnp.asarray(random.normal(size=(2, 5)))], random)


@DIFFERENTIABLE
def test_far_out_it_stays_finite(name: str) -> None:
    x = jnp.array([-1e4, -80.0, 0.0, 80.0, 1e4])
    value, gradient = ACTIVATIONS[name](x), grad(lambda x: ACTIVATIONS[name](x).sum())(x)
    assert bool(jnp.isfinite(value).all())
    assert bool(jnp.isfinite(gradient).all())


def test_the_slope_of_relu_at_0_is_0() -> None:
    assert grad(ops.relu)(0.0) == 0
    assert grad(ops.leaky_relu)(0.0) == pytest.approx(0.01)
    assert grad(ops.abs)(0.0) == 0


def test_the_values_of_the_lectures() -> None:
    assert float(ops.sigmoid(1.0)) == pytest.approx(0.731059, abs=1e-6)
    assert float(grad(ops.sigmoid)(1.0)) == pytest.approx(0.196612, abs=1e-6)
    np.testing.assert_array_equal(ops.binary_step(jnp.array([-0.1, 0.0, 0.1])), [0, 1, 1])
    assert float(ops.binary_step(1.5, threshold=2.0)) == 0
    assert float(grad(ops.tanh)(0.5)) == pytest.approx(1 - math.tanh(0.5) ** 2, abs=1e-6)
    assert float(ops.elu(-1.0, alpha=2.0)) == pytest.approx(2 * (math.exp(-1) - 1), abs=1e-6)


def test_six_relus_approximate_a_cubic() -> None:
    """Lecture S: Z(x) is x^3 + x^2 - x - 1 on [-2, 2]."""
    relu = ops.relu

    def z(x: float) -> float:
        parts = (
            -relu(-5.0 * x - 7.7),
            -relu(-1.2 * x - 1.3),
            -relu(1.2 * x + 1.0),
            relu(1.2 * x - 0.2),
            relu(2.0 * x - 1.1),
            relu(5.0 * x - 5.0),
        )
        return float(sum(parts))

    assert z(0.0) == pytest.approx(-1.0)
    assert z(1.0) == pytest.approx(-0.3)
    assert z(-1.5) == pytest.approx(-0.5, abs=1e-6)


def test_softmax_has_the_jacobian_that_the_lecture_misprints() -> None:
    from clearprop.autodiff import jacobian

    x = jnp.array([0.3, -0.5, 1.0])
    y = ops.softmax(x)
    np.testing.assert_allclose(
        jacobian(ops.softmax)(x), jnp.diag(y) - jnp.outer(y, y), rtol=1e-5, atol=1e-7
    )


def test_an_activation_is_added_by_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop.autodiff import OPERATIONS

    monkeypatch.delitem(OPERATIONS, "cube_unit", raising=False)

    @activation(lambda error, y, x: error * 3 * x**2)
    def cube_unit(x: jax.Array) -> jax.Array:
        """Cube: y = x^3, with dy/dx = 3 x^2."""
        return x * x * x

    try:
        assert ACTIVATIONS["cube_unit"] is cube_unit
        assert cube_unit.stacks
        check_gradients(lambda x: cube_unit(x).sum(), jnp.array([0.5, -1.0]))
    finally:
        del ACTIVATIONS["cube_unit"], OPERATIONS["cube_unit"]

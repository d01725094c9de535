"""Complex numbers have no gradient rules here: they are refused, and `lift` is the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop
from clearprop import ops
from clearprop.autodiff import (
    check_gradients,
    checkpoint,
    grad,
    hvp,
    jacobian,
    jvp,
    lift,
    value_and_grad,
    vjp,
)
from clearprop.errors import TracedValueError

Z = np.array([1 + 1j, 2 - 1j], np.complex64)
X = jnp.array([2.0, 3.0])
REFUSED = r"complex[\s\S]*clearprop\.lift"

MEETINGS: list[Callable[[Any], Any]] = [
    lambda x: abs(x * (1 + 1j)).sum(),
    lambda x: abs((1 + 1j) * x).sum(),
    lambda x: (x + Z).real.sum(),
    lambda x: (jnp.asarray(Z) - x).real.sum(),
    lambda x: abs(x / Z).sum(),
    lambda x: abs(x**1j).sum(),
    lambda x: abs(2j**x).sum(),
    lambda x: abs(x @ Z),
    lambda x: x.astype(jnp.complex64).real.sum(),
    lambda x: ops.where(x > 2, x, Z).real.sum(),
    lambda x: ops.stack(x, Z).real.sum(),
    lambda x: ops.concatenate(x, Z).real.sum(),
    lambda x: ops.einsum("i,i->", x, Z).real,
    lambda x: abs(lift(jnp.fft.fft)(x)).sum(),
    lambda x: abs(checkpoint(lambda x: x * 1j)(x)).sum(),
    lambda x: abs(ops.scan(lambda c, a: (c, a * 1j), 0.0, x)[1]).sum(),
    lambda x: abs(ops.scan(lambda c, a: (c * a, None), 1j, x)[0]),
    lambda x: ops.scan(lambda c, a: (c, (a * 1j).real), 0.0, x)[1].sum(),
]


@pytest.mark.parametrize("meeting", MEETINGS)
def test_a_traced_value_that_meets_a_complex_number(meeting: Callable[[Any], Any]) -> None:
    for function in (grad(meeting), jax.jit(grad(meeting)), grad(lambda x: grad(meeting)(x).sum())):
        with pytest.raises(TracedValueError, match=REFUSED):
            function(X)


@pytest.mark.parametrize(
    "use",
    [
        grad(lambda z: abs(z).sum()),
        lambda z: value_and_grad(lambda tree: tree[0] * abs(tree[1]).sum())((1.0, z)),
        lambda z: vjp(lambda z: z * 2, z),
        vjp(lambda x: x * 2, X)[1],
        jacobian(abs),
        lambda z: hvp(lambda z: abs(z).sum(), z, z),
        lambda z: hvp(lambda x: (x**3).sum(), X, z),
        lambda z: jvp(lambda x: x**3, X, z),
        lambda z: jvp(lambda z: z, z, z),
        lambda z: check_gradients(lambda tree: tree[0] * abs(tree[1]).sum(), (1.0, z)),
    ],
)
def test_complex_inputs_and_vectors(use: Callable[[Any], Any]) -> None:
    for z in (jnp.asarray(Z), Z):
        with pytest.raises(TracedValueError, match=REFUSED):
            use(z)


def test_the_way_that_the_message_names_works() -> None:
    def modulus(x: Any) -> Any:
        return clearprop.lift(lambda x: abs(x * (1 + 1j)))(x)

    assert float(grad(modulus)(2.0)) == pytest.approx(2**0.5)
    with pytest.raises(TracedValueError) as caught:
        grad(lambda x: abs(x * (1 + 1j)))(2.0)
    assert "clearprop.lift(lambda x: abs(x * (1 + 1j)))(x)" in str(caught.value.fix)


def test_a_complex_constant_inside_lift_has_every_order() -> None:
    def ours(x: Any) -> Any:
        return lift(lambda x, z: abs(x * z + x**2))(x, jnp.asarray(Z)).sum()

    def theirs(x: Any) -> Any:
        return abs(x * Z + x**2).sum()

    np.testing.assert_allclose(grad(ours)(X), jax.grad(theirs)(X), rtol=1e-5)
    second, expected = (
        derive(lambda x, d=derive, f=f: (d(f)(x) ** 2).sum())(X)
        for derive, f in ((grad, ours), (jax.grad, theirs))
    )
    np.testing.assert_allclose(second, expected, rtol=1e-5)

"""Bodies of loops that once gave a wrong gradient, or none: each is a kind of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import Operation, checkpoint, grad, lift, stop_gradient

W = np.arange(9.0).reshape(3, 3)
XS = np.array([0.3, 0.5, 0.9])


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def orders(function: Callable[[Any], Any], derive: Callable[..., Any], at: Any) -> list[Any]:
    """Return the gradient of a function and that of the sum of squares of the gradient."""
    first = derive(function)
    second = derive(lambda w: sum((g * g).sum() for g in jax.tree.leaves(first(w))))
    return [first(at), second(at)]


def same_orders(ours: Callable[[Any], Any], theirs: Callable[[Any], Any], at: Any) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12),
        orders(ours, grad, at),
        orders(theirs, jax.grad, at),
    )


def unrolled(body: Callable[..., Any], carry: Any, xs: Any) -> tuple[Any, Any]:
    """Apply a body as `scan` does, in a loop of Python."""
    ys = []
    for x in jnp.asarray(xs):
        carry, y = body(carry, x)
        ys.append(y)
    return carry, jax.tree.map(lambda *y: ops.stack(y), *ys)


def test_a_loop_with_one_stacked_output_and_nothing_saved() -> None:
    def total(t: Any, scan: Any) -> Any:
        return (scan(lambda c, x: ((), x + t), (), jnp.ones(3))[1] * W).sum()

    np.testing.assert_array_equal(grad(lambda t: total(t, ops.scan))(jnp.ones(3)), [9, 12, 15])
    same_orders(lambda t: total(t * t, ops.scan), lambda t: total(t * t, jax.lax.scan), jnp.ones(3))


@pytest.mark.parametrize("carry", [0.0, (0.0,), {"a": 0.0}])
def test_a_loop_with_one_carried_output_and_nothing_saved(carry: Any) -> None:
    def total(t: Any) -> Any:
        last, _ = ops.scan(
            lambda c, _: (jax.tree.map(lambda a: a + t, c), ()), carry, None, length=3
        )
        (leaf,) = jax.tree.leaves(last)
        return leaf * leaf

    # The last carry is 3t, so its square has the derivative 18t, and 18 again.
    assert float(grad(total)(2.0)) == 36
    assert float(grad(grad(total))(2.0)) == 18


@pytest.mark.parametrize(
    "one",
    [
        lambda x: ops.split(x, 1)[0],
        checkpoint(lambda x: (ops.sin(x),)),
        checkpoint(lambda x: {"y": x * 2}),
        lift(lambda x: (jnp.sin(x),)),
        lift(lambda x: [jnp.sin(x)]),
    ],
)
def test_operations_that_return_a_tuple_of_one(one: Callable[[Any], Any]) -> None:
    def total(x: Any) -> Any:
        (y,) = jax.tree.leaves(one(x))
        return (y * y * XS).sum()

    def in_loop(x: Any) -> Any:
        return ops.scan(lambda c, a: (c + a * total(x * c), None), 1.0, XS)[0]

    def by_jax(x: Any) -> Any:
        return jax.lax.scan(lambda c, a: (c + a * total(x * c), None), 1.0, XS)[0]

    x = jnp.array([0.4, -0.3, 0.8])
    same_orders(total, total, x)
    same_orders(in_loop, by_jax, x)


def test_a_loop_in_a_loop_that_returns_nothing() -> None:
    def total(w: Any, scan: Any) -> Any:
        def body(c: Any, x: Any) -> tuple[Any, None]:
            scan(lambda _, y: ((), (w * y * c, ())[1]), (), XS)
            return c * w + x, None

        return scan(body, w, XS)[0]

    same_orders(lambda w: total(w, ops.scan), lambda w: total(w, jax.lax.scan), 0.7)
    assert float(grad(lambda w: (checkpoint(lambda x: ())(w), w * w)[1])(3.0)) == 6


def test_a_stopped_value_stays_stopped_at_second_order() -> None:
    def total(w: Any, scan: Any, stop: Any, sin: Any) -> Any:
        def body(c: Any, x: Any) -> tuple[Any, Any]:
            return sin(c * w) + stop(c) * w + x, (stop(x) * w, stop(sin(c)) * x, stop(w) * c)

        last, ys = scan(body, w * w, XS * w)
        return last + sum((y * y).sum() for y in ys)

    same_orders(
        lambda w: total(w, ops.scan, stop_gradient, ops.sin),
        lambda w: total(w, jax.lax.scan, jax.lax.stop_gradient, jnp.sin),
        0.7,
    )


def _same(x: jax.Array) -> jax.Array:
    return x


def _first(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    return x, y


@pytest.mark.parametrize(
    "changed",
    [
        Operation(_same, name="reversed", errors=(lambda error, y, x: -error,)),
        Operation(_same, name="doubled", errors=(lambda error, y, x: error * x,)),
        Operation(_same, name="stopped"),
        lambda x: Operation(
            _first, name="both", joint=lambda error, z, x, y: (3 * error[0], 2 * error[1])
        )(x, x)[1],
    ],
)
def test_a_value_that_passes_another_error_signal_is_no_other_value(changed: Any) -> None:
    """The operation returns its input as it is, so the loop must not take one for the other."""

    def total(scan: Any) -> Callable[[Any], Any]:
        def of(w: Any) -> Any:
            def body(c: Any, x: Any) -> tuple[Any, Any]:
                return ops.sin(changed(c) * w), changed(w) * x * w + ops.sin(changed(x * w))

            last, ys = scan(body, w * w, XS)
            return (ys * ys).sum() + last * last

        return of

    ours, by_hand = (orders(total(scan), grad, 0.7) for scan in (ops.scan, unrolled))
    np.testing.assert_allclose(ours, by_hand, rtol=1e-12)


def test_an_output_that_is_the_same_at_every_step_although_an_input_is_not() -> None:
    def total(w: Any, scan: Any, made: Any) -> Any:
        @made
        def wide(c: Any, w: Any) -> Any:
            return jnp.sin(w) * jnp.ones(c.shape)

        def body(c: Any, x: Any) -> tuple[Any, None]:
            z = wide(c, w)
            return c * z * ops.tanh(z) + x if made is lift else c * z * jnp.tanh(z) + x, None

        return scan(body, w * jnp.ones(2), jnp.ones((3, 2)))[0].sum()

    same_orders(
        lambda w: total(w, ops.scan, lift), lambda w: total(w, jax.lax.scan, lambda f: f), 0.7
    )


def test_a_loop_that_is_computed_step_by_step() -> None:
    """At the first step back two error signals are one array, at the next they are not."""

    def total(w: Any) -> Any:
        body = lambda c, x: ((c[0] * w[0] + x, c[1] * w[1] + x), None)  # noqa: E731
        (a, b), _ = ops.scan(body, (w[0], w[1]), XS)
        return a + b

    w = jnp.array([0.7, 0.4])
    compiled = orders(total, grad, w)
    with jax.disable_jit():
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12),
            orders(total, grad, w),
            compiled,
        )

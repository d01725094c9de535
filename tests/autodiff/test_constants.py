"""What carries no gradient: `stop_gradient`, masks and indices, outputs without entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import OPERATIONS, checkpoint, grad, jacobian, lift, stop_gradient

X = jnp.array([1.0, 2.0, 3.0])


def half_constant(x: Any) -> Any:
    return (x * stop_gradient(x)).sum()


@pytest.mark.parametrize(
    "derive",
    [
        grad,
        jax.grad,
        lambda f: grad(lift(f)),
        lambda f: grad(checkpoint(f)),
        lambda f: jax.grad(lift(f)),
        lambda f: jax.jit(grad(f)),
        lambda f: jax.grad(jax.jit(f)),
        lambda f: grad(lift(jax.jit(f))),
        lambda f: lambda x: jax.vmap(jax.grad(f))(x[:, None])[:, 0],
    ],
)
def test_stop_gradient_holds_for_every_differentiation(derive: Callable[..., Any]) -> None:
    np.testing.assert_array_equal(derive(half_constant)(X), X)


def test_stop_gradient_holds_inside_loops_and_trees() -> None:
    def rolled(scan: Callable[..., Any]) -> Callable[[Any], Any]:
        def step(c: Any, x: Any) -> tuple[Any, Any]:
            held = stop_gradient({"c": c, "n": 2, "none": None})
            return c * x + held["c"] * held["n"], held["c"] * x

        def total(x: Any) -> Any:
            last, ys = scan(step, x[0], x)
            return last + ys.sum()

        return total

    ours, theirs = grad(rolled(ops.scan))(X), jax.grad(rolled(jax.lax.scan))(X)
    np.testing.assert_allclose(ours, theirs)
    np.testing.assert_allclose(jax.grad(rolled(ops.scan))(X), theirs)


def test_stop_gradient_leaves_every_value_as_it_is() -> None:
    tree = {"a": X, "b": [1, 2.5, None, "name"], "c": np.arange(2)}
    same = stop_gradient(tree)
    assert same["b"] == [1, 2.5, None, "name"]
    assert same["a"] is X
    assert jax.jit(lambda n: stop_gradient(n) + 1)(1) == 2


MASKED: dict[tuple[str, int], Callable[[Any], Any]] = {
    # (operation, input): a call in which this input has floats, which count as True and False
    ("where", 0): lambda mask: ops.where(mask, X, 2 * X),
    ("dropout", 1): lambda mask: ops.dropout(X, mask, 0.5),
    ("masked_softmax", 1): lambda mask: ops.masked_softmax(X, mask),
}
PLACES = {
    ("take", 1),
    ("take_along_axis", 1),
    ("scatter_add", 1),
    ("dynamic_slice", 1),
    ("dynamic_update_slice", 2),
    ("read_in_windows", 1),
    ("write_in_windows", 1),
}


def test_only_masks_and_places_have_no_rule() -> None:
    """Every other input that can hold floats passes its error on."""
    without = {
        (name, number)
        for name, row in OPERATIONS.items()
        if row.forward.__module__.startswith("clearprop.") and row.differentiable
        for number, rule in enumerate(row.errors or ())
        if rule is None
    }
    assert without == MASKED.keys() | PLACES


@pytest.mark.parametrize("place", MASKED)
def test_a_mask_of_floats_counts_as_true_and_false(place: tuple[str, int]) -> None:
    """So its derivative is 0: a small step changes no result."""
    use, mask = MASKED[place], jnp.array([0.5, 0.0, -1.0])
    np.testing.assert_array_equal(use(mask), use(mask != 0))
    np.testing.assert_array_equal(use(mask), use(mask * 1.001))
    np.testing.assert_array_equal(grad(lambda m: use(m).sum() + 0 * m.sum())(mask), [0, 0, 0])


@pytest.mark.parametrize(
    "use",
    [
        lambda i: ops.take(X, i),
        lambda i: ops.take_along_axis(X, i),
        lambda i: ops.scatter_add(X, i, 1.0),
        lambda i: ops.dynamic_slice(X, i[:1], (1,)),
        lambda i: ops.dynamic_update_slice(X, X[:1], i[:1]),
        lambda i: X[i] if isinstance(i, jax.Array) else ops.getitem(X, i),
    ],
)
def test_places_are_whole_numbers(use: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        grad(lambda i: use(i).sum())(jnp.array([0.0, 1.0]))


@pytest.mark.parametrize("nested", [False, True])
def test_the_jacobian_of_no_entry_has_the_shape_of_both(nested: bool) -> None:
    def of(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if not nested:
            return jacobian(function)

        def total(x: Any) -> Any:
            rows = jacobian(function)(x)
            shapes.append(jax.tree.map(lambda r: r.shape, rows))
            return sum(r.sum() for r in jax.tree.leaves(rows)) + (x * x).sum()

        return grad(total)

    shapes: list[Any] = []
    cases: list[tuple[Callable[[Any], Any], Any, Any]] = [
        (lambda x: x[:0] * 2, X, (0, 3)),
        (lambda x: x * x, jnp.zeros(0), (0, 0)),
        (lambda x: ops.reshape(x, (0, 2)), jnp.zeros((2, 0)), (0, 2, 2, 0)),
        (lambda x: x.sum(), jnp.zeros(0), (0,)),
        (lambda x: {"none": x[:0], "all": x * x}, X, {"none": (0, 3), "all": (3, 3)}),
    ]
    for function, x, expected in cases:
        found = of(function)(x)
        if nested:
            np.testing.assert_allclose(found.shape, x.shape)
        else:
            shapes.append(jax.tree.map(lambda r: r.shape, found))
        assert shapes[-1] == expected

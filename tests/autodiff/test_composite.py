"""`lift` wraps JAX functions; `checkpoint` drops values and computes them again."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import Tape, checkpoint, grad, layer_path, lift, value_and_grad
from clearprop.errors import TracedValueError

X = jnp.array([0.3, -0.7, 1.2])


def of_jax(x: jax.Array) -> jax.Array:
    return jnp.sin(x) * jnp.fft.rfft(x).real.sum()


def test_a_lifted_function_has_the_derivatives_of_jax_in_every_order() -> None:
    lifted = lift(of_jax)
    with jax.enable_x64(True):
        x = jnp.asarray(X, jnp.float64)
        ours, theirs = (lambda x: lifted(x).sum()), (lambda x: of_jax(x).sum())
        for order in range(1, 4):
            ours, theirs = grad(ours), jax.grad(theirs)
            np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-9, atol=1e-12)
            ours, theirs = _summed(ours, order), _summed(theirs, order)


def _summed(gradient: Any, order: int) -> Any:
    return lambda x: (gradient(x) * jnp.arange(1.0, 4.0) ** order).sum()


def test_trees_and_constants_go_through_lift() -> None:
    @lift
    def attend(tree: dict[str, Any], scale: float, *, mask: Any, names: str) -> dict[str, Any]:
        assert names == "abc"
        y = jnp.where(mask, tree["x"] * tree["y"], 0.0) * scale
        return {"y": y, "count": mask.sum(), "n": jnp.arange(3)}

    def loss(tree: dict[str, Any]) -> Any:
        out = attend(tree, 2.0, mask=jnp.array([True, False, True]), names="abc")
        assert not hasattr(out["count"], "tape")
        return (out["y"] ** 2).sum()

    gradient = grad(loss)({"x": X, "y": X + 1})
    expected = 8 * (X * (X + 1) ** 2) * jnp.array([1, 0, 1])
    np.testing.assert_allclose(gradient["x"], expected, rtol=1e-5)


def test_lift_outside_differentiation_is_the_function_itself() -> None:
    np.testing.assert_array_equal(lift(of_jax)(X), of_jax(X))
    assert lift(of_jax).__name__ == "of_jax"


def test_lift_works_inside_jit_and_vmap() -> None:
    gradient = grad(lambda x: lift(jnp.sinc)(x) * x)
    np.testing.assert_allclose(
        jax.jit(jax.vmap(gradient))(X), jax.vmap(jax.grad(lambda x: jnp.sinc(x) * x))(X), rtol=1e-5
    )


def test_lift_refuses_a_closure() -> None:
    with pytest.raises((TracedValueError, TypeError), match=r"closure|lift|ops\."):
        grad(lambda x: lift(lambda y: y * x)(x).sum())(X)


def block(x: Any) -> Any:
    return ops.tanh(ops.sin(x) * x) + x


def test_checkpoint_changes_no_derivative_of_any_order() -> None:
    with jax.enable_x64(True):
        plain, forgetful = (
            (lambda x: block(block(x))),
            (lambda x: checkpoint(block)(checkpoint(block)(x))),
        )
        for _ in range(3):
            plain, forgetful = grad(plain), grad(forgetful)
            at = jnp.float64(0.4)
            assert float(forgetful(at)) == pytest.approx(float(plain(at)), rel=1e-12)


def test_checkpoint_keeps_its_inputs_alone() -> None:
    def nodes(function: Any) -> int:
        tape = Tape()
        function(tape.variable(X))
        return len(tape.nodes)

    assert nodes(checkpoint(block)) == 2
    assert nodes(block) == 5


def test_checkpoint_recomputes_in_the_compiled_program() -> None:
    program = jax.jit(grad(lambda x: checkpoint(block)(x).sum())).lower(X)
    assert "optimization_barrier" in program.as_text()


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Layer:
    weight: Any

    def __call__(self, x: Any) -> Any:
        return ops.tanh(x * self.weight)


def test_a_layer_is_checkpointed_with_its_own_arrays() -> None:
    def loss(layer: Layer, forget: bool) -> Any:
        called = checkpoint(layer) if forget else layer
        return called(called(X)).sum()

    ours, theirs = (grad(loss)(Layer(X + 1), forget) for forget in (True, False))
    np.testing.assert_allclose(ours.weight, theirs.weight, rtol=1e-6)


def test_checkpoint_takes_and_gives_trees() -> None:
    @checkpoint
    def inside(tree: dict[str, Any], n: int) -> tuple[Any, dict[str, Any]]:
        return tree["x"] * n, {"sum": tree["x"].sum(), "n": jnp.array(n)}

    def loss(x: Any) -> Any:
        y, rest = inside({"x": x, "label": jnp.array(3)}, 2)
        return (y * rest["sum"]).sum()

    np.testing.assert_allclose(grad(loss)(X), np.full(3, 4 * float(X.sum())), rtol=1e-6)


def test_checkpoint_refuses_a_closure() -> None:
    with pytest.raises(TracedValueError, match=r"closure[\s\S]*pass it as an argument"):
        grad(lambda x: checkpoint(lambda y: y * x)(x).sum())(X)


def test_checkpoint_recomputes_in_the_surroundings_of_the_forward_pass() -> None:
    seen = []

    def inside(x: Any) -> Any:
        seen.append(layer_path.get())
        return x * x

    def loss(x: Any) -> Any:
        token = layer_path.set("layers.3")
        y = checkpoint(inside)(x)
        layer_path.reset(token)
        return y.sum()

    value_and_grad(loss)(X)
    assert seen == ["layers.3", "layers.3"]

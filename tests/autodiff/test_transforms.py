"""value_and_grad, grad, vjp, hvp and jacobian: trees, broadcasting, nesting and errors."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import ops
from clearprop.autodiff import grad, hvp, jacobian, stop_gradient, value_and_grad, vjp
from clearprop.errors import ShapeError, TracedValueError


class Pair(NamedTuple):
    weight: Any
    bias: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Layer:
    weight: Any
    name: str = dataclasses.field(metadata={"static": True}, default="layer")


TREE = {
    "layers": [Layer(jnp.array([1.0, 2.0])), Pair(jnp.array(3.0), None)],
    "count": jnp.array(4),
    "key": jax.random.key(0),
    "number": 2.5,
    "whole": 3,
    "unused": jnp.ones((2, 2), jnp.bfloat16),
}


def of_tree(tree: dict[str, Any]) -> Any:
    layer, pair = tree["layers"]
    noise = jax.random.uniform(tree["key"], ())
    total = (layer.weight * pair.weight).sum() * tree["number"] * tree["count"] * tree["whole"]
    return total + noise


def test_containers_come_back_as_they_went_in() -> None:
    gradient = grad(of_tree)(TREE)
    layer, pair = gradient["layers"]
    assert isinstance(layer, Layer)
    assert layer.name == "layer"
    assert isinstance(pair, Pair)
    np.testing.assert_array_equal(layer.weight, [90, 90])
    assert float(pair.weight) == 90
    assert pair.bias is None
    assert float(gradient["number"]) == 108
    assert [gradient[name] for name in ("count", "key", "whole")] == [None, None, None]


def test_unused_inputs_get_zeros_of_their_own_type() -> None:
    unused = grad(of_tree)(TREE)["unused"]
    np.testing.assert_array_equal(unused, np.zeros((2, 2)))
    assert unused.dtype == jnp.bfloat16
    assert float(grad(lambda x: 3.0)(1.0)) == 0
    assert float(grad(lambda x: jnp.float32(2))(1.0)) == 0


def test_a_value_used_often_gets_the_sum_of_its_errors() -> None:
    def function(x: Any) -> Any:
        y = x * x
        return y * y + y + x + ops.sin(y) * x

    assert float(grad(function)(0.7)) == pytest.approx(
        float(jax.grad(lambda x: x**4 + x**2 + x + jnp.sin(x**2) * x)(0.7)), rel=1e-6
    )


@settings(max_examples=10)
@given(st.data())
def test_errors_are_summed_over_broadcast_axes(data: st.DataObject) -> None:
    whole = data.draw(st.lists(st.integers(0, 3), max_size=3))
    shapes = []
    for _ in range(2):
        kept = whole[data.draw(st.integers(0, len(whole))) :]
        shapes.append(tuple(data.draw(st.sampled_from([1, n])) for n in kept))
    x, y = (jnp.full(shape, value) for shape, value in zip(shapes, (2.0, 3.0), strict=True))
    in_x, in_y = grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, y)
    size = int(np.prod(np.broadcast_shapes(*shapes)))
    assert (in_x.shape, in_y.shape) == tuple(shapes)
    np.testing.assert_allclose(in_x, 3.0 * size / max(x.size, 1))
    np.testing.assert_allclose(in_y, 2.0 * size / max(y.size, 1))


def test_has_aux_hands_plain_values_out() -> None:
    def function(x: Any) -> tuple[Any, dict[str, Any]]:
        y = ops.exp(x)
        return y.sum(), {"y": y, "name": "exp"}

    (value, aux), gradient = value_and_grad(function, has_aux=True)(jnp.zeros(2))
    assert isinstance(aux["y"], jax.Array)
    assert aux["name"] == "exp"
    np.testing.assert_array_equal(gradient, aux["y"])
    assert float(value) == 2
    _, again = grad(function, has_aux=True)(jnp.zeros(2))
    np.testing.assert_array_equal(again["y"], aux["y"])


def test_aux_of_an_inner_gradient_still_carries_the_outer_one() -> None:
    def outer(x: Any) -> Any:
        _, aux = grad(lambda y: (y * x, y * x * x), has_aux=True)(2.0)
        return aux

    assert float(grad(outer)(3.0)) == 12


def test_five_thousand_operations_in_a_row() -> None:
    def chain(x: Any) -> Any:
        for _ in range(2500):
            x = x * 1.0001 + 0.0001
        return x

    value, slope = value_and_grad(chain)(jnp.array(1.0))
    assert float(slope) == pytest.approx(1.0001**2500, rel=1e-3)
    assert float(value) > 1


def test_derivatives_nest() -> None:
    def f(x: Any) -> Any:
        return ops.sin(x) * x**3 + ops.sigmoid(x)

    def g(x: Any) -> Any:
        return jnp.sin(x) * x**3 + jax.nn.sigmoid(x)

    with jax.enable_x64(True):
        ours, theirs = f, g
        for _ in range(4):
            ours, theirs = grad(ours), jax.grad(theirs)
            assert float(ours(jnp.float64(0.7))) == pytest.approx(float(theirs(0.7)), rel=1e-9)


def test_an_inner_gradient_of_an_outer_value() -> None:
    """d/dx [x d/dy (x y^2)] at x = 3, y = x: the levels do not mix up their values."""
    assert float(grad(lambda x: x * grad(lambda y: x * y * y)(2.0))(3.0)) == 24
    assert float(grad(lambda x: grad(lambda y: x * y * y)(x))(3.0)) == 12
    assert float(grad(lambda x: grad(lambda y: x)(x))(3.0)) == 0


def test_jax_can_differentiate_what_clearprop_gave() -> None:
    """The gradient consists of plain JAX operations, so `jax.grad` may be applied outside it."""
    ours = jax.grad(grad(lambda y: ops.tanh(y) ** 2))(0.4)
    assert float(ours) == pytest.approx(float(jax.grad(jax.grad(lambda y: jnp.tanh(y) ** 2))(0.4)))


def test_vjp_pulls_trees_back_as_often_as_asked() -> None:
    x, y = jnp.array([1.0, 2.0]), jnp.array(3.0)
    output, pull_back = vjp(lambda x, y: {"a": x * y, "b": (x.sum(), 7)}, x, y)
    assert output["b"][1] == 7
    for scale in (1.0, 2.0):
        in_x, in_y = pull_back({"a": jnp.array([scale, 0.0]), "b": (jnp.array(0.5), None)})
        np.testing.assert_allclose(in_x, [3 * scale + 0.5, 0.5])
        assert float(in_y) == scale
    in_x, in_y = pull_back({"a": None, "b": (jnp.array(1.0), None)})
    np.testing.assert_array_equal(in_x, [1, 1])
    assert float(in_y) == 0


def test_vjp_refuses_an_error_of_another_shape() -> None:
    _, pull_back = vjp(lambda x: x * 2, jnp.ones(3))
    with pytest.raises(ShapeError, match=r"given:\s+\(2,\)"):
        pull_back(jnp.ones(2))
    with pytest.raises(ShapeError, match="not a tree like the output"):
        pull_back((jnp.ones(3), jnp.ones(3)))


def test_a_pull_back_can_be_differentiated() -> None:
    def f(x: Any) -> Any:
        _, pull_back = vjp(lambda y: y**3, x)
        return pull_back(jnp.ones(()))[0]

    assert float(grad(f)(2.0)) == 12

    def g(e: Any) -> Any:
        _, pull_back = vjp(lambda y: y**3, 2.0)
        return pull_back(e)[0]

    assert float(grad(g)(1.0)) == 12


def rosenbrock(tree: dict[str, Any]) -> Any:
    x, y = tree["x"], tree["y"]
    return ((1 - x) ** 2 + 100 * (y - x * x) ** 2).sum()


def test_hvp_is_the_hessian_times_a_vector() -> None:
    at = {"x": jnp.array([0.5, -1.0]), "y": jnp.array([1.0, 0.3]), "n": jnp.array(1)}
    v = {"x": jnp.array([1.0, 2.0]), "y": jnp.array([-1.0, 0.5]), "n": jnp.array(0)}
    ours = hvp(rosenbrock, at, v)
    moving = {k: at[k] for k in ("x", "y")}
    along = {k: v[k] for k in ("x", "y")}
    _, theirs = jax.jvp(jax.grad(rosenbrock), (moving,), (along,))
    for name in ("x", "y"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
    assert ours["n"] is None


def test_jacobian_has_the_shapes_of_output_and_input() -> None:
    def f(x: Any) -> Any:
        return {"a": ops.outer(x, x[:2]), "b": ops.sum(x**3)}

    def g(x: Any) -> Any:
        return {"a": jnp.outer(x, x[:2]), "b": (x**3).sum()}

    x = jnp.array([1.0, 2.0, 3.0])
    ours, theirs = jax.jit(jacobian(f))(x), jax.jit(jax.jacobian(g))(x)
    assert ours["a"].shape == (3, 2, 3)
    jax.tree.map(np.testing.assert_allclose, ours, theirs)
    np.testing.assert_allclose(jacobian(lambda a, x: a * x * x, argnums=1)(2.0, x), np.diag(4 * x))


def test_the_hessian_is_the_jacobian_of_the_gradient() -> None:
    x = jnp.array([0.3, -0.2, 0.9])
    ours = jax.jit(jacobian(grad(lambda x: ops.logsumexp(x * x))))(x)
    theirs = jax.jit(jax.hessian(lambda x: jax.nn.logsumexp(x * x)))(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    ours = grad(lambda x: jacobian(lambda y: y * y * x)(x).sum())(x)
    np.testing.assert_allclose(ours, 4 * x, rtol=1e-6)


def test_stop_gradient_makes_a_constant_of_a_tree() -> None:
    tree = {"x": jnp.array(3.0)}
    gradient = grad(lambda t: t["x"] * stop_gradient(t)["x"])(tree)
    assert float(gradient["x"]) == 3
    assert float(grad(grad(lambda x: x * stop_gradient(x * x)))(3.0)) == 0


@pytest.mark.parametrize("shape", [(1,), (2, 2)])
def test_only_a_scalar_has_a_gradient(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"floating-point scalar[\s\S]*average or sum"):
        grad(lambda x: x * 2)(jnp.ones(shape))


def test_what_has_no_gradient_is_told() -> None:
    with pytest.raises(TracedValueError, match="no differentiated argument has a floating"):
        grad(lambda x: x)(3)
    with pytest.raises(ShapeError, match="scalar"):
        grad(lambda x: (x > 0).sum())(jnp.ones(2))
    with pytest.raises(ShapeError, match="scalar"):
        grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="positional argument 2"):
        grad(lambda x, y: x, argnums=2)(1.0, 2.0)


def test_negative_and_several_argnums() -> None:
    assert float(grad(lambda x, y: x * y, argnums=-1)(4.0, -3.0)) == 4
    gradient = grad(lambda x, y, z: x * y * z, argnums=[0, 2])(1.0, 2.0, 3.0)
    assert isinstance(gradient, tuple)
    assert [float(g) for g in gradient] == [6, 2]


def test_the_wrapped_function_keeps_its_name() -> None:
    def loss(x: Any) -> Any:
        """Square."""
        return x * x

    assert (grad(loss).__name__, value_and_grad(loss).__doc__) == ("loss", "Square.")


def test_the_jacobian_of_no_floating_argument_is_refused() -> None:
    with pytest.raises(TracedValueError, match="no differentiated argument has a floating"):
        jacobian(lambda x: x * 2)(3)


def test_a_vector_has_the_shape_of_its_input() -> None:
    with pytest.raises(ShapeError, match="shape of the inputs"):
        hvp(lambda x: (x * x).sum(), jnp.ones(3), jnp.ones(1))


def test_a_returned_value_of_an_ended_differentiation_is_refused() -> None:
    stored: list[Any] = []
    grad(lambda x: (stored.append(x * 2), x)[1])(1.0)
    for derive in (grad, jacobian):
        with pytest.raises(TracedValueError, match=r"differentiation has ended[\s\S]*has_aux"):
            derive(lambda x: stored[0])(1.0)


def test_a_stored_copy_of_a_traced_value_is_refused() -> None:
    with pytest.raises(TracedValueError, match="pickle on a value"):
        grad(lambda x: pickle.loads(pickle.dumps(x)) * 2)(3.0)


def test_a_copy_of_a_traced_value_keeps_its_gradient() -> None:
    assert float(grad(lambda x: copy.copy(x) ** 2)(3.0)) == 6
    assert float(grad(lambda x: copy.deepcopy({"x": x})["x"] ** 2)(3.0)) == 6

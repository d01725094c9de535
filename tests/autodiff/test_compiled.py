"""The same code runs eager and compiled: jit, vmap, bodies of lax.scan and sharded arrays."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.autodiff import grad, hvp, jacobian, value_and_grad

X = jax.random.normal(jax.random.key(1), (5, 3))
W = {"w": jax.random.normal(jax.random.key(2), (3, 2)), "b": jnp.array([0.1, -0.2])}
T = jnp.array([0, 1, 1, 0, 1])


def loss(parameters: dict[str, Any], x: Any, t: Any) -> Any:
    z = ops.tanh(x) @ parameters["w"] + parameters["b"]
    return ops.mean(ops.softmax_cross_entropy(z, t))


def test_jit_gives_what_eager_gives() -> None:
    eager = value_and_grad(loss)(W, X, T)
    compiled = jax.jit(value_and_grad(loss))(W, X, T)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), eager, compiled)
    oracle = jax.jit(jax.grad(loss))(W, X, T)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), eager[1], oracle
    )


def test_no_trace_of_the_tape_is_left_in_a_compiled_program() -> None:
    program = jax.make_jaxpr(grad(lambda x: ops.sum(ops.sin(x))))(X)
    names = [equation.primitive.name for equation in program.jaxpr.eqns]
    assert "cos" in names
    assert set(names) <= {"sin", "cos", "mul", "reduce_sum", "broadcast_in_dim", "reshape"}


def test_vmap_gives_a_gradient_an_example() -> None:
    per_example = jax.vmap(grad(loss), in_axes=(None, 0, 0))(W, X, T)
    assert per_example["w"].shape == (5, 3, 2)
    mean = jax.tree.map(lambda g: g.mean(0), per_example)
    whole = grad(loss)(W, X, T)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), mean, whole)


def test_second_order_compiles_and_maps() -> None:
    v = jax.tree.map(jnp.ones_like, W)
    ours = jax.jit(lambda w: hvp(lambda w: loss(w, X, T), w, v))(W)
    _, theirs = jax.jvp(jax.grad(loss), (W, X, T), (v, 0 * X, np.zeros(5, jax.dtypes.float0)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), ours, theirs)
    diagonal = jax.vmap(grad(grad(lambda x: ops.sigmoid(x) * x)))(X[:, 0])
    expected = jax.vmap(jax.grad(jax.grad(lambda x: jax.nn.sigmoid(x) * x)))(X[:, 0])
    np.testing.assert_allclose(diagonal, expected, rtol=1e-5)
    rows = jax.jit(jax.vmap(jacobian(ops.softmax)))(X)
    np.testing.assert_allclose(rows, jax.vmap(jax.jacobian(jax.nn.softmax))(X), atol=1e-6)


def test_gradient_descent_in_the_body_of_a_lax_scan() -> None:
    def step(w: dict[str, Any], _: None) -> tuple[dict[str, Any], Any]:
        value, gradient = value_and_grad(loss)(w, X, T)
        return jax.tree.map(lambda w, g: w - 0.5 * g, w, gradient), value

    trained, losses = jax.jit(lambda w: jax.lax.scan(step, w, None, length=20))(W)
    by_hand, alone = W, jax.jit(lambda w: step(w, None)[0])
    for _ in range(20):
        by_hand = alone(by_hand)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), trained, by_hand
    )
    assert bool((jnp.diff(losses) < 0).all())


def test_a_while_loop_may_hold_a_whole_gradient() -> None:
    def body(x: Any) -> Any:
        return x - 0.1 * grad(lambda x: (x - 3) ** 2)(x)

    found = jax.lax.while_loop(lambda x: abs(x - 3) > 1e-3, body, jnp.array(0.0))
    assert abs(float(found) - 3) <= 1e-3


SHARDED = """
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

    jax.config.update("jax_num_cpu_devices", 2)
    from clearprop import ops
    from clearprop.autodiff import value_and_grad

    mesh = Mesh(np.array(jax.devices()), ("batch",))
    assert mesh.size == 2

    def loss(w, x):
        return ops.mean(ops.square(ops.relu(x @ w)))

    x = jnp.arange(24.0).reshape(8, 3) - 11
    w = jnp.ones((3, 2)) / 3
    shared = jax.device_put(x, NamedSharding(mesh, P("batch")))
    copied = jax.device_put(w, NamedSharding(mesh, P()))
    expected = value_and_grad(loss)(w, x)
    for run in (value_and_grad(loss), jax.jit(value_and_grad(loss))):
        value, gradient = run(copied, shared)
        np.testing.assert_allclose(value, expected[0], rtol=1e-6)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-6)
        assert gradient.sharding.is_fully_replicated
        _, of_x = value_and_grad(lambda x: loss(w, x))(shared)
        assert len(of_x.sharding.device_set) == 2

    def on_each(w, x):
        return jax.lax.pmean(value_and_grad(loss)(w, x)[1], "batch")

    mapped = jax.shard_map(on_each, mesh=mesh, in_specs=(P(), P("batch")), out_specs=P())
    np.testing.assert_allclose(jax.jit(mapped)(copied, shared), expected[1], rtol=1e-6)
"""


def test_a_batch_that_is_sharded_over_devices() -> None:
    """Runs in a separate process: the first use of JAX fixes the number of devices."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(SHARDED)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

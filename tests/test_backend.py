from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import backend, grad, ops
from clearprop.errors import ConfigurationError


def test_a_mesh_has_no_more_devices_than_there_are() -> None:
    more = len(jax.devices()) + 1
    with pytest.raises(ConfigurationError, match="fewer devices") as caught:
        backend.mesh(more)
    assert f"JAX_NUM_CPU_DEVICES={more}" in (caught.value.fix or "")  # what a command can be given
    with pytest.raises(ConfigurationError, match="fewer devices"):
        backend.mesh(0)


def test_a_batch_is_sharded_over_the_mesh() -> None:
    over = backend.mesh()
    count = over.shape["data"]
    x = jax.device_put(np.arange(4.0 * count).reshape(2 * count, 2), backend.sharded(over))
    assert {shard.data.shape for shard in x.addressable_shards} == {(2, 2)}
    assert float(jnp.sum(x)) == np.arange(4.0 * count).sum()
    everywhere = jax.device_put(np.ones(3), backend.replicated(over))
    assert everywhere.is_fully_replicated


@pytest.mark.parametrize("seed", [1.5, "3", True, None])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(ConfigurationError, match="seed"):
        backend.key(seed)  # type: ignore[arg-type]


def test_a_key_is_its_own_key() -> None:
    key = backend.key(7)
    assert backend.key(key) is key
    assert (jax.random.key_data(backend.key(7)) == jax.random.key_data(key)).all()


def test_what_a_run_notes_of_its_devices_is_plain() -> None:
    noted = backend.describe(1)
    assert noted["devices"] == 1
    assert {type(value) for value in noted.values()} <= {str, int}


@pytest.mark.optimized
def test_a_compiled_reduction_of_products_is_that_of_the_single_operations() -> None:
    """jaxlib 0.10.2 fuses them into its library of products, and the last entry is wrong."""
    turn = jnp.eye(3)

    def energies(rows: jax.Array) -> jax.Array:
        return jax.vmap(lambda row: ops.sum(ops.square(ops.matmul(turn, row))))(rows)

    def loss(rows: jax.Array) -> jax.Array:
        return ops.sum(ops.square(ops.matmul(rows, turn)))

    for count in (32_769, 50_001):
        rows = jnp.zeros((count, 3)).at[:, 0].set(jnp.arange(count, dtype=jnp.float32))
        expected = np.arange(count, dtype=np.float32) ** 2
        np.testing.assert_array_equal(energies(rows), expected)
        np.testing.assert_array_equal(jax.jit(energies)(rows), expected)
        np.testing.assert_array_equal(jax.jit(grad(loss))(rows), 2 * rows)


CRASHES = """
import numpy as np, jax, jax.numpy as jnp
from clearprop import ops
draw = np.random.default_rng(0)
for shape, other, axis in (
    ((3, 1, 2, 2, 8, 8, 8), (3, 1, 2, 2, 8, 8, 8), 3),
    ((10, 4, 6, 1, 1, 1, 1, 1), (10, 4, 6, 9, 9, 9, 9, 9), 2),
):
    a, b = (jnp.asarray(draw.normal(size=s), jnp.float32) for s in (shape, other))
    made = jax.jit(lambda a, b: ops.sum(ops.multiply(a, b), axis=axis))(a, b)
    np.testing.assert_allclose(made, np.sum(np.asarray(a) * np.asarray(b), axis), atol=1e-5)
print("whole")
"""


@pytest.mark.optimized
def test_a_compiled_reduction_over_many_axes_does_not_crash() -> None:
    """jaxlib 0.10.2 and 0.11.0 end the process at such shapes; so the test has one of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CRASHES], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr


def test_a_faulty_engine_is_named() -> None:
    code = (
        f"import importlib.metadata as m; m.version = lambda name: {backend.FAULTY[0]!r}\n"
        "import warnings; warnings.simplefilter('error'); import clearprop.backend"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "jaxlib 0.10.2 is known" in done.stderr
    assert backend.JAXLIB not in backend.FAULTY

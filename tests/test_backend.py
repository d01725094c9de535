from __future__ import annotations

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import backend
from clearprop.errors import ConfigurationError


def in_a_new_process(code: str, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in (backend.CPU_DEVICES, "XLA_FLAGS")}
    environment = {**kept, "JAX_PLATFORMS": "cpu", **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_usable_core_becomes_a_device_up_to_the_cap() -> None:
    expected = min(backend.usable_cores(), backend.MOST_CPU_DEVICES)
    assert backend.wanted_cpu_devices({}) == expected
    code = "import clearprop.backend, jax; print(len(jax.devices()))"
    assert in_a_new_process(code) == str(expected)


def test_the_environment_says_how_many() -> None:
    code = "import clearprop.backend, jax; print(len(jax.devices()))"
    assert in_a_new_process(code, CLEARPROP_CPU_DEVICES="3") == "3"
    assert in_a_new_process(code, CLEARPROP_CPU_DEVICES="0") == "1"


def test_a_number_given_to_jax_is_kept() -> None:
    code = "import clearprop.backend, jax; print(len(jax.devices()))"
    assert in_a_new_process(code, JAX_NUM_CPU_DEVICES="5") == "5"
    flag = "--xla_force_host_platform_device_count=4"
    assert in_a_new_process(code, XLA_FLAGS=flag) == "4"


def test_a_jax_that_is_in_use_is_left_alone() -> None:
    code = (
        "import jax; jax.devices(); import clearprop.backend as b; "
        "print(len(jax.devices()), b.make_cores_devices(), b.mesh().shape['batch'])"
    )
    assert in_a_new_process(code) == "1 False 1"


def test_a_number_of_devices_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a number") as caught:
        backend.wanted_cpu_devices({"CLEARPROP_CPU_DEVICES": "many"})
    assert caught.value.where == "CLEARPROP_CPU_DEVICES"


def test_a_mesh_has_no_more_devices_than_there_are() -> None:
    with pytest.raises(ConfigurationError, match="fewer devices"):
        backend.mesh(len(jax.devices()) + 1)
    with pytest.raises(ConfigurationError, match="fewer devices"):
        backend.mesh(0)


def test_a_batch_is_sharded_over_the_mesh() -> None:
    over = backend.mesh()
    count = over.shape["batch"]
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
    noted = backend.describe(backend.mesh(1))
    assert noted["devices"] == 1
    assert {type(value) for value in noted.values()} <= {str, int}


FAULTS = """
import resource
import clearprop.backend
import jax, jax.numpy as jnp
f = jax.jit(lambda x: jnp.tanh(x @ x.T) @ x)  # 64 MiB between the products
x = jnp.ones((4096, 16))
faults = []
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    f(x).block_until_ready()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))
"""
PAGES = 4096 * 4096 * 4 // 4096


@pytest.mark.skipif(not backend.keep_memory(), reason="the C library is not glibc's own")
def test_the_memory_of_a_call_is_kept_for_the_next() -> None:
    kept = int(in_a_new_process(FAULTS))
    given_back = int(in_a_new_process(FAULTS, CLEARPROP_KEEP_MEMORY="0"))
    assert given_back > PAGES / 2
    assert kept < PAGES / 20


def test_an_allocator_that_the_user_has_set_up_is_left_alone() -> None:
    code = "import clearprop.backend as b; print(b.keep_memory())"
    for name, value in (
        ("CLEARPROP_KEEP_MEMORY", "0"),
        ("MALLOC_ARENA_MAX", "4"),
        ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    ):
        assert in_a_new_process(code, **{name: value}) == "False"

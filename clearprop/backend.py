"""Devices, number types and random keys: how clearprop sets up and uses JAX.

Importing this module makes every processor core a JAX device, so that a batch can be sharded over
the cores as it would be over GPUs. JAX allows that only before its first use. The import also lets
the system's allocator keep the memory that a step frees, for the next step.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from clearprop.errors import ConfigurationError

Array = jax.Array

CPU_DEVICES = "CLEARPROP_CPU_DEVICES"
"""Environment variable: how many CPU devices to make; 0 leaves JAX as it is."""

MOST_CPU_DEVICES = 8
"""Beyond this many, summing the gradients costs more than another core gives to usual batches."""

KEEP_MEMORY = "CLEARPROP_KEEP_MEMORY"
"""Environment variable: 0 leaves the allocator as it is."""

# Parameters of glibc's mallopt, from its malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
LARGEST = 2**31 - 1

BATCH = "batch"
"""Name of the mesh axis over which the examples of a batch are sharded."""


def usable_cores() -> int:
    """Return how many processor cores this process may use.

    >>> usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def wanted_cpu_devices(environment: Mapping[str, str]) -> int | None:
    """Return how many CPU devices to make, or None where that is left to the user's own setting.

    Raises:
        ConfigurationError: CLEARPROP_CPU_DEVICES is not a whole number from 0 up.

    >>> wanted_cpu_devices({"CLEARPROP_CPU_DEVICES": "3"})
    3
    >>> wanted_cpu_devices({"CLEARPROP_CPU_DEVICES": "0"}) is None
    True
    """
    given = environment.get(CPU_DEVICES, "").strip()
    if given:
        if not given.isdecimal():
            raise ConfigurationError(
                "the number of CPU devices is not a number",
                where=CPU_DEVICES,
                given=repr(given),
                expected="a whole number from 0 up",
                fix=f"unset {CPU_DEVICES}, or set it to 0 to leave JAX as it is",
            )
        return int(given) or None
    if "xla_force_host_platform_device_count" in environment.get("XLA_FLAGS", ""):
        return None
    return min(usable_cores(), MOST_CPU_DEVICES)


def keep_memory() -> bool:
    """Let glibc keep the memory that a compiled call frees; say whether that was done.

    XLA takes the temporary arrays of every call from ``malloc`` and frees them after it. By default
    glibc returns large ones to the system each time, which clears every page for the next call:
    this took a fifth of a training step of ResNet-20. With the memory kept, the process stays as
    large as it was at its largest.

    Nothing is changed with another C library, or where the user has set up the allocator.
    """
    settings = os.environ
    chosen = {"MALLOC_ARENA_MAX", "MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "LD_PRELOAD"}
    if settings.get(KEEP_MEMORY, "").strip() == "0" or "glibc.malloc" in settings.get(
        "GLIBC_TUNABLES", ""
    ):
        return False
    if not sys.platform.startswith("linux") or any(settings.get(name) for name in chosen):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Every thread can reuse the memory of one arena; only the first arena can hold large blocks.
    pairs = ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST))
    return all(mallopt(parameter, value) == 1 for parameter, value in pairs)


def make_cores_devices() -> bool:
    """Make each processor core a JAX device; say whether that was done.

    A number of devices that the user gave to JAX is kept. When JAX is already in use, nothing is
    changed: training then runs on the devices that JAX has.
    """
    wanted = wanted_cpu_devices(os.environ)
    given = jax.config.values["jax_num_cpu_devices"]
    if wanted is None or given != -1:
        return False
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        return False
    return True


keep_memory()
make_cores_devices()


def key(seed: int | Array) -> Array:
    """Return the random key of a seed; a key is returned as it is.

    Raises:
        ConfigurationError: the seed is not a whole number.

    >>> bool(jnp.all(jax.random.key_data(key(3)) == jax.random.key_data(key(3))))
    True
    """
    if isinstance(seed, jax.Array) and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ConfigurationError(
            "a seed is a whole number or a JAX random key", given=repr(seed), fix="seed=0"
        )
    return jax.random.key(int(seed))


def float_dtype() -> np.dtype[np.generic]:
    """Return the dtype of parameters, and of inputs that are whole numbers.

    It is float32, or float64 where the user has set ``jax_enable_x64``.

    >>> print(float_dtype())
    float32
    """
    return jax.dtypes.canonicalize_dtype(np.float64)


def devices() -> list[jax.Device]:
    """Return the devices that training may use: all GPUs or TPUs, else the processor cores."""
    return list(jax.devices())


def mesh(count: int | None = None) -> Mesh:
    """Return a mesh over the first ``count`` devices (all of them by default), its axis ``batch``.

    Raises:
        ConfigurationError: there are not that many devices.

    >>> mesh(1).shape["batch"]
    1
    """
    known = devices()
    count = len(known) if count is None else count
    if not 1 <= count <= len(known):
        raise ConfigurationError(
            "there are not that many devices",
            given=f"devices={count}",
            expected=f"a number from 1 to {len(known)} ({known[0].platform})",
            fix=f"set {CPU_DEVICES}={count} before Python starts"
            if count > 1 and known[0].platform == "cpu"
            else None,
        )
    return Mesh(np.array(known[:count]), (BATCH,))


def replicated(over: Mesh) -> NamedSharding:
    """Return the sharding that gives every device of a mesh the whole array."""
    return NamedSharding(over, PartitionSpec())


def sharded(over: Mesh, axis: int = 0) -> NamedSharding:
    """Return the sharding that splits an array's axis over the devices of a mesh."""
    axes = [*[None] * axis, BATCH]
    return NamedSharding(over, PartitionSpec(*axes))


def describe(over: Mesh) -> dict[str, str | int]:
    """Return a description of the devices for the run folder, in plain types.

    >>> describe(mesh(1))["devices"]
    1
    """
    chosen: Sequence[jax.Device] = over.devices.ravel().tolist()
    return {
        "platform": chosen[0].platform,
        "kind": chosen[0].device_kind,
        "devices": len(chosen),
        "jax": jax.__version__,
    }

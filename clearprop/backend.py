"""Devices, number types and random keys: how clearprop sets up and uses JAX.

Importing this module makes every processor core a JAX device, so that a batch can be sharded over
the cores as it would be over GPUs. JAX allows that only before its first use. The import also tells
the system's allocator to keep the memory that a step frees for the next step.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from clearprop.errors import ConfigurationError

Array = jax.Array

CPU_DEVICES = "CLEARPROP_CPU_DEVICES"
"""Environment variable: the number of CPU devices to make; 0 does not change JAX."""

MOST_CPU_DEVICES = 8
"""With more devices, summing the gradients of a usual batch costs more than a core gains."""

KEEP_MEMORY = "CLEARPROP_KEEP_MEMORY"
"""Environment variable: 0 does not change the allocator."""

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
    """Return the number of CPU devices to make, or None to keep the user's setting of JAX.

    Raises:
        ConfigurationError: CLEARPROP_CPU_DEVICES is not a whole number of at least 0.

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
                expected="a whole number of at least 0",
                fix=f"unset {CPU_DEVICES}, or set it to 0 to keep the setting of JAX",
            )
        return int(given) or None
    if "xla_force_host_platform_device_count" in environment.get("XLA_FLAGS", ""):
        return None
    return min(usable_cores(), MOST_CPU_DEVICES)


def keep_memory() -> bool:
    """Let glibc keep the memory that a compiled call frees; return whether that was done.

    XLA allocates the temporary arrays of every call with ``malloc`` and frees them after the call.
    By default glibc returns large blocks to the system, which clears every page for the next call:
    this took a fifth of a training step of ResNet-20. With the memory kept, the process never
    becomes smaller again.

    Nothing changes with another C library, or if the user has configured the allocator.
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
    # All threads share one arena, because only the first arena can hold large blocks.
    pairs = ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST))
    return all(mallopt(parameter, value) == 1 for parameter, value in pairs)


def make_cores_devices() -> bool:
    """Make each processor core a JAX device; return whether that was done.

    A number of devices that the user set in JAX is kept. If JAX is already in use, nothing changes,
    and training runs on the devices of JAX.
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
    """Return the random key of a seed; a key is returned unchanged.

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

    It is float32, or float64 if the user has set ``jax_enable_x64``.

    >>> print(float_dtype())
    float32
    """
    return jax.dtypes.canonicalize_dtype(np.float64)


def devices() -> list[jax.Device]:
    """Return the devices for training: all GPUs or TPUs, or else the processor cores."""
    return list(jax.devices())


def mesh(count: int | None = None) -> Mesh:
    """Return a mesh over the first ``count`` devices (by default all), with the axis ``batch``.

    Raises:
        ConfigurationError: there are fewer devices than ``count``.

    >>> mesh(1).shape["batch"]
    1
    """
    known = devices()
    count = len(known) if count is None else count
    if not 1 <= count <= len(known):
        raise ConfigurationError(
            "there are fewer devices than asked for",
            given=f"devices={count}",
            expected=f"a number from 1 to {len(known)} ({known[0].platform})",
            fix=f"set {CPU_DEVICES}={count} before Python starts"
            if count > 1 and known[0].platform == "cpu"
            else None,
        )
    return Mesh(np.array(known[:count]), (BATCH,))


def replicated(over: Mesh) -> NamedSharding:
    """Return the sharding that copies the whole array to every device of a mesh."""
    return NamedSharding(over, PartitionSpec())


def sharded(over: Mesh, axis: int = 0) -> NamedSharding:
    """Return the sharding that splits an array's axis over the devices of a mesh."""
    return NamedSharding(over, PartitionSpec(*[None] * axis, BATCH))


def describe(over: Mesh) -> dict[str, str | int]:
    """Return a description of the devices for the run folder, in plain types.

    >>> describe(mesh(1))["devices"]
    1
    """
    first: jax.Device = over.devices.flat[0]
    return {
        "platform": first.platform,
        "kind": first.device_kind,
        "devices": over.size,
        "jax": jax.__version__,
    }

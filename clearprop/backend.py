"""Devices, number types and random keys: how clearprop uses JAX."""

from __future__ import annotations

import contextvars
import functools
import platform
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from clearprop.errors import ConfigurationError, run_option

Array = jax.Array
Result = TypeVar("Result")

FAULTY = ("0.10.2", "0.11.0", "0.11.2")
"""Versions of jaxlib whose CPU compiler makes wrong numbers or crashes: JAX issues 39103, 39257."""

JAXLIB = version("jaxlib")

if JAXLIB in FAULTY:
    warnings.warn(
        f"jaxlib {JAXLIB} is known or reported to compute wrong numbers on CPUs, or to crash, and "
        "clearprop excludes it: install another version of jax and jaxlib",
        stacklevel=2,
    )

HAS_ONEDNN = (
    sys.platform == "linux"
    and platform.machine() == "x86_64"
    and tuple(int(part) for part in JAXLIB.split(".")[:2]) >= (0, 12)
)
"""Whether the CPU compiler can call oneDNN, Intel's library of convolutions."""

_by_onednn: contextvars.ContextVar[bool] = contextvars.ContextVar("by_onednn", default=False)

MOST_OF_MAPPINGS = 0.6
"""Fraction of the mappings of memory that compiled programs and everything else may use."""

BATCH = "batch"
"""Name of the mesh axis over which the examples of a batch are sharded."""


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
            "a seed is a whole number or a JAX random key",
            given=repr(seed),
            fix=run_option("seed", 0),
        )
    return jax.random.key(int(seed))


def jit_convolutions(function: Callable[..., Result], **options: Any) -> Callable[..., Result]:
    """Return ``jax.jit(function, **options)``, whose convolutions oneDNN computes on a CPU.

    The compiler takes this choice for a whole program, and not for a part of it. Where the engine
    has no oneDNN, this is `jax.jit`.

    >>> print(jit_convolutions(lambda x: 2 * x)(jnp.ones(2)))
    [2. 2.]
    """
    if not HAS_ONEDNN or jax.default_backend() != "cpu":
        return jax.jit(function, **options)

    @functools.wraps(function)
    def traced(*inputs: Any, **keywords: Any) -> Result:
        token = _by_onednn.set(True)
        try:
            return function(*inputs, **keywords)
        finally:
            _by_onednn.reset(token)

    return jax.jit(
        traced, compiler_options={"xla_cpu_experimental_onednn_custom_call": True}, **options
    )


def convolves_by_onednn() -> bool:
    """Say whether oneDNN computes the convolutions of the program that is being traced."""
    return _by_onednn.get()


def make_room_for_programs() -> None:
    """Forget all compiled programs where they are about to exhaust the mappings of the process.

    JAX keeps the last 4,096 programs of a function. Each has some to some hundred mappings of
    memory, and Linux gives a process 65,530 by default: a search over some hundred networks would
    end in the compiler's "Cannot allocate memory". Programs that are needed are compiled again.
    """
    if _mappings() > MOST_OF_MAPPINGS * _most_mappings():
        jax.clear_caches()


def _mappings() -> int:
    try:
        with open("/proc/self/maps", "rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0


@functools.cache
def _most_mappings() -> float:
    try:
        with open("/proc/sys/vm/max_map_count", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return float("inf")


def float_dtype() -> np.dtype[np.generic]:
    """Return the dtype of parameters, and of inputs that are whole numbers.

    It is float32, or float64 if the user has set ``jax_enable_x64``.

    >>> print(float_dtype())
    float32
    """
    return jax.dtypes.canonicalize_dtype(np.float64)


def devices() -> list[jax.Device]:
    """Return the devices for training: all GPUs or TPUs, or else those of the CPU."""
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
            fix=f"set JAX_NUM_CPU_DEVICES={count} in the environment, or call "
            f"clearprop.configure_cpu(devices={count}) right after the imports of the program"
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

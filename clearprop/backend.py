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

from clearprop import processes
from clearprop.errors import ConfigurationError, run_option

Array = jax.Array
Result = TypeVar("Result")
Tree = TypeVar("Tree")

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

_divided: contextvars.ContextVar[bool] = contextvars.ContextVar("divided", default=False)

_by_onednn: contextvars.ContextVar[bool] = contextvars.ContextVar("by_onednn", default=False)

DATA, MODEL = "data", "model"
"""The axes of a mesh: over the first the examples of a batch are divided, over the second the
parameters of layers."""
AXES = (DATA, MODEL)
"""From the outermost axis inwards."""


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

    return jax.jit(
        _under(_by_onednn, function),
        compiler_options={"xla_cpu_experimental_onednn_custom_call": True},
        **options,
    )


def dividing_layers(function: Callable[..., Result]) -> Callable[..., Result]:
    """Return a function to compile in which `layers_are_divided`."""
    return _under(_divided, function)


def _under(
    said: contextvars.ContextVar[bool], function: Callable[..., Result]
) -> Callable[..., Result]:
    """Return a function during which something is said to the layers and operations in it."""

    @functools.wraps(function)
    def traced(*inputs: Any, **keywords: Any) -> Result:
        token = said.set(True)
        try:
            return function(*inputs, **keywords)
        finally:
            said.reset(token)

    return traced


def layers_are_divided() -> bool:
    """Say whether the program that is being traced divides the parameters of layers over devices.

    Then a layer does not join arrays along an axis that is divided: their parts would be sent.
    """
    return _divided.get()


def convolves_by_onednn() -> bool:
    """Say whether oneDNN computes the convolutions of the program that is being traced."""
    return _by_onednn.get()


def float_dtype() -> np.dtype[np.generic]:
    """Return the dtype of parameters, and of inputs that are whole numbers.

    It is float32, or float64 if the user has set ``jax_enable_x64``.

    >>> print(float_dtype())
    float32
    """
    return jax.dtypes.canonicalize_dtype(np.float64)


def devices() -> list[jax.Device]:
    """Return the devices for training: all GPUs or TPUs, or else those of the CPU."""
    return list(jax.devices() if processes.count() > 1 else jax.local_devices())


def mesh(count: int | None = None, *, parts: int = 1) -> Mesh:
    """Return a mesh over the first devices, with the axes ``data`` and ``model``.

    Args:
        count: along ``data``; by default all.
        parts: along ``model``.

    Raises:
        ConfigurationError: there are fewer devices.

    >>> dict(mesh(1).shape)
    {'data': 1, 'model': 1}
    """
    known = devices()
    count = len(known) // parts if count is None else count
    wanted = count * parts
    if not 1 <= wanted <= len(known):
        raise ConfigurationError(
            "there are fewer devices than asked for",
            given=f"devices={wanted}",
            expected=f"a number from 1 to {len(known)} ({known[0].platform})",
            fix=f"set JAX_NUM_CPU_DEVICES={wanted} in the environment, or call "
            f"clearprop.configure_cpu(devices={wanted}) right after the imports of the program"
            if wanted > 1 and known[0].platform == "cpu"
            else None,
        )
    return Mesh(np.array(known[:wanted]).reshape(count, parts), (DATA, MODEL))


def put(tree: Tree, places: object) -> Tree:
    """Put the arrays of a tree where they belong.

    Each process has the whole arrays, and puts those parts on its devices that belong there.

    Args:
        tree: arrays.
        places: one placement for all, or a tree of them.
    """
    if processes.count() == 1:
        placed: Tree = jax.device_put(tree, places)
        return placed
    if isinstance(places, NamedSharding):
        places = jax.tree.map(lambda _: places, tree)
    put_all: Tree = jax.tree.map(_put_part, tree, places)
    return put_all


def _put_part(x: Any, place: NamedSharding) -> Array:
    if isinstance(x, jax.Array) and x.sharding == place:
        return x
    if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        words = _put_part(jax.random.key_data(x), place)
        return jax.random.wrap_key_data(words, impl=jax.random.key_impl(x))
    whole = fetch(x)
    whole = whole.astype(jax.dtypes.canonicalize_dtype(whole.dtype))
    return jax.make_array_from_callback(whole.shape, place, lambda at: whole[at])


def fetch(tree: Tree) -> Tree:
    """Return a tree with whole arrays on the host; every process calls this for divided ones."""
    fetched: Tree = jax.tree.map(_fetched, tree)
    return fetched


def _fetched(x: Any) -> Any:
    if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return x
    is_apart = isinstance(x, jax.Array) and not x.is_fully_addressable
    if is_apart and not x.is_fully_replicated:
        x = _gathering(x.sharding.mesh)(x)
    return np.asarray(x)


@functools.cache
def _gathering(over: Mesh) -> Callable[[Array], Array]:
    return jax.jit(lambda x: x, out_shardings=replicated(over))


def replicated(over: Mesh) -> NamedSharding:
    """Return the sharding that copies the whole array to every device of a mesh."""
    return NamedSharding(over, PartitionSpec())


def sharded(over: Mesh, axis: int = 0) -> NamedSharding:
    """Return the sharding that splits an array's axis over the devices of a mesh."""
    return NamedSharding(over, PartitionSpec(*[None] * axis, DATA))


def describe(count: int) -> dict[str, str | int]:
    """Return a description of some devices for the run folder, in plain types.

    >>> describe(1)["devices"]
    1
    """
    first = devices()[0]
    return {
        "platform": first.platform,
        "kind": first.device_kind,
        "devices": count,
        "jax": jax.__version__,
    }

"""The memory of the devices that compute: how much is free, and what a compiled call takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import cpu, memory

ROOMY = 0.5
"""The fraction of the free memory up to which a run may take twice what it needs."""


class CallSize(NamedTuple):
    """What one compiled call takes on each device, in bytes.

    Attributes:
        arguments: of the arrays that it is given.
        outputs: of the arrays that it returns in memory of their own; what it writes into the
            memory of a donated argument is not among them.
        temporaries: of the values that live only inside the call.
    """

    arguments: int
    outputs: int
    temporaries: int

    @property
    def new(self) -> int:
        """What the call takes beside its arguments."""
        return self.outputs + self.temporaries


def free() -> int | None:
    """Return how many bytes of arrays a device can still take; None if it is unknown.

    For a CPU this is the memory of the process. A GPU has memory of its own.

    >>> free() is None or free() > 0
    True
    """
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return memory.usable_memory()
    known = device.memory_stats() or {}
    limit = known.get("bytes_limit")
    return None if limit is None else max(0, limit - known.get("bytes_in_use", 0))


def copies(devices: int) -> int:
    """Return how often the memory that `free` counts holds what each of some devices holds.

    The devices of a CPU share its memory; every GPU has its own.
    """
    return devices if jax.local_devices()[0].platform == "cpu" else 1


def size_of(tree: object) -> int:
    """Return the bytes of all arrays of a tree, or of shapes in their place.

    >>> import numpy as np
    >>> size_of({"weight": np.zeros((3, 2), np.float32), "name": "x"})
    24
    """
    return sum(map(_bytes, jax.tree.leaves(tree)))


def _bytes(leaf: Any) -> int:
    if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
        return 0
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
    dtype = leaf.dtype if is_key else np.dtype(leaf.dtype)
    # Python's own numbers: a shape may have more entries than 64 bits can count.
    return math.prod(map(int, leaf.shape)) * int(dtype.itemsize)


def call_size(function: Callable[..., Any], *inputs: object, **static: object) -> CallSize | None:
    """Return what a call of a jitted function takes, which is compiled for it; None if unknown.

    The program is kept, so that a later call with equal shapes compiles nothing.

    Args:
        function: what `jax.jit` returned.
        inputs: arrays, or shapes with the sharding of the arrays of the later call.
        static: arguments by name.
    """
    jitted: Any = function
    return size_of_program(jitted.lower(*inputs, **static).compile())


def size_of_program(program: jax.stages.Compiled) -> CallSize | None:
    """Return what a call of a compiled program takes; None if it is unknown."""
    found = program.memory_analysis()
    if found is None:
        return None
    outputs = found.output_size_in_bytes - found.alias_size_in_bytes
    return CallSize(found.argument_size_in_bytes, max(0, outputs), found.temp_size_in_bytes)


def make_room(
    what: str, size: int, *, where: str, given: Callable[[], str], fix: Callable[[int], str]
) -> None:
    """Raise where something takes more than the memory that a device can still take.

    Where it takes more than half of that, the process keeps no freed memory from here on, because
    then it takes no more than it needs: see `cpu.return_memory`.

    Args:
        what: takes it.
        size: in bytes; an estimate that may be too low, but not too high.
        where: the place for the message.
        given: what makes it so large, in words.
        fix: what would fit into so many bytes, in words.

    Raises:
        ConfigurationError: it does not fit.
    """
    limit = free() if size > memory.SMALL else None
    if limit is None:
        return
    if size > limit:
        raise memory.too_large(what, size, limit, given=given(), fix=fix(limit), where=where)
    if size > ROOMY * limit:
        cpu.return_memory()

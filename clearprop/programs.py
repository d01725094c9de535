"""Compiled programs: equal ones are compiled once, and all are forgotten before memory runs out.

Every run has functions of its own, so JAX would compile them anew. But the parts of a
cross-validation, and most settings of a search, train with the same few programs.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

import jax

from clearprop import processes
from clearprop.backend import jit_convolutions
from clearprop.device_memory import CallSize, call_size, size_of_program

Result = TypeVar("Result")

KEPT = 16
"""So many programs are kept beyond the runs that use them. A run has one to four."""

OF_THE_PROCESS = ("callback", "is_host_transfer")
"""Words in the text of a program that calls a function of Python, by its place in the process."""

UNSHARED = (
    "jax_debug_nans",
    "jax_debug_infs",
    "jax_disable_jit",
    "jax_use_simplified_jaxpr_constants",
)
"""Settings of JAX with which a call is more than its program: it looks for numbers that are not
finite, or is no program, or gets its constants as arguments."""

MOST_OF_MAPPINGS = 0.6
"""Fraction of the mappings of memory that compiled programs and everything else may use."""

_kept: collections.OrderedDict[Hashable, jax.stages.Compiled] = collections.OrderedDict()
_keeping = threading.Lock()


class SharedJit(Generic[Result]):
    """``jax.jit(function)``, which takes a program that another function has come to before.

    The function itself cannot say whether it is equal to another one: it reads models, options and
    functions of users, and what these read. So each is traced, and the program that it comes to is
    compared: its text, in which all constants are written out, with all that the compiler and the
    results depend on beside it. A program that calls back into Python is not shared.

    Args:
        function: of trees of arrays.
        results: where they lie: a placement, or a tree of them.
        convolutions: whether oneDNN may compute convolutions; see `jit_convolutions`.
        donated: places of the arguments whose memory the results may take.
        static: names of the arguments that are constants of the program.

    >>> import jax.numpy as jnp
    >>> from clearprop.backend import mesh, replicated
    >>> place = replicated(mesh(1))
    >>> double, same = (SharedJit(lambda x, k=k: k * x, results=place) for k in (2, 2))
    >>> float(double(jnp.ones(()))), float(same(jnp.ones(())))
    (2.0, 2.0)
    """

    def __init__(
        self,
        function: Callable[..., Result],
        *,
        results: object,
        convolutions: bool = False,
        donated: tuple[int, ...] = (),
        static: tuple[str, ...] = (),
    ) -> None:
        jit: Callable[..., Any] = jit_convolutions if convolutions else jax.jit
        self._jitted = jit(
            function,
            out_shardings=results,
            donate_argnums=donated,
            static_argnames=static,
        )
        places, kind = jax.tree.flatten(results)
        self._place = tuple(places), kind, convolutions
        self._programs: dict[Hashable, Callable[..., Result]] = {}

    def __call__(self, *inputs: object, **static: Hashable) -> Result:
        """Call the function."""
        return self._program(inputs, static)(*inputs)

    def size(self, *inputs: object, **static: Hashable) -> CallSize | None:
        """Return what a call takes; see `call_size`."""
        program = self._program(inputs, static)
        if isinstance(program, jax.stages.Compiled):
            return size_of_program(program)
        return call_size(self._jitted, *inputs, **static)

    def _program(
        self, inputs: tuple[object, ...], static: Mapping[str, Hashable]
    ) -> Callable[..., Result]:
        """Return what computes the function of arrays with these shapes."""
        leaves, structure = jax.tree.flatten(inputs)
        kinds = tuple([(x.shape, x.dtype, getattr(x, "weak_type", False)) for x in leaves])
        called = structure, kinds, tuple(static.items())
        if called not in self._programs:
            own = functools.partial(self._jitted, **static)
            self._programs[called] = self._shared(inputs, static) or own
        return self._programs[called]

    def _shared(
        self, inputs: tuple[object, ...], static: Mapping[str, Hashable]
    ) -> jax.stages.Compiled | None:
        """Return the compiled program; None where it cannot be shared."""
        if any(getattr(jax.config, name, True) for name in UNSHARED):
            return None
        traced = self._jitted.trace(*inputs, **static)
        lowered = traced.lower()
        text = lowered.as_text()
        if any(word in text for word in OF_THE_PROCESS):
            return None
        key = (
            hashlib.sha256(text.encode()).digest(),
            (lowered.in_tree, tuple(traced.jaxpr.in_avals)),
            (lowered.out_tree, tuple(traced.jaxpr.out_avals)),  # the text has no weak types
            self._place,
            tuple(jax.config.values.items()),
        )
        with _keeping:
            known = _kept.pop(key, None)
        made: jax.stages.Compiled = lowered.compile() if known is None else known
        processes.meet("compiled")  # each compiles at its own pace, and a sum waits half a minute
        with _keeping:
            _kept[key] = made
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        return made


def make_room_for_programs() -> None:
    """Forget all compiled programs where they are about to exhaust the mappings of the process.

    JAX keeps the last 4,096 programs of a function. Each has some to some hundred mappings of
    memory, and Linux gives a process 65,530 by default: a search over some hundred networks would
    end in the compiler's "Cannot allocate memory". Programs that are needed are compiled again.
    """
    if _mappings() > MOST_OF_MAPPINGS * _most_mappings():
        forget_programs()


def forget_programs() -> None:
    """Forget all compiled programs but those of the runs under way."""
    with _keeping:
        _kept.clear()
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

"""How this process uses the CPU: cores as JAX devices, and the memory of compiled calls.

Nothing here runs at import. The command line configures its own process; a program that imports
clearprop calls `configure_cpu` itself.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import warnings

from clearprop.errors import ConfigurationError

MOST_DEVICES = 8
"""With more devices, summing the gradients of a usual batch costs more than a core gains."""

DEVICES = "JAX_NUM_CPU_DEVICES"
"""JAX's environment variable: how many devices the CPU is."""

# Parameters of glibc's mallopt, from its malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
LARGEST = 2**31 - 1
USUAL_TRIM, USUAL_MAPS = 128 * 1024, 65536
"""What glibc begins with."""

_told = threading.Event()
_keeps = threading.Event()


def usable_cores() -> int:
    """Return how many processor cores this process may use.

    >>> usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def configure_cpu(devices: int | None = None) -> None:
    """Let training use the CPU fully: call this before JAX computes anything in the process.

    * Each processor core becomes a JAX device. Training divides the batch of a recurrent network
      over them, because XLA runs a loop over time on few threads. Other networks stay on one
      device, whose products and convolutions use all cores anyway.
    * The memory that a compiled call frees is kept for the next call (`keep_memory`).

    Both affect the whole process, other JAX code in it too, and the number of devices also the
    processes that it starts. So `import clearprop` does not do it. The command line does it, in its
    own process.

    Args:
        devices: how many; by default one for each core, at most 8, or what the user has set in JAX.

    Raises:
        ConfigurationError: JAX is already in use, so its devices cannot change any more.
    """
    _told.set()
    if devices is not None and (type(devices) is not int or devices < 1):
        raise ConfigurationError(
            "a number of devices is a whole number of at least 1",
            given=f"devices={devices!r}",
            fix=f"devices={usable_cores()}",
        )
    if devices is None and not _devices_are_chosen():
        devices = min(usable_cores(), MOST_DEVICES)
    if devices is not None:
        _make_devices(devices)
    keep_memory()


def keep_memory() -> bool:
    """Let glibc keep the memory that a compiled call frees; return whether that was done.

    XLA allocates the temporary arrays of every call with ``malloc`` and frees them after the call.
    By default glibc returns large blocks to the system, which clears every page for the next call:
    this took a fifth of a training step of ResNet-20. With the memory kept, the process never
    becomes smaller again. It works only for threads that start afterwards, those of JAX among them.

    Nothing changes with another C library, or if the user has configured the allocator.
    """
    settings = os.environ
    chosen = {"MALLOC_ARENA_MAX", "MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "LD_PRELOAD"}
    if "glibc.malloc" in settings.get("GLIBC_TUNABLES", ""):
        return False
    if not sys.platform.startswith("linux") or any(settings.get(name) for name in chosen):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    _keeps.set()
    # All threads share one arena, because only the first arena can hold large blocks.
    pairs = ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST))
    return all(mallopt(parameter, value) == 1 for parameter, value in pairs)


def return_memory() -> bool:
    """Undo `keep_memory`, if it was called; return whether it was.

    Memory that is kept is cut into pieces, and a large block fits into none of them: a process can
    then take twice what it needs. Where that would be too much, speed has to wait.
    """
    if not _keeps.is_set():
        return False
    _keeps.clear()
    library = ctypes.CDLL(None)
    library.mallopt(M_MMAP_MAX, USUAL_MAPS)
    library.mallopt(M_TRIM_THRESHOLD, USUAL_TRIM)
    library.malloc_trim(0)
    return True


def tell_once(gain: str) -> None:
    """Warn, once in a process that has not called `configure_cpu`, what the call would gain."""
    if _told.is_set() or usable_cores() == 1 or _devices_are_chosen():
        return
    _told.set()
    warnings.warn(
        f"{gain} if `clearprop.configure_cpu()` is called before JAX computes anything",
        stacklevel=2,
    )


def _devices_are_chosen() -> bool:
    if os.environ.get(DEVICES) or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return True
    jax = sys.modules.get("jax")
    return jax is not None and jax.config.values["jax_num_cpu_devices"] != -1


def _make_devices(devices: int) -> None:
    jax = sys.modules.get("jax")
    if jax is None:
        os.environ[DEVICES] = str(devices)  # JAX reads it at its import, which takes a second
        return
    try:
        jax.config.update("jax_num_cpu_devices", devices)
    except RuntimeError as failure:
        if len(jax.devices("cpu")) == devices:
            return
        raise ConfigurationError(
            "the CPU cannot be configured any more: JAX is already in use",
            given=f"{len(jax.devices('cpu'))} CPU devices, wanted {devices}",
            fix="call clearprop.configure_cpu() right after the imports of the program",
        ) from failure

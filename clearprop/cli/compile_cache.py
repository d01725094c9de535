"""Compiled programs are kept between commands, so that a command that ran before starts faster.

JAX keeps and reads them; here are the choice of the folder and the limit of its size.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import platform
import re
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clearprop.cpu import usable_cores

FOLDER = "JAX_COMPILATION_CACHE_DIR"
"""JAX's environment variable: where compiled programs are kept; if it is empty, none are."""

SHORTEST = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
"""JAX's environment variable: programs that compile faster are not kept."""

LOGGED = "TF_CPP_MIN_LOG_LEVEL"
"""XLA's environment variable: 3 hides its errors. Before jaxlib 0.12 it logs a screen of them for
each program that it reads on some processors: it takes a wish of its own compiler,
``prefer-no-gather``, for a feature that the processor lacks."""

MOST_BYTES = 256 * 2**20
"""What all programs may take together. Those of a training of LeNet-5 take less than 1 MB."""

DAMAGED = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")

UNKEPT = re.compile(r"Error writing persistent compilation cache entry .*bad_alloc")
"""XLA cannot write a program in which oneDNN convolves: it is compiled again in every command."""

CPU_INFO = Path("/proc/cpuinfo")


def keep_compiled(cache: Path) -> None:
    """Let JAX, which is not imported yet, keep its compiled programs below a folder.

    A choice of the user in JAX's environment variable is left alone. The oldest programs are
    deleted when all together take too much. If the folder cannot be made, no programs are kept.
    """
    if FOLDER in os.environ:
        return
    folder = cache / "compiled" / machine()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    delete_oldest(folder, MOST_BYTES)
    warnings.showwarning = _mended_or_shown(folder)
    os.environ[FOLDER] = str(folder)
    # Small programs too take longer to compile than to read; a page of `explain` has a hundred.
    os.environ.setdefault(SHORTEST, "0")
    if tuple(int(part) for part in version("jaxlib").split(".")[:2]) < (0, 12):
        os.environ.setdefault(LOGGED, "3")


def _mended_or_shown(folder: Path) -> Callable[..., None]:
    """Return a function that shows warnings, but for two of JAX about kept programs.

    A full disk or a killed command can leave half a file. JAX then compiles the program again, but
    keeps it only if there is no file of that name: this function deletes it. A program that cannot
    be kept is no matter for the reader of a command.
    """
    shown = warnings.showwarning

    def show(message: Warning | str, *details: Any, **more: Any) -> None:
        if UNKEPT.match(str(message)):
            return
        damaged = DAMAGED.match(str(message))
        if damaged is None:
            shown(message, *details, **more)
            return
        for path in folder.glob(f"{glob.escape(damaged[1])}-*"):
            path.unlink(missing_ok=True)

    return show


def machine() -> str:
    """Return a name for the instructions and the cores that the processor has.

    A home folder may be shared by machines, and a program compiled for one may not run on another.
    """
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    # XLA divides a loop over as many threads as there are cores.
    known = f"{platform.machine()} {platform.processor()} {usable_cores()} {flags}"
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def delete_oldest(folder: Path, most: int) -> None:
    """Delete the oldest files of a folder until the rest takes at most ``most`` bytes."""
    # Another command may delete the same files at the same time.
    with contextlib.suppress(OSError):
        files = sorted(((path.stat(), path) for path in folder.iterdir()), key=_age)
        total = sum(status.st_size for status, _ in files)
        for status, path in files:
            if total <= most:
                return
            path.unlink(missing_ok=True)
            total -= status.st_size


def _age(file: tuple[os.stat_result, Path]) -> float:
    return file[0].st_mtime

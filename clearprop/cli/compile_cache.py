"""Compiled programs are kept between commands, so that a command that ran before starts faster.

JAX keeps and reads them; here are the choice of the folder and the limit of its size.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import warnings
from pathlib import Path

FOLDER = "JAX_COMPILATION_CACHE_DIR"
"""JAX's environment variable: where compiled programs are kept; if it is empty, none are."""

SHORTEST = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
"""JAX's environment variable: programs that compile faster are not kept."""

MOST_BYTES = 256 * 2**20
"""What all programs may take together. Those of a training of LeNet-5 take less than 1 MB."""

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
    # JAX compiles a program again if its file is damaged, for example by a full disk.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
    os.environ[FOLDER] = str(folder)
    # Small programs too take longer to compile than to read; a page of `explain` has a hundred.
    os.environ.setdefault(SHORTEST, "0")


def machine() -> str:
    """Return a name for the instructions that the processor has.

    A home folder may be shared by machines, and a program compiled for one may not run on another.
    """
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    known = f"{platform.machine()} {platform.processor()} {flags}"
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

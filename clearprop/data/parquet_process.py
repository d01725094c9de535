"""The program of the process that reads a Parquet file: it is run as a file, and imports polars.

Its standard output is the table as an Arrow stream. If it refuses the file, the last line of its
standard error has the reason.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

ALLOWANCE = 128 << 20
"""What the threads of the reader need however small the file is, in bytes."""

REFUSED = 3
"""The exit code of a program that refuses the file; the last line of what it complains says why."""


def main(arguments: Sequence[str]) -> int:
    """Read a file and write its table to standard output; return the exit code.

    Args:
        arguments: the folder in which polars is installed, the file, how many bytes of memory its
            table may take (0 for no limit), and how many seconds of the processor.
    """
    folder, path, memory, seconds = arguments
    sys.path.append(folder)
    import polars

    limit(int(memory), int(seconds))
    try:
        table = polars.read_parquet(path, glob=False)
        table.write_ipc_stream(sys.stdout.buffer)
        sys.stdout.flush()
    except BaseException as error:  # a panic of polars is no Exception
        reason = " ".join(str(error).split()) or type(error).__name__
        sys.stderr.write(f"\n{reason}\n")
        return REFUSED
    return 0


def limit(memory: int, seconds: int) -> None:
    """Limit the memory and the processor time of this process, where the system can.

    What is limited is the memory that can be written to, not the address space: of that a sound
    file needs a gigabyte, for threads and reserves that are never used.

    Args:
        memory: bytes that it may take besides those that it has; 0 for no limit.
        seconds: of processor time.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = [(resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)]
    taken = _writable()
    if memory and taken is not None:
        limits.append((resource.RLIMIT_DATA, taken + ALLOWANCE + memory))
    for kind, most in limits:
        _, hard = resource.getrlimit(kind)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # not every system limits everything
            resource.setrlimit(kind, (wanted, hard))


def _writable() -> int | None:
    """Return how many bytes of this process can be written to; None if it is unknown."""
    with contextlib.suppress(OSError, ValueError, ImportError, IndexError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A program of its own process that reads a file, with limits on memory and time.

Compiled readers of files end their process on some damaged files, or ask for more memory than any
machine has. In a process of its own that is an error like another.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from clearprop.data.parquet_process import REFUSED
from clearprop.errors import DataError
from clearprop.files import LONGEST_SAID

WAIT = 5
"""By the clock the reading may take so many times longer, because other processes run too."""

THREADS = 8
"""Each thread of polars takes memory, which counts against the limit."""


class Wanted(NamedTuple):
    """What an error says of a file that its reader could not read.

    Attributes:
        problem: one sentence.
        expected: what would have been read.
        fix: what to do.
    """

    problem: str
    expected: str
    fix: str


def output_of(
    program: str, path: Path, arguments: tuple[str, ...], seconds: int, wanted: Wanted
) -> bytes:
    """Run a program on a file, and return its standard output.

    Args:
        program: the file of the program; its arguments are those given here.
        path: the file that it reads, for messages.
        arguments: of the program, which sets its limits itself.
        seconds: of the processor, which it may take.
        wanted: what an error says.

    Raises:
        DataError: the program cannot be started, does not end in time, refuses the file, or its
            process ends.
    """
    # Neither the folder nor the variables of the user choose what is imported.
    command = [sys.executable, "-I", program, *arguments]
    threads = os.environ.get("POLARS_MAX_THREADS") or str(min(THREADS, os.cpu_count() or 1))
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WAIT * seconds,
            env={**os.environ, "POLARS_MAX_THREADS": threads},
        )
    except subprocess.TimeoutExpired as error:
        reason = f"its reader did not end within {error.timeout:.0f} s"
        raise _unread(path, wanted, reason) from error
    except OSError as error:
        raise DataError(
            "the process that reads the file could not be started",
            where=str(path),
            given=f"{sys.executable}: {error.strerror or error}",
        ) from error
    if done.returncode:
        raise _unread(path, wanted, _reason(done))
    return done.stdout


def _unread(path: Path, wanted: Wanted, reason: str) -> DataError:
    return DataError(
        wanted.problem,
        where=str(path),
        given=reason,
        expected=wanted.expected,
        fix=wanted.fix,
    )


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode == REFUSED:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return said[-1][:LONGEST_SAID] if said else "its reader gave no reason"
    ended = -done.returncode
    name = signal.Signals(ended).name if ended in set(signal.Signals) else str(done.returncode)
    return f"its reader ended its process: {name}"

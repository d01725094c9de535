"""Parquet files, which another process reads: their reader can end its process.

The reader of polars is compiled. It ends the process on some damaged files: one changed byte makes
it ask for more memory than any machine has. So a process with a limit on memory and time reads the
file, and hands the table back as an Arrow stream, which polars itself has written.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.data import parquet_process
from clearprop.data.paths import room
from clearprop.errors import DataError
from clearprop.files import LONGEST_SAID, check_file, content_errors

if TYPE_CHECKING:
    import polars

SECONDS, SECONDS_PER_MEGABYTE = 20, 2
"""The processor time that the reading may take; a sound file takes about 0.02 s for a megabyte."""

WAIT = 5
"""By the clock the reading may take so many times longer, because other processes run too."""

THREADS = 8
"""Each thread of the reader takes memory, which counts against the limit."""


def read_parquet(path: Path) -> polars.DataFrame:
    """Return the table of a Parquet file.

    Where Python does not know its own program, as inside some other programs, this process reads
    the file.

    Raises:
        DataError: the file is missing, cannot be read or is damaged, or its table does not fit into
            the memory.
    """
    import polars as pl

    size = check_file(path).st_size
    if not sys.executable:
        with content_errors(path, fix=_FIX):
            return pl.read_parquet(path, glob=False)
    seconds = SECONDS + SECONDS_PER_MEGABYTE * size // 10**6
    command = [
        sys.executable,
        "-I",  # neither the folder nor the variables of the user choose what is imported
        parquet_process.__file__,
        str(Path(pl.__file__).parents[1]),
        os.path.abspath(path),
        str(room() or 0),
        str(seconds),
    ]
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
        raise _damaged(path, f"its reader did not end within {error.timeout:.0f} s") from error
    except OSError as error:
        raise DataError(
            "the process that reads the file could not be started",
            where=str(path),
            given=f"{sys.executable}: {error.strerror or error}",
        ) from error
    if done.returncode:
        raise _damaged(path, _reason(done))
    with content_errors(path):
        return pl.read_ipc_stream(done.stdout)


_FIX = "write it again from its source"


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        "the file cannot be read: it is damaged, or its table is too large for the memory",
        where=str(path),
        given=reason,
        expected="a Parquet file",
        fix=_FIX,
    )


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode == parquet_process.REFUSED:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return said[-1][:LONGEST_SAID] if said else "its reader gave no reason"
    ended = -done.returncode
    name = signal.Signals(ended).name if ended in set(signal.Signals) else str(done.returncode)
    return f"its reader ended its process: {name}"

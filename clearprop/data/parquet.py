"""Parquet files, which another process reads: their reader can end its process.

The reader of polars is compiled. It ends the process on some damaged files: one changed byte makes
it ask for more memory than any machine has. So a process with a limit on memory and time reads the
file, and hands the table back as an Arrow stream, which polars itself has written.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.data import parquet_process
from clearprop.data.limited_process import Wanted, output_of
from clearprop.data.paths import room
from clearprop.files import check_file, content_errors

if TYPE_CHECKING:
    import polars

SECONDS, SECONDS_PER_MEGABYTE = 20, 2
"""The processor time that the reading may take; a sound file takes about 0.02 s for a megabyte."""


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
    folder, whole = str(Path(pl.__file__).parents[1]), os.path.abspath(path)
    arguments = (folder, whole, str(room() or 0), str(seconds))
    table = output_of(parquet_process.__file__, path, arguments, seconds, _WANTED)
    with content_errors(path):
        return pl.read_ipc_stream(table)


_FIX = "write it again from its source"
_WANTED = Wanted(
    "the file cannot be read: it is damaged, or its table is too large for the memory",
    expected="a Parquet file",
    fix=_FIX,
)

"""The program of the process that reads an uploaded table: it is run as a file.

Its standard output is JSON: what the columns were taken for, or why the table cannot be read. The
readers of tables may take much memory or end their process on hostile files, so it has limits.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str]) -> int:
    """Read a table and write what it is to standard output; return the exit code.

    Args:
        arguments: the folder in which clearprop is, that in which polars is installed, the file,
            how many bytes of memory its table may take, and how many seconds of the processor.
    """
    *folders, path, memory, seconds = arguments
    sys.path += folders
    from clearprop.data.parquet_process import REFUSED, limit
    from clearprop.data.table_file import read_table_file
    from clearprop.data.tables import columns_of  # imports numpy and polars before the limit
    from clearprop.errors import ClearpropError, Fix

    limit(int(memory), int(seconds))
    answer: dict[str, Any]
    try:
        file = read_table_file(Path(path))
        answer = {"rows": file.frame.height, "columns": file.frame.width, "taken": []}
        if file.frame.width <= MOST_COLUMNS:
            taken = columns_of(Path(path))
            answer["taken"] = [[one.name, one.kind, one.about, list(one.notes)] for one in taken]
    except ClearpropError as error:
        parts = ("problem", "where", "given", "expected", "fix")
        answer = {part: getattr(error, part) for part in parts}
        if isinstance(error.fix, Fix) and error.fix.options:  # which an upload does not have
            answer["fix"] = None
    except BaseException as error:  # a panic of polars is no Exception
        reason = " ".join(str(error).split()) or type(error).__name__
        sys.stderr.write(f"\n{reason}\n")
        return REFUSED
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    return 0


MOST_COLUMNS = 2_000
"""A page does not offer more columns to choose from."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

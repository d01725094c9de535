"""Checks of a table's file before it is read: its header, and whether its reader survives it."""

from __future__ import annotations

import csv
import functools
import itertools
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clearprop.errors import DataError

UNNAMED = "Unnamed: "
"""A column without a name is called by its place, as pandas calls it."""

YEARS = range(1000, 3000)


def check_header(path: Path, header: str, separator: str, line: int = 1) -> list[str]:
    """Return the names of the columns, without spaces at their ends.

    Args:
        path: the file.
        header: its first line.
        separator: between two names.
        line: where it stands.

    Raises:
        DataError: two columns have the same name, or the line holds no names.
    """
    where = f"{path}, line {line}"
    if re.fullmatch(r"sep=.", header):
        raise DataError(
            "the first line names the separator, not the columns",
            where=where,
            given=header,
            fix="remove this line",
        )
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    if _are_values(names):
        raise DataError(
            "the first line holds numbers, not the names of the columns",
            where=where,
            given=", ".join(names[:8]) + (", ..." if names[8:] else ""),
            expected="a header",
            fix="write the names of the columns into a first line of their own",
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(
            "two columns have the same name",
            where=where,
            given=", ".join(repr(name) for name in twice),
            fix="give every column its own name in the header",
        )
    return [name or f"{UNNAMED}{place}" for place, name in enumerate(names)]


def _are_values(names: Sequence[str]) -> bool:
    """Return whether names are the values of a row: numbers that do not count up, as years do."""
    numbers = [float(name) for name in names if _is_number(name)]
    if len(numbers) == len(names) and any(number % 1 for number in numbers):
        return True
    ascending = all(a < b for a, b in itertools.pairwise(numbers))
    are_years = all(number in YEARS for number in numbers) and len(set(numbers)) == len(numbers)
    return len(numbers) >= 2 and not ascending and not are_years


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", text) is not None


def check_ends_well(path: Path) -> None:
    """Raise if the reader of Parquet files would end the process.

    The reader ends the process on some damaged files, so another process reads the file first.

    Raises:
        DataError: the other process was ended.
    """
    changed = path.stat() if path.exists() else None
    if changed is not None and sys.executable:
        _read_elsewhere(path, changed.st_mtime_ns, changed.st_size)


@functools.lru_cache(maxsize=64)
def _read_elsewhere(path: Path, changed: int, size: int) -> None:
    """Read a file in another process, once for each version of the file."""
    program = (
        "import sys, polars\n"
        "try:\n"
        "    polars.read_parquet(sys.argv[1])\n"
        "except Exception:\n"
        "    pass  # this process reads the file too, and says what is wrong\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if done.returncode:
        raise DataError(
            "the file cannot be read: it is damaged",
            where=str(path),
            expected="a Parquet file",
            fix="write it again from its source",
        )

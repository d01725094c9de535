"""Checks of the header of a table, and of the moments in its columns.

Shape letters: N rows.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.errors import DataError

if TYPE_CHECKING:
    import polars

UNNAMED = "Unnamed: "
"""A column without a name is called by its place, as pandas calls it."""

YEARS = range(1000, 3000)
FEW = 8

# A moment is a number of days or parts of seconds since 1970 began.
UNIX_DAY = datetime.date(1970, 1, 1).toordinal()
FIRST_DAY = datetime.date.min.toordinal() - UNIX_DAY
LAST_DAY = datetime.date.max.toordinal() - UNIX_DAY + 1
LONGEST_DAYS = datetime.timedelta.max.days
DAY = 86_400
TICKS = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def check_header(path: Path, first: str, names: Sequence[str], line: int = 1) -> list[str]:
    """Return the names of the columns, without spaces at their ends.

    Args:
        path: the file.
        first: the first line of the header.
        names: the cells of the header.
        line: where it begins.

    Raises:
        DataError: two columns have the same name, or the header holds no names.
    """
    where = f"{path}, line {line}"
    if re.fullmatch(r"sep=.", first):
        raise DataError(
            "the first line names the separator, not the columns",
            where=where,
            given=first,
            fix="remove this line",
        )
    names = [name.strip() for name in names]
    if _are_values(names):
        raise DataError(
            "the first line holds numbers, not the names of the columns",
            where=where,
            given=_few(names),
            expected="a header",
            fix="write the names of the columns into a first line of their own",
        )
    names = [name or f"{UNNAMED}{place}" for place, name in enumerate(names)]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(
            "two columns have the same name",
            where=where,
            given=_few(list(map(repr, twice))),
            fix="give every column its own name in the header",
        )
    return names


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (", ..." if names[FEW:] else "")


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


def outside_of_time(values: polars.Series) -> polars.Series | None:
    """Return which moments Python cannot hold, (N,); None where it can hold all.

    polars holds more of them than Python does, and ends the program where it hands one over.

    Args:
        values: (N,), of any type.

    >>> import polars as pl
    >>> days = pl.Series([0, 10**7, None], dtype=pl.Int32).cast(pl.Date)
    >>> outside_of_time(days).to_list(), outside_of_time(days.head(1))
    ([False, True, False], None)
    """
    import polars as pl

    kind = values.dtype
    if kind == pl.Date:
        first, last = FIRST_DAY, LAST_DAY - 1
    elif isinstance(kind, pl.Datetime | pl.Duration):
        ticks = DAY * TICKS[kind.time_unit]
        first, last = FIRST_DAY * ticks, LAST_DAY * ticks - 1
        if isinstance(kind, pl.Duration):
            first, last = -LONGEST_DAYS * ticks, LONGEST_DAYS * ticks
    else:
        return None
    numbers = values.to_physical()
    outside = ~numbers.is_between(max(first, -(2**63)), min(last, 2**63 - 1))
    outside = outside.fill_null(False)
    return outside if outside.any() else None

"""Checks of the header of a table."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from clearprop.errors import DataError

UNNAMED = "Unnamed: "
"""A column without a name is called by its place, as pandas calls it."""

YEARS = range(1000, 3000)
FEW = 8


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

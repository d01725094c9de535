"""What looks doubtful in a column of a table: notes, which change nothing.

Shape letters: N rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data import dates
from clearprop.errors import option

if TYPE_CHECKING:
    import polars

MARKS = tuple(
    float(sign + digits)
    for digits in ("9", "99", "999", "9999", "99999", "999999")
    for sign in ("-", "")
    if sign or len(digits) > 2
)
"""Numbers that programs write where a value is not known; -1 has a rule of its own."""

LEAST_REPEATS = 2
FEWEST_OTHERS = 10
FEWEST_ROWS = 20
EXACT = 2.0**53
"""Whole numbers beyond this are not all exact in double precision."""

ROUNDED = "whole numbers above 2^53 are rounded to 53 bits"

ROW_NAMES = re.compile(r"(?:.*[ _.-])?(?:id|uuid|guid|index|key|row|nr|no)|unnamed: \d+|", re.I)


def number_notes(name: str, cells: polars.Series, numbers: NDArray[np.float64]) -> list[str]:
    """Return notes about a column of numbers.

    Args:
        name: of the column.
        cells: (N,), as they stand in the file.
        numbers: (N,), NaN where a value is missing.
    """
    present = numbers[~np.isnan(numbers)]
    if not present.size:
        return ["no cell has a value"]
    low, high = present.min(), present.max()
    if low == high and abs(low) > EXACT and cells.drop_nulls().n_unique() > 1:
        return [ROUNDED]
    if low == high:
        return ["every value is the same, so the column says nothing"] if present.size > 1 else []
    notes: list[str] = []
    # Sorting a long column takes longer than to read it.
    may_be_marks = {low, high} & {-1.0, *MARKS}
    distinct, counts = np.unique(present, return_counts=True) if may_be_marks else (present, None)
    mark = suspected_mark(distinct, counts) if counts is not None else None
    if mark is not None and counts is not None:
        count = int(counts[distinct == mark][0])
        notes.append(
            f"{mark:g} stands in {count:,} cells, far from the others; if it means that the value "
            "is not known, " + option("na_values", [f"{mark:g}"]) + " takes it as missing"
        )
    if has_leading_zeros(cells):
        notes.append(
            "zeros at the beginning, as in 007, are lost in a number; "
            + option("categorical", [name])
            + " takes codes as they are written"
        )
    if max(abs(low), abs(high)) > EXACT and not (present % 1).any():
        notes.append(ROUNDED)
    if _number_rows(name, numbers):
        notes.append(
            "it looks like the number of a row; " + option("ignore", [name]) + " leaves it out"
        )
    return notes


def category_notes(categories: tuple[str, ...], codes: NDArray[np.float64]) -> list[str]:
    """Return notes about a column of categories.

    Args:
        categories: their names.
        codes: (N,), the place of each cell among them, NaN where it is missing.
    """
    present = codes[~np.isnan(codes)].astype(np.intp)
    if len(categories) == 1 and present.size > 1:
        return ["every value is the same, so the column says nothing"]
    once = int((np.bincount(present, minlength=1) == 1).sum())
    if present.size >= FEWEST_ROWS and once > len(categories) / 2 and once > present.size / 10:
        return [f"{once:,} of the {len(categories):,} categories stand in one row only"]
    return []


def unit_notes(name: str, cells: polars.Series, unit: str) -> list[str]:
    """Return a note about a single letter after every number, which may be part of a name: 12B."""
    if not re.fullmatch("[A-Za-z]", unit) or cells.str.contains(" ", literal=True).any():
        return []
    return [
        f"{unit} after every number is taken as a unit; "
        + option("categorical", [name])
        + " takes the cells as names"
    ]


def short_year_notes(years: Sequence[int]) -> list[str]:
    """Return a note about years of two digits of which some are before 2000 and some after.

    Args:
        years: the different ones, ascending.
    """
    if not len(years) or years[0] > dates.SHORT_PIVOT or years[-1] <= dates.SHORT_PIVOT:
        return []
    last = max(year for year in years if year <= dates.SHORT_PIVOT)
    first = min(year for year in years if year > dates.SHORT_PIVOT)
    return [
        f"{last:02} is read as the year {2000 + last}, {first:02} as {1900 + first}; write years "
        "with four digits where that is wrong"
    ]


def suspected_mark(distinct: NDArray[np.float64], counts: NDArray[np.integer]) -> float | None:
    """Return the number that probably stands for a missing value, such as -999.

    It is the lowest or the highest value, repeated, and farther from the others than they are from
    each other. A repeated -1 is suspected where all others are at least 0, and many and larger.

    Args:
        distinct: the different values, ascending.
        counts: how often each occurs.

    >>> suspected_mark(np.array([-999.0, 18.0, 30.0, 80.0]), np.array([3, 1, 2, 1]))
    -999.0
    >>> suspected_mark(np.array([-1.0, 0.0, 1.0]), np.array([3, 3, 3]))
    """
    for mark, count, others in (
        (distinct[0], counts[0], distinct[1:]),
        (distinct[-1], counts[-1], distinct[:-1]),
    ):
        if count < LEAST_REPEATS or len(others) < 2:
            continue
        gap = np.abs(others - mark).min()
        if mark in MARKS and gap > others[-1] - others[0]:
            return float(mark)
        is_below_many = others[0] >= 0 and len(others) >= FEWEST_OTHERS
        is_far = gap > 1 or (others % 1).any() or others[-1] > 10 * FEWEST_OTHERS
        if mark == -1 and is_below_many and is_far:
            return float(mark)
    return None


def has_leading_zeros(cells: polars.Series) -> bool:
    """Return whether a cell is a code such as 007, in which zeros at the beginning count."""
    import polars as pl

    return cells.dtype == pl.String and bool(cells.str.contains(r"^0[0-9]+$").any())


def _number_rows(name: str, numbers: NDArray[np.float64]) -> bool:
    if len(numbers) < FEWEST_ROWS or (numbers[:FEWEST_ROWS] % 1 != 0).any():
        return False  # also where one is missing
    steps = np.diff(numbers)
    if numbers[0] in (0, 1) and steps[0] and (steps == steps[0]).all():
        return True
    is_named = ROW_NAMES.fullmatch(name.strip()) or re.search(r"[a-z](?:Id|ID)$", name)
    return bool(is_named and not (numbers % 1).any() and len(np.unique(numbers)) == len(numbers))

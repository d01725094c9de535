"""A last row that holds the sums of the others is no example.

Shape letters: N rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clearprop.data.table_file import TableFile
from clearprop.errors import DataError

SUM = re.compile(
    r"\W*(?:(?:grand|sub)[ -]?total|total|totals|sum|summe|gesamt|gesamtsumme|insgesamt|somme|suma|"
    r"somma|totale|totaal|soma)\b.*",
    re.IGNORECASE,
)
"""Labels of such a row in English, German, French, Spanish, Italian, Dutch and Portuguese."""

FEWEST_ROWS = 3
"""Of fewer other rows, the last one may well be their sum by chance."""


def check_no_sum_row(file: TableFile, numbers: Sequence[NDArray[np.floating]]) -> None:
    """Raise where the last row is the sum of the others.

    It is where a label such as "Total" stands in it and the numbers of one column have this sum, or
    where those of two columns have it and a text or a number is missing in it.

    Args:
        file: the table.
        numbers: the columns of numbers, (N,) each.

    Raises:
        DataError: the last row is the sum of the others.
    """
    sums = [column for column in numbers if _ends_with_its_sum(np.asarray(column, np.float64))]
    cells = [str(cell) for cell in file.frame.row(-1) if isinstance(cell, str)] if sums else []
    label = next((cell for cell in cells if SUM.fullmatch(cell.strip())), None)
    has_gap = any(cell is None for cell in file.frame.row(-1))
    if not sums or (label is None and (len(sums) < 2 or not has_gap)):
        return
    raise DataError(
        "the last row holds the sums of the other rows, and is no example",
        where=str(file.path),
        given=f"{label or 'a row'} with {float(sums[0][-1]):.7g} as the sum of a column",
        fix="remove this row from the file",
    )


def _ends_with_its_sum(column: NDArray[np.float64]) -> bool:
    others, last = column[:-1], column[-1]
    known = others[np.isfinite(others)]
    if len(known) < FEWEST_ROWS or not np.isfinite(last) or not last or len(np.unique(known)) < 2:
        return False
    return bool(abs(known.sum() - last) <= 1e-6 * np.abs(known).sum())

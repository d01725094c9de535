"""Columns of a table, fitted on the training rows: the value for a gap, and the categories.

Shape letters: N rows, C columns, F encoded features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearprop import memory
from clearprop.data.columns import UNSEEN, Column
from clearprop.data.readings import PLAIN, Reading
from clearprop.errors import DataError, option


@dataclass(frozen=True)
class FittedColumn:
    """A column of a table, fitted on the training rows.

    Args:
        name: as in the file's header.
        fill: replaces a missing value: the median number, or the most frequent category.
        categories: the names in the training rows, each of which becomes one 0/1 feature; None for
            a column of numbers. All features of another name are 0.
        reading: how its cells are written in the file.
    """

    name: str
    fill: float | str
    categories: tuple[str, ...] | None = None
    reading: Reading = PLAIN


def fit_columns(raw: NDArray[np.generic], columns: Sequence[Column]) -> tuple[FittedColumn, ...]:
    """Return the columns fitted on rows, float (N, C), with NaN for a missing value.

    Raises:
        DataError: a column has no value in these rows.
    """
    return tuple(_fit_column(column, raw[:, index]) for index, column in enumerate(columns))


def _fit_column(column: Column, values: NDArray[np.generic]) -> FittedColumn:
    present = values[~np.isnan(values)]
    if not present.size:
        raise DataError(
            f"column {column.name!r} has no value in the training rows",
            fix="leave it out: " + option("ignore", [column.source]),
        )
    if column.categories is None:
        return FittedColumn(column.name, float(np.median(present)), None, column.reading)
    codes, counts = np.unique(present.astype(np.intp), return_counts=True)
    names = [column.categories[code] for code in codes]
    fill = names[int(np.argmax(counts))]
    return FittedColumn(column.name, fill, tuple(names), column.reading)


def features_of(column: FittedColumn) -> list[str]:
    """Return the names of the encoded features of a column.

    >>> features_of(FittedColumn("color", "red", ("blue", "red")))
    ['color=blue', 'color=red']
    """
    if column.categories is None:
        return [column.name]
    return [f"{column.name}={category}" for category in column.categories]


PIECES = 2
"""Copies of the features in memory at once: those of each column, and all side by side."""


def encode_columns(
    raw: NDArray[np.generic], columns: Sequence[FittedColumn]
) -> NDArray[np.float64]:
    """Return rows with filled gaps, and with categories as 0/1 features, float (N, F).

    Raises:
        ConfigurationError: so many features do not fit into the memory.
    """
    _check_room(len(raw), columns)
    parts: list[NDArray[np.float64]] = []
    for index, column in enumerate(columns):
        values = raw[:, index].astype(np.float64)
        missing = np.isnan(values)
        if column.categories is None:
            parts.append(np.where(missing, column.fill, values)[:, None])
        else:
            codes = np.where(missing, column.categories.index(str(column.fill)), values)
            one_hot = codes[:, None] == np.arange(len(column.categories))
            parts.append(np.where(codes[:, None] == UNSEEN, 0.0, one_hot.astype(np.float64)))
    return np.concatenate(parts, axis=1)


def _check_room(rows: int, columns: Sequence[FittedColumn]) -> None:
    """Raise unless the features of some rows fit into the memory."""
    widths = {column.name: len(column.categories or "1") for column in columns}
    width, widest = sum(widths.values()), max(widths, key=lambda name: widths[name], default="")
    memory.make_room(
        "the features of the table",
        PIECES * 8 * rows * width,
        where=widest,
        given=f"{rows:,} rows with {width:,} features, {widths.get(widest, 0):,} of them from this "
        "column",
        fix=lambda limit: option("ignore", [widest]),
    )

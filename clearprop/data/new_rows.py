"""New rows of a table for a model, and what is said about them.

Shape letters: N rows, C columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.data import tables
from clearprop.data.columns import Column, arrange
from clearprop.data.dataset import Dataset
from clearprop.data.fitted_columns import FittedColumn
from clearprop.data.new_texts import check_suffix
from clearprop.data.paths import existing
from clearprop.data.preprocessor import Preprocessor
from clearprop.data.table_file import TABLE_SUFFIXES, shown

NAMED = 5


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows as a model of tables takes them.

    Attributes:
        inputs: float64 (N, C), as ``preprocessor.apply`` takes them.
        remarks: sentences about categories that training did not have, and about missing cells.
        unseen: those of them about categories.
    """

    inputs: NDArray[np.float64]
    remarks: tuple[str, ...]
    unseen: tuple[str, ...] = ()


def new_rows(path: str | Path | object, preprocessor: Preprocessor) -> NewRows:
    """Return the rows of a new table or frame; cells are read as in training.

    A target is not needed.

    Raises:
        DataError: the file is damaged, a column is missing, or a cell is not written as in
            training.
    """
    if isinstance(path, str | Path):
        check_suffix(Path(path), TABLE_SUFFIXES, "a table")
        path = existing(path)
    values, columns, left_out = tables.read_columns(path, preprocessor)
    remarks = _remarks(values, columns, preprocessor.columns)
    if left_out:
        remarks.append(
            f"{left_out:,} rows without any cell are left out, so the predictions after the first "
            "of them have other places than the rows of the file"
        )
    unseen = _unseen(values, columns, preprocessor.columns)
    inputs = arrange(values, columns, preprocessor.raw_columns or ())
    return NewRows(inputs, tuple(remarks), tuple(unseen))


def remarks_on(dataset: Dataset, preprocessor: Preprocessor) -> list[str]:
    """Return sentences about the rows of another table that a model was not prepared for.

    They count categories that the training rows did not have, and missing cells.

    Args:
        dataset: raw rows.
        preprocessor: of the model.
    """
    if dataset.columns is None or not isinstance(dataset.inputs, np.ndarray):
        return []
    return _remarks(dataset.inputs, dataset.columns, preprocessor.columns)


def unseen_categories(dataset: Dataset, preprocessor: Preprocessor) -> list[str]:
    """Return sentences about categories of a table that the training rows did not have.

    Args:
        dataset: raw rows.
        preprocessor: of the model.
    """
    if dataset.columns is None or not isinstance(dataset.inputs, np.ndarray):
        return []
    return _unseen(dataset.inputs, dataset.columns, preprocessor.columns)


def _remarks(
    raw: NDArray[np.float64], columns: Sequence[Column], fitted: Sequence[FittedColumn]
) -> list[str]:
    place = {column.name: index for index, column in enumerate(columns)}
    remarks = []
    for column in fitted:
        if column.name not in place:
            continue
        values = raw[:, place[column.name]]
        missing = int(np.isnan(values).sum())
        if missing:
            fill = column.fill if isinstance(column.fill, str) else f"{column.fill:g}"
            kind = "the median" if column.categories is None else "the most frequent"
            remarks.append(
                f"{missing:,} of {len(values):,} cells of column {column.name!r} are missing and "
                f"are read as {fill}, {kind} of training"
            )
    return remarks + _unseen(raw, columns, fitted)


def _unseen(
    raw: NDArray[np.float64], columns: Sequence[Column], fitted: Sequence[FittedColumn]
) -> list[str]:
    known = {column.name: column.categories for column in fitted}
    remarks = []
    for column, values in zip(columns, raw.T, strict=True):
        trained = known.get(column.name)
        if trained is None or column.categories is None:
            continue
        codes, counts = np.unique(values[values >= 0].astype(np.intp), return_counts=True)
        unseen = Counter(
            {
                column.categories[code]: int(count)
                for code, count in zip(codes, counts, strict=True)
                if column.categories[code] not in trained
            }
        )
        if unseen:
            names = ", ".join(shown(name) for name, _ in unseen.most_common(NAMED))
            more = ", ..." if len(unseen) > NAMED else ""
            remarks.append(
                f"{unseen.total():,} of {len(values):,} cells of column {column.name!r} were not "
                f"seen in training, so all its features are 0 there: {names}{more}"
            )
    return remarks

"""Tables as data sets: their columns are numbers, categories or dates, and one is the target.

Shape letters: N rows, C columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from clearprop.data.columns import Column, TakenColumn, check_present
from clearprop.data.dataset import Dataset
from clearprop.data.frame_targets import with_categories, with_target
from clearprop.data.guess import Guess, ReadOptions
from clearprop.data.guesses import guesses
from clearprop.data.preprocessor import Preprocessor, Task
from clearprop.data.readings import PLAIN
from clearprop.data.table_columns import (
    ReadColumn,
    check_distinct,
    is_nearly_distinct,
    number_array,
    read_guessed,
    read_known,
)
from clearprop.data.table_file import TableFile, read_table_file
from clearprop.data.table_sums import check_no_sum_row
from clearprop.data.table_targets import targets_of
from clearprop.errors import ClearpropError, DataError, option


class CellOptions(TypedDict, total=False):
    """The options that say how the cells of a table are read; see `ReadOptions`."""

    categorical: Sequence[str]
    numeric: Sequence[str]
    decimal: str | None
    thousands: str | None
    dayfirst: bool | None
    na_values: Sequence[str]
    encoding: str | None
    skiprows: int | None


def load_table(
    path: Path | object,
    *,
    target: str | object = None,
    task: Task | None = None,
    ignore: Sequence[str] = (),
    columns: Sequence[Column] | None = None,
    class_names: Sequence[str] | None = None,
    **cells: Unpack[CellOptions],
) -> Dataset:
    """Return a CSV or Parquet file, or a frame, as a data set; a missing input becomes NaN.

    `Dataset.taken` says what each column was taken for. The page "Your own data" has the rules.

    Args:
        path: the file, with a header; or a frame of pandas or polars.
        target: the name of the column to predict; for a frame also the column itself, as a series,
            a list or an array.
        task: "classification" or "regression"; by default text, truth values and few distinct whole
            numbers are classes, and everything else is a number to predict.
        ignore: columns to leave out, such as a row number.
        columns: the columns of a model, ``preprocessor.raw_columns``: their cells are read as in
            training, and other columns are left out. None finds out what each column is.
        class_names: the classes of a model: if every target is one of them, they are the classes.
        cells: how cells are read: ``categorical``, ``numeric``, ``decimal``, ``thousands``,
            ``dayfirst``, ``na_values``; and the file: ``encoding``, ``skiprows``.

    Raises:
        ConfigurationError: a column named here is not in the file, no target is named, or a mark
            cannot be one.
        DataError: the file is damaged or empty; a cell is not written as the other cells of its
            column, or they can be read in two ways; nearly all texts of a column differ; a target
            is missing or not finite, or there is only one class; the last row is the sum of the
            others.
    """
    options = ReadOptions(**cells)
    before = columns[0].reading if columns else PLAIN
    skiprows = before.skiprows if options.skiprows is None else options.skiprows
    file = read_table_file(path, options.encoding, skiprows, otherwise=before.encoding)
    if isinstance(target, str | None):
        target = file.column(target, "the target")
    else:
        file, target = with_target(file, target, path)
    if columns is None:
        options = with_categories(options, path)
        _check_named(file, ignore, options)
    left_out = {target, *ignore}
    inputs = [name for name in file.frame.columns if name not in left_out]
    if not inputs:
        raise DataError("no column is left to learn from", where=str(file.path))
    others = [column.reading for column in columns or ()]
    found = guesses(file, [*inputs, target] if columns is None else [target], options, others)
    if columns is None:
        read = _as_guessed(file, [found[name] for name in inputs], options)
    else:
        read = _as_known(file, [_with_marks(column, options.na_values) for column in columns])
    targets, class_names, task, about = targets_of(file, found[target], task, class_names)
    numbers = [column.values[:, 0] for column in read if column.taken.kind == "number"]
    if task == "regression":
        numbers.append(np.asarray(targets, np.float64).reshape(-1))
    check_no_sum_row(file, numbers)
    taken = {column.taken.name: column.taken for column in read}
    taken[target] = about
    return Dataset(
        name=file.path.name,
        inputs=np.concatenate([column.values for column in read], axis=1),
        targets=targets,
        task=task,
        class_names=class_names,
        feature_names=tuple(column.name for one in read for column in one.columns),
        source=str(file.path),
        columns=tuple(column for one in read for column in one.columns),
        taken=tuple(
            taken.get(name, _left_out(name, "ignore names it" if name in ignore else "unknown"))
            for name in file.frame.columns
        ),
    )


def columns_of(
    path: Path | object,
    *,
    ignore: Sequence[str] = (),
    target: str | None = None,
    task: Task | None = None,
    **cells: Unpack[CellOptions],
) -> tuple[TakenColumn, ...]:
    """Return what every column of a table would be taken for; a target is not needed.

    A column that cannot be used is "refused", with the reason and the option that helps.

    Raises:
        ConfigurationError: a column named here is not in the file, or a mark cannot be one.
        DataError: the file is damaged or empty.
    """
    options = ReadOptions(**cells)
    file = read_table_file(path, options.encoding, options.skiprows)
    options = with_categories(options, path)
    _check_named(file, ignore, options)
    ignored = set(ignore)
    found = guesses(file, [name for name in file.frame.columns if name not in ignored], options)
    taken = []
    for name in file.frame.columns:
        if name in ignored:
            taken.append(_left_out(name, "ignore names it"))
            continue
        try:
            if name == target:
                taken.append(targets_of(file, found[name], task)[3])
                continue
            if is_nearly_distinct(found[name]):
                check_distinct(file, [found[name]])
            taken.append(read_guessed(file, found[name]).taken)
        except ClearpropError as error:
            taken.append(_refused(name, error))
    return tuple(taken)


def read_columns(
    path: Path | object, preprocessor: Preprocessor
) -> tuple[NDArray[np.float64], tuple[Column, ...], int]:
    """Return the rows of a new table, its columns with the categories of these rows, and a count.

    The count is of rows without any cell, which are left out.

    Raises:
        DataError: a column is missing, or a cell is not written as in training.
    """
    before = preprocessor.raw_columns[0].reading if preprocessor.raw_columns else PLAIN
    file = read_table_file(path, None, before.skiprows, otherwise=before.encoding)
    read = _as_known(file, preprocessor.raw_columns or ())
    values = np.concatenate([column.values for column in read], axis=1)
    return values, tuple(column for one in read for column in one.columns), file.left_out


def read_numbers(path: Path, columns: int) -> NDArray[np.float64]:
    """Return the rows of a table of numbers, (N, C), its columns in their order.

    This is for a model that was not trained on a table, and so does not know columns by name.

    Raises:
        DataError: the table has another number of columns, or a column holds text.
    """
    file = read_table_file(path)
    names = file.frame.columns
    if len(names) != columns:
        shown = [*names[:8], *(["..."] if names[8:] else [])]
        raise DataError(
            "the table has another number of columns than the model has inputs",
            where=str(path),
            given=f"{len(names)} columns: {', '.join(shown)}",
            expected=f"{columns} columns of numbers, without a target",
        )
    return np.stack(read_number_columns(file, names), axis=1)


def read_number_columns(
    file: TableFile, names: Sequence[str], **cells: Unpack[CellOptions]
) -> list[NDArray[np.float64]]:
    """Return columns of numbers, each float64 (N,), NaN where a value is missing.

    Args:
        file: the table.
        names: of the columns.
        cells: how cells are read.

    Raises:
        DataError: a cell is not a finite number, or can be read in two ways.
    """
    options = ReadOptions(**cells)
    found = guesses(file, names, options)
    if any(one.error is not None or one.notes for one in found.values()):
        found = guesses(file, file.frame.columns, options)  # they prove what the marks mean
    others = [name for name in names if found[name].kind != "number"]
    found |= guesses(file, others, replace(options, numeric=others))
    for name in names:
        if (error := found[name].error) is not None:
            raise error
    return [number_array(file, name, found[name].values, found[name].reading) for name in names]


def _check_named(file: TableFile, ignore: Sequence[str], options: ReadOptions) -> None:
    known = set(file.frame.columns)
    for names, what in (
        (ignore, "ignored"),
        (options.categorical, "categorical"),
        (options.numeric, "numeric"),
    ):
        for name in names:
            if name not in known:
                file.column(name, what)


def _as_guessed(file: TableFile, found: Sequence[Guess], options: ReadOptions) -> list[ReadColumn]:
    for guess in found:
        if guess.error is not None:
            raise guess.error
    check_distinct(file, found)
    read = [_of_file(read_guessed(file, guess, options.na_values), options) for guess in found]
    names = Counter(column.name for one in read for column in one.columns)
    for name, count in names.items():
        if count > 1:
            raise DataError(
                f"a part of a date would have the name {name!r}, which another column has",
                where=str(file.path),
                fix="rename one of them, or leave it out: " + option("ignore", [name]),
            )
    return read


def _of_file(read: ReadColumn, options: ReadOptions) -> ReadColumn:
    """Return a column that keeps how the text of its file is read, for new files."""
    columns = tuple(
        replace(
            column,
            reading=replace(
                column.reading, encoding=options.encoding or "", skiprows=options.skiprows or 0
            ),
        )
        for column in read.columns
    )
    return replace(read, columns=columns)


def _as_known(file: TableFile, wanted: Sequence[Column]) -> list[ReadColumn]:
    sources: dict[str, list[Column]] = {}
    for column in wanted:
        sources.setdefault(column.source, []).append(column)
    check_present(file.frame.columns, sources, where=str(file.path))
    return [read_known(file, source, columns) for source, columns in sources.items()]


def _with_marks(column: Column, na_values: Sequence[str]) -> Column:
    marks = tuple(dict.fromkeys((*column.reading.na_values, *na_values)))
    return replace(column, reading=replace(column.reading, na_values=marks))


def _left_out(name: str, why: str) -> TakenColumn:
    reasons = {"unknown": "the model was not trained with it"}
    return TakenColumn(name, "left out", reasons.get(why, why))


def _refused(name: str, error: ClearpropError) -> TakenColumn:
    about = f"{error.problem}: {error.given}" if error.given else error.problem
    return TakenColumn(name, "refused", about, ("fix: " + error.fix,) if error.fix else ())

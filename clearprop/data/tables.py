"""Tables as data sets: their columns are numbers or categories, and one column is the target.

Shape letters: N rows, C columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data.columns import Column, arrange, check_present
from clearprop.data.dataset import Dataset
from clearprop.data.labels import labels_and_names, task_of
from clearprop.data.preprocessor import Preprocessor, Task
from clearprop.data.table_file import TableFile, read_table_file, shown
from clearprop.errors import DataError

if TYPE_CHECKING:
    import polars

# Spreadsheets and statistics programs write these where a value is not known.
MISSING_MARKS = ("", "na", "n/a", "nan", "null", "?")

# If at least this fraction of a text column reads as numbers, it is taken as a column of numbers.
NUMBER_FRACTION = 0.5

# Each category becomes a 0/1 feature; a column with more texts than this likely holds names.
MOST_CATEGORIES = 1000


def load_table(
    path: Path,
    *,
    target: str | None = None,
    task: Task | None = None,
    ignore: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
) -> Dataset:
    """Return a CSV or Parquet file as a data set; a missing input becomes NaN.

    Args:
        path: the file, with a header.
        target: the name of the column to predict.
        task: "classification" or "regression"; by default text, truth values and few distinct whole
            numbers are classes, and everything else is a number to predict.
        ignore: columns to leave out, such as a row number.
        categorical: columns to take as categories although they look like numbers.
        numeric: columns to take as numbers although most of their cells do not read as numbers.

    Raises:
        ConfigurationError: a column named here is not in the file, or no target is named.
        DataError: the file is damaged or empty, a column of numbers holds text, a target is missing
            or not finite, or there is only one class.
    """
    file = read_table_file(path)
    target = file.column(target, "the target")
    for names, what in ((ignore, "ignored"), (categorical, "categorical"), (numeric, "numeric")):
        for name in names:
            file.column(name, what)
    targets, class_names, task = _targets(file, target, task)
    are_numbers = dict.fromkeys(categorical, False) | dict.fromkeys(numeric, True)
    inputs, columns = _inputs(file, {target, *ignore}, are_numbers)
    return Dataset(
        name=path.name,
        inputs=inputs,
        targets=targets,
        task=task,
        class_names=class_names,
        feature_names=tuple(column.name for column in columns),
        source=str(path),
        columns=columns,
    )


def read_inputs(path: Path, preprocessor: Preprocessor) -> NDArray[np.float64]:
    """Return the rows of a new table as raw inputs of a preprocessor; a target is not needed.

    Raises:
        DataError: a column is missing, or holds text although it held numbers in training.
    """
    file = read_table_file(path)
    wanted = preprocessor.raw_columns or ()
    check_present(file.frame.columns, wanted, where=str(path))
    are_numbers = {column.name: column.categories is None for column in wanted}
    inputs, columns = _inputs(file, set(file.frame.columns) - are_numbers.keys(), are_numbers)
    return arrange(inputs, columns, wanted)


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
    return np.stack([read_column(file, name, as_numbers=True)[0] for name in names], axis=1)


def _inputs(
    file: TableFile, unused: set[str], are_numbers: Mapping[str, bool]
) -> tuple[NDArray[np.float64], tuple[Column, ...]]:
    names = [name for name in file.frame.columns if name not in unused]
    if not names:
        raise DataError("no column is left to learn from", where=str(file.path))
    parts = [read_column(file, name, are_numbers.get(name)) for name in names]
    columns = tuple(
        Column(name, categories) for name, (_, categories) in zip(names, parts, strict=True)
    )
    return np.stack([values for values, _ in parts], axis=1), columns


def read_column(
    file: TableFile, name: str, as_numbers: bool | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...] | None]:
    """Return a column as numbers or codes, float64 (N,), and the categories of the codes.

    Args:
        file: the table.
        name: the column.
        as_numbers: True reads numbers, False categories; None reads numbers where most cells are.

    Returns:
        The numbers, NaN where one is missing, and None; or the codes and the names they stand for.

    Raises:
        DataError: a cell is not a finite number, or there are too many categories.
    """
    import polars as pl

    values = file.frame[name]
    kind = values.dtype
    if (kind.is_numeric() or kind == pl.Boolean) and as_numbers is not False:
        numbers = values.cast(pl.Float64)
    elif not (
        kind.is_numeric()
        or kind in (pl.Boolean, pl.String, pl.Categorical, pl.Null)
        or isinstance(kind, pl.Enum)
    ):
        raise DataError(
            f"a column of type {kind} is neither numbers nor categories",
            where=f"{file.path}, column {name!r}",
            fix=f"turn it into numbers, or leave it out: ignore=[{name!r}]",
        )
    else:
        values = _without_missing_marks(values)
        numbers = values.cast(pl.Float64, strict=False)
        present, readable = values.count(), numbers.count()
        if not (readable >= NUMBER_FRACTION * present if as_numbers is None else as_numbers):
            return _categories(file, name, values)
        file.check_none(
            values.is_not_null() & numbers.is_null(),
            name,
            "text in a column of numbers",
            values,
            expected="a number, or nothing where it is missing",
            fix="correct the cell"
            + ("" if as_numbers else f"; if all cells are names: categorical=[{name!r}]"),
        )
    array = np.array(numbers.to_numpy(), np.float64)
    file.check_none(
        np.isinf(array), name, "an infinite number", fix="correct the cell, or leave it empty"
    )
    return array, None


def _categories(
    file: TableFile, name: str, values: polars.Series
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    import polars as pl

    categories = tuple(values.drop_nulls().unique().sort().to_list())
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"{len(categories)} different texts are too many for categories",
            where=f"{file.path}, column {name!r}",
            given=f"such as {shown(categories[0])} and {shown(categories[-1])}",
            expected=f"at most {MOST_CATEGORIES}",
            fix=f"leave it out: ignore=[{name!r}]",
        )
    codes = values.cast(pl.Enum(categories)).to_physical().cast(pl.Float64)
    return np.array(codes.to_numpy(), np.float64), categories


def _targets(
    file: TableFile, name: str, task: Task | None
) -> tuple[NDArray[np.number], tuple[str, ...] | None, Task]:
    import polars as pl

    values = file.frame[name]
    if not values.dtype.is_numeric():
        values = _without_missing_marks(values)
    file.check_none(
        values.is_null() | (values.is_nan() if values.dtype.is_float() else False),
        name,
        "the target is missing",
        fix="drop the rows whose target is not known",
    )
    if values.dtype == pl.String:
        numbers = values.cast(pl.Float64, strict=False)
        readable = numbers.drop_nulls()
        # Classes such as "1", "2", "x" are few; measurements with a wrong cell among them are many.
        are_measured = len(readable) > 0.9 * len(numbers) and readable.n_unique() > 20
        if len(readable) == len(numbers):
            values = numbers
        elif task == "regression" or are_measured:
            file.check_none(
                numbers.is_null(),
                name,
                "text among the numbers to predict" if task is None else "text to predict",
                values,
                fix="correct the cell" if task is None else "task='classification'",
            )
    array = values.to_numpy()
    if array.dtype.kind == "f":
        file.check_none(np.isinf(array), name, "the target is infinite")
    task = task or task_of(array)
    if task == "regression":
        return array, None, task
    return *labels_and_names(array, where=f"{file.path}, column {name!r}"), task


def _without_missing_marks(values: polars.Series) -> polars.Series:
    import polars as pl

    stripped = values.cast(pl.String).str.strip_chars()
    marked = stripped.str.to_lowercase().is_in(list(MISSING_MARKS))
    return stripped.set(marked.fill_null(False), None)

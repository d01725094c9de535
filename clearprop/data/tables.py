"""Tables as data sets: which columns are numbers, which are categories, and what the target is.

Shape letters: N rows, C columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data.columns import Column, arrange, check_present
from clearprop.data.dataset import Dataset
from clearprop.data.labels import labels_and_names, task_of
from clearprop.data.preprocessor import Preprocessor, Task
from clearprop.data.table_file import TableFile, read_table_file
from clearprop.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    import polars

# What spreadsheets and statistics programs write where a value is not known.
MISSING_MARKS = ("", "na", "n/a", "nan", "null", "?")

# A text column is a number column with mistakes where at least this fraction reads as numbers.
NUMBER_SHARE = 0.5

# One 0/1 feature for each category: more than this is a name or a number of a person or a thing.
MOST_CATEGORIES = 1000

# Characters of a cell that a message repeats.
LONGEST_SHOWN = 60


def load_table(
    path: Path,
    *,
    target: str | None = None,
    task: Task | None = None,
    ignore: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
) -> Dataset:
    """Return a CSV or Parquet file as a data set; NaN marks what is missing among the inputs.

    Args:
        path: the file, with a header.
        target: the name of the column to predict.
        task: "classification" or "regression"; by default text, truth values and few distinct whole
            numbers are classes, everything else is a number to predict.
        ignore: columns to leave out, such as a row number.
        categorical: columns to take as categories though they look like numbers.
        numeric: columns to take as numbers though most of them does not read as such.

    Raises:
        ConfigurationError: a column named here is not in the file, or no target is named.
        DataError: the file is damaged or empty, a number column holds text, a target is missing or
            not finite, or there is only one class.
    """
    file = read_table_file(path)
    if target is None:
        raise ConfigurationError(
            "which column is the target?",
            where=str(path),
            expected=f"one of {', '.join(file.frame.columns)}",
            fix=f"target={file.frame.columns[-1]!r}",
        )
    for names, what in (
        ((target,), "the target"),
        (ignore, "ignored"),
        (categorical, "categorical"),
        (numeric, "numeric"),
    ):
        for name in names:
            file.check_column(name, what)
    targets, class_names, task = _targets(file, target, task)
    inputs, columns = _inputs(file, {target, *ignore}, set(categorical), set(numeric))
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
    """Return the rows of a new table, with or without its target, as a preprocessor's raw inputs.

    Raises:
        DataError: a column is missing, or holds text where numbers were trained on.
    """
    file = read_table_file(path)
    wanted = preprocessor.raw_columns or ()
    check_present(file.frame.columns, wanted, where=str(path))
    names = {column.name for column in wanted}
    categorical = {column.name for column in wanted if column.categories is not None}
    unused = set(file.frame.columns) - names
    inputs, columns = _inputs(file, unused, categorical, names - categorical)
    return arrange(inputs, columns, wanted)


def read_numbers(path: Path, columns: int) -> NDArray[np.float64]:
    """Return the rows of a table of numbers alone, (N, C), its columns in their order.

    For a model that was not trained on a table, and so knows no columns by name.

    Raises:
        DataError: there are not so many columns, or one holds text.
    """
    file = read_table_file(path)
    names = file.frame.columns
    if len(names) != columns:
        shown = [*names[:8], *(["..."] if names[8:] else [])]
        raise DataError(
            "the model takes its inputs in their order, and the table has not as many columns",
            where=str(path),
            given=f"{len(names)} columns: {', '.join(shown)}",
            expected=f"{columns} columns of numbers, without a target",
        )
    return np.stack([_column(file, name, as_numbers=True)[0] for name in names], axis=1)


def _inputs(
    file: TableFile, unused: set[str], categorical: set[str], numeric: set[str]
) -> tuple[NDArray[np.float64], tuple[Column, ...]]:
    names = [name for name in file.frame.columns if name not in unused]
    if not names:
        raise DataError("no column is left to learn from", where=str(file.path))
    parts: list[NDArray[np.float64]] = []
    columns: list[Column] = []
    for name in names:
        as_numbers = None if name not in categorical | numeric else name in numeric
        values, categories = _column(file, name, as_numbers)
        parts.append(values)
        columns.append(Column(name, categories))
    return np.stack(parts, axis=1), tuple(columns)


def _column(
    file: TableFile, name: str, as_numbers: bool | None
) -> tuple[NDArray[np.float64], tuple[str, ...] | None]:
    import polars as pl

    values = file.frame[name]
    kind = values.dtype
    if kind.is_numeric() or kind == pl.Boolean:
        if as_numbers is not False:
            return _finite(file, name, values.cast(pl.Float64)), None
        values = _as_text(values)
    elif kind not in (pl.String, pl.Categorical, pl.Null) and not isinstance(kind, pl.Enum):
        raise DataError(
            f"a column of type {kind} is neither numbers nor categories",
            where=f"{file.path}, column {name!r}",
            fix=f"turn it into numbers, or leave it out: ignore=[{name!r}]",
        )
    values = _without_missing_marks(values.cast(pl.String))
    numbers = values.cast(pl.Float64, strict=False)
    present = values.len() - values.null_count()
    readable = numbers.len() - numbers.null_count()
    if as_numbers is None:
        as_numbers = readable >= NUMBER_SHARE * present
    if not as_numbers:
        return _categories(file, name, values)
    if readable < present:
        row = int((values.is_not_null() & numbers.is_null()).arg_max() or 0)
        raise DataError(
            "text in a column of numbers",
            where=file.where(row, name),
            given=_shown(values[row]),
            expected="a number, or nothing where it is missing",
            fix=f"correct the cell; if all are names: categorical=[{name!r}]",
        )
    return _finite(file, name, numbers), None


def _finite(file: TableFile, name: str, numbers: polars.Series) -> NDArray[np.float64]:
    array = np.array(numbers.to_numpy(), np.float64)
    infinite = np.isinf(array)
    if infinite.any():
        row = int(infinite.argmax())
        raise DataError(
            "an infinite number",
            where=file.where(row, name),
            given=str(array[row]),
            fix="correct the cell, or leave it empty",
        )
    return array


def _categories(
    file: TableFile, name: str, values: polars.Series
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    import polars as pl

    categories = tuple(values.drop_nulls().unique().sort().to_list())
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"{len(categories)} different texts are too many for categories",
            where=f"{file.path}, column {name!r}",
            given=f"such as {_shown(categories[0])} and {_shown(categories[-1])}",
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
        values = _without_missing_marks(_as_text(values))
    missing = values.is_null() | (values.is_nan() if values.dtype.is_float() else False)
    if missing.any():
        row = int(missing.arg_max() or 0)
        raise DataError(
            "the target is missing",
            where=file.where(row, name),
            fix="drop the rows whose target is not known",
        )
    if values.dtype == pl.String:
        numbers = values.cast(pl.Float64, strict=False)
        if not numbers.null_count():
            values = numbers
        elif task == "regression" or _mostly_numbers(numbers):
            row = int(numbers.is_null().arg_max() or 0)
            raise DataError(
                "text among the numbers to predict" if task is None else "text to predict",
                where=file.where(row, name),
                given=_shown(values[row]),
                fix="correct the cell" if task is None else "task='classification'",
            )
    array = values.to_numpy()
    if array.dtype.kind == "f" and np.isinf(array).any():
        row = int(np.isinf(array).argmax())
        raise DataError("the target is infinite", where=file.where(row, name))
    task = task or task_of(array)
    if task == "regression":
        return array, None, task
    return *labels_and_names(array, where=f"{file.path}, column {name!r}"), task


def _mostly_numbers(numbers: polars.Series) -> bool:
    # Classes such as "1", "2", "x" are few; measurements with a slip in them are many.
    readable = numbers.drop_nulls()
    return len(readable) > 0.9 * len(numbers) and readable.n_unique() > 20


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= LONGEST_SHOWN else f"{cell[:LONGEST_SHOWN]}...")


def _as_text(values: polars.Series) -> polars.Series:
    import polars as pl

    return values.cast(pl.String)


def _without_missing_marks(values: polars.Series) -> polars.Series:
    stripped = values.str.strip_chars()
    marked = stripped.str.to_lowercase().is_in(list(MISSING_MARKS))
    return stripped.set(marked.fill_null(False), None)

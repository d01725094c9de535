"""What a frame brings besides its cells: a target given as a column, and declared categories.

Shape letters: N rows.
"""

from __future__ import annotations

from dataclasses import replace

from clearprop.data.forms import as_array
from clearprop.data.frames import (
    as_column,
    check_same_index,
    is_frame,
    is_series,
    names_of_categories,
)
from clearprop.data.guess import ReadOptions
from clearprop.data.table_file import TableFile
from clearprop.errors import ConfigurationError, DataError, kind_of, option

TARGET = "target"


def with_categories(options: ReadOptions, frame: object) -> ReadOptions:
    """Return the options with the columns whose type says that they hold categories.

    Args:
        options: that were given; a column named in ``numeric`` stays one of numbers.
        frame: a frame; nothing changes for a file.
    """
    if not is_frame(frame):
        return options
    declared = [name for name in names_of_categories(frame) if name not in options.numeric]
    return replace(options, categorical=tuple(dict.fromkeys((*options.categorical, *declared))))


def with_target(file: TableFile, target: object, frame: object) -> tuple[TableFile, str]:
    """Return a table with a column of targets, and the name of this column.

    Args:
        file: the rows of the frame.
        target: (N,), a series, a list or an array; or a column that the frame has already.
        frame: from which the rows come.

    Raises:
        ConfigurationError: the table is a file, or this is no column.
        DataError: there is not one target for each row, or the indices differ.
    """
    import polars as pl

    if not is_frame(frame):
        raise ConfigurationError(
            "the target of a file is the name of one of its columns",
            where=str(file.path),
            given=kind_of(target),
            fix=option("target", file.frame.columns[-1]),
        )
    check_same_index(frame, target, where=str(file.path))
    name = str(getattr(target, "name", None) or TARGET)
    if is_series(target):
        column = as_column(target, name)
    else:
        values = as_array(target, "target")
        column = pl.Series(name, values[:, 0] if values.shape[1:] == (1,) else values)
    if len(column) != file.frame.height or column.dtype.is_nested():
        raise DataError(
            "there must be one target for each row",
            where=str(file.path),
            given=f"{file.frame.height:,} rows and {len(column):,} targets of {column.dtype}",
        )
    if name in file.frame.columns:
        if file.frame[name].equals(column, null_equal=True):
            return file, name
        name = next(n for n in (TARGET, f"{name}_{TARGET}") if n not in file.frame.columns)
    return replace(file, frame=file.frame.with_columns(column.rename(name))), name

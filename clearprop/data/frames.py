"""Frames and series of pandas and polars as columns of polars.

They are recognized by their methods, so that pandas need not be there. A frame of pandas is read
column by column, so that its types keep their meaning: categories stay names, nullable
numbers keep their gaps.

Shape letters: N rows.
"""

from __future__ import annotations

import decimal
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import DataError, kind_of

if TYPE_CHECKING:
    import polars

FRAME = "frame"
"""What messages call a frame, which has no file name."""

UNITS = ("s", "ms", "us", "ns")


def is_frame(value: object) -> bool:
    """Return whether a value is a table with named columns, of pandas, polars or their like.

    >>> is_frame(np.zeros((2, 2))), is_frame([1, 2])
    (False, False)
    """
    kind = type(value)  # of a lazy frame, asking the value itself would warn
    return all(hasattr(kind, name) for name in ("columns", "dtypes", "to_numpy", "shape"))


def is_series(value: object) -> bool:
    """Return whether a value is one column of a frame, or an index of one.

    >>> is_series(np.zeros(2))
    False
    """
    kind = type(value)
    has = all(hasattr(kind, name) for name in ("dtype", "to_numpy", "name"))
    return has and getattr(value, "ndim", 1) == 1


def check_eager(value: object) -> None:
    """Raise for a frame that is not computed yet.

    Raises:
        DataError: it is one.
    """
    if hasattr(value, "collect_schema") and not is_frame(value):
        raise DataError(
            "a lazy frame has no rows yet", given=kind_of(value), fix="frame = frame.collect()"
        )


def index_of(value: Any) -> Any:
    """Return the index of a pandas frame or series; None for everything else."""
    index = getattr(value, "index", None)
    is_known = (is_frame(value) or is_series(value)) and hasattr(index, "equals")
    return index if is_known else None


def label(entry: object) -> str:
    """Return an entry of an index as messages show it.

    >>> label(np.int64(3)), label("a")
    ('3', "'a'")
    """
    return repr(entry.item() if isinstance(entry, np.generic) else entry)


def check_same_index(inputs: object, targets: object, where: str | None = None) -> None:
    """Raise where inputs and targets have an index, and the rows are not in the same order.

    pandas puts rows together by their index; here they belong together by their place.

    Args:
        inputs: a frame or a series; nothing is checked for everything else.
        targets: the same.
        where: the place that an error names.

    Raises:
        DataError: the indices differ.
    """
    rows, others = index_of(inputs), index_of(targets)
    if rows is None or others is None or len(rows) != len(others) or rows.equals(others):
        return
    place = int(np.argmax(np.asarray(rows != others)))
    again = rows.is_unique and others.is_unique and set(rows) == set(others)
    raise DataError(
        "inputs and targets have different indices, so it is not known which rows belong together",
        where=where,
        given=f"at place {place} the inputs have {label(rows[place])} and the targets "
        f"{label(others[place])}",
        fix="y = y.loc[x.index]" if again else "y = y.to_numpy()  # if they belong by their place",
    )


def as_polars(frame: Any) -> polars.DataFrame:
    """Return a frame as one of polars; its columns get their names as text.

    Raises:
        DataError: two columns have the same name, a name has several levels, or a column holds
            something else than numbers, texts, dates and truth values.
    """
    import polars as pl

    names = column_names(frame)
    if isinstance(frame, pl.DataFrame):
        return frame
    columns = [
        as_column(frame.iloc[:, place] if hasattr(frame, "iloc") else frame[name], name)
        for place, name in enumerate(names)
    ]
    return pl.DataFrame(columns)


def column_names(frame: Any) -> list[str]:
    """Return the names of the columns, each as text.

    Raises:
        DataError: two columns have the same name, or a name has several levels.
    """
    given = list(frame.columns)
    if any(isinstance(name, tuple) for name in given):
        raise DataError(
            "the names of the columns have several levels",
            where=FRAME,
            given=repr(given[0]),
            fix='frame.columns = ["_".join(map(str, name)) for name in frame.columns]',
        )
    names = list(map(str, given))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            "two columns have the same name",
            where=FRAME,
            given=", ".join(map(repr, twice)),
            fix="frame = frame.loc[:, ~frame.columns.duplicated()]  # keeps the first of each",
        )
    return names


def names_of_categories(frame: Any) -> list[str]:
    """Return the columns whose type says that they hold categories."""
    kinds = [frame.dtypes.iloc[i] for i in range(len(frame.columns))] if (
        hasattr(frame.dtypes, "iloc")
    ) else list(frame.dtypes)  # fmt: skip
    return [
        str(name) for name, kind in zip(frame.columns, kinds, strict=True) if _is_categorical(kind)
    ]


def _is_categorical(kind: Any) -> bool:
    return hasattr(kind, "categories") or str(kind).startswith(("Categorical", "Enum"))


def as_column(series: Any, name: str) -> polars.Series:
    """Return one column as a series of polars, null where a value is missing.

    Args:
        series: of pandas, polars or their like.
        name: of the column.

    Raises:
        DataError: it holds something else than numbers, texts, dates and truth values.
    """
    import polars as pl

    if isinstance(series, pl.Series):
        return series.rename(name)
    kind = series.dtype
    if _is_categorical(kind):
        return pl.Series(name, [None if _missing(x) else str(x) for x in series], dtype=pl.String)
    if getattr(kind, "tz", None) is not None:  # the parts that are written, as in a file
        series = series.dt.tz_localize(None)
        kind = series.dtype
    if isinstance(kind, np.dtype) and kind.kind in "biuf":
        values = series.to_numpy()
        return pl.Series(name, values.astype(np.float32) if kind.itemsize == 2 else values)
    if isinstance(kind, np.dtype) and kind.kind in "mM":
        unit = np.datetime_data(kind)[0]
        short = f"{kind.kind}8[us]" if unit not in UNITS or unit == "s" else kind
        return pl.Series(name, series.to_numpy().astype(short))
    return of_objects(list(series), name)


def _missing(value: Any) -> bool:
    """Return whether a cell stands for nothing: None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def of_objects(cells: Sequence[Any], name: str) -> polars.Series:
    """Return Python objects as a column; numbers among texts become texts, as in a file."""
    import datetime

    import polars as pl

    present = [None if _missing(cell) else cell for cell in cells]
    plain = [cell.item() if isinstance(cell, np.generic) else cell for cell in present]
    kinds = {type(cell) for cell in plain if cell is not None}
    for kinds_of_column, dtype in (
        ((bool,), pl.Boolean),
        ((int,), pl.Int64),
        ((int, float, decimal.Decimal), pl.Float64),
        ((datetime.date,), pl.Date),
        ((datetime.time,), pl.Time),
    ):
        if kinds and kinds <= set(kinds_of_column):
            if dtype == pl.Int64 and any(abs(cell) >= 2**63 for cell in plain if cell is not None):
                break
            values = [float(c) if dtype == pl.Float64 and c is not None else c for c in plain]
            return pl.Series(name, values, dtype=dtype)
    if kinds and all(issubclass(kind, datetime.datetime | datetime.date) for kind in kinds):
        moments = [
            None if c is None else np.datetime64(c.replace(tzinfo=None))
            if isinstance(c, datetime.datetime) else np.datetime64(c) for c in plain
        ]  # fmt: skip
        return pl.Series(name, np.array(moments, "datetime64[us]"))
    for row, cell in enumerate(plain):
        if cell is not None and not isinstance(
            cell, str | bool | int | float | decimal.Decimal | datetime.date | datetime.time
        ) and type(cell).__name__ not in ("Period", "Interval"):  # fmt: skip
            raise DataError(
                "a cell is neither a number, a text nor a date",
                where=f"{FRAME}, row {row + 1}, column {name!r}",
                given=kind_of(cell),
                fix=f"frame = frame.drop(columns=[{name!r}])",
            )
    return pl.Series(name, [None if c is None else str(c) for c in plain], dtype=pl.String)


def as_objects(series: polars.Series, where: str) -> NDArray[Any]:
    """Return a column as an array: numbers, truth values, or texts.

    Args:
        series: of polars.
        where: the place that an error names.

    Raises:
        DataError: a value is missing, or is a date.
    """
    import polars as pl

    missing = series.is_null() | (series.is_nan() if series.dtype.is_float() else False)
    if missing.any():
        row = int(missing.arg_max() or 0)
        raise DataError(
            "a value is missing",
            where=where,
            given=f"nothing at row {row + 1}",
            fix="fill or drop what is missing",
        )
    if series.dtype in (pl.String, pl.Categorical) or isinstance(series.dtype, pl.Enum):
        return np.array(series.cast(pl.String).to_list(), np.str_)
    if (series.dtype.is_numeric() and not series.dtype.is_decimal()) or series.dtype == pl.Boolean:
        return np.asarray(series.to_numpy())
    if series.dtype.is_decimal():
        return np.asarray(series.cast(pl.Float64).to_numpy())
    raise DataError("numbers or texts are needed", where=where, given=f"a column of {series.dtype}")

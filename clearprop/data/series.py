"""Series of numbers in windows, each with the values that follow it.

Shape letters: V values of a series, N windows, T values in a window, F features (1), H values to
predict.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_at_least_one, check_windows
from clearprop.data.dataset import About, Dataset
from clearprop.data.installed import data_file
from clearprop.data.table_file import TableFile, read_table_file
from clearprop.data.tables import CellOptions, read_number_columns
from clearprop.errors import DataError, option

WINDOW, HORIZON = 24, 1
MOMENTS = ("date", "time", "datetime", "timestamp", "year", "month", "week", "day")
"""Names of columns, in lower case, that say when a value of a user's table was measured."""


class Series(NamedTuple):
    """What is known about a named series before it is loaded.

    Attributes:
        column: the column of the file that holds the values.
        moments: the column that says when each value was measured.
        season: the number of values after which the series repeats.
        window: T, unless it is given.
        size: the number of values, in words.
        source: where the series comes from.
        licence: under which terms it may be used.
    """

    column: str
    moments: str
    season: int
    window: int
    size: str
    source: str
    licence: str


SERIES = {
    "sunspots": Series(
        "SUNACTIVITY",
        "YEAR",
        11,
        24,
        "309 years",
        "yearly sunspot numbers 1700-2008, National Geophysical Data Center; from statsmodels",
        "public domain",
    ),
    "co2": Series(
        "co2",
        "date",
        52,
        104,
        "2284 weeks",
        "weekly CO2 in air at Mauna Loa 1958-2001, ppm (Keeling and Whorf, 2004); from statsmodels",
        "public domain",
    ),
}


def load_series(name: str, *, window: int | None = None, horizon: int = HORIZON) -> Dataset:
    """Return a named series in windows, (N, T, 1), with the H values that follow each, (N, H).

    Args:
        name: "sunspots" or "co2".
        window: T; None takes 24 years for sunspots, 104 weeks for co2.
        horizon: H.

    Raises:
        ConfigurationError: a window or horizon below 1.
        DataError: statsmodels is not installed, or the series is too short for one window.
    """
    known = SERIES[name]
    path = data_file(name, "statsmodels", "series", "datasets", name, f"{name}.csv")
    table = read_table_file(path)
    values, filled = _numbers(table, known.column)
    return windows(
        values,
        window or known.window,
        horizon,
        name=name,
        column=known.column,
        moments=_moments(table, known.moments),
        source=f"{known.source}{filled}",
        licence=known.licence,
    )


def load_series_file(
    path: Path | object,
    *,
    target: str | None = None,
    window: int = WINDOW,
    horizon: int = HORIZON,
    **cells: Unpack[CellOptions],
) -> Dataset:
    """Return a column of a CSV, TSV or Parquet file in windows; its rows are in time order.

    A missing value is filled by a straight line between its neighbors; ``source`` says how many.

    Args:
        path: the file, or a frame.
        target: the column of the series.
        window: T.
        horizon: H.
        cells: how numbers are written: ``decimal``, ``thousands``, ``na_values``.

    Raises:
        ConfigurationError: there is no such column, no column is named, or a window is below 1.
        DataError: the file is damaged, a cell is not a number, or the series is too short.
    """
    table = read_table_file(path, cells.get("encoding"), cells.get("skiprows"))
    target = table.column(target, "the series")
    values, filled = _numbers(table, target, **cells)
    when = next((name for name in table.frame.columns if name.lower() in MOMENTS), None)
    return windows(
        values,
        window,
        horizon,
        name=table.path.name,
        column=target,
        moments=None if when in (None, target) else _moments(table, str(when)),
        source=f"{table.path}{filled}",
    )


def windows(
    values: NDArray[np.floating],
    window: int = WINDOW,
    horizon: int = HORIZON,
    *,
    name: str = "series",
    column: str = "value",
    moments: Sequence[str] | None = None,
    **about: Unpack[About],
) -> Dataset:
    """Return a series in windows, each with the values that follow it.

    Window i holds the values i to i + T - 1, and its targets are the H values from i + T on. A
    split keeps the windows in order and leaves out T + H - 1 windows between two parts, so that no
    value of the evaluation data is in the training data, as input or as target.

    Args:
        values: (V,), in time order.
        window: T.
        horizon: H.
        name: the name of the data set.
        column: what the values are.
        moments: when each value was measured, (V,); a row is named by the moments it predicts.
        about: further fields of the data set, such as its source.

    Raises:
        ConfigurationError: a window or horizon below 1.
        DataError: fewer than T + H values.

    >>> made = windows(np.arange(6.0), window=3, horizon=2)
    >>> made.inputs[..., 0].tolist(), made.targets.tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [[3.0, 4.0], [4.0, 5.0]])
    """
    check_at_least_one(name, window=window, horizon=horizon)
    if len(values) < window + horizon:
        raise DataError(
            "the series is too short for one window",
            where=name,
            given=f"{len(values)} values",
            expected=f"at least {window + horizon}: {window} to look at and {horizon} to predict",
            fix=option("window", len(values) - horizon) if len(values) > horizon else None,
        )
    count = len(values) - window - horizon + 1
    check_windows(
        name,
        count,
        8 * (window + horizon),
        f"{window:,} values to look at",
        lambda fitting: option("window", max(1, window * fitting // count)),
    )
    both = np.lib.stride_tricks.sliding_window_view(values, window + horizon)
    return Dataset(
        name,
        np.ascontiguousarray(both[:, :window, None], np.float64),
        np.ascontiguousarray(both[:, window:]),
        "regression",
        feature_names=(column,),
        gap=window + horizon - 1,
        row_names=None if moments is None else _spans(moments[window:], horizon),
        **about,
    )


def _spans(moments: Sequence[str], horizon: int) -> tuple[str, ...]:
    """Return for each window the first and last moment that it predicts."""
    if horizon == 1:
        return tuple(moments)
    starts = range(len(moments) - horizon + 1)
    return tuple(f"{moments[i]} to {moments[i + horizon - 1]}" for i in starts)


def _moments(table: TableFile, column: str) -> tuple[str, ...]:
    """Return a column as text; days such as 20010929 get hyphens."""
    cells = [str(cell).strip() for cell in table.frame[column]]
    if all(len(cell) == 8 and cell.isdecimal() for cell in cells):
        return tuple(f"{cell[:4]}-{cell[4:6]}-{cell[6:]}" for cell in cells)
    return tuple(cells)


def _numbers(
    table: TableFile, column: str, **cells: Unpack[CellOptions]
) -> tuple[NDArray[np.float64], str]:
    """Return a column as numbers with its gaps filled, and a remark on the gaps for the source."""
    (values,) = read_number_columns(table, [column], **cells)
    missing = np.isnan(values)
    if missing.all():
        raise DataError("the series has no value", where=table.where(0, column))
    places = np.arange(len(values))
    values[missing] = np.interp(places[missing], places[~missing], values[~missing])
    words = "missing values filled by straight lines between their neighbors"
    return values, f"; {missing.sum()} {words}" if missing.any() else ""

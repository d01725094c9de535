"""What the columns of a table are taken for, from the cells of the whole column.

Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from clearprop.data import dates
from clearprop.data.column_notes import has_leading_zeros
from clearprop.data.guess import (
    LOOK,
    Guess,
    Kind,
    ReadOptions,
    as_missing,
    as_texts,
    column_error,
    not_a_number,
    without_marked,
)
from clearprop.data.notations import UNITS, Cells, best_reading, is_amount
from clearprop.data.readings import Reading
from clearprop.data.settled_marks import settle_marks
from clearprop.data.table_file import TableFile, shown
from clearprop.errors import DataError, one_of, option

if TYPE_CHECKING:
    import polars

# If at least this fraction of the cells of a text column are numbers or dates, all must be.
MOSTLY, FEWEST_NUMBERS = 0.5, 4

# Whole numbers such as 20240229 are days if all are, at least this many different ones.
FIRST_DAY, LAST_DAY, FEWEST_DAYS = 19000000, 21000000, 3
MONTH_YEAR = r"^(?:0[1-9]|1[0-2])\.(?:19|20)[0-9]{2}$"

# Without any zero at the beginning, 10.10.12 may be a version. 192.168.100.200 is no number.
VERSION = r"^[1-9][0-9]\.[1-9][0-9]\.[0-9]{2}$"
BYTE = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
ADDRESS = rf"^(?:{BYTE}\.){{3}}{BYTE}$"
COMPACT = Reading(date="yearmonthday")


def guesses(
    file: TableFile,
    names: Iterable[str],
    options: ReadOptions,
    others: Iterable[Reading] = (),
) -> dict[str, Guess]:
    """Return what columns are taken for, by name.

    A column whose marks are ambiguous, such as 1,234, follows columns of the file that prove what
    the mark means. Without such a column the guess has an error that names the options.

    Args:
        file: the table.
        names: of the columns.
        options: how to read cells.
        others: how other columns of the file are written, where it is known.
    """
    found = {name: _guess(file, name, options) for name in names}
    settle_marks(file, found.values(), options, others)
    return found


def _guess(file: TableFile, name: str, options: ReadOptions) -> Guess:
    import polars as pl

    values, as_numbers = file.frame[name], options.as_numbers(name)
    kind = values.dtype
    is_chosen = as_numbers is not None
    if kind.is_temporal() and kind != pl.Duration and as_numbers is None:
        return Guess(name, "time" if kind == pl.Time else "date", values)
    if kind == pl.Duration and as_numbers is not False:
        return Guess(name, "number", values.dt.total_microseconds() / 1e6)
    if (kind.is_numeric() or kind == pl.Boolean) and as_numbers is not False:
        values = without_marked(values, options.na_values)
        if as_numbers is None and _are_compact_dates(values):
            return Guess(name, "date", values.cast(pl.Int64).cast(pl.String), [COMPACT])
        return Guess(name, "number", values, is_chosen=is_chosen)
    if not (
        kind.is_numeric()
        or kind.is_temporal()
        or kind in (pl.Boolean, pl.String, pl.Categorical, pl.Null)
        or isinstance(kind, pl.Enum)
    ):
        problem = f"a column of type {kind} is neither numbers, dates nor categories"
        fix = "turn it into numbers, or leave it out: " + option("ignore", [name])
        return Guess(name, "categories", values, error=column_error(file, name, problem, fix=fix))
    values = without_marked(values, options.na_values)
    if as_numbers is False:
        return Guess(name, "categories", as_texts(values), is_chosen=True)
    texts = values if values.dtype == pl.String else as_texts(values)  # without spaces already
    guess = _of_texts(file, name, texts, options)
    guess.is_chosen = is_chosen
    return guess


def _of_texts(file: TableFile, name: str, texts: polars.Series, options: ReadOptions) -> Guess:
    must = options.as_numbers(name) is True
    if (guess := _of_plain_numbers(name, texts, must)) is not None:
        return guess
    distinct = texts.drop_nulls().unique(maintain_order=True)
    look = distinct.head(LOOK)
    orders = [] if must else dates.orders_of(look, options.dayfirst)
    if len(distinct) > len(look):
        orders = [order for order in orders if dates.are_moments(distinct, order).all()]
    if orders:
        return _of_dates(file, name, texts, distinct, orders, options)
    if not must and distinct.str.contains(ADDRESS).all():
        return Guess(name, "categories", texts)
    cells = Cells(distinct)
    readings = cells.readings(options.marks)
    if readings:
        return Guess(name, "number", texts, readings)
    if (problem := _mixed_units(file, name, texts, cells)) is not None and not must:
        return Guess(name, "number", texts, error=problem)
    numbers = distinct.filter(cells.look_like_amounts)
    # A mark of missing values such as "-" may fill most of the rows.
    are_most = len(numbers) >= max(FEWEST_NUMBERS, MOSTLY * len(distinct))
    if must or are_most or texts.is_in(numbers.implode()).sum() >= MOSTLY * texts.count():
        reading = best_reading(cells, options.marks)
        problem = not_a_number(file, name, texts, reading, options)
        return Guess(name, "number", texts, [reading], problem, has_text=True)
    if (problem := _contradicted(file, name, texts, distinct, options.dayfirst)) is not None:
        return Guess(name, "date", texts, error=problem)
    if (problem := _not_a_date(file, name, texts, look)) is not None:
        return Guess(name, "date", texts, error=problem)
    return Guess(name, "categories", texts)


def _of_plain_numbers(name: str, texts: polars.Series, must: bool) -> Guess | None:
    """Return what a column is taken for whose cells are all plain numbers; None for another one."""
    import polars as pl

    plain = texts.cast(pl.Float64, strict=False)
    if plain.count() != texts.count():
        return None
    if not must and _are_compact_dates(plain):
        return Guess(name, "date", plain.cast(pl.Int64).cast(pl.String), [COMPACT])
    if not must and _are_months(texts):
        return Guess(name, "date", texts, [Reading(date="year-month")])
    if not must and _are_whole(plain.head(LOOK)) and has_leading_zeros(texts):
        return Guess(name, "categories", texts, notes=(_zeros_note(name),))
    return Guess(name, "number", texts)


def _of_dates(
    file: TableFile,
    name: str,
    texts: polars.Series,
    distinct: polars.Series,
    orders: list[str],
    options: ReadOptions,
) -> Guess:
    """Return the guess of a column of dates, with an error where it is not known how to read it."""
    kind: Kind = "time" if orders == [dates.TIME] else "date"
    guess = Guess(name, kind, texts, [Reading(date=order) for order in orders])
    if len(orders) > 1:
        days = [dates.moments(distinct, order)["date"] for order in orders[:2]]
        row = int((days[0] != days[1]).arg_max() or 0)  # not 05/05/2024, the same in both
        guess.error = column_error(
            file,
            name,
            "it is not known which number of the date is the day",
            given=shown(distinct[row]),
            fix=_ways_to_read_dates(name, distinct, distinct.slice(row, 1)),
        )
    elif options.dayfirst is None and distinct.str.contains(VERSION).all():
        guess.error = column_error(
            file,
            name,
            "it is not known whether the cells are dates or the numbers of versions",
            given=shown(distinct[0]),
            fix=one_of(
                [
                    option("dayfirst", True)
                    + f" reads {dates.moments(distinct, orders[0])['date'][0]}",
                    option("categorical", [name]) + " takes the cells as names",
                    option("ignore", [name]) + " leaves the column out",
                ]
            ),
        )
    return guess


def _ways_to_read_dates(name: str, texts: polars.Series, text: polars.Series) -> str:
    ways = []
    for dayfirst in (True, False):
        if len(orders := dates.orders_of(texts, dayfirst)) == 1:
            day = dates.moments(text, orders[0])["date"][0]
            ways.append(option("dayfirst", dayfirst) + f" reads {day}")
    return one_of([*ways, option("ignore", [name]) + " leaves the column out"])


def _are_compact_dates(numbers: polars.Series) -> bool:
    """Return whether numbers are days such as 20240229, at least three different ones."""
    import polars as pl

    distinct = numbers.drop_nulls().cast(pl.Float64)
    in_range = (distinct > FIRST_DAY) & (distinct < LAST_DAY) & (distinct % 1 == 0)
    if numbers.dtype == pl.Boolean or not in_range.all():
        return False
    distinct = distinct.unique()
    days = distinct.cast(pl.Int64).cast(pl.String)
    return len(days) >= FEWEST_DAYS and bool(dates.are_moments(days, COMPACT.date).all())


def _are_whole(numbers: polars.Series) -> bool:
    return bool((numbers.drop_nulls() % 1 == 0).all())


def _zeros_note(name: str) -> str:
    return (
        "zeros at the beginning, as in 007, make all cells names; "
        + option("numeric", [name])
        + " reads them as numbers"
    )


def _are_months(texts: polars.Series) -> bool:
    """Return whether numbers are months such as 01.2024, at least three different ones."""
    if not texts.head(LOOK).str.contains(MONTH_YEAR).all() or not texts.count():
        return False
    is_padded = texts.str.starts_with("0").any()
    return bool(
        texts.str.contains(MONTH_YEAR).all()
        and (is_padded or texts.drop_nulls().n_unique() >= FEWEST_DAYS)
    )


def _mixed_units(
    file: TableFile, name: str, texts: polars.Series, cells: Cells
) -> DataError | None:
    units = cells.units
    with_unit = [unit for unit in units if unit]
    if len(units) < 2 or not cells.are_numbers.all():
        return None
    if not all(is_amount(unit) or unit in UNITS for unit in with_unit):
        return None  # such as 10A and 10B
    several = " and ".join(repr(unit) for unit in with_unit[:4])
    problem = (
        f"some numbers are written with {several}, others without"
        if "" in units
        else f"the numbers have different units: {several}"
    )
    return column_error(
        file,
        name,
        problem,
        given=", ".join(shown(text) for text in _one_of_each(cells)[:4]),
        fix="write all in one unit, or "
        + option("categorical", [name])
        + " takes them as names, or "
        + option("ignore", [name])
        + " leaves the column out",
    )


def _one_of_each(cells: Cells) -> list[str]:
    first = cells.parts["unit"].to_list()
    return [cells.texts[first.index(unit)] for unit in cells.units]


def _contradicted(
    file: TableFile, name: str, texts: polars.Series, distinct: polars.Series, dayfirst: bool | None
) -> DataError | None:
    """Return an error if the cells are dates, but only without the option ``dayfirst``."""
    if dayfirst is None or not dates.orders_of(distinct.head(LOOK), not dayfirst):
        return None
    orders = dates.orders_of(distinct, not dayfirst)
    if len(orders) != 1:
        return None
    wrong = texts.is_not_null() & ~dates.are_moments(texts, dates.DAY_FIRST[not dayfirst])
    row = int(wrong.arg_max() or 0)
    return DataError(
        f"dayfirst={dayfirst} contradicts the column, whose dates are all {orders[0]}",
        where=file.where(row, name),
        given=shown(texts[row]),
        fix="leave the option out, or "
        + option("dayfirst", not dayfirst)
        + ", or "
        + option("ignore", [name])
        + " leaves the column out",
    )


def _not_a_date(
    file: TableFile, name: str, texts: polars.Series, look: polars.Series
) -> DataError | None:
    counts = {order: dates.are_moments(look, order).sum() for order in dates.ORDERS}
    order = max(counts, key=lambda key: counts[key])
    if counts[order] < MOSTLY * len(look):
        return None
    wrong = texts.is_not_null() & ~dates.are_moments(texts, order)
    row = int(wrong.arg_max() or 0)
    left_out = option("ignore", [name]) + " leaves the column out"
    return DataError(
        "a cell of a column of dates is not such a date",
        where=file.where(row, name),
        given=shown(texts[row]),
        expected=f"a date or time in the order of the others, {order}",
        fix=one_of(["correct the cell", *as_missing(texts[row]), left_out]),
    )

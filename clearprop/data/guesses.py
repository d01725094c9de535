"""What the columns of a table are taken for, from the cells of the whole column.

Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from clearprop.data import dates
from clearprop.data.notations import (
    UNITS,
    Cells,
    Marks,
    best_reading,
    is_amount,
    numbers_in,
    options_of,
)
from clearprop.data.readings import MISSING_MARKS, PLAIN, Reading
from clearprop.data.table_file import TableFile, shown
from clearprop.errors import ClearpropError, ConfigurationError, DataError

if TYPE_CHECKING:
    import polars

Kind: TypeAlias = Literal["number", "categories", "date", "time"]

# If at least this fraction of the cells of a text column are numbers or dates, all must be.
MOSTLY = 0.5

# Each category becomes a 0/1 feature; a column with more texts than this likely holds names.
MOST_CATEGORIES = 1000

# Where this fraction of the cells differ, a category tells a row from all others: a network learns
# the rows by heart. Fewer rows than this may differ by chance.
MOSTLY_DISTINCT, FEWEST_ROWS = 0.9, 5

# A look at so many distinct cells shows whether a column can be dates or numbers at all.
LOOK = 200
LONGEST_MARK = 20

# Whole numbers such as 20240229 are days if all are, at least this many different ones.
FIRST_DAY, LAST_DAY, FEWEST_DAYS = 19000000, 21000000, 3
DOTTED = r"^[-+]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)$"


@dataclass(frozen=True)
class ReadOptions:
    """The options that say how the cells of a table are read.

    Args:
        categorical: columns to take as categories.
        numeric: columns to take as numbers.
        decimal: the decimal mark of numbers; None finds it out.
        thousands: the mark between groups of three digits; None finds it out.
        dayfirst: True reads 03/04/2024 as 3 April, False as March 4; None finds it out.
        na_values: cells that stand for a missing value, besides the usual ones.
    """

    categorical: Sequence[str] = ()
    numeric: Sequence[str] = ()
    decimal: str | None = None
    thousands: str | None = None
    dayfirst: bool | None = None
    na_values: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, mark, known in (
            ("decimal", self.decimal, ".,"),
            ("thousands", self.thousands, ",. '_"),
        ):
            if mark is not None and (len(mark) != 1 or mark not in known):
                raise ConfigurationError(
                    f"{name} is a mark inside numbers",
                    given=f"{name}={mark!r}",
                    expected=f"one of {', '.join(map(repr, known))}",
                )
        if self.decimal is not None and self.decimal == self.thousands:
            raise ConfigurationError(
                "decimal and thousands are the same mark", given=f"both are {self.decimal!r}"
            )

    @property
    def marks(self) -> Marks:
        """What the options say about the marks in numbers."""
        return Marks.given(self.decimal, self.thousands)

    def as_numbers(self, name: str) -> bool | None:
        """Return True or False where a column must be numbers or categories, else None."""
        if name in self.numeric:
            return True
        return False if name in self.categorical else None


@dataclass(eq=False)
class Guess:
    """What a column is taken for.

    Attributes:
        name: of the column.
        kind: what it is taken for.
        values: (N,), its cells; of a text column without spaces at the ends. Null where missing.
        readings: the ways to read it; more than one where the cells alone do not decide.
        error: why the column cannot be used.
        is_chosen: whether an option chose the kind.
        has_text: whether the error is a text among the numbers.
    """

    name: str
    kind: Kind
    values: polars.Series
    readings: list[Reading] = field(default_factory=lambda: [PLAIN])
    error: ClearpropError | None = None
    is_chosen: bool = False
    has_text: bool = False

    @property
    def reading(self) -> Reading:
        """The way to read it."""
        return self.readings[0]


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
    numbers = [guess for guess in found.values() if guess.kind == "number"]
    sure = [g.reading for g in numbers if len(g.readings) == 1 and g.error is None]
    proved = Marks.proved([*sure, *others])
    marks = Marks(
        proved.decimals | options.marks.decimals, proved.thousands | options.marks.thousands
    )
    for guess in numbers:
        if not (guess.is_chosen and guess.readings == [PLAIN] and not options.thousands):
            _settle(file, guess, marks)
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
        fix = f"turn it into numbers, or leave it out: ignore=[{name!r}]"
        return Guess(name, "categories", values, error=_error(file, name, problem, fix=fix))
    values = without_marked(values, options.na_values)
    if as_numbers is False:
        return Guess(name, "categories", as_texts(values), is_chosen=True)
    guess = _of_texts(file, name, as_texts(values), options)
    guess.is_chosen = is_chosen
    return guess


def _of_texts(file: TableFile, name: str, texts: polars.Series, options: ReadOptions) -> Guess:
    import polars as pl

    must = options.as_numbers(name) is True
    plain = texts.cast(pl.Float64, strict=False)
    if plain.count() == texts.count():
        if not must and _are_compact_dates(plain):
            return Guess(name, "date", plain.cast(pl.Int64).cast(pl.String), [COMPACT])
        return Guess(name, "number", texts)
    distinct = texts.drop_nulls().unique(maintain_order=True)
    look = distinct.head(LOOK)
    orders = [] if must else dates.orders_of(look, options.dayfirst)
    orders = dates.orders_of(distinct, options.dayfirst) if orders else []
    if orders:
        kind: Kind = "time" if orders == [dates.TIME] else "date"
        guess = Guess(name, kind, texts, [Reading(date=order) for order in orders])
        if len(orders) > 1:
            days = [dates.moments(distinct, order)["date"] for order in orders[:2]]
            row = int((days[0] != days[1]).arg_max() or 0)  # not 05/05/2024, the same in both
            guess.error = _error(
                file,
                name,
                "it is not known which number of the date is the day",
                given=shown(distinct[row]),
                fix=_ways_to_read_dates(name, distinct, distinct.slice(row, 1)),
            )
        return guess
    cells = Cells(distinct)
    readings = cells.readings(options.marks)
    if readings:
        return Guess(name, "number", texts, readings)
    if (problem := _mixed_units(file, name, texts, cells)) is not None and not must:
        return Guess(name, "number", texts, error=problem)
    amounts = texts.is_in(distinct.filter(cells.look_like_amounts).implode()).sum()
    if must or amounts >= MOSTLY * texts.count():
        reading = best_reading(cells, options.marks)
        problem = _not_a_number(file, name, texts, reading, options)
        return Guess(name, "number", texts, [reading], problem, has_text=True)
    if (problem := _contradicted(file, name, texts, distinct, options.dayfirst)) is not None:
        return Guess(name, "date", texts, error=problem)
    if (problem := _not_a_date(file, name, texts, look)) is not None:
        return Guess(name, "date", texts, error=problem)
    return Guess(name, "categories", texts)


def _ways_to_read_dates(name: str, texts: polars.Series, text: polars.Series) -> str:
    ways = []
    for dayfirst in (True, False):
        if len(orders := dates.orders_of(texts, dayfirst)) == 1:
            day = dates.moments(text, orders[0])["date"][0]
            ways.append(f"dayfirst={dayfirst} reads {day}")
    return ", or ".join([*ways, f"ignore=[{name!r}] leaves the column out"])


COMPACT = Reading(date="yearmonthday")


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


def _settle(file: TableFile, guess: Guess, marks: Marks) -> None:
    import polars as pl

    is_plain = guess.readings == [PLAIN]
    if guess.error is not None:
        return
    if guess.values.dtype == pl.String and is_plain:
        texts = guess.values
        known = "." in marks.thousands or "," in marks.decimals
        if not (known and texts.str.contains(r"\.").any() and texts.str.contains(DOTTED).all()):
            return
        # Python reads 1.234 as 1.234; this file or its reader has another decimal mark.
        guess.readings = [PLAIN, Reading(decimal=",", thousands=".")]
        if "." not in marks.thousands:
            marks = Marks()
    if len(guess.readings) > 1:
        left = [r for r in guess.readings if marks.allow(r.decimal, r.thousands)]
        guess.readings = left if len(left) == 1 else guess.readings
    if len(guess.readings) > 1:
        options = options_of(guess.readings)
        if is_plain:
            options = [f"numeric=[{guess.name!r}]", "thousands='.'"]
        guess.error = _ambiguous(file, guess, options)


def _ambiguous(file: TableFile, guess: Guess, options: Sequence[str]) -> DataError:
    texts = guess.values.drop_nulls()
    values = [numbers_in(texts, reading) for reading in guess.readings]
    row = int((values[0] != values[1]).arg_max() or 0)
    ways = ", or ".join(
        f"{option} reads {column[row]:.10g}" for column, option in zip(values, options, strict=True)
    )
    return _error(
        file,
        guess.name,
        "it is not known which mark of the numbers begins the decimals",
        given=shown(texts[row]),
        fix=ways,
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
    return _error(
        file,
        name,
        problem,
        given=", ".join(shown(text) for text in _one_of_each(cells)[:4]),
        fix=f"write all in one unit, or categorical=[{name!r}] takes them as names, or "
        f"ignore=[{name!r}] leaves the column out",
    )


def _one_of_each(cells: Cells) -> list[str]:
    first = cells.parts["unit"].to_list()
    return [cells.texts[first.index(unit)] for unit in cells.units]


def _not_a_number(
    file: TableFile, name: str, texts: polars.Series, reading: Reading, options: ReadOptions
) -> DataError | None:
    wrong = texts.is_not_null() & numbers_in(texts, reading).is_null()
    if not wrong.any():
        return None
    row = int(wrong.arg_max() or 0)
    fixes = ["correct the cell", *_as_missing(texts[row])]
    if options.as_numbers(name) is None:
        fixes.append(f"categorical=[{name!r}] takes all cells as names")
    known = f"a number such as {reading.example}" if reading.words else "a number"
    return DataError(
        "text in a column of numbers",
        where=file.where(row, name),
        given=shown(texts[row]),
        expected=f"{known}, or nothing where it is missing",
        fix=", or ".join(fixes),
    )


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
        fix=f"leave the option out, or dayfirst={not dayfirst}, or ignore=[{name!r}] leaves the "
        "column out",
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
    left_out = f"ignore=[{name!r}] leaves the column out"
    return DataError(
        "a cell of a column of dates is not such a date",
        where=file.where(row, name),
        given=shown(texts[row]),
        expected=f"a date or time in the order of the others, {order}",
        fix=", or ".join(["correct the cell", *_as_missing(texts[row]), left_out]),
    )


def _as_missing(cell: str) -> list[str]:
    if len(cell) > LONGEST_MARK or not cell.isprintable():
        return []
    return [f"na_values=[{cell!r}] takes it as a missing value"]


def _error(file: TableFile, name: str, problem: str, **about: str | None) -> DataError:
    return DataError(problem, where=f"{file.path}, column {name!r}", **about)


def as_texts(values: polars.Series) -> polars.Series:
    """Return cells as texts without spaces at their ends; 2.0 becomes ``2`` if all are whole."""
    import polars as pl

    if values.dtype.is_float() and (values.drop_nulls() % 1 == 0).all():
        values = values.cast(pl.Int64, strict=False)
    return values.cast(pl.String).str.strip_chars()


def without_marked(values: polars.Series, na_values: Sequence[str] = ()) -> polars.Series:
    """Return cells with null where they stand for a missing value.

    Args:
        values: (N,), cells of any type.
        na_values: marks of missing values besides the usual ones.
    """
    import polars as pl

    marks = [mark.strip().lower() for mark in na_values]
    numbers = pl.Series(marks, dtype=pl.String).cast(pl.Float64, strict=False).drop_nulls()
    if values.dtype.is_numeric():
        values = values.fill_nan(None) if values.dtype.is_float() else values
        if not len(numbers):
            return values
        return values.set(values.cast(pl.Float64).is_in(numbers.implode()).fill_null(False), None)
    if values.dtype == pl.Boolean or values.dtype.is_temporal():
        return values
    texts = values.cast(pl.String).str.strip_chars()
    marked = texts.str.to_lowercase().is_in([*MISSING_MARKS, *marks])
    if len(numbers):
        marked = marked | texts.cast(pl.Float64, strict=False).is_in(numbers.implode()).fill_null(
            False
        )
    return texts.set(marked.fill_null(False), None)

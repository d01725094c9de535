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
MOSTLY, FEWEST_NUMBERS = 0.5, 4

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
POINT = r"\.(?:[0-9]{1,2}|[0-9]{4,})(?:[eE][-+]?[0-9]+)?$"
TELEPHONE = r"^\+?[1-9][0-9]*(?:[ \x{a0}\x{202f}][0-9]+)+$|^\+[0-9]{7,}$"
MONTH_YEAR = r"^(?:0[1-9]|1[0-2])\.(?:19|20)[0-9]{2}$"
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
        of_new_rows: how numbers of new rows are read, where the column has no mark that shows it
            and the other columns of the file do.
        notes: what is doubtful in how it is read.
    """

    name: str
    kind: Kind
    values: polars.Series
    readings: list[Reading] = field(default_factory=lambda: [PLAIN])
    error: ClearpropError | None = None
    is_chosen: bool = False
    has_text: bool = False
    of_new_rows: Reading | None = None
    notes: tuple[str, ...] = ()

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
    import polars as pl

    found = {name: _guess(file, name, options) for name in names}
    numbers = [g for g in found.values() if g.kind == "number" and g.error is None]
    sure = [guess.reading for guess in numbers if len(guess.readings) == 1]
    known = Marks.proved([*sure, *others])
    points = None
    if any(guess.readings != [PLAIN] or _is_dotted(guess.values) for guess in numbers):
        points = next((guess for guess in numbers if _has_points(guess)), None)
        known = known.with_points() if points is not None else known
    marks = Marks(
        known.decimals | options.marks.decimals, known.thousands | options.marks.thousands
    )
    for guess in numbers:
        if guess.readings == [PLAIN]:
            _settle_plain(file, guess, marks, options)
        else:
            _settle(file, guess, marks)
        if points is not None and guess.error is None and not options.decimal:
            _check_points(file, guess, points)
        if options.na_values and guess.reading.words:
            guess.values = without_marked(guess.values, options.na_values, guess.reading)
        is_plain = guess.readings == [PLAIN] and guess.values.dtype == pl.String
        if is_plain and marks.reading.words and not _has_point(guess.values):
            guess.of_new_rows = marks.reading
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
        if not must and _are_months(texts):
            return Guess(name, "date", texts, [Reading(date="year-month")])
        return Guess(name, "number", texts)
    distinct = texts.drop_nulls().unique(maintain_order=True)
    look = distinct.head(LOOK)
    orders = [] if must else dates.orders_of(look, options.dayfirst)
    if len(distinct) > len(look):
        orders = [order for order in orders if dates.are_moments(distinct, order).all()]
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
    numbers = distinct.filter(cells.look_like_amounts)
    # A mark of missing values such as "-" may fill most of the rows.
    are_most = len(numbers) >= max(FEWEST_NUMBERS, MOSTLY * len(distinct))
    if must or are_most or texts.is_in(numbers.implode()).sum() >= MOSTLY * texts.count():
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


def _are_months(texts: polars.Series) -> bool:
    """Return whether numbers are months such as 01.2024, at least three different ones."""
    if not texts.head(LOOK).str.contains(MONTH_YEAR).all() or not texts.count():
        return False
    is_padded = texts.str.starts_with("0").any()
    return bool(
        texts.str.contains(MONTH_YEAR).all()
        and (is_padded or texts.drop_nulls().n_unique() >= FEWEST_DAYS)
    )


def _settle(file: TableFile, guess: Guess, marks: Marks) -> None:
    if len(guess.readings) > 1:
        left = [r for r in guess.readings if marks.allow(r.decimal, r.thousands)]
        guess.readings = left if len(left) == 1 else guess.readings
    if len(guess.readings) > 1:
        guess.error = _ambiguous(file, guess, options_of(guess.readings))
    elif _are_identifiers(guess):
        guess.error = _identifiers(file, guess)


def _settle_plain(file: TableFile, guess: Guess, marks: Marks, options: ReadOptions) -> None:
    """Settle a column of numbers of Python; in some files 1.234 is 1234."""
    import polars as pl

    if guess.values.dtype != pl.String:
        return
    if _is_dotted(guess.values):
        if "." in options.marks.thousands or (not guess.is_chosen and "." in marks.thousands):
            guess.readings = [Reading(decimal=",", thousands=".")]
        elif not guess.is_chosen and "." not in marks.decimals:
            both = Guess(
                guess.name, "number", guess.values, [PLAIN, Reading(decimal=",", thousands=".")]
            )
            ways = [f"numeric=[{guess.name!r}]", "thousands='.'"]
            error = _ambiguous(file, both, ways)
            if "," in marks.decimals or file.separator == ";":
                guess.readings, guess.error = both.readings, error
            else:
                guess.notes = (f"{error.given} can be read in two ways: {error.fix}",)
    elif ("." in options.marks.thousands or "," in options.marks.decimals) and not guess.is_chosen:
        # A mark that the user gives holds for every column of the file.
        reading = Reading(decimal=",", thousands="." if options.thousands == "." else "")
        if _has_point(guess.values):
            guess.error = _not_a_number(file, guess.name, guess.values, reading, options)
    if guess.error is None and _are_identifiers(guess):
        guess.error = _identifiers(file, guess)


def _is_dotted(values: polars.Series) -> bool:
    """Return whether cells such as 1.234 have groups of three digits after every point."""
    import polars as pl

    if values.dtype != pl.String or not values.head(LOOK).str.contains(DOTTED).all():
        return False
    return _has_point(values) and bool(values.str.contains(DOTTED).all())


def _has_point(values: polars.Series) -> bool:
    return bool(values.str.contains(".", literal=True).any())


def _has_points(guess: Guess) -> bool:
    """Return whether a column of plain numbers shows that a point begins the decimals."""
    import polars as pl

    if guess.readings != [PLAIN] or guess.values.dtype != pl.String:
        return False
    return any(
        bool(texts.str.contains(POINT).any()) for texts in (guess.values.head(LOOK), guess.values)
    )


def _check_points(file: TableFile, guess: Guess, points: Guess) -> None:
    """Refuse decimals after a comma in a file where another column has them after a point."""
    if guess.reading.decimal != "," or guess.is_chosen or guess.reading.unit:
        return
    texts = guess.values.drop_nulls()
    texts = texts.filter(texts.str.contains(",", literal=True))
    if not len(texts):
        return
    number = numbers_in(texts.head(1), guess.reading)[0]
    point = points.values.filter(points.values.str.contains(POINT).fill_null(False))[0]
    guess.error = _error(
        file,
        guess.name,
        f"the column has a comma where column {points.name!r} of the same file has a point",
        given=f"{shown(texts[0])}, and {shown(point)} in column {points.name!r}",
        fix=f"numeric=[{guess.name!r}] reads {number:.10g}, or categorical=[{guess.name!r}] takes "
        "the cells as names",
    )


def _are_identifiers(guess: Guess) -> bool:
    """Return whether whole numbers are rather those of telephones: +49 170 123 456."""
    import polars as pl

    texts = guess.values
    if guess.is_chosen or texts.dtype != pl.String or guess.reading.unit:
        return False
    look = texts.drop_nulls().head(LOOK)
    if len(look) < FEWEST_ROWS or not look.str.contains(TELEPHONE).all():
        return False
    texts = texts.drop_nulls()
    has_plus = texts.str.starts_with("+").all()
    is_grouped = guess.reading.thousands == " " and texts.str.len_chars().n_unique() == 1
    return bool(
        (has_plus or is_grouped)
        and texts.str.contains(TELEPHONE).all()
        and texts.n_unique() >= MOSTLY_DISTINCT * len(texts)
    )


def _identifiers(file: TableFile, guess: Guess) -> DataError:
    return _error(
        file,
        guess.name,
        "nearly all cells differ, and they are written as the numbers of telephones are",
        given=shown(guess.values.drop_nulls()[0]),
        fix=f"ignore=[{guess.name!r}] leaves the column out, or numeric=[{guess.name!r}] takes the "
        "cells as numbers",
    )


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
    if options.as_numbers(name) is None and numbers_in(texts).count() == texts.count():
        fixes.append(f"numeric=[{name!r}] reads it as {float(texts[row]):.10g}")
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


def without_marked(
    values: polars.Series, na_values: Sequence[str] = (), reading: Reading = PLAIN
) -> polars.Series:
    """Return cells with null where they stand for a missing value.

    Args:
        values: (N,), cells of any type.
        na_values: marks of missing values besides the usual ones.
        reading: how numbers are written; -999 also stands for the number that is written -999,0.
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
    for written in (PLAIN, reading) if len(numbers) else ():
        as_numbers = texts.cast(pl.Float64, strict=False)
        if written.words:
            as_numbers = numbers_in(texts, written)
        marked = marked | as_numbers.is_in(numbers.implode()).fill_null(False)
    return texts.set(marked.fill_null(False), None)

"""What a column of a table is taken for, and the options that say how its cells are read.

Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from clearprop.data.notations import Marks, numbers_in
from clearprop.data.readings import MISSING_MARKS, PLAIN, Reading
from clearprop.data.table_file import TableFile, shown
from clearprop.errors import ClearpropError, ConfigurationError, DataError, one_of, option

if TYPE_CHECKING:
    import polars

Kind: TypeAlias = Literal["number", "categories", "date", "time"]

# Each category becomes a 0/1 feature; a column with more texts than this likely holds names.
MOST_CATEGORIES = 1000

# Where this fraction of the cells differ, a category tells a row from all others: a network learns
# the rows by heart. Fewer rows than this may differ by chance.
MOSTLY_DISTINCT, FEWEST_ROWS = 0.9, 5

# A look at so many cells shows whether a column can be dates or numbers at all.
LOOK = 200
LONGEST_MARK = 20


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
        encoding: of the file; None takes UTF-8.
        skiprows: how many lines stand above the header.
    """

    categorical: Sequence[str] = ()
    numeric: Sequence[str] = ()
    decimal: str | None = None
    thousands: str | None = None
    dayfirst: bool | None = None
    na_values: Sequence[str] = ()
    encoding: str | None = None
    skiprows: int | None = None

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
        if name in self._numeric:
            return True
        return False if name in self._categorical else None

    @cached_property
    def _numeric(self) -> frozenset[str]:
        return frozenset(self.numeric)

    @cached_property
    def _categorical(self) -> frozenset[str]:
        return frozenset(self.categorical)


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
    # One query for all steps: a file can have very many columns.
    cell = pl.col(values.name).cast(pl.String).str.strip_chars()
    is_mark = cell.str.to_lowercase().is_in([*MISSING_MARKS, *marks])
    if not len(numbers):
        known = pl.when(is_mark).then(None).otherwise(cell)
        return values.to_frame().select(known.alias(values.name)).to_series()
    both = values.to_frame().select(text=cell, mark=is_mark)
    texts, marked = both["text"].rename(values.name), both["mark"]
    for written in (PLAIN, reading):
        as_numbers = texts.cast(pl.Float64, strict=False)
        if written.words:
            as_numbers = numbers_in(texts, written)
        marked = marked | as_numbers.is_in(numbers.implode()).fill_null(False)
    return texts.set(marked.fill_null(False), None)


def column_error(file: TableFile, name: str, problem: str, **about: str | None) -> DataError:
    """Return an error about a whole column."""
    return DataError(problem, where=f"{file.path}, column {name!r}", **about)


def not_a_number(
    file: TableFile, name: str, texts: polars.Series, reading: Reading, options: ReadOptions
) -> DataError | None:
    """Return an error about the first cell that is no number in a notation; None without one.

    Args:
        file: the table.
        name: of the column.
        texts: (N,), its cells.
        reading: the notation.
        options: that were given.
    """
    wrong = texts.is_not_null() & numbers_in(texts, reading).is_null()
    if not wrong.any():
        return None
    row = int(wrong.arg_max() or 0)
    fixes = ["correct the cell", *as_missing(texts[row])]
    if options.as_numbers(name) is None and numbers_in(texts).count() == texts.count():
        fixes.append(option("numeric", [name]) + f" reads it as {float(texts[row]):.10g}")
    if options.as_numbers(name) is None:
        fixes.append(option("categorical", [name]) + " takes all cells as names")
    known = f"a number such as {reading.example}" if reading.words else "a number"
    return DataError(
        "text in a column of numbers",
        where=file.where(row, name),
        given=shown(texts[row]),
        expected=f"{known}, or nothing where it is missing",
        fix=one_of(fixes),
    )


def as_missing(cell: str) -> list[str]:
    """Return the fix that takes a cell as a missing value; none for a long cell."""
    if len(cell) > LONGEST_MARK or not cell.isprintable():
        return []
    return [option("na_values", [cell]) + " takes it as a missing value"]

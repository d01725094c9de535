"""Columns of a file as numbers, codes and parts of dates.

Shape letters: N rows, C columns that come from one column of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data import dates
from clearprop.data.column_notes import (
    EXACT,
    category_notes,
    number_notes,
    short_year_notes,
    unit_notes,
)
from clearprop.data.columns import Column, TakenColumn
from clearprop.data.guess import (
    FEWEST_ROWS,
    LOOK,
    MOST_CATEGORIES,
    MOSTLY_DISTINCT,
    Guess,
    as_texts,
    without_marked,
)
from clearprop.data.notations import numbers_in
from clearprop.data.readings import Reading
from clearprop.data.table_file import TableFile, shown
from clearprop.errors import DataError, option

if TYPE_CHECKING:
    import polars

SHOWN_CATEGORIES, LONGEST_NAME = 5, 24
LONG_NUMBER, MOST_LENGTHS = r"^[0-9]{9,}$", 4


@dataclass(frozen=True, eq=False)
class ReadColumn:
    """A column of a file as numbers.

    Attributes:
        values: float64 (N, C), NaN where a value is missing.
        columns: names and categories of the C columns.
        taken: what it was taken for.
    """

    values: NDArray[np.float64]
    columns: tuple[Column, ...]
    taken: TakenColumn


def read_guessed(file: TableFile, guess: Guess, na_values: Sequence[str] = ()) -> ReadColumn:
    """Return a column as its guess reads it.

    Args:
        file: the table.
        guess: what the column is taken for.
        na_values: marks of missing values, kept for new files.

    Raises:
        DataError: the guess has an error, a number is infinite, or there are too many categories.
    """
    if guess.error is not None:
        raise guess.error
    reading = replace(guess.reading, na_values=tuple(na_values))
    if guess.kind in ("date", "time"):
        return _dates(guess, reading)
    if guess.kind == "categories":
        return _categories(file, guess, reading)
    numbers = number_array(file, guess.name, guess.values, reading)
    of_new_rows = guess.of_new_rows or reading
    column = Column(guess.name, None, replace(of_new_rows, na_values=reading.na_values))
    taken = TakenColumn(
        guess.name,
        "number",
        joined(range_words(numbers), reading.words, missing_words(numbers)),
        (
            *guess.notes,
            *number_notes(guess.name, guess.values, numbers),
            *unit_notes(guess.name, guess.values, reading.unit),
        ),
    )
    return ReadColumn(numbers[:, None], (column,), taken)


def number_array(
    file: TableFile, name: str, values: polars.Series, reading: Reading
) -> NDArray[np.float64]:
    """Return cells as numbers, float64 (N,), NaN where one is missing.

    Args:
        file: the table.
        name: of the column.
        values: its cells, null where one is missing.
        reading: how texts are written.

    Raises:
        DataError: a text is no number in this notation, or a number is infinite.
    """
    import polars as pl

    if values.dtype == pl.String:
        numbers = numbers_in(values, reading)
        file.check_none(
            values.is_not_null() & numbers.is_null(),
            name,
            "text in a column of numbers",
            values,
            expected=f"a number such as {reading.example}, or nothing where it is missing",
            fix="write the cell as the numbers in training were written"
            if reading.words
            else "correct the cell",
        )
    elif values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null):
        numbers = values.cast(pl.Float64)
    else:
        raise DataError(
            f"a column of type {values.dtype} in place of numbers",
            where=f"{file.path}, column {name!r}",
        )
    array = np.array(numbers.to_numpy(), np.float64)
    file.check_none(
        np.isinf(array), name, "an infinite number", fix="correct the cell, or leave it empty"
    )
    return array


def _dates(guess: Guess, reading: Reading) -> ReadColumn:
    parts = dates.parts_of(guess.values, reading.date)
    columns = tuple(
        Column(f"{guess.name}.{part}", None, replace(reading, source=guess.name, part=part))
        for part in parts
    )
    values = np.stack([np.array(part.to_numpy(), np.float64) for part in parts.values()], axis=1)
    short = dates.short_years(guess.values, reading.date) if reading.date else []
    taken = TakenColumn(
        guess.name,
        guess.kind,
        joined(
            "as " + ", ".join(part.replace("_", " ") for part in parts),
            f"written {reading.date}" if reading.date and reading.date != dates.TIME else "",
            dates.SHORT_WORDS if len(short) else "",
            missing_words(values[:, 0]),
        ),
        tuple(short_year_notes(short)),
    )
    return ReadColumn(values, columns, taken)


def _categories(file: TableFile, guess: Guess, reading: Reading) -> ReadColumn:
    import polars as pl

    values, name = guess.values, guess.name
    categories = tuple(values.drop_nulls().unique().sort().to_list())
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"{len(categories)} different texts are too many for categories",
            where=f"{file.path}, column {name!r}",
            given=f"such as {shown(categories[0])} and {shown(categories[-1])}",
            expected=f"at most {MOST_CATEGORIES}",
            fix="leave it out: " + option("ignore", [name]),
        )
    codes = values.cast(pl.Enum(categories)).to_physical().cast(pl.Float64)
    array = np.array(codes.to_numpy(), np.float64)
    noun = "category" if len(categories) == 1 else "categories"
    taken = TakenColumn(
        name,
        f"{len(categories):,} {noun}",
        joined(names_words(categories), missing_words(array)),
        (*guess.notes, *category_notes(categories, array)),
    )
    return ReadColumn(array[:, None], (Column(name, categories, reading),), taken)


def read_known(file: TableFile, name: str, wanted: Sequence[Column]) -> ReadColumn:
    """Return a column of a file as the columns that were made of it in training.

    A category that training did not have follows the known ones, so that it is seen.

    Args:
        file: the table.
        name: of the column in the file.
        wanted: the columns of the model that come from it.

    Raises:
        DataError: a cell is not written as in training.
    """
    import polars as pl

    first = wanted[0]
    values = without_marked(file.frame[name], first.reading.na_values, first.reading)
    if first.categories is not None:
        texts = as_texts(values)
        if file.frame[name].dtype == pl.String:
            # For a model of an earlier version a mark such as #N/A may be a category.
            written = as_texts(file.frame[name])
            is_known = written.is_in(list(first.categories)).fill_null(False)
            texts = pl.select(pl.when(is_known).then(written).otherwise(texts)).to_series()
        if file.frame[name].dtype == pl.Boolean:
            texts = texts.replace({other.lower(): other for other in first.categories})
        if file.frame[name].dtype.is_numeric():
            # A run of an earlier version has 2.0 as the name of the whole number 2.
            floats = [other for other in first.categories if re.fullmatch(r"-?\d+\.0", other)]
            texts = texts.replace({other[:-2]: other for other in floats})
        new = texts.drop_nulls().unique().sort().to_list()
        names = (*first.categories, *(text for text in new if text not in first.categories))
        codes = texts.replace_strict(
            list(names), [float(i) for i in range(len(names))], return_dtype=pl.Float64
        )
        column = replace(first, categories=names)
        array = np.array(codes.to_numpy(), np.float64)[:, None]
        return ReadColumn(array, (column,), TakenColumn(name, "categories", names_words(names)))
    if first.reading.part:
        return _known_dates(file, name, values, wanted)
    unit = first.reading.unit
    if unit and values.dtype != pl.String and values.count():
        raise DataError(
            f"numbers without {unit!r}, which the numbers in training had",
            where=f"{file.path}, column {name!r}",
            given=f"a column of type {values.dtype}",
            expected=f"texts such as {first.reading.example}",
        )
    if values.dtype == pl.Duration:
        values = values.dt.total_microseconds() / 1e6
    numbers = number_array(file, name, values, first.reading)
    return ReadColumn(numbers[:, None], (first,), TakenColumn(name, "number", range_words(numbers)))


def _known_dates(
    file: TableFile, name: str, values: polars.Series, wanted: Sequence[Column]
) -> ReadColumn:
    import polars as pl

    order = wanted[0].reading.date
    if not values.dtype.is_temporal():
        values = as_texts(values)
        if not order:
            known = dates.orders_of(values.drop_nulls().unique())
            order = known[0] if len(known) == 1 else "year-month-day"
        file.check_none(
            values.is_not_null() & ~dates.are_moments(values, order),
            name,
            "the cell is not such a date as in training",
            values,
            expected=f"a date or time in the order {order}",
        )
    parts = dates.parts_of(values, order)
    is_known = values.is_not_null()
    midnight = pl.select(pl.when(is_known).then(0.0)).to_series()
    arrays = [parts.get(column.reading.part, midnight).to_numpy() for column in wanted]
    array = np.stack([np.array(part, np.float64) for part in arrays], axis=1)
    return ReadColumn(array, tuple(wanted), TakenColumn(name, "date", "as in training"))


def check_distinct(file: TableFile, guesses: Sequence[Guess]) -> None:
    """Raise if nearly all cells of a column are different names, unless an option chose it.

    Whole numbers of nine digits and more, as those of telephones and customers, are names too.

    Raises:
        DataError: such columns are named, with the option that leaves them out.
    """
    found = [guess for guess in guesses if is_nearly_distinct(guess)]
    if not found:
        return
    names = [guess.name for guess in found]
    fix = option("ignore", names) + " leaves out what is no category"
    if all(guess.values.n_unique() <= MOST_CATEGORIES for guess in found):
        fix += ", or " + option("categorical", names) + " takes the texts as categories"
    if all(_are_numbers(guess) for guess in found):
        fix += ", or " + option("numeric", names) + " takes them as numbers"
    counts = [
        f"{guess.values.drop_nulls().n_unique():,} different texts in {guess.values.count():,} "
        f"cells of {guess.name!r}, such as {shown(str(guess.values.drop_nulls()[0]))}"
        for guess in found
    ]
    raise DataError(
        "nearly all texts of a column differ, as names, numbers of orders or remarks do: as "
        "categories they would tell every row from all others",
        where=f"{file.path}, column {', '.join(map(repr, names))}",
        given="; ".join(counts),
        expected="categories that stand in several rows",
        fix=fix,
    )


def _are_numbers(guess: Guess) -> bool:
    return guess.kind == "number" or numbers_in(guess.values).count() == guess.values.count()


def is_nearly_distinct(guess: Guess) -> bool:
    """Return whether nearly all cells of a guessed column are different names or long numbers."""
    count = guess.values.count()
    if guess.kind not in ("categories", "number") or guess.is_chosen or count < FEWEST_ROWS:
        return False
    if guess.error is not None or (guess.kind == "number" and not _are_long(guess.values)):
        return False
    return guess.values.drop_nulls().n_unique() >= MOSTLY_DISTINCT * count


def _are_long(values: polars.Series) -> bool:
    """Return whether cells are written as telephone numbers and numbers of customers are.

    Each has nine digits or more, they are about as long, and few are round. Numbers above 2^53
    are too long to be counts or amounts, so their length alone decides.
    """
    import polars as pl

    if not (values.dtype == pl.String or values.dtype.is_integer()):
        return False
    for cells in (values.drop_nulls().head(LOOK), values.drop_nulls()):
        texts = cells.cast(pl.String)
        if not texts.str.contains(LONG_NUMBER).all():
            return False
    lengths = sorted(texts.str.len_chars().unique().to_list())
    if (texts.cast(pl.Float64) > EXACT).all():
        return True
    is_even = lengths[-1] - lengths[0] <= MOST_LENGTHS
    return bool(is_even and 2 * texts.str.ends_with("00").sum() < len(texts))


def range_words(numbers: NDArray[np.float64]) -> str:
    """Return the range of numbers in words.

    >>> range_words(np.array([1.0, 3.0, np.nan]))
    '1 to 3, mean 2'
    """
    present = numbers[~np.isnan(numbers)]
    if not present.size:
        return "no value"
    mean = (present / present.size).sum()  # the sum of the largest numbers would overflow
    return f"{present.min():g} to {present.max():g}, mean {mean:g}"


def names_words(names: Sequence[str]) -> str:
    """Return the first few names of categories.

    >>> names_words(("a", "b", "c", "d", "e", "f"))
    'a, b, c, d, e, ...'
    """
    short = [
        " ".join((name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}...").split())
        for name in names[:SHOWN_CATEGORIES]
    ]
    return ", ".join([*short, *(["..."] if len(names) > SHOWN_CATEGORIES else [])])


def missing_words(numbers: NDArray[np.float64]) -> str:
    """Return how many values are missing; "" for none."""
    missing = int(np.isnan(numbers).sum())
    return f"{missing:,} missing" if missing else ""


def joined(*parts: str) -> str:
    """Return the parts that are not empty, with commas between them."""
    return ", ".join(part for part in parts if part)

"""What the columns of a file prove together about the marks in its numbers.

Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from clearprop.data.guess import (
    FEWEST_ROWS,
    LOOK,
    MOSTLY_DISTINCT,
    Guess,
    ReadOptions,
    column_error,
    not_a_number,
    without_marked,
)
from clearprop.data.notations import Marks, numbers_in, options_of
from clearprop.data.readings import PLAIN, Reading
from clearprop.data.table_file import TableFile, shown
from clearprop.errors import DataError, one_of, option

if TYPE_CHECKING:
    import polars

POINT = r"\.(?:[0-9]{1,2}|[0-9]{4,})(?:[eE][-+]?[0-9]+)?$"
TELEPHONE = r"^\+?[1-9][0-9]*(?:[ \x{a0}\x{202f}][0-9]+)+$|^\+[0-9]{7,}$"
DOTTED = r"^[-+]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)$"


def settle_marks(
    file: TableFile, found: Iterable[Guess], options: ReadOptions, others: Iterable[Reading] = ()
) -> None:
    """Choose the notation of each column of numbers, or give its guess an error.

    Args:
        file: the table.
        found: the guesses of its columns; they are changed.
        options: how to read cells.
        others: how other columns of the file are written, where it is known.
    """
    import polars as pl

    numbers = [g for g in found if g.kind == "number" and g.error is None]
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
            ways = [option("numeric", [guess.name]), option("thousands", ".")]
            error = _ambiguous(file, both, ways)
            if "," in marks.decimals or file.separator == ";":
                guess.readings, guess.error = both.readings, error
            else:
                guess.notes = (f"{error.given} can be read in two ways: " + (error.fix or ""),)
    elif ("." in options.marks.thousands or "," in options.marks.decimals) and not guess.is_chosen:
        # A mark that the user gives holds for every column of the file.
        reading = Reading(decimal=",", thousands="." if options.thousands == "." else "")
        if _has_point(guess.values):
            guess.error = not_a_number(file, guess.name, guess.values, reading, options)
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
    guess.error = column_error(
        file,
        guess.name,
        f"the column has a comma where column {points.name!r} of the same file has a point",
        given=f"{shown(texts[0])}, and {shown(point)} in column {points.name!r}",
        fix=option("numeric", [guess.name])
        + f" reads {number:.10g}, or "
        + option("categorical", [guess.name])
        + " takes the cells as names",
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
    return column_error(
        file,
        guess.name,
        "nearly all cells differ, and they are written as the numbers of telephones are",
        given=shown(guess.values.drop_nulls()[0]),
        fix=option("ignore", [guess.name])
        + " leaves the column out, or "
        + option("numeric", [guess.name])
        + " takes the cells as numbers",
    )


def _ambiguous(file: TableFile, guess: Guess, options: Sequence[str]) -> DataError:
    texts = guess.values.drop_nulls()
    values = [numbers_in(texts, reading) for reading in guess.readings]
    row = int((values[0] != values[1]).arg_max() or 0)
    ways = one_of(
        way + f" reads {column[row]:.10g}" for column, way in zip(values, options, strict=True)
    )
    return column_error(
        file,
        guess.name,
        "it is not known which mark of the numbers begins the decimals",
        given=shown(texts[row]),
        fix=ways,
    )

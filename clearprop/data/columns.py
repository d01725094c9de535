"""Columns of a table: numbers, or categories as codes into a list of names.

Shape letters: N rows, C columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearprop.data.readings import PLAIN, Reading
from clearprop.errors import DataError, nearest

MISSING = np.nan
UNSEEN = -1.0


@dataclass(frozen=True)
class Column:
    """One column of a raw table.

    Args:
        name: as in the file's header; for a part of a date ``header.part``, such as ``day.month``.
        categories: the names of the codes 0, 1, ...; None for a column of numbers.
        reading: how its cells are written in the file.
    """

    name: str
    categories: tuple[str, ...] | None = None
    reading: Reading = PLAIN

    @property
    def source(self) -> str:
        """The column of the file."""
        return self.reading.source or self.name


@dataclass(frozen=True)
class TakenColumn:
    """What a column of a file was taken for.

    Attributes:
        name: of the column.
        kind: "number", "3 categories", "date", "time", "left out" and so on, in words.
        about: its range or its categories, how it is written, or why it was left out.
        notes: what looks doubtful in it; a note changes nothing.
    """

    name: str
    kind: str
    about: str
    notes: tuple[str, ...] = ()


MOST_ROWS, MOST_NOTES, SHOWN_NAMES = 40, 12, 6


def taken_lines(taken: Sequence[TakenColumn]) -> list[str]:
    """Return a short table of columns as lines; many columns are counted by their kind.

    >>> taken_lines([TakenColumn("age", "number", "1 to 9"), TakenColumn("id", "left out", "")])
    ['age  number    1 to 9', 'id   left out']
    >>> taken_lines([TakenColumn(f"p{i}", "number", "0 to 255") for i in range(784)])
    ['784 columns  number  p0, p1, p2, p3, p4, p5, ...']
    """
    rows = [(" ".join(column.name.split()), column.kind, column.about) for column in taken]
    if len(taken) > MOST_ROWS:
        by_kind: dict[str, list[str]] = {}
        for name, kind, _ in rows:
            by_kind.setdefault(re.sub(r"^[\d,]+ category$|^[\d,]+ ", "", kind), []).append(name)
        rows = []
        for kind, names in by_kind.items():
            shown = [*names[:SHOWN_NAMES], *(["..."] if len(names) > SHOWN_NAMES else [])]
            noun = "column" if len(names) == 1 else "columns"
            rows.append((f"{len(names):,} {noun}", kind or "categories", ", ".join(shown)))
    widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
    return [f"{a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in rows]


def taken_notes(taken: Sequence[TakenColumn]) -> list[str]:
    """Return the notes about columns, the first dozen of them, each with the name of its column."""
    notes = [f"column {column.name!r}: " + note for column in taken for note in column.notes]
    more = len(notes) - MOST_NOTES
    return notes if more <= 0 else [*notes[:MOST_NOTES], f"and {more:,} more notes on columns"]


def few_names(names: Sequence[str]) -> str:
    """Return names for an error: all of them, or the first ones of many.

    >>> few_names([f"c{i}" for i in range(1000)])
    'c0, c1, c2, c3, c4, c5, ... (1,000 in all)'
    """
    if len(names) <= MOST_ROWS:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN_NAMES])}, ... ({len(names):,} in all)"


def recode(
    codes: NDArray[np.generic], old: Sequence[str], new: Sequence[str]
) -> NDArray[np.float64]:
    """Return codes into ``old`` as codes into ``new``; a name that ``new`` lacks becomes -1.

    A missing value (NaN) stays missing.

    >>> recode(np.array([0.0, 1.0, np.nan, 2.0]), ["a", "b", "c"], ["b", "c"]).tolist()
    [-1.0, 0.0, nan, 1.0]
    """
    position = {name: float(index) for index, name in enumerate(new)}
    table = np.array([*(position.get(name, UNSEEN) for name in old), UNSEEN, MISSING])
    known = np.nan_to_num(codes, nan=len(old) + 1).astype(np.intp)
    return table[np.where(known < 0, len(old), known)]


def arrange(
    raw: NDArray[np.generic], columns: Sequence[Column], wanted: Sequence[Column]
) -> NDArray[np.float64]:
    """Return the rows of a raw table with the columns and codes of ``wanted``.

    Raises:
        DataError: a wanted column is missing, or holds numbers instead of categories.

    >>> have = [Column("color", ("blue", "red")), Column("age")]
    >>> arrange(np.array([[1.0, 30.0]]), have, [Column("age"), Column("color", ("red",))]).tolist()
    [[30.0, 0.0]]
    """
    known = {column.name: index for index, column in enumerate(columns)}
    check_present(known, (column.name for column in wanted))
    parts: list[NDArray[np.generic]] = []
    for want in wanted:
        values, have = raw[:, known[want.name]], columns[known[want.name]]
        if (have.categories is None) != (want.categories is None):
            kind, option = (
                ("categories", "categorical") if want.categories else ("numbers", "numeric")
            )
            raise DataError(
                f"the column {want.name!r} held {kind} when the model was trained",
                fix=f"{option}=[{want.name!r}]",
            )
        if have.categories is not None and want.categories is not None:
            values = recode(values, have.categories, want.categories)
        parts.append(values)
    return np.stack(parts, axis=1)


def check_present(names: Iterable[str], wanted: Iterable[str], where: str | None = None) -> None:
    """Raise unless every wanted column is among the names.

    Raises:
        DataError: a column is missing; the error suggests the nearest name that no other wanted
            column has.
    """
    known, needed = dict.fromkeys(names), dict.fromkeys(wanted)
    for name in needed:
        if name not in known:
            close = nearest(name, [other for other in known if other not in needed])
            raise DataError(
                f"the column {name!r} that the model was trained with is missing",
                where=where,
                given=f"the columns {few_names(list(known))}",
                fix=f"did you mean {close!r}? Rename it in the file" if close else None,
            )

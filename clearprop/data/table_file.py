"""CSV and Parquet files, and frames, as columns; errors name the line in the file.

Shape letters: N rows, C columns.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data.columns import few_names
from clearprop.data.frames import FRAME, as_polars, index_of, is_frame, label
from clearprop.data.parquet import read_parquet
from clearprop.data.paths import check_room
from clearprop.data.table_checks import UNNAMED, check_header, outside_of_time
from clearprop.data.table_text import TableText, check_no_title
from clearprop.errors import ConfigurationError, DataError, nearest, option
from clearprop.files import check_file, said

if TYPE_CHECKING:
    import polars

CSV_SUFFIXES = (".csv", ".tsv")
PARQUET_SUFFIXES = (".parquet", ".pq")
TABLE_SUFFIXES = (*CSV_SUFFIXES, *PARQUET_SUFFIXES)
LONGEST_SHOWN = 60
SEPARATORS = (",", ";", "\t", "|")

# So many lines decide between two separators that are as frequent in the header.
LINES = 20


@dataclass(frozen=True)
class TableFile:
    """The rows of a file or of a frame, and the place of each row in it.

    Args:
        path: the file; for a frame, what messages call it.
        frame: its rows; every column of a CSV file is text. Empty lines are left out.
        where: returns the place of row i and a column, for messages.
        separator: between two cells; "" where the file has none.
        left_out: how many rows without any cell the file has besides.
    """

    path: Path
    frame: polars.DataFrame
    where: Callable[[int, str], str] = field(repr=False)
    separator: str = ""
    left_out: int = 0

    def column(self, name: str | None, what: str, besides: str | None = None) -> str:
        """Return the name of a column, if the file has it.

        Args:
            name: the name that was given; None where none was.
            what: what the column is for, such as "the target".
            besides: a column that is used for something else.

        Raises:
            ConfigurationError: there is no such column, or no name was given.
        """
        names = [known for known in self.frame.columns if known != besides]
        if name in names:
            return name
        if name is None:
            problem = f"which column is {what}?"
            fix: str | None = option("target", names[-1]) if names else None
        else:
            close = nearest(name, names)
            problem = f"there is no column {name!r} to be {what}"
            fix = f"did you mean {close!r}?" if close else None
        raise ConfigurationError(
            problem, where=str(self.path), expected=f"one of {few_names(names)}", fix=fix
        )

    def check_none(
        self,
        wrong: polars.Series | NDArray[np.bool_],
        column: str,
        problem: str,
        values: polars.Series | None = None,
        **about: str | None,
    ) -> None:
        """Raise if a cell is wrong; the message names the place of the first such cell.

        Args:
            wrong: (N,), True where the cell of a row is wrong.
            column: the name of the column.
            problem: what is wrong with such a cell.
            values: (N,), the cells, if the message should repeat the wrong one.
            about: further parts of the error: ``expected``, ``fix``.

        Raises:
            DataError: a cell is wrong.
        """
        mask = np.asarray(wrong)
        if mask.any():
            row = int(mask.argmax())
            given = None if values is None else shown(str(values[row]))
            raise DataError(problem, where=self.where(row, column), given=given, **about)


def shown(cell: str) -> str:
    """Return a cell as a message repeats it, at most 60 characters of it.

    >>> shown("three")
    "'three'"
    """
    return repr(cell if len(cell) <= LONGEST_SHOWN else f"{cell[:LONGEST_SHOWN]}...")


def read_table_file(
    path: Path | object,
    encoding: str | None = None,
    skiprows: int | None = None,
    *,
    otherwise: str | None = None,
) -> TableFile:
    """Return the rows of a CSV, TSV or Parquet file, or of a frame.

    Args:
        path: the file; or a frame of pandas or polars, which has no encoding and no lines.
        encoding: of its text; None takes UTF-8. A byte-order mark decides over it.
        skiprows: how many lines stand above the header.
        otherwise: the encoding where none is given and the file is not UTF-8.

    Raises:
        ConfigurationError: an unknown encoding, or one for a Parquet file.
        DataError: the file is empty, damaged or of another encoding, or it has no rows; two columns
            have the same name, a row has more or fewer cells than the header, or a moment is none
            of the years 1 to 9999.
    """
    if is_frame(path):
        table = _of_frame(path)
        path = table.path
    elif not isinstance(path, Path):
        raise TypeError(f"a path or a frame is needed, not {path!r}"[:80])
    elif path.suffix.lower() in PARQUET_SUFFIXES:
        if encoding or skiprows:
            raise ConfigurationError(
                "a Parquet file has neither an encoding nor lines above its header",
                where=str(path),
                fix="leave the options encoding and skiprows out",
            )
        frame = read_parquet(path)
        table = TableFile(path, frame, lambda row, name: f"{path}, row {row + 1}, column {name!r}")
    else:
        table = _read_csv(path, encoding, skiprows, otherwise)
    if table.frame.width == 0 or table.frame.height == 0:
        raise DataError(
            "there are no rows", where=str(path), expected="a header and at least one row"
        )
    for column in table.frame:
        outside = outside_of_time(column)
        if outside is not None:
            row = int(outside.arg_max() or 0)
            raise DataError(
                "the moment is none of the years 1 to 9999",
                where=table.where(row, column.name),
                fix="correct the cell; is the file damaged?",
            )
    return table


def _of_frame(frame: object) -> TableFile:
    index = index_of(frame)

    def where(row: int, column: str) -> str:
        place = f"row {row + 1}" if index is None else f"the row with index {label(index[row])}"
        return f"{FRAME}, {place}, column {column!r}"

    return TableFile(Path(FRAME), as_polars(frame), where)


def _read_csv(
    path: Path, encoding: str | None, skiprows: int | None, otherwise: str | None
) -> TableFile:
    import polars as pl

    check_room(check_file(path).st_size, path, "the table")
    try:
        text = TableText.of(path, encoding, skiprows, otherwise)
        separator, names = _head(text)
    except UnicodeDecodeError as error:
        return _reread(text, encoding, otherwise, error)
    except (OSError, csv.Error) as error:
        raise _unreadable(path, error) from error
    try:
        source = path if text.is_plain else text.as_utf8()
        frame = pl.read_csv(source, separator=separator, infer_schema_length=0, glob=False)
    except pl.exceptions.NoDataError as error:
        raise DataError("the file is empty", where=str(path)) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        if "utf-8" in str(error):
            return _reread(text, encoding, otherwise, error)
        _check_cells(text, separator)
        raise _unreadable(path, error) from error
    if len(names) != frame.width:
        _check_cells(text, separator)
        raise _unreadable(path, ValueError(f"{len(names)} names and {frame.width} columns"))
    frame.columns = names
    # polars fills a short row with nulls: a file that is cut off would look like missing values.
    if frame.width and frame[:, -1].null_count():
        _check_cells(text, separator)
    # Such a line has separators but no cell; an empty line of a table of one column is no row.
    is_empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    left_out = int(is_empty.sum()) if frame.width > 1 else 0
    frame = frame.filter(~is_empty)
    # A separator at the end of every line makes a column without a name and without a value.
    frame = frame.select(
        column
        for column in frame
        if column.count() or not column.name.startswith(UNNAMED) or not frame.height
    )

    def where(row: int, column: str) -> str:
        return f"{path}, line {_line(text, separator, row)}, column {column!r}"

    return TableFile(path, frame, where, separator, left_out)


def _head(text: TableText) -> tuple[str, list[str]]:
    """Return the mark between two cells, and the names of the columns.

    Raises:
        DataError: they are not known; a title stands above the names.
    """
    with text.open() as file:
        first = next((line for line in file if line.strip()), "").strip("\r\n")
    is_tsv = text.path.suffix.lower() == ".tsv"
    separator = "\t" if is_tsv else _separator(text, re.sub(r'"[^"]*"', "", first))
    # Text with commas between semicolons is no title and header.
    for mark in (separator,) if is_tsv or _fits(text, separator) else SEPARATORS:
        check_no_title(_records(text, mark), text.path, LINES)
    with text.open() as file:  # a name that is quoted may go on in the next line
        lines = itertools.dropwhile(lambda line: not line.strip(), file)
        cells = next(csv.reader(lines, delimiter=separator), [])
    return separator, check_header(text.path, first, cells, text.skiprows + 1)


def _reread(
    text: TableText, encoding: str | None, otherwise: str | None, error: Exception
) -> TableFile:
    """Read a file that is not UTF-8 with the other encoding, where there is one."""
    if encoding or not otherwise:
        raise text.undecodable() from error
    return _read_csv(text.path, otherwise, text.skiprows, None)


def _separator(text: TableText, header: str) -> str:
    """Return the mark between the names of the header, which has no quoted parts any more.

    Where two marks are as frequent, the next lines decide: each has as many cells as the header.

    Raises:
        DataError: they do not decide.
    """
    most = max(header.count(mark) for mark in SEPARATORS)
    tied = [mark for mark in SEPARATORS if header.count(mark) == most]
    if not most or len(tied) == 1:
        return tied[0]
    fitting = []
    for mark in tied:
        records = [len(cells) for _, cells in itertools.islice(_records(text, mark), LINES)]
        if len(set(records)) == 1:
            fitting.append(mark)
    if len(fitting) != 1:
        raise DataError(
            "it is not known which mark separates the columns",
            where=f"{text.path}, line {text.skiprows + 1}",
            given=f"{most} of each of {' '.join(map(repr, tied))}",
            fix='write quotes around the names that hold one of them, as "Price, net"',
        )
    return fitting[0]


def _fits(text: TableText, mark: str) -> bool:
    """Return whether the first records have the same number of cells, more than one."""
    counts = {len(cells) for _, cells in itertools.islice(_records(text, mark), LINES)}
    return len(counts) == 1 and counts != {1}


def _records(text: TableText, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the cells of each record, the header first, without empty lines."""
    with text.open(errors="replace") as file:
        reader = csv.reader(file, delimiter=separator)
        begins = text.skiprows + 1
        # polars may have read what this reader cannot read, such as a zero byte.
        with contextlib.suppress(csv.Error):
            for cells in reader:
                if any(cells):
                    yield begins, cells
                begins = text.skiprows + reader.line_num + 1


def _line(text: TableText, separator: str, row: int) -> int:
    for index, (line, _) in enumerate(_records(text, separator)):
        if index == row + 1:
            return line
    return text.skiprows + row + 2


def _check_cells(text: TableText, separator: str) -> None:
    records = _records(text, separator)
    _, header = next(records, (1, []))
    for line, cells in records:
        if len(cells) != len(header):
            raise DataError(
                "a row has another number of cells than the header",
                where=f"{text.path}, line {line}",
                given=f"{len(cells)} cells",
                expected=f"{len(header)} cells, separated by {separator!r}",
                fix="complete the row; was the file cut off, or are quotes missing around a comma?",
            )


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        "the file cannot be read",
        where=str(path),
        given=said(error),
        expected="separated values with a header",
        fix="check that it is complete and of the kind that its name says",
    )

"""The text of a table's file: its encoding, and the lines above the header."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from clearprop.errors import ConfigurationError, DataError, option

UTF8 = "utf-8-sig"
"""UTF-8, with or without a byte-order mark."""

MARKS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"
"""What spreadsheets of Western Europe and America write where they do not write UTF-8."""

LONGEST_LINE = 60


@dataclass(frozen=True)
class TableText:
    """The text of a file of separated values.

    Args:
        path: the file.
        encoding: how its bytes become letters.
        skiprows: how many lines stand above the header.
    """

    path: Path
    encoding: str = UTF8
    skiprows: int = 0

    @classmethod
    def of(
        cls,
        path: Path,
        encoding: str | None = None,
        skiprows: int | None = None,
        otherwise: str | None = None,
    ) -> TableText:
        """Return the text of a file; a byte-order mark decides over everything else.

        Args:
            path: the file.
            encoding: as it was given; None takes UTF-8.
            skiprows: lines above the header.
            otherwise: the encoding where none is given and the file is not UTF-8.

        Raises:
            ConfigurationError: there is no such encoding, or a negative number of lines.
            DataError: the bytes do not have this encoding; the error names the first such line.
        """
        if skiprows is not None and skiprows < 0:
            raise ConfigurationError(
                "lines above the header are counted",
                given=f"skiprows={skiprows}",
                expected="0 or more",
            )
        with path.open("rb") as file:
            begin = file.read(4)
        marked = next((name for mark, name in MARKS if begin.startswith(mark)), None)
        if encoding is not None:
            _check_known(encoding)
        text = cls(path, marked or encoding or UTF8, skiprows or 0)
        try:
            text.check()
        except UnicodeError as error:
            if otherwise and not encoding and not marked:
                return cls.of(path, otherwise, skiprows)
            raise text.undecodable() from error
        return text

    @property
    def is_plain(self) -> bool:
        """Whether every reader of UTF-8 reads it as it is."""
        return self.encoding == UTF8 and not self.skiprows

    def check(self) -> None:
        """Raise `UnicodeError` unless the file has this encoding, as far as a short look tells.

        UTF-8 is checked by the reader of the table as well, which is faster.
        """
        with self.path.open(encoding=self.encoding, newline="") as file:
            begin = file.read(4096)
            if self.encoding == UTF8 and _is_wide(begin):
                raise UnicodeError("zero bytes")
            if self.encoding != UTF8:
                while file.read(1 << 20):
                    pass

    def open(self, errors: str = "strict") -> TextIO:
        """Open the file at its header."""
        file = self.path.open(encoding=self.encoding, newline="", errors=errors)
        for _ in range(self.skiprows):
            file.readline()
        return file

    def as_utf8(self) -> bytes:
        """Return the text from the header on as bytes of UTF-8."""
        with self.open() as file:
            return file.read().encode()

    def undecodable(self) -> DataError:
        """Return an error about the first line that does not have the encoding."""
        content = self.path.read_bytes()
        name = "UTF-8" if self.encoding == UTF8 else self.encoding
        if self.encoding == UTF8 and _is_wide(content[:4096].decode("latin-1")):
            little = content[1:4096:2].count(0) > content[0:4096:2].count(0)
            line, other = 1, "utf-16-le" if little else "utf-16-be"
            text = content[:200].decode(other, errors="replace").splitlines()[0]
        else:
            line, raw = self._wrong_line(content)
            other = WESTERN if self.encoding == UTF8 else "latin-1"
            text = raw.decode(other, errors="replace").strip()
        shown = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}..."
        return DataError(
            f"the file is not {name} text",
            where=f"{self.path}, line {line}",
            given=f"{shown!r}, if it is read as {other}",
            fix=option("encoding", other) + " reads it like this, or save the file again with "
            "encoding UTF-8; a spreadsheet calls this CSV UTF-8",
        )

    def _wrong_line(self, content: bytes) -> tuple[int, bytes]:
        for number, line in enumerate(content.split(b"\n"), 1):
            try:
                line.decode(self.encoding)
            except UnicodeError:
                return number, line
        return 1, content.split(b"\n")[0]


def _is_wide(begin: str) -> bool:
    """Return whether a quarter of a text is zeros, as in UTF-16; a single one is a damaged cell."""
    return begin.count("\0") * 4 >= max(len(begin), 1)


def _check_known(encoding: str) -> None:
    try:
        b"".decode(encoding)
        "".encode(encoding)
    except (LookupError, UnicodeError, ValueError) as error:
        raise ConfigurationError(
            "there is no such encoding of texts",
            given=f"encoding={encoding!r}",
            expected="a name of Python, such as 'cp1252', 'latin-1' or 'utf-16'",
        ) from error


def check_no_title(records: Iterator[tuple[int, list[str]]], path: Path, most: int) -> None:
    """Raise if a title stands above the names of the columns.

    A title fills one cell at most. Below it all records have the same number of cells, and the
    first of these, the header, has a different name in each.

    Args:
        records: the first line and the cells of each record.
        path: the file.
        most: how many records are looked at.

    Raises:
        DataError: there is a title; the error names the line and the option that skips it.
    """
    rows = list(itertools.islice(records, most))
    filled = [sum(bool(cell.strip()) for cell in cells) for _, cells in rows]
    first = next((at for at, count in enumerate(filled) if count > 1), 0)
    width = len(rows[first][1]) if rows else 0
    if not first or len(rows) < first + 2:
        return
    header = [cell.strip() for cell in rows[first][1]]
    is_header = len(set(header)) == width and all(any(map(str.isalpha, cell)) for cell in header)
    if not is_header or any(len(cells) != width for _, cells in rows[first:]):
        return
    title = next(cell for cell in rows[0][1] if cell.strip())
    shown = title if len(title) <= LONGEST_LINE else f"{title[:LONGEST_LINE]}..."
    line = rows[first][0]
    raise DataError(
        "a title stands above the names of the columns",
        where=f"{path}, line {rows[0][0]}",
        given=repr(shown),
        expected=f"the names {', '.join(header[:4])}, which stand in line {line}",
        fix=option("skiprows", line - 1) + " skips what stands above them",
    )

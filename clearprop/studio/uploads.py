"""Tables that a page has uploaded: they are kept in a folder that is deleted at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from clearprop.data.limited_process import Wanted, output_of
from clearprop.data.paths import room
from clearprop.data.table_file import TABLE_SUFFIXES
from clearprop.errors import DataError
from clearprop.files import write_errors
from clearprop.studio import table_process
from clearprop.studio.answers import WRONG, json_answer
from clearprop.studio.playground.messages import TableColumn, Uploaded
from clearprop.studio.problems import RequestError, plain

MOST_TABLES = 16
MOST_BYTES = 20 * 10**6
MOST_MEMORY = 2 << 30
"""Bytes that the reading of a table may take: of 20 MB of single digits it takes 1 GB."""

SECONDS = 30
"""The processor time that the reading may take."""

LONGEST_COLUMN, LONGEST_TABLE = 256, 64
"""The most characters of a name, as in the messages of the playground."""

TOO_LARGE, BUSY = 413, 503

_FIX = (
    "save it again as CSV with the encoding UTF-8 (a spreadsheet calls this CSV UTF-8); its first "
    "line has the names of the columns"
)
_WANTED = Wanted(
    "the table cannot be read: it is damaged, or too large for the memory",
    expected="a CSV or Parquet file",
    fix=_FIX,
)


@dataclass(frozen=True)
class UploadedTable:
    """A table that can be read.

    Attributes:
        path: of the file, for `clearprop.data.load`.
        about: its name, rows and columns.
    """

    path: Path
    about: Uploaded


class UploadedTables(Mapping[str, UploadedTable]):
    """The uploaded tables by name, the newest 16 of them; `close` deletes their files.

    Raises:
        RunError: the temporary folder cannot be made.
    """

    def __init__(self) -> None:
        with write_errors(Path(tempfile.gettempdir())):
            self.folder = Path(tempfile.mkdtemp(prefix="clearprop-studio-"))
        self._tables: dict[str, UploadedTable] = {}
        self._lock = threading.Lock()
        self._reading = threading.Semaphore(2)  # each reading is a process with much memory
        self._count = 0

    def __getitem__(self, name: str) -> UploadedTable:
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._tables))

    def __len__(self) -> int:
        return len(self._tables)

    def add(self, name: str, content: bytes) -> Uploaded:
        """Keep a table, and return what it holds.

        Args:
            name: of the file, with its suffix.
            content: its bytes.

        Raises:
            RequestError: the name has another suffix, the file is too large, or many others are
                being read.
            DataError: it is no table that can be read.
        """
        shown = _file_name(name)
        if len(content) > MOST_BYTES:
            raise _too_large(shown)
        if not self._reading.acquire(timeout=SECONDS):
            raise RequestError(BUSY, "other tables are being read", fix="try it again in a moment")
        try:
            path = self._written(shown, content)
            try:
                rows, columns = _looked_at(path)
            except BaseException:
                shutil.rmtree(path.parent, ignore_errors=True)
                raise
        finally:
            self._reading.release()
        return self._kept(shown, path, rows, columns)

    def _written(self, name: str, content: bytes) -> Path:
        with self._lock:
            self._count += 1
            folder = self.folder / str(self._count)
        path = folder / name
        with write_errors(path):
            folder.mkdir()
            path.write_bytes(content)
        return path

    def _kept(self, name: str, path: Path, rows: int, columns: tuple[TableColumn, ...]) -> Uploaded:
        with self._lock:
            stem, suffix = os.path.splitext(name)
            number = 1
            while name in self._tables:
                number += 1
                ending = f"-{number}{suffix}"
                name = stem[: LONGEST_TABLE - len(ending)] + ending
            about = Uploaded(name, rows, columns)
            self._tables[name] = UploadedTable(path, about)
            while len(self._tables) > MOST_TABLES:
                oldest = self._tables.pop(next(iter(self._tables)))
                shutil.rmtree(oldest.path.parent, ignore_errors=True)
        return about

    def close(self) -> None:
        """Delete the files."""
        self._tables.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def upload(self, request: Request) -> Response:
        """Take the table in the body of a request, with its name as ``?name=FILE``.

        Raises:
            RequestError: as `add`.
            DataError: as `add`.
        """
        name = _file_name(request.query_params.get("name", ""))
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > MOST_BYTES:
            raise _too_large(name)
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                raise _too_large(name)
        return json_answer(await run_in_threadpool(self.add, name, bytes(content)), 201)


def _file_name(given: str) -> str:
    r"""Return the name of a file as it is kept: without folders and odd characters.

    Raises:
        RequestError: it has not the suffix of a table.

    >>> _file_name("C:\\data\\../Größe 1.CSV")
    'Größe 1.csv'
    """
    last = re.split(r"[/\\]", given)[-1]
    stem, suffix = os.path.splitext(last)
    if suffix.lower() not in TABLE_SUFFIXES:
        raise RequestError(
            WRONG,
            "this is no table",
            where=plain(last[:LONGEST_TABLE]) or None,
            expected=f"a file with one of the endings {', '.join(TABLE_SUFFIXES)}",
            fix="save it as CSV",
        )
    kept = "".join(c for c in stem if c.isprintable() and c not in '<>:"|?*').strip(" .")
    return (kept or "table")[: LONGEST_TABLE - len(suffix)] + suffix.lower()


def _too_large(name: str) -> RequestError:
    return RequestError(
        TOO_LARGE,
        "the file is too large to be uploaded",
        where=name,
        expected=f"at most {MOST_BYTES // 10**6} MB",
        fix="save fewer rows; `clearprop train mlp --data FILE` takes files of any size",
    )


def _looked_at(path: Path) -> tuple[int, tuple[TableColumn, ...]]:
    """Return the number of rows and the columns of a table, which another process reads.

    Raises:
        DataError: it cannot be read, or it has too many columns or too long names.
    """
    import polars as pl

    folders = (str(Path(__file__).parents[2]), str(Path(pl.__file__).parents[1]))
    memory = min(room() or MOST_MEMORY, MOST_MEMORY)
    arguments = (*folders, str(path), str(memory), str(SECONDS))
    try:
        output = output_of(table_process.__file__, path, arguments, SECONDS, _WANTED)
    except DataError as error:
        raise _as_uploaded(error, path) from error
    found: dict[str, Any] = json.loads(output)
    if "problem" in found:
        found["fix"] = found["fix"] or _FIX
        raise _as_uploaded(DataError(found.pop("problem"), **found), path)
    if found["columns"] > table_process.MOST_COLUMNS:
        raise DataError(
            "the table has too many columns",
            where=path.name,
            given=f"{found['columns']:,} columns",
            expected=f"at most {table_process.MOST_COLUMNS:,}",
        )
    columns = tuple(
        TableColumn(plain(name) or "", kind, plain(about) or "", tuple(map(str, notes)))
        for name, kind, about, notes in found["taken"]
    )
    long = next((one.name for one in columns if len(one.name) > LONGEST_COLUMN), None)
    if long is not None:
        raise DataError(
            "the name of a column is too long",
            where=path.name,
            given=f"{long[:LONGEST_TABLE]}... ({len(long):,} characters)",
            expected=f"at most {LONGEST_COLUMN} characters",
        )
    return found["rows"], columns


def _as_uploaded(error: DataError, path: Path) -> DataError:
    """Return an error that names the file as the user does, without the folder of the server."""

    def shown(text: str | None) -> str | None:
        return None if text is None else text.replace(str(path), path.name)

    return DataError(
        error.problem,
        where=shown(error.where),
        given=shown(error.given),
        expected=shown(error.expected),
        fix=shown(error.fix),
    )

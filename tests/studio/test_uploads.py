"""Uploaded tables: read by another process, kept until the end, and bounded."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clearprop.data import load
from clearprop.errors import DataError
from clearprop.studio import table_process, uploads
from clearprop.studio.problems import RequestError
from clearprop.studio.uploads import MOST_BYTES, UploadedTables
from tests.studio.conftest import Client

FLOWERS = "length,width,kind,day\n1.5,2,rose,2024-01-31\n2.5,3,iris,2024-02-01\n3.5,4,iris,\n"


@pytest.fixture
def tables() -> Iterator[UploadedTables]:
    made = UploadedTables()
    yield made
    made.close()


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every file for a table of one row, as another process takes a second for each."""
    monkeypatch.setattr(uploads, "_looked_at", lambda path: (1, ()))


def test_a_table_is_described_and_can_be_loaded(client: Client) -> None:
    answer = client("/api/tables?name=flowers.csv", "POST", FLOWERS.encode())
    assert answer.status == 201
    found = answer.json
    assert (found["name"], found["rows"]) == ("flowers.csv", 3)
    kinds = {column["name"]: column["kind"] for column in found["columns"]}
    assert kinds == {"length": "number", "width": "number", "kind": "2 categories", "day": "date"}
    kept = client.server.studio.tables["flowers.csv"]
    assert kept.path.read_text() == FLOWERS
    loaded = load(kept.path, target="kind", ignore=["day"])
    np.testing.assert_array_equal(loaded.inputs, [[1.5, 2], [2.5, 3], [3.5, 4]])


def test_a_parquet_file(tables: UploadedTables) -> None:
    content = io.BytesIO()
    pl.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]}).write_parquet(content)
    about = tables.add("t.parquet", content.getvalue())
    assert [(c.name, c.kind) for c in about.columns] == [("x", "number"), ("y", "2 categories")]
    with pytest.raises(DataError, match="damaged") as caught:
        tables.add("broken.parquet", content.getvalue()[:-9])
    assert caught.value.where == "broken.parquet"  # without the folder of the server
    assert str(tables.folder) not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message", "where"),
    [
        (b"", "the file is empty", "t.csv"),
        (b"x,y\n1,2\n3\n", "another number of cells", "t.csv, line 3"),
        ("größe,y\n1,2\n".encode("latin-1"), "not UTF-8 text", "t.csv, line 1"),
        (b"x,x\n1,2\n", "two columns have the same name", "t.csv, line 1"),
        (b"PK\x03\x04\0\0\0\0" * 9, "", "t.csv"),
    ],
)
def test_what_is_no_table_is_told(client: Client, content: bytes, message: str, where: str) -> None:
    before = len(client.server.studio.tables)
    answer = client("/api/tables?name=t.csv", "POST", content)
    assert answer.status == 400
    assert message in answer.json["message"]
    assert where in answer.json["where"]
    assert "encoding=" not in answer.json["fix"]  # an upload has no options
    assert len(client.server.studio.tables) == before


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/x.csv", "x.csv"),
        ("C:\\data\\x.CSV", "x.csv"),
        ("a/../..\\../b c.tsv", "b c.tsv"),
        ("<b>x.csv", "bx.csv"),
        ("\0\n\x7f.csv", "table.csv"),
        (". .csv", "table.csv"),
        ("x" * 300 + ".parquet", "x" * 56 + ".parquet"),
        ("größe 表.csv", "größe 表.csv"),
    ],
)
def test_a_name_is_the_name_of_one_file(
    tables: UploadedTables, unread: None, name: str, kept: str
) -> None:
    about = tables.add(name, b"x\n1\n")
    assert about.name == kept
    path = tables[about.name].path
    assert path.is_file()
    assert path.parent.parent == tables.folder


@pytest.mark.parametrize(
    "name", ["", "x", "x.exe", "x.csv.exe", ".csv", "..csv", "x.csv/", "/", "x.xlsx"]
)
def test_other_files_are_refused(client: Client, name: str) -> None:
    answer = client(f"/api/tables?name={name}", "POST", b"x\n1\n")
    assert answer.status == 400
    assert ".parquet" in answer.json["expected"]


def test_the_same_name_again(tables: UploadedTables, unread: None) -> None:
    names = [tables.add("x.csv", b"x\n1\n").name for _ in range(3)]
    assert names == ["x.csv", "x-2.csv", "x-3.csv"]
    long = "y" * 60 + ".csv"
    assert [tables.add(long, b"x\n1\n").name for _ in range(2)] == [long, "y" * 58 + "-2.csv"]


def test_the_oldest_of_too_many_goes(tables: UploadedTables, unread: None) -> None:
    for number in range(uploads.MOST_TABLES + 2):
        tables.add(f"{number}.csv", b"x\n1\n")
    assert next(iter(tables)) == "2.csv"
    assert len(tables) == len(list(tables.folder.iterdir())) == uploads.MOST_TABLES
    tables.close()
    assert not tables.folder.exists()
    assert len(tables) == 0


def test_a_file_that_is_too_large(client: Client, tables: UploadedTables) -> None:
    with pytest.raises(RequestError, match="too large"):
        tables.add("x.csv", b"x" * (MOST_BYTES + 1))
    answer = client("/api/tables?name=x.csv", "POST", b"1\n" * (MOST_BYTES // 2 + 1))
    assert (answer.status, answer.json["expected"]) == (413, "at most 20 MB")


def test_a_large_file_that_does_not_announce_its_size(client: Client) -> None:
    parts = (b"1\n" * 500_000 for _ in range(40))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "MOST_BYTES", 3_000_000)
        # The server may close while the rest is being sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            assert client("/api/tables?name=x.csv", "POST", parts).status == 413
    assert client("/").status == 200


def program(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "program.py"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(table_process, "__file__", str(file))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import os\nos.abort()\n", "SIGABRT"),
        ("import sys\nsys.stderr.write('no room\\n')\nsys.exit(3)\n", "no room"),
        ("import time\ntime.sleep(99)\n", "did not end within 1 s"),
    ],
)
def test_a_process_that_fails(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    program(text, tmp_path, monkeypatch)
    monkeypatch.setattr(uploads, "SECONDS", 1)
    monkeypatch.setattr("clearprop.data.limited_process.WAIT", 1)
    answer = client("/api/tables?name=x.csv", "POST", b"x\n1\n")
    assert answer.status == 400
    assert reason in answer.json["given"]


def test_a_table_that_takes_too_much_memory(
    tables: UploadedTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("resource", reason="the system cannot limit the memory of a process")
    monkeypatch.setattr(uploads, "MOST_MEMORY", 1 << 24)
    with pytest.raises(DataError, match="damaged, or too large for the memory"):
        tables.add("x.csv", b"a,b\n" + b"1,2\n" * 4_000_000)
    assert list(tables.folder.iterdir()) == []


def test_too_many_columns_and_too_long_names(tables: UploadedTables) -> None:
    names = [f"c{number}" for number in range(table_process.MOST_COLUMNS + 1)]
    with pytest.raises(DataError, match=r"(?s)too many columns.*2,001 columns"):
        tables.add("x.csv", f"{','.join(names)}\n{','.join('1' for _ in names)}\n".encode())
    with pytest.raises(DataError, match=r"(?s)the name of a column is too long.*300 characters"):
        tables.add("x.csv", f"{'x' * 300},y\n1,2\n".encode())

"""Parquet files are read by another process, whose end is an error that names the file."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from clearprop import data
from clearprop.data import limited_process, parquet, parquet_process
from clearprop.errors import DataError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "t [1].parquet"
    pl.DataFrame({"x": [1, 2], "y": [1, 2]}).write_parquet(path)
    return path


def ends_with(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put another program in the place of the one that reads."""
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    monkeypatch.setattr(parquet_process, "__file__", str(file))


def test_every_type_comes_back_as_it_is(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "whole": pl.Series([1, None, 3], dtype=pl.Int8),
            "real": [0.1, float("nan"), None],
            "text": ["a", None, "ü" * 100],
            "kind": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
            "level": pl.Series(["low", "high", None], dtype=pl.Enum(["low", "high"])),
            "day": [datetime.date(2024, 2, 29), None, datetime.date(1, 1, 1)],
            "moment": [datetime.datetime(2024, 1, 1, 5, tzinfo=datetime.UTC), None, None],
            "length": [datetime.timedelta(seconds=1), None, None],
            "price": pl.Series(["1.10", None, "2.25"]).cast(pl.Decimal(10, 2)),
            "flag": [True, None, False],
            "list": [[1, 2], None, []],
            "nothing": pl.Series([None, None, None], dtype=pl.Null),
        }
    )
    path = tmp_path / "t.parquet"
    frame.write_parquet(path, row_group_size=2)
    assert_frame_equal(parquet.read_parquet(path), pl.read_parquet(path))
    assert_frame_equal(parquet.read_parquet(path), frame)


def test_a_process_that_is_ended(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ends_with("import os\nprint('a panic', flush=True)\nos.abort()\n", tmp_path, monkeypatch)
    with pytest.raises(DataError, match="its reader ended its process: SIGABRT") as caught:
        parquet.read_parquet(path)
    assert caught.value.where == str(path)
    assert capfd.readouterr() == ("", "")


def test_a_process_that_does_not_end(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with("import time\ntime.sleep(600)\n", tmp_path, monkeypatch)
    monkeypatch.setattr(parquet, "SECONDS", 1)
    monkeypatch.setattr(limited_process, "WAIT", 1)
    with pytest.raises(DataError, match="its reader did not end within 1 s"):
        parquet.read_parquet(path)


def test_a_small_file_with_a_table_that_is_larger_than_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("resource", reason="the system cannot limit the memory of a process")
    path = tmp_path / "t.parquet"
    pl.select(x=pl.repeat(7, 40_000_000, dtype=pl.Int64)).write_parquet(path)
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(parquet, "room", lambda: 2**26)
    with pytest.raises(DataError, match="damaged, or its table is too large"):
        parquet.read_parquet(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 9, b"a,b\n1,2\n"])
def test_no_parquet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"(?s)t\.parquet.*given: +\S") as caught:
        parquet.read_parquet(path)
    assert "Traceback" not in str(caught.value)


def test_a_python_that_does_not_know_its_program(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "")
    assert parquet.read_parquet(path)["x"].to_list() == [1, 2]
    path.write_bytes(b"PAR1" * 9)
    with pytest.raises(DataError, match=r"t \[1\]\.parquet: the file is damaged"):
        parquet.read_parquet(path)


def test_a_program_that_cannot_be_started(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(DataError, match="could not be started"):
        parquet.read_parquet(path)


@pytest.mark.parametrize(
    ("kind", "number", "fits"),
    [
        (pl.Date, 2_932_896, True),
        (pl.Date, 2_932_897, False),
        (pl.Date, -719_162, True),
        (pl.Date, -719_163, False),
        (pl.Datetime("ms"), 253_402_300_799_999, True),
        (pl.Datetime("ms"), 253_402_300_800_000, False),
        (pl.Datetime("us"), 2**63 - 1, False),
        (pl.Datetime("ns"), 2**63 - 1, True),
        (pl.Datetime("us", "Europe/Berlin"), -(2**62), False),
        (pl.Duration("ms"), 2**63 - 1, False),
        (pl.Duration("us"), -(2**62), True),
    ],
)
def test_moments_that_python_cannot_hold(
    tmp_path: Path, kind: pl.DataType, number: int, fits: bool
) -> None:
    physical = pl.Int32 if kind == pl.Date else pl.Int64
    moments = pl.Series("when", [1, 2, number, None], dtype=physical).cast(kind)
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "when": moments, "y": [1, 2, 3, 6]})
    path = tmp_path / "t.parquet"
    frame.write_parquet(path)
    for source in (path, frame):
        if fits:
            assert len(data.columns_of(source)) == 3
            continue
        with pytest.raises(DataError, match=r"row 3, column 'when': the moment is none of"):
            data.load(source, target="y")

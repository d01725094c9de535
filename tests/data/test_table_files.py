"""The form of a table's file: its header, its separator, its encoding."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from clearprop import data
from clearprop.errors import DataError
from tests.data.tables import ROWS


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("5.1,3.5,1.4,0.2,setosa", "holds numbers"),
        ("6,148,72,35,0", "holds numbers"),
        ("0.5,1.5", "holds numbers"),
        ("sep=,", "names the separator"),
        ("a,b,a", "the same name"),
        ("a, a ,b", "the same name"),
    ],
)
def test_a_first_line_without_names_is_refused(tmp_path: Path, header: str, problem: str) -> None:
    cells = ",".join(["1"] * max(2, header.count(",") + 1))
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\n{cells}\n{cells}\n", encoding="utf-8")
    with pytest.raises(DataError, match=problem) as caught:
        data.columns_of(path)
    assert "line 1" in str(caught.value.where)


@pytest.mark.parametrize("header", ["country,1990,2000,2010", "0,1,2,3", "y,2020,2019,2018"])
def test_names_that_are_numbers(tmp_path: Path, header: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\na,1,2,3\nb,3,2,1\n", encoding="utf-8")
    assert [column.name for column in data.columns_of(path)] == header.split(",")


def test_columns_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{row},{row % 3},{row * 0.5},\n" for row in range(ROWS))
    path.write_text(",x,y,\n" + rows, encoding="utf-8")
    taken = data.columns_of(path)
    assert [column.name for column in taken] == ["Unnamed: 0", "x", "y"]
    assert "ignore=['Unnamed: 0']" in taken[0].notes[0]
    assert data.load(path, target="y", ignore=["Unnamed: 0"]).inputs.shape == (ROWS, 1)


def test_a_separator_inside_a_quoted_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('"area, house, m²";y\n1,5;2\n2,5;4\n', encoding="utf-8-sig")
    loaded = data.load(path, target="y", task="regression")
    assert loaded.feature_names == ("area, house, m²",)
    assert loaded.inputs.ravel().tolist() == [1.5, 2.5]


def test_two_marks_that_are_as_frequent_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Preis, netto;Menge, kg;y\n1,5;2,5;1\n2,5;3;0\n", encoding="utf-8")
    names = [column.name for column in data.columns_of(path)]
    assert names == ["Preis, netto", "Menge, kg", "y"]
    path.write_text("a, b;c\n1,5;2,5\n", encoding="utf-8")
    assert [column.name for column in data.columns_of(path)] == ["a, b", "c"]
    path.write_text("a, b;c\n1,5;2\n2,5;3\n", encoding="utf-8")
    with pytest.raises(DataError, match="which mark separates the columns") as caught:
        data.columns_of(path)
    assert "quotes" in str(caught.value.fix)
    path.write_text('"a, b";c\n1,5;2\n2,5;3\n', encoding="utf-8")
    assert [column.name for column in data.columns_of(path)] == ["a, b", "c"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("größe,y\n1,2\n3,4\n", encoding=encoding)
    with pytest.raises(DataError, match=r"(?s)not UTF-8.*CSV UTF-8"):
        data.load(path, target="y")


def test_a_file_that_ends_its_reader_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": [1, 2], "y": [1, 2]}).write_parquet(path)
    assert len(data.columns_of(path)) == 2
    # Which bytes end the reader depends on its version, so the other process ends here by itself.
    crash = tmp_path / "polars.py"
    crash.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGABRT)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pl.DataFrame({"x": [1, 2, 3], "y": [1, 2, 3]}).write_parquet(path)
    with pytest.raises(DataError, match=r"t\.parquet: the file cannot be read: it is damaged"):
        data.columns_of(path)

"""The form of a table's file: its header, its separator, its encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clearprop import data
from clearprop.data.columns import check_present
from clearprop.data.table_checks import check_header
from clearprop.errors import ConfigurationError, DataError
from tests.data.tables import ROWS, options_in


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


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_quoted_names_are_read_as_cells_are(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "t [1]*.csv"  # marks of patterns are parts of a name
    header = '"a ""b"" c","two' + line_end + 'lines ""x""",y'
    path.write_text(line_end.join([header, '1,"x ""q""",2', "2,z,3", ""]), newline="")
    names = [column.name for column in data.columns_of(path)]
    assert names == ['a "b" c', f'two{line_end}lines "x"', "y"]
    assert data.columns_of(path)[1].about == 'x "q", z'
    with pytest.raises(DataError, match="text in a column of numbers") as caught:
        data.load(path, target="y", numeric=[names[1]])
    assert "line 3" in str(caught.value.where)


def test_a_name_that_stands_for_a_column_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Unnamed: 1,,y\n1,2,3\n2,3,4\n", encoding="utf-8")
    with pytest.raises(DataError, match="the same name"):
        data.columns_of(path)


def test_a_header_of_very_many_names() -> None:
    names = [f"c{i}" for i in range(200_000)]
    assert check_header(Path("t.csv"), "", names) == names
    with pytest.raises(DataError, match="the same name") as caught:
        check_header(Path("t.csv"), "", names + names)
    assert len(str(caught.value)) < 400


def test_a_column_that_is_missing_among_very_many() -> None:
    names = [f"c{i}" for i in range(50_000)]
    check_present(names, reversed(names))
    with pytest.raises(DataError, match="'d' that the model was trained with is missing") as caught:
        check_present(names, [*names, "d"])
    assert "50,000 in all" in str(caught.value)


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("größe\ty\n1\t2\n3\t4\n", encoding=encoding)
    assert [column.name for column in data.columns_of(path)] == ["größe", "y"]
    loaded = data.load(path, target="y", task="regression")
    assert loaded.inputs.ravel().tolist() == [1, 3]


@pytest.mark.parametrize("written", ["cp1252", "latin-1", "utf-16-le", "utf-16-be"])
def test_another_encoding_is_named_with_its_line(tmp_path: Path, written: str) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{row},{'Köln' if row % 2 else 'Ulm'},{row}.5\n" for row in range(1, ROWS))
    path.write_text("x,town,y\n" + rows, encoding=written)
    with pytest.raises(DataError, match=r"(?s)not UTF-8.*CSV UTF-8") as caught:
        data.load(path, target="y")
    (option,) = (one for one in options_in(str(caught.value)) if "encoding" in one)
    if "16" not in written:
        assert option == {"encoding": "cp1252"}
        assert "line 2" in str(caught.value)
        assert "1,Köln,1.5" in str(caught.value)
    loaded = data.load(path, target="y", **option)
    assert loaded.columns is not None
    assert loaded.columns[1].categories == ("Köln", "Ulm")


def test_a_late_byte_of_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{row},a,{row}.5\n" for row in range(5000))
    path.write_bytes(f"x,town,y\n{rows}".encode() + "1,é,2\n".encode("cp1252"))
    with pytest.raises(DataError, match="line 5002: the file is not UTF-8"):
        data.load(path, target="y")
    assert len(data.load(path, target="y", encoding="cp1252")) == 5001


def test_an_encoding_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"x,y\n1,2\n\x81,3\n")
    with pytest.raises(DataError, match=r"(?s)line 3: the file is not cp1252.*'latin-1'"):
        data.columns_of(path, encoding="cp1252")
    for name in ("cp12521", "rot13"):
        with pytest.raises(ConfigurationError, match="no such encoding"):
            data.columns_of(path, encoding=name)
    frame = tmp_path / "t.parquet"
    pl.DataFrame({"x": [1, 2], "y": [1, 2]}).write_parquet(frame)
    with pytest.raises(ConfigurationError, match="has neither an encoding"):
        data.columns_of(frame, encoding="cp1252")


def test_new_rows_are_read_with_the_encoding_of_training(tmp_path: Path) -> None:
    path, new = tmp_path / "t.csv", tmp_path / "new.csv"
    text = "Towns of 2024\n\ntown,y\n" + "Köln,1.5\nUlm,2.5\n" * 12
    path.write_text(text, encoding="cp1252")
    loaded = data.load(path, target="y", encoding="cp1252", skiprows=2)
    fitted = loaded.split(dev=0, test=0).preprocessor
    preprocessor = data.Preprocessor.from_json(fitted.to_json())
    for encoding in ("cp1252", "utf-8", "utf-8-sig", "utf-16"):
        new.write_text("Towns\n\ntown\nKöln\nUlm\n", encoding=encoding)
        rows = data.new_rows(new, preprocessor)
        assert rows.remarks == ()
        assert rows.inputs.ravel().tolist() == [0, 1]
    again = data.load(path, target="y", task="regression", columns=preprocessor.raw_columns)
    assert np.array_equal(again.inputs, loaded.inputs)


@pytest.mark.parametrize("title", ["Report 2024", "Report, 2024", "Report 2024;;", "\nReport\n\n"])
def test_a_title_above_the_header(tmp_path: Path, title: str) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"a{row % 2};{row},5;{row},25\n" for row in range(ROWS))
    path.write_text(f"{title}\nkind;x;y\n{rows}", encoding="utf-8")
    with pytest.raises(DataError, match="a title stands above") as caught:
        data.columns_of(path)
    (option,) = options_in(str(caught.value))
    assert option == {"skiprows": title.count("\n") + 1}
    assert [column.name for column in data.columns_of(path, **option)] == ["kind", "x", "y"]
    text = path.read_text(encoding="utf-8") + "a0;oops;1\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"line {text.count(chr(10))}, column 'x'"):
        data.load(path, target="y", **option)


def test_texts_with_commas_are_no_title(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name;town\nMüller, Jan;Ulm\nMeier, Eva;Köln\n", encoding="utf-8")
    assert [column.name for column in data.columns_of(path)] == ["name", "town"]


@pytest.mark.parametrize("label", ["Total", "Summe", "TOTAL GÉNÉRAL", "Gesamt:"])
def test_a_row_of_sums_is_no_example(label: str, tmp_path: Path) -> None:
    rows = [("north", 3, 1.5), ("south", 5, 2.25), ("east", 4, 1.0), ("north", 2, 0.75)]
    lines = ["region,count,price", *(f"{a},{b},{c}" for a, b, c in rows)]
    file = tmp_path / "sales.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert len(data.load(file, target="price")) == 4
    file.write_text("\n".join([*lines, f"{label},14,5.5"]) + "\n", encoding="utf-8")
    for target in ("price", "region", "count"):
        with pytest.raises(DataError, match="sums of the other rows") as caught:
            data.load(file, target=target)
        assert label in str(caught.value)
    file.write_text("\n".join([*lines, ",14,5.5"]) + "\n", encoding="utf-8")  # no label
    with pytest.raises(DataError, match="sums of the other rows"):
        data.load(file, target="price")


def test_one_column_that_ends_with_its_sum_may_be_chance(tmp_path: Path) -> None:
    file = tmp_path / "small.csv"
    file.write_text("a,b,c\nx,1,5\ny,2,6\nx,3,9\ny,6,4\n", encoding="utf-8")
    assert len(data.load(file, target="c")) == 4
    file.write_text("x1,x2,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n", encoding="utf-8")  # a truth table
    assert len(data.load(file, target="y")) == 4

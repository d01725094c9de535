"""How the cells of a table are read, or refused with the option that reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from clearprop import data
from clearprop.data import Preprocessor
from clearprop.errors import ConfigurationError, DataError
from tests.data.tables import DAYS, PARTS, ROWS, Write, options_in, parts_of, repeated

# --- numbers in other notations ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "numbers", "words"),
    [
        (("1,5", "-2,25", "7"), (1.5, -2.25, 7), "decimal ','"),
        (("1.234,50", "2,5"), (1234.5, 2.5), "decimal ',', thousands '.'"),
        (("1,234.50", "2.5"), (1234.5, 2.5), "thousands ','"),
        (("1,234,567", "8"), (1234567, 8), "thousands ','"),
        (("1.234.567", "8"), (1234567, 8), "decimal ',', thousands '.'"),
        (("12,34,567.5", "1,200"), (1234567.5, 1200), "thousands ','"),
        (("$1,200", "$300.50", "$7"), (1200, 300.5, 7), "thousands ',', in $"),
        (("US$ 5", "US$ 7.5"), (5, 7.5), "in US$"),
        (("12,50 €", "7,00 €"), (12.5, 7), "decimal ',', in €"),
        (("EUR 12.5", "EUR 7"), (12.5, 7), "in EUR"),
        (("12 %", "7.5%"), (12, 7.5), "in %"),
        (("1 234,5", "12"), (1234.5, 12), "decimal ',', thousands ' '"),
        (("1\u00a0234", "12"), (1234, 12), "thousands ' '"),
        (("1\u202f234,5", "12,25"), (1234.5, 12.25), "decimal ',', thousands ' '"),
        (("1'234.50", "2"), (1234.5, 2), 'thousands "\'"'),
        (("1’234", "2"), (1234, 2), 'thousands "\'"'),
        (("1_000", "5"), (1000, 5), "thousands '_'"),
        (("(5)", "3", "(1.5)"), (-5, 3, -1.5), ""),
        (("($1,200)", "$30.5"), (-1200, 30.5), "thousands ',', in $"),
        (("\u22125", "3"), (-5, 3), ""),
        (("5-", "3"), (-5, 3), ""),
        (("12 kg", "7.5 kg"), (12, 7.5), "in kg"),
        (("20,5 °C", "-3,0 °C"), (20.5, -3), "decimal ',', in °C"),
        (("1,5E3", "2,5E-1"), (1500, 0.25), "decimal ','"),
        (("0,123", "1,234"), (0.123, 1.234), "decimal ','"),
        (("1,5", "n/a", "", "2,5", "?"), (1.5, np.nan, np.nan, 2.5, np.nan), "decimal ','"),
    ],
)
def test_numbers_in_other_notations(
    write: Write, cells: Sequence[str], numbers: Sequence[float], words: str
) -> None:
    loaded = data.load(write({"x": repeated(*cells)}), target="y")
    assert [column.categories for column in loaded.columns or ()] == [None]
    np.testing.assert_array_equal(loaded.inputs[: len(numbers), 0], numbers)
    assert loaded.taken[0].kind == "number"
    assert words in loaded.taken[0].about


@pytest.mark.parametrize(
    ("cells", "options", "numbers"),
    [
        (("1,234", "5,678"), {"thousands": ","}, (1234, 5678)),
        (("1,234", "5,678"), {"decimal": ","}, (1.234, 5.678)),
        (("1,234", "5,678"), {"decimal": "."}, (1234, 5678)),
        (("1.234", "5.678"), {"thousands": "."}, (1234, 5678)),
        (("1.234", "5.678"), {}, (1.234, 5.678)),
        (("1.234 kg", "5.678 kg"), {"decimal": "."}, (1.234, 5.678)),
        (("1.234,5", "5"), {"decimal": ",", "thousands": "."}, (1234.5, 5)),
        (("1 234,5", "5"), {"decimal": ",", "thousands": " "}, (1234.5, 5)),
        (("2.5", "3"), {"decimal": ",", "numeric": ["x"]}, (2.5, 3)),
    ],
)
def test_the_options_for_marks(
    write: Write, cells: Sequence[str], options: Any, numbers: Sequence[float]
) -> None:
    loaded = data.load(write({"x": repeated(*cells)}), target="y", **options)
    np.testing.assert_array_equal(loaded.inputs[:2, 0], numbers)


@pytest.mark.parametrize(
    ("cells", "problem", "options"),
    [
        (("1,234", "5,678"), "which mark", [{"thousands": ","}, {"decimal": ","}]),
        (("$1,234", "$5,678"), "which mark", [{"thousands": ","}, {"decimal": ","}]),
        (("1,234", "1.234"), "which mark", [{"decimal": ","}, {"thousands": ","}]),
        (("12 %", "0.5"), "others without", [{"categorical": ["x"]}, {"ignore": ["x"]}]),
        (("$5", "7"), "others without", [{"categorical": ["x"]}, {"ignore": ["x"]}]),
        (("$5", "7 €"), "different units", [{"categorical": ["x"]}, {"ignore": ["x"]}]),
        (("5 kg", "300 g"), "different units", [{"categorical": ["x"]}, {"ignore": ["x"]}]),
        (("5k", "3M"), "different units", [{"categorical": ["x"]}, {"ignore": ["x"]}]),
        (("1,5", "2,5", "1.5"), "text in a column", [{"na_values": ["1.5"]}]),
        (("1,200.5", "2,500", "12,5"), "text in a column", [{"na_values": ["12,5"]}]),
        (("12", "none", "13"), "text in a column", [{"na_values": ["none"]}]),
        (("12", "1,5", "13.5"), "text in a column", [{"na_values": ["1,5"]}]),
        (("03/04/2024", "05/06/2024"), "which number", [{"dayfirst": True}, {"dayfirst": False}]),
        (("01/02/03", "04/05/06"), "which number", [{"dayfirst": True}, {"dayfirst": False}]),
        (("19/01/05", "20/05/06"), "which number", [{"dayfirst": True}, {"dayfirst": False}]),
        (("2024-02-30", "2024-01-05", "2024-03-05"), "such a date", [{"ignore": ["x"]}]),
        (("2024-01-05", "never", "2024-03-05"), "such a date", [{"na_values": ["never"]}]),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_options_that_help(
    write: Write, cells: Sequence[str], problem: str, options: list[dict[str, Any]]
) -> None:
    path = write({"x": repeated(*cells), "z": range(ROWS)})
    with pytest.raises(DataError, match=problem) as caught:
        data.load(path, target="y")
    assert "column 'x'" in str(caught.value.where)
    printed = options_in(str(caught.value.fix))
    for option in options:
        assert option in printed
    for option in printed:
        assert data.load(path, target="y", **option).taken[0].kind != "refused"
    (shown,) = [column for column in data.columns_of(path) if column.name == "x"]
    assert shown.kind == "refused"
    assert problem in shown.about


def test_another_column_of_the_file_proves_what_a_mark_means(write: Write) -> None:
    ambiguous = repeated("1,234", "5,678")
    for proof, expected in (("27,045.14", 1234), ("1,5", 1.234), ("12.345,5", 1.234)):
        loaded = data.load(write({"x": ambiguous, "z": repeated(proof, "7")}), target="y")
        assert loaded.inputs[0, 0] == expected
    both = write({"x": ambiguous, "a": repeated("1,5"), "b": repeated("27,045.14")})
    with pytest.raises(DataError, match="which mark"):
        data.load(both, target="y")
    # 1.234 is a plain number, but not in a file whose decimals begin with a comma.
    dotted = repeated("1.234", "5.678")
    assert data.load(write({"x": dotted, "z": repeated("7")}), target="y").inputs[0, 0] == 1.234
    with pytest.raises(DataError, match="which mark") as caught:
        data.load(write({"x": dotted, "z": repeated("1,5", "7")}), target="y")
    printed = options_in(str(caught.value.fix))
    assert printed == [{"numeric": ["x"]}, {"thousands": "."}]
    path = write({"x": dotted, "z": repeated("1,5", "7")})
    assert [data.load(path, target="y", **p).inputs[0, 0] for p in printed] == [1.234, 1234]
    loaded = data.load(write({"x": dotted, "z": repeated("1.234,5", "7")}), target="y")
    assert loaded.inputs[0, 0] == 1234


@pytest.mark.parametrize(
    "cells",
    [
        ("10A", "10B", "11A"),
        ("1.2.3", "1.2.4"),
        ("1,2,3", "1,2,4"),
        ("030 123 456", "030 123 457"),
        ("10-20", "20-30"),
        ("<5", ">10"),
        ("XL", "M"),
        ("yes", "no", "partly"),
        ("True", "False"),
    ],
)
def test_names_stay_names(write: Write, cells: Sequence[str]) -> None:
    loaded = data.load(write({"x": repeated(*cells)}), target="y")
    assert loaded.columns is not None
    assert loaded.columns[0].categories == tuple(sorted(cells))
    assert loaded.taken[0].kind == f"{len(cells)} categories"


def test_a_target_in_another_notation(write: Write) -> None:
    prices = [f"${1000 + 37 * row:,}.50" for row in range(ROWS)]
    loaded = data.load(write({"x": range(ROWS)}, targets=prices), target="y")
    assert loaded.task == "regression"
    np.testing.assert_array_equal(loaded.targets[:2, 0], [1000.5, 1037.5])
    assert "in $" in loaded.taken[-1].about
    with pytest.raises(DataError, match="which mark") as caught:
        data.load(write({"x": range(ROWS)}, targets=[p[:-3] for p in prices]), target="y")
    for option in options_in(str(caught.value.fix)):
        assert data.load(write({"x": range(ROWS)}), target="y", **option).task == "regression"
    discounts = data.load(write({"x": range(ROWS)}, targets=repeated("10 %", "20 %")), target="y")
    assert discounts.class_names == ("10 %", "20 %")
    codes = data.load(write({"x": range(ROWS)}, targets=repeated("007", "012")), target="y")
    assert codes.class_names == ("007", "012")
    days = write({"x": range(ROWS)}, targets=[f"2024-01-{row + 1:02}" for row in range(ROWS)])
    with pytest.raises(DataError, match="the target is a date"):
        data.load(days, target="y")
    names = write({"x": range(ROWS)}, targets=[f"Ms {chr(65 + row)}" for row in range(ROWS)])
    with pytest.raises(DataError, match="a class of its own"):
        data.load(names, target="y")


@pytest.mark.parametrize(
    "options", [{"decimal": ";"}, {"thousands": "0"}, {"decimal": ",", "thousands": ","}]
)
def test_marks_that_are_none(write: Write, options: Any) -> None:
    with pytest.raises(ConfigurationError, match="mark"):
        data.load(write({"x": range(ROWS)}), target="y", **options)


# --- identifiers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [5, 24, 300, 1500])
@pytest.mark.parametrize("repeats", [1, 0.92])
def test_texts_that_nearly_all_differ_are_refused_at_any_size(
    write: Write, rows: int, repeats: float
) -> None:
    distinct = int(np.ceil(rows * repeats))
    names = [f"order {row % distinct}x" for row in range(rows)]
    path = write({"x": range(rows), "name": names, "ticket": names[::-1]})
    with pytest.raises(DataError, match="nearly all texts of a column differ") as caught:
        data.load(path, target="y")
    printed = options_in(str(caught.value.fix))
    assert printed[0] == {"ignore": ["name", "ticket"]}
    for option in printed:
        loaded = data.load(path, target="y", **option)
        assert [column.name for column in loaded.taken] == ["x", "name", "ticket", "y"]
        left_out = option == printed[0]
        assert (loaded.taken[1].kind == "left out") == left_out
    assert ("categorical" in str(caught.value.fix)) == (distinct <= 1000)
    shown = {column.name: column.kind for column in data.columns_of(path)}
    assert shown == {"x": "number", "name": "refused", "ticket": "refused", "y": "number"}


# --- notes ---------------------------------------------------------------------------------------


def notes(loaded: data.Dataset, name: str = "x") -> str:
    (found,) = [column for column in loaded.taken if column.name == name]
    return " ".join(found.notes)


@pytest.mark.parametrize("mark", ["-999", "-9999", "-99", "999", "9999", "99999", "-1"])
def test_a_suspected_missing_value_is_a_note_and_no_change(write: Write, mark: str) -> None:
    ages = [mark if row % 8 == 3 else str(18 + row) for row in range(ROWS)]
    path = write({"x": ages})
    loaded = data.load(path, target="y")
    assert loaded.inputs[3, 0] == float(mark)
    note = notes(loaded)
    assert note.startswith(f"{mark} stands in 3 cells")
    (option,) = options_in(note)
    again = data.load(path, target="y", **option)
    assert np.isnan(again.inputs[3, 0])
    assert notes(again) == ""


@pytest.mark.parametrize("cells", [("-1", "0", "1"), ("998", "999", "1000"), ("1", "2", "999.5")])
def test_what_is_no_suspected_missing_value(write: Write, cells: Sequence[str]) -> None:
    assert "na_values" not in notes(data.load(write({"x": repeated(*cells)}), target="y"))


def test_zeros_at_the_beginning_are_a_note(write: Write) -> None:
    path = write({"x": repeated("01067", "10115", "04103")})
    loaded = data.load(path, target="y")
    assert loaded.inputs[0, 0] == 1067
    (option,) = options_in(notes(loaded))
    columns = data.load(path, target="y", **option).columns
    assert columns is not None
    assert columns[0].categories == ("01067", "04103", "10115")


def test_other_notes(write: Write) -> None:
    cells = {
        "id": range(100, 100 + ROWS),
        "same": repeated("a"),
        "one": repeated("7"),
        "empty": repeated(""),
        "big": [2**60 + row * 2**9 for row in range(ROWS)],
        "rare": ["a"] * 12 + [f"b{row}" for row in range(12)],
    }
    taken = {column.name: " ".join(column.notes) for column in data.columns_of(write(cells))}
    assert "number of a row; ignore=['id']" in taken["id"]
    assert "same" in taken["same"]
    assert "same" in taken["one"]
    assert "no cell has a value" in taken["empty"]
    assert "2^53" in taken["big"]
    assert "12 of the 13 categories stand in one row only" in taken["rare"]


def test_na_values_hold_for_texts_and_typed_numbers(tmp_path: Path, write: Write) -> None:
    path = write({"x": repeated("-999", "5"), "c": repeated("none", "a", "b")})
    for mark in ("-999", "-999.0"):
        loaded = data.load(path, target="y", na_values=[mark, "NONE"])
        np.testing.assert_array_equal(loaded.inputs[:3, 0], [np.nan, 5, np.nan])
        assert np.isnan(loaded.inputs[0, 1])
    frame = pl.DataFrame({"x": [-999, 5] * 12, "f": [-999.0, 0.5] * 12, "y": np.arange(24) * 0.5})
    frame.write_parquet(tmp_path / "t.parquet")
    loaded = data.load(tmp_path / "t.parquet", target="y", na_values=["-999"])
    assert np.isnan(loaded.inputs[0]).all()
    assert loaded.inputs[1].tolist() == [5, 0.5]


# --- new rows ------------------------------------------------------------------------------------


def trained(path: Path, **options: Any) -> Preprocessor:
    fitted = data.load(path, target="y", **options).split(dev=0, test=0).preprocessor
    return Preprocessor.from_json(fitted.to_json())


def test_new_rows_are_read_as_in_training(write: Write, tmp_path: Path) -> None:
    cells = {
        "amount": repeated("1.234,5", "7"),
        "whole": repeated("1.234", "2.345"),
        "rate": repeated("12,5 %", "7 %"),
        "when": repeated("25/12/2023 06:00", "03/04/2024"),
        "code": repeated("-999", "5"),
    }
    saved = trained(write(cells), na_values=["-999"])
    new = tmp_path / "new.csv"
    new.write_text(
        "rate;when;whole;amount;code\n3 %;03/04/2024;1.234;2.000;-999\n;;;;\n4,5 %;;7;;-999\n",
        encoding="utf-8",
    )
    rows = data.load_inputs(new, saved)
    values = dict(zip([c.name for c in saved.raw_columns or ()], rows[0].tolist(), strict=True))
    assert values["amount"] == 2000
    assert values["whole"] == 1234
    assert values["rate"] == 3
    assert [values[f"when.{part}"] for part in (*PARTS, "hour")] == [2024, 4, 3, 94, 0]
    assert np.isnan(values["code"])
    others = [column for column in saved.raw_columns or () if column.name != "whole"]
    again = data.load(new, target="whole", task="regression", columns=others)
    assert again.targets.tolist() == [[1234], [7]]
    assert again.inputs[0, 0] == 2000
    new.write_text("amount,whole,rate,when,code\n7,7,0.125,03/04/2024,5\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)column 'rate'.*'0.125'.*such as 1234,5 %"):
        data.load_inputs(new, saved)
    new.write_text("amount,whole,rate,when,code\n7,7,1 %,2024-04-03,5\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)column 'when'.*day/month/year"):
        data.load_inputs(new, saved)


def test_typed_dates_and_texts_of_dates_are_the_same(write: Write, tmp_path: Path) -> None:
    texts = {"when": [str(day) for day in DAYS]}
    typed = tmp_path / "t.parquet"
    pl.DataFrame({"when": DAYS, "y": np.arange(ROWS) * 0.37}).write_parquet(typed)
    csv = write(texts)
    for old, new in ((csv, typed), (typed, csv)):
        np.testing.assert_array_equal(
            data.load_inputs(new, trained(old)), [parts_of(day) for day in DAYS]
        )


def test_truth_values_and_whole_numbers_have_one_name_in_every_file(
    write: Write, tmp_path: Path
) -> None:
    saved = trained(
        write({"flag": repeated("True", "False"), "n": repeated("1", "2")}), categorical=["n"]
    )
    new = tmp_path / "new.parquet"
    pl.DataFrame({"flag": [True, False], "n": [2.0, 1.0]}).write_parquet(new)
    found = data.new_rows(new, saved)
    assert found.remarks == ()
    assert found.inputs.tolist() == [[1, 1], [0, 0]]
    record = json.loads(saved.to_json())
    record["columns"][1] |= {"fill": "1.0", "categories": ["1.0", "2.0"]}
    old = Preprocessor.from_json(json.dumps(record))
    assert data.load_inputs(new, old).tolist() == [[1, 1], [0, 0]]


def test_other_data_need_not_have_a_column_that_was_ignored(write: Write, tmp_path: Path) -> None:
    path = write({"x": range(ROWS), "id": range(ROWS)})
    saved = trained(path, ignore=["id"])
    new = tmp_path / "new.csv"
    new.write_text("x,more,y\n1,2,0.5\n2,3,1.5\n", encoding="utf-8")
    loaded = data.load(new, target="y", ignore=["id"], columns=saved.raw_columns)
    assert loaded.inputs.tolist() == [[1], [2]]
    assert loaded.taken[1].about == "the model was not trained with it"


def test_what_training_did_not_have_is_said(write: Write, tmp_path: Path) -> None:
    saved = trained(write({"color": repeated("red", "blue"), "age": range(ROWS)}))
    new = tmp_path / "new.csv"
    new.write_text("age,color\n1,violet\n,red\n3,pink\n4,violet\n", encoding="utf-8")
    found = data.new_rows(new, saved)
    missing, unseen = found.remarks
    assert "1 of 4 cells of column 'age' are missing and are read as 11.5" in missing
    assert "3 of 4 cells of column 'color' were not seen in training" in unseen
    assert "'violet', 'pink'" in unseen
    assert found.inputs[:, 0].tolist() == [-1, 1, -1, -1]


def test_a_missing_column_is_never_a_column_that_the_model_has(
    write: Write, tmp_path: Path
) -> None:
    saved = trained(write({"width": range(ROWS), "width2": range(ROWS)}))
    new = tmp_path / "new.csv"
    new.write_text("width,y\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="'width2' that the model") as caught:
        data.load_inputs(new, saved)
    assert caught.value.fix is None
    new.write_text("width,widht2\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="did you mean 'widht2'"):
        data.load_inputs(new, saved)


def test_a_preprocessor_of_an_earlier_version_reads_plain_cells(
    write: Write, tmp_path: Path
) -> None:
    saved = data.load(write({"x": range(ROWS), "c": repeated("a", "b")}), target="y")
    fitted = saved.split(dev=0, test=0).preprocessor
    record = json.loads(fitted.to_json())
    # Plain columns are written as they always were, so runs can be resumed.
    assert [set(column) for column in record["columns"]] == [{"name", "fill", "categories"}] * 2
    assert Preprocessor.from_json(json.dumps(record)) == fitted
    # A date was once a category of its own.
    record["columns"][1] |= {"fill": "2024-01-05", "categories": ["2024-01-05", "2024-01-06"]}
    old = Preprocessor.from_json(json.dumps(record))
    new = tmp_path / "new.csv"
    new.write_text("x,c\n1,2024-01-06\n", encoding="utf-8")
    assert data.load_inputs(new, old).tolist() == [[1, 1]]


def test_a_series_in_another_notation(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"2024-01-{row + 1:02};1.{row:03},5" for row in range(ROWS)]
    path.write_text("\n".join(["day;value", *lines]) + "\n", encoding="utf-8")
    loaded = data.load(path, target="value", window=3)
    assert loaded.inputs[0, :, 0].tolist() == [1000.5, 1001.5, 1002.5]
    path.write_text(path.read_text(encoding="utf-8").replace(",5", ""), encoding="utf-8")
    with pytest.raises(DataError, match="which mark") as caught:
        data.load(path, target="value", window=3)
    plain, _ = options_in(str(caught.value.fix))
    assert data.load(path, target="value", window=3, **plain).inputs[0, 1, 0] == 1.001
    thousands = data.load(path, target="value", window=3, thousands=".")
    assert thousands.inputs[0, :, 0].tolist() == [1000, 1001, 1002]


# --- files ---------------------------------------------------------------------------------------


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


def test_rows_without_a_cell_are_counted(write: Write, tmp_path: Path) -> None:
    saved = trained(write({"x": range(ROWS), "z": repeated("7", "8")}))
    new = tmp_path / "new.csv"
    new.write_text("x,z\n1,7\n,\n3,8\n", encoding="utf-8")
    found = data.new_rows(new, saved)
    assert found.inputs.tolist() == [[1, 7], [3, 8]]
    assert "1 rows without any cell are left out" in found.remarks[0]


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


def test_mixed_cells_and_empty_cells(write: Write) -> None:
    cells = {"x": repeated("12", "n/a", "13", ""), "c": repeated("a", "", " b ", "b")}
    loaded = data.load(write(cells), target="y")
    np.testing.assert_array_equal(loaded.inputs[:4, 0], [12, np.nan, 13, np.nan])
    assert loaded.columns is not None
    assert loaded.columns[1].categories == ("a", "b")
    assert "12 missing" in loaded.taken[0].about
    assert "6 missing" in loaded.taken[1].about


def test_an_option_for_a_column_that_is_not_there(write: Write) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'x1'"):
        data.columns_of(write({"x1": range(ROWS)}), ignore=["x2"])
    with pytest.raises(ConfigurationError, match="has no option 'window'"):
        data.columns_of(write({"x1": range(ROWS)}), window=3)


@pytest.mark.parametrize("columns", [3, 500])
def test_the_description_has_the_columns(write: Write, columns: int) -> None:
    path = write({f"p{i}": range(ROWS) for i in range(columns)})
    lines = str(data.describe(data.load(path, target="y"))).splitlines()
    assert len(lines) < 25
    assert any("target" in line for line in lines)
    assert any("p0" in line and "number" in line for line in lines)

"""New rows of a table are read as in the training of their model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from clearprop import data
from clearprop.data import Preprocessor
from clearprop.errors import DataError
from tests.data.tables import DAYS, PARTS, ROWS, Write, options_in, parts_of, repeated


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


def test_rows_without_a_cell_are_counted(write: Write, tmp_path: Path) -> None:
    saved = trained(write({"x": range(ROWS), "z": repeated("7", "8")}))
    new = tmp_path / "new.csv"
    new.write_text("x,z\n1,7\n,\n3,8\n", encoding="utf-8")
    found = data.new_rows(new, saved)
    assert found.inputs.tolist() == [[1, 7], [3, 8]]
    assert "1 rows without any cell are left out" in found.remarks[0]

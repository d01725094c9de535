"""What looks doubtful in a column of a table is noted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clearprop import data
from clearprop.errors import DataError
from tests.data.tables import ROWS, Write, options_in, repeated


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


def test_zeros_at_the_beginning_make_names(write: Write) -> None:
    path = write({"x": repeated("01067", "10115", "04103")})
    loaded = data.load(path, target="y")
    assert loaded.columns is not None
    assert loaded.columns[0].categories == ("01067", "04103", "10115")
    (option,) = options_in(notes(loaded))
    assert data.load(path, target="y", **option).inputs[0, 0] == 1067
    telephones = write(
        {"x": [f"0{170 + row}{row * 7919}" for row in range(ROWS)], "z": range(ROWS)}
    )
    with pytest.raises(DataError, match="nearly all texts of a column differ") as caught:
        data.load(telephones, target="y")
    assert {"numeric": ["x"]} in options_in(str(caught.value.fix))
    for option in options_in(str(caught.value.fix)):
        assert len(data.load(telephones, target="y", **option).taken) == 3
    assert data.load(write({"x": repeated("0", "0.5", "10")}), target="y").inputs[1, 0] == 0.5


@pytest.mark.parametrize(
    "cells", [("192.168.100.200", "192.168.100.201"), ("1.2.1042", "1.3.1043")]
)
def test_addresses_and_versions_stay_names(write: Write, cells: Sequence[str]) -> None:
    loaded = data.load(write({"x": repeated(*cells)}), target="y")
    assert loaded.columns is not None
    assert loaded.columns[0].categories == cells


def test_classes_of_many_digits_are_never_merged(write: Write) -> None:
    for first, second in ((2**53, 2**53 + 1), (2**70, 2**70 + 1)):
        path = write({"x": range(ROWS)}, targets=repeated(str(first), str(second)))
        loaded = data.load(path, target="y")
        assert loaded.class_names == (str(first), str(second))
        assert loaded.targets[:3].tolist() == [0, 1, 0]
    same = data.load(write({"x": range(ROWS)}, targets=repeated("1.0", "1", "2")), target="y")
    assert same.class_names == ("1", "2")


def test_other_notes(write: Write) -> None:
    cells = {
        "id": range(100, 100 + ROWS),
        "same": repeated("a"),
        "one": repeated("7"),
        "empty": repeated(""),
        "big": [2**60 + row * 2**9 for row in range(ROWS)],
        "rare": ["a"] * 12 + [f"b{row}" for row in range(12)],
    }
    taken = {
        column.name: " ".join(column.notes)
        for column in data.columns_of(write(cells), numeric=["big"])
    }
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

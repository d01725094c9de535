"""What the columns of a file prove about the marks in numbers, and what is no number at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from clearprop import data
from clearprop.data import Preprocessor
from clearprop.errors import DataError
from tests.data.tables import ROWS, Write, options_in, repeated


def trained(path: Path, **options: Any) -> Preprocessor:
    fitted = data.load(path, target="y", **options).split(dev=0, test=0).preprocessor
    return Preprocessor.from_json(fitted.to_json())


def separated(path: Path, separator: str, columns: Mapping[str, Sequence[str]]) -> Path:
    rows = [separator.join(cells) for cells in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([separator.join(columns), *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("price", "cell", "number"),
    [("1.234,5", "1.200", 1200), ("1,234.5", "1,200", 1200), ("1.234,5", "2,5", 2.5)],
)
def test_whole_numbers_of_new_rows_have_the_marks_of_the_file(
    write: Write, tmp_path: Path, price: str, cell: str, number: float
) -> None:
    saved = trained(write({"price": repeated(price), "amount": repeated("12", "7")}))
    new = tmp_path / "new.csv"
    new.write_text(f'price,amount\n"{price}","{cell}"\n"{price}","7"\n', encoding="utf-8")
    assert data.load_inputs(new, saved)[:, 1].tolist() == [number, 7]


def test_a_point_of_new_rows_is_refused_in_a_file_of_commas(write: Write, tmp_path: Path) -> None:
    saved = trained(write({"price": repeated("1,5"), "amount": repeated("12", "7")}))
    new = tmp_path / "new.csv"
    new.write_text('price,amount\n"1,5",1.200\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)column 'amount'.*'1.200'"):
        data.load_inputs(new, saved)


@pytest.mark.parametrize(
    ("cells", "mark", "note"),
    [
        (("-999,0", "1,5", "2,25"), "-999", ""),
        (("-999 %", "1.5 %", "2.25 %"), "-999", ""),
        (("9.999", "1.234,5", "2.000"), "9999", ""),
        (("-999,00 €", "7,50 €", "8,50 €"), "-999", "na_values"),
    ],
)
def test_marks_of_missing_values_in_other_notations(
    write: Write, tmp_path: Path, cells: Sequence[str], mark: str, note: str
) -> None:
    path = write({"x": repeated(*cells)})
    assert note in " ".join(data.load(path, target="y").taken[0].notes)
    loaded = data.load(path, target="y", na_values=[mark])
    assert np.isnan(loaded.inputs[::3, 0]).all()
    assert not np.isnan(loaded.inputs[1::3, 0]).any()
    again = data.load_inputs(path, trained(path, na_values=[mark]))
    np.testing.assert_array_equal(again, loaded.inputs)


def test_choices_with_commas_are_no_decimals_where_others_have_points(write: Write) -> None:
    path = write({"x": repeated("1,4", "2,3"), "price": repeated("12.99", "7.5")})
    with pytest.raises(DataError, match="column 'price' of the same file has a point") as caught:
        data.load(path, target="y")
    numeric, categorical = options_in(str(caught.value.fix))
    assert data.load(path, target="y", **numeric).inputs[0, 0] == 1.4
    assert data.load(path, target="y", **categorical).taken[0].kind == "2 categories"
    # The choices prove nothing about other columns.
    path = write(
        {"x": repeated("1,4"), "price": repeated("12.99"), "many": repeated("1,234", "5,678")}
    )
    with pytest.raises(DataError, match=r"(?s)column 'many': it is not known which mark"):
        data.load(path, target="y", categorical=["x"])


@pytest.mark.parametrize("options", [{"thousands": "."}, {"decimal": ","}])
def test_a_cell_that_does_not_fit_a_given_mark_is_refused(write: Write, options: Any) -> None:
    path = write({"x": repeated("1234", "5.67")})
    with pytest.raises(DataError, match="text in a column of numbers") as caught:
        data.load(path, target="y", **options)
    assert caught.value.given == "'5.67'"
    for printed in options_in(str(caught.value.fix)):
        assert len(data.load(path, target="y", **options, **printed)) == ROWS
    assert data.load(path, target="y").inputs[1, 0] == 5.67


def test_groups_of_three_digits_after_a_point_are_never_decimals_in_silence(
    tmp_path: Path,
) -> None:
    columns = {"x": repeated("1.234", "5.678"), "y": [str(1000 + 7 * row) for row in range(ROWS)]}
    path = separated(tmp_path / "t.csv", ";", columns)
    with pytest.raises(DataError, match="which mark") as caught:
        data.load(path, target="y")
    plain, thousands = options_in(str(caught.value.fix))
    assert data.load(path, target="y", **plain).inputs[0, 0] == 1.234
    assert data.load(path, target="y", **thousands).inputs[0, 0] == 1234
    loaded = data.load(separated(tmp_path / "t.csv", ",", columns), target="y")
    assert loaded.inputs[0, 0] == 1.234
    (note,) = loaded.taken[0].notes
    assert "thousands='.' reads 1234" in note
    for proof in ("0.123", "12.34"):
        proved = {**columns, "z": repeated(proof)}
        if proof == "0.123":
            proved["x"] = repeated("1.234", proof)
        loaded = data.load(separated(tmp_path / "t.csv", ";", proved), target="y")
        assert loaded.inputs[0, 0] == 1.234
        assert loaded.taken[0].notes == ()


@pytest.mark.parametrize("first", ["+49 170 {}", "+49170{}", "170 {}"])
def test_numbers_of_telephones_are_refused(write: Write, first: str) -> None:
    numbers = [first.format(f"{123 + 31 * row} {456 + 17 * row}") for row in range(ROWS)]
    if first.startswith("+49170"):
        numbers = [number.replace(" ", "") for number in numbers]
    path = write({"x": numbers, "z": range(ROWS)})
    with pytest.raises(DataError, match="telephones") as caught:
        data.load(path, target="y")
    left_out, numeric = options_in(str(caught.value.fix))
    assert data.load(path, target="y", **left_out).taken[0].kind == "left out"
    assert data.load(path, target="y", **numeric).taken[0].kind == "number"


def test_amounts_with_spaces_are_numbers(write: Write) -> None:
    amounts = [f"{row + 1} {100 + 37 * row % 900:03}" for row in range(ROWS)]
    assert data.load(write({"x": amounts}), target="y").inputs[0, 0] == 1100


def test_versions_houses_and_months(write: Write) -> None:
    columns = {
        "version": repeated("1.10.12", "2.4.11", "1.9.10"),
        "house": repeated("12Apt", "13Apt"),
        "wing": repeated("12B", "13B"),
        "fruits": repeated("12 apples", "7 apples"),
        "month": repeated("01.2024", "12.2023"),
    }
    loaded = data.load(write(columns), target="y")
    version, house, wing, fruits, month, _ = loaded.taken
    assert version.kind == "3 categories"
    assert house.kind == "2 categories"
    assert wing.kind == fruits.kind == "number"
    assert options_in(wing.notes[0]) == [{"categorical": ["wing"]}]
    assert fruits.notes == ()
    assert month.kind == "date"
    names = loaded.feature_names or ()
    assert names[-2:] == ("month.year", "month.month")
    assert loaded.inputs[0, -2:].tolist() == [2024, 1]
    measured = data.load(write({"x": repeated("1.2024", "12.3456")}), target="y")
    assert measured.inputs[0, 0] == 1.2024


def test_a_mark_of_missing_values_in_most_rows(write: Write) -> None:
    cells = ["-" if row % 5 < 3 else str(30 + row) for row in range(ROWS)]
    path = write({"x": cells})
    with pytest.raises(DataError, match="text in a column of numbers") as caught:
        data.load(path, target="y")
    printed = options_in(str(caught.value.fix))
    assert {"na_values": ["-"]} in printed
    assert data.load(path, target="y", na_values=["-"]).inputs[3, 0] == 33


def test_large_whole_numbers_are_not_the_same_because_they_are_rounded(write: Write) -> None:
    path = write({"x": [str(2**60 + row) for row in range(ROWS)], "z": range(ROWS)})
    (note,) = data.load(path, target="y", numeric=["x"]).taken[0].notes
    assert "2^53" in note


def test_a_missing_value_is_no_text_that_differs(write: Write) -> None:
    texts = ["a", "b", "c", "d", "d", ""]
    assert pl.Series(texts).n_unique() == 5
    path = write({"x": texts}, targets=["1", "2", "3", "4", "5", "6"])
    assert data.load(path, target="y", task="regression").taken[0].kind == "4 categories"

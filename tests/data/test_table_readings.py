"""How the cells of a table are read, or refused with the option that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from clearprop import data
from clearprop.errors import ConfigurationError, DataError
from tests.data.tables import ROWS, Write, options_in, repeated

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


@pytest.mark.parametrize("step", [1_234_567, 10**12 + 7])
def test_long_numbers_that_nearly_all_differ_are_refused(write: Write, step: int) -> None:
    first = 170_123_456 if step < 10**9 else 2**53 + 1
    cells = [str(first + row * step) for row in range(ROWS)]
    path = write({"customer": cells, "x": [str(row % 5) for row in range(ROWS)]})
    with pytest.raises(DataError, match=r"(?s)nearly all texts.*ignore=\['customer'\]") as caught:
        data.load(path, target="y")
    for options in options_in(str(caught.value)):
        assert len(data.load(path, target="y", **options)) == ROWS
    loaded = data.load(path, target="customer", task="regression", ignore=["y"])
    assert loaded.targets[1].item() == np.float32(cells[1])
    taken = {column.name: column.kind for column in data.columns_of(path, target="y")}
    assert taken["customer"] == "refused"


@pytest.mark.parametrize(
    "cells",
    [
        [str(1_000_000 * (row + 1000)) for row in range(ROWS)],  # amounts are round
        [str(100_000_000 + row % 4) for row in range(ROWS)],  # few of them differ
        [str(10_000_007 + row * 9_999_999) for row in range(ROWS)],  # some are short
        [str(3 ** (20 + row)) for row in range(12)],  # some are far longer than others
    ],
)
def test_other_long_numbers_are_numbers(write: Write, cells: list[str]) -> None:
    loaded = data.load(write({"x": cells}), target="y")
    assert loaded.inputs[:, 0].tolist() == [float(cell) for cell in cells]

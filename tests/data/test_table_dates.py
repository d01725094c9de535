"""How dates and times of a table are read, or refused with the option that reads them."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clearprop import data
from clearprop.data import dates
from clearprop.errors import DataError
from tests.data.tables import DAYS, PARTS, ROWS, Write, options_in, parts_of, repeated


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y"),
        *("%d-%m-%Y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y", "%b %d %Y", "%Y%m%d"),
        *("%a, %d %b %Y", "%Y-%m-%dT00:00:00Z", "%Y-%m-%d 00:00:00", "%d. %B %Y"),
    ],
)
def test_dates_become_their_parts(write: Write, form: str) -> None:
    texts = [day.strftime(form) for day in DAYS]
    loaded = data.load(write({"when": texts}), target="y")
    assert loaded.feature_names == tuple(f"when.{part}" for part in PARTS)
    np.testing.assert_array_equal(loaded.inputs, [parts_of(day) for day in DAYS])
    assert loaded.taken[0].kind == "date"
    assert "year, month, day of week, day of year" in loaded.taken[0].about


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-02-29 06:30:00", 6.5),
        ("2024-02-29T18:15", 18.25),
        ("2024-02-29T18:15:00.000+02:00", 18.25),
        ("29.02.2024 18:15", 18.25),
        ("02/29/2024 12:15 AM", 0.25),
        ("Feb 29, 2024 1:45 PM", 13.75),
    ],
)
def test_a_time_of_day_becomes_the_hour(write: Write, text: str, hour: float) -> None:
    loaded = data.load(write({"when": repeated(text)}), target="y")
    assert loaded.feature_names == tuple(f"when.{part}" for part in (*PARTS, "hour"))
    assert loaded.inputs[0].tolist() == [2024, 2, 4, 60, hour]


def test_times_months_and_quarters(write: Write) -> None:
    cells = {"a": repeated("06:30", "18:00"), "b": repeated("2024-05"), "c": repeated("2024-Q3")}
    loaded = data.load(write(cells), target="y")
    names = ("a.hour", "b.year", "b.month", "c.year", "c.month")
    assert loaded.feature_names == names
    assert loaded.inputs[0].tolist() == [6.5, 2024, 5, 2024, 7]


def test_typed_dates_of_parquet(tmp_path: Path) -> None:
    moments = [datetime.datetime(d.year, d.month, d.day, 6, 30) for d in DAYS]
    frame = pl.DataFrame(
        {
            "day": pl.Series([*DAYS[:-1], None]),
            "moment": moments,
            "zoned": pl.Series(moments).dt.replace_time_zone("Europe/Berlin"),
            "midnight": pl.Series(DAYS).cast(pl.Datetime),
            "clock": pl.Series([datetime.time(6, 30)] * ROWS),
            "span": pl.Series([datetime.timedelta(minutes=1)] * (ROWS - 1) + [None]),
            "y": np.arange(ROWS) * 0.37,
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    loaded = data.load(tmp_path / "t.parquet", target="y")
    assert [column.kind for column in loaded.taken] == [*["date"] * 4, "time", "number", "target"]
    assert loaded.feature_names is not None
    by_name = dict(zip(loaded.feature_names, loaded.inputs.T, strict=True))
    for name in ("day", "moment", "zoned", "midnight"):
        found = np.stack([by_name[f"{name}.{part}"] for part in PARTS], axis=1)
        np.testing.assert_array_equal(found[:-1], [parts_of(day) for day in DAYS[:-1]])
    assert np.isnan(by_name["day.year"][-1])
    for name in ("moment.hour", "zoned.hour", "clock.hour"):
        assert by_name[name][0] == 6.5
    assert "midnight.hour" not in by_name
    assert by_name["span"][0] == 60
    assert np.isnan(by_name["span"][-1])


def test_a_part_of_a_date_with_the_name_of_a_column(write: Write) -> None:
    cells = {"d": [str(day) for day in DAYS], "d.year": range(ROWS)}
    with pytest.raises(DataError, match=r"(?s)'d\.year'.*ignore=\['d\.year'\]"):
        data.load(write(cells), target="y")


def test_numbers_of_eight_digits_are_days_only_if_all_are(write: Write) -> None:
    some = [20240105, 20240230, 20240311]
    assert data.load(write({"x": some * 8}), target="y").feature_names == ("x",)
    days = [20240105, 20240229, 20240311]
    assert data.load(write({"x": days * 8}), target="y").taken[0].kind == "date"
    numbers = data.load(write({"x": days * 8}), target="y", numeric=["x"])
    assert numbers.inputs[0, 0] == 20240105


def test_the_day_of_a_time_zone_is_the_day_that_is_written(tmp_path: Path) -> None:
    moments = pl.Series([datetime.datetime(2024, 1, 1, 0, 30)] * ROWS)
    frame = pl.DataFrame(
        {"zoned": moments.dt.replace_time_zone("Europe/Berlin"), "y": np.arange(ROWS) * 0.37}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    loaded = data.load(tmp_path / "t.parquet", target="y")
    assert loaded.inputs[0].tolist() == [2024, 1, 1, 1, 0.5]


def test_years_of_two_digits_say_their_century(write: Write) -> None:
    path = write({"born": repeated("01.02.70", "01.02.65"), "paid": repeated("01.02.23")})
    loaded = data.load(path, target="y")
    assert loaded.inputs[:2, 0].tolist() == [1970, 2065]
    born, paid, _ = loaded.taken
    assert "years of two digits are 1969 to 2068" in born.about
    assert "years of two digits are 1969 to 2068" in paid.about
    assert "65 is read as the year 2065, 70 as 1970" in born.notes[0]
    assert paid.notes == ()
    (long,) = data.columns_of(write({"born": repeated("01.02.1970")}))[:1]
    assert "two digits" not in long.about


@pytest.mark.parametrize("text", ["13:30 am", "13:30 pm", "0:30 pm", "2024-01-05 14:30 PM"])
def test_an_hour_that_no_clock_of_twelve_hours_shows_is_no_time(write: Write, text: str) -> None:
    loaded = data.load(write({"when": repeated(text, "x")}), target="y", categorical=["when"])
    assert loaded.taken[0].kind == "2 categories"
    (taken,) = data.columns_of(write({"when": repeated(text)}))[:1]
    assert taken.kind not in ("date", "time")
    noon = data.load(write({"when": repeated("12:30 am", "12:30 pm", "1:30 pm")}), target="y")
    assert noon.inputs[:3, 0].tolist() == [0.5, 12.5, 13.5]


def test_dayfirst_that_contradicts_a_column_is_named(write: Write) -> None:
    path = write({"when": repeated("02/01/2024", "02/25/2024")})
    with pytest.raises(DataError, match="dayfirst=True contradicts the column") as caught:
        data.load(path, target="y", dayfirst=True)
    assert caught.value.given == "'02/25/2024'"
    assert "month/day/year" in caught.value.problem
    assert options_in(str(caught.value.fix))[0] == {"dayfirst": False}
    assert data.load(path, target="y", dayfirst=False).inputs[0, :2].tolist() == [2024, 2]


def test_the_two_ways_to_read_a_date_are_shown_on_one_that_differs(write: Write) -> None:
    path = write({"when": repeated("05/05/2024", "03/04/2024")})
    with pytest.raises(DataError, match="which number of the date") as caught:
        data.load(path, target="y")
    assert caught.value.given == "'03/04/2024'"
    assert "dayfirst=True reads 2024-04-03" in str(caught.value.fix)
    assert "dayfirst=False reads 2024-03-04" in str(caught.value.fix)


def test_a_version_without_zeros_is_no_date_in_silence(write: Write) -> None:
    path = write({"x": repeated("10.10.12", "10.11.13"), "z": range(ROWS)})
    with pytest.raises(DataError, match="dates or the numbers of versions") as caught:
        data.load(path, target="y")
    kinds = [
        data.load(path, target="y", **option).taken[0].kind
        for option in options_in(str(caught.value.fix))
    ]
    assert kinds == ["date", "2 categories", "left out"]
    assert "dayfirst=True reads 2012-10-10" in str(caught.value.fix)


@pytest.mark.parametrize(
    "written",
    [
        ["7. Juli 2024", "8. März 2023", "1. Okt. 2022"],
        ["Sonntag, 7. Juli 2024", "Mittwoch, 8. März 2023", "Sa., 1. Oktober 2022"],
        ["7 juillet 2024", "8 mars 2023", "1er octobre 2022"],
        ["7 de julio de 2024", "8 de marzo de 2023", "1 de octubre de 2022"],
        ["7 luglio 2024", "8 marzo 2023", "1 ottobre 2022"],
        ["7 de julho de 2024", "8 de março de 2023", "1º de outubro de 2022"],
        ["7 juli 2024", "8 maart 2023", "1 oktober 2022"],
    ],
)
def test_months_in_other_languages(write: Write, written: list[str]) -> None:
    loaded = data.load(write({"day": written * 8}), target="y")
    days = [datetime.date(2024, 7, 7), datetime.date(2023, 3, 8), datetime.date(2022, 10, 1)]
    assert loaded.inputs[:3].tolist() == [parts_of(day) for day in days]


def test_every_month_has_its_names() -> None:
    for number, names in enumerate(dates.MONTH_NAMES, 1):
        texts = pl.Series([f"5 {name} 2024" for name in names.split()])
        assert dates.moments(texts, "day month year")["date"].dt.month().to_list() == [
            number
        ] * len(texts)
    every = " ".join(dates.MONTH_NAMES).split()
    assert len(set(every)) == len(every)


def test_times_with_uhr(write: Write) -> None:
    loaded = data.load(write({"t": ["14 Uhr", "9:30 Uhr", "9.45 Uhr"] * 8}), target="y")
    assert loaded.inputs[:3].ravel().tolist() == [14, 9.5, 9.75]
    cells = ["7. Juli 2024, 14:30 Uhr", "8. Juli 2024 um 6 Uhr"] * 8
    loaded = data.load(write({"t": cells}), target="y")
    assert loaded.inputs[:2, -1].tolist() == [14.5, 6]

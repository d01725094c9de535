"""Frames of pandas and polars are read by the rules of tables."""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from clearprop import data
from clearprop.data.forms import as_array
from clearprop.data.frames import as_column, as_polars, is_frame, is_series
from clearprop.errors import ClearpropError, ConfigurationError, DataError

N = 60


def people() -> pd.DataFrame:
    """A frame with a column of every type that pandas has for a table."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 9, N),
            "kids": pd.array([1, 2, None] * 20, dtype="Int64"),
            "city": ["Rome", "Oslo", None] * 20,
            "grade": pd.Categorical(["1", "2"] * 30),
            "since": pd.date_range("2024-01-03", periods=N),
            "zoned": pd.date_range("2024-01-03 23:30", periods=N, tz="Europe/Rome"),
            "is_on": [True, False] * 30,
            "maybe": pd.array([True, None, False] * 20, dtype="boolean"),
            "word": pd.array(["x", "y"] * 30, dtype="string"),
            "half": np.tile(np.array([0.5, 1.5], np.float16), 30),
            "price": ["low", "high", "mid"] * 20,
        },
        index=np.arange(N) + 100,
    )


def kinds(taken: Any) -> dict[str, str]:
    return {column.name: column.kind for column in taken}


def test_every_type_of_a_frame_is_taken_for_what_it_is() -> None:
    frame = people()
    loaded = data.load(frame, target="price")
    assert kinds(loaded.taken) == {
        "age": "number",
        "kids": "number",
        "city": "2 categories",
        "grade": "2 categories",
        "since": "date",
        "zoned": "date",
        "is_on": "number",
        "maybe": "number",
        "word": "2 categories",
        "half": "number",
        "price": "target",
    }
    assert loaded.class_names == ("high", "low", "mid")
    columns = [column.name for column in loaded.columns or ()]
    inputs = dict(zip(columns, loaded.inputs.T, strict=True))
    np.testing.assert_array_equal(inputs["age"], frame.age)
    np.testing.assert_array_equal(np.isnan(inputs["kids"]), frame.kids.isna())
    np.testing.assert_array_equal(np.isnan(inputs["maybe"]), frame.maybe.isna())
    np.testing.assert_array_equal(np.isnan(inputs["city"]), frame.city.isna())
    np.testing.assert_array_equal(inputs["since.day_of_year"], frame.since.dt.day_of_year)
    # The parts of a moment with a time zone are those that are written.
    np.testing.assert_array_equal(inputs["zoned.day_of_year"], frame.zoned.dt.day_of_year)
    assert set(inputs["zoned.hour"]) == {23.5}
    np.testing.assert_array_equal(inputs["half"], frame.half)


def test_a_frame_is_read_as_its_parquet_file(tmp_path: Path) -> None:
    frame = as_polars(people().drop(columns="grade"))
    frame.write_parquet(tmp_path / "people.parquet")
    of_file = data.load(tmp_path / "people.parquet", target="price")
    of_frame = data.load(people().drop(columns="grade"), target="price")
    np.testing.assert_array_equal(of_frame.inputs, of_file.inputs)
    np.testing.assert_array_equal(of_frame.targets, of_file.targets)
    assert of_frame.columns == of_file.columns
    assert of_frame.taken == of_file.taken == data.load(frame, target="price").taken
    assert kinds(data.columns_of(frame)) == {**kinds(of_frame.taken), "price": "3 categories"}


def test_declared_categories_stay_names_unless_an_option_takes_them_as_numbers() -> None:
    values = ["1", "2", "3"] * 5
    frames = [
        pd.DataFrame({"c": pd.Categorical(values), "y": [0, 1, 1] * 5}),
        pl.DataFrame({"c": pl.Series(values, dtype=pl.Categorical), "y": [0, 1, 1] * 5}),
        pl.DataFrame({"c": pl.Series(values, dtype=pl.Enum(["1", "2", "3"])), "y": [0, 1, 1] * 5}),
    ]
    for frame in frames:
        assert kinds(data.load(frame, target="y").taken)["c"] == "3 categories"
        assert kinds(data.load(frame, target="y", numeric=["c"]).taken)["c"] == "number"


def test_the_target_may_be_the_column_itself() -> None:
    frame = people()
    by_name = data.load(frame, target="price")
    inputs = frame.drop(columns="price")
    for target in (frame.price, list(frame.price), frame.price.to_numpy(), frame[["price"]]):
        given = data.load(inputs, target=target)
        np.testing.assert_array_equal(given.targets, by_name.targets)
        np.testing.assert_array_equal(given.inputs, by_name.inputs)
    # A column of the frame is not an input beside itself.
    np.testing.assert_array_equal(data.load(frame, target=frame.price).inputs, by_name.inputs)
    # Another series with the name of an input is no input.
    other = data.load(inputs, target=pd.Series(np.arange(N) % 2, name="age", index=inputs.index))
    assert other.inputs.shape == by_name.inputs.shape


WRONG: dict[str, tuple[Any, Any]] = {
    "a lazy frame": (lambda: data.load(pl.LazyFrame({"a": [1]}), target="a"), "collect()"),
    "two columns of a name": (
        lambda: data.load(pd.concat([people(), people()[["age"]]], axis=1), target="price"),
        "the same name",
    ),
    "names of several levels": (
        lambda: data.load(pd.DataFrame({("a", "b"): [1, 2], ("a", "c"): [0, 1]}), target="b"),
        "levels",
    ),
    "a column of lists": (
        lambda: data.load(people().assign(bad=[[1]] * N), target="price"),
        "column 'bad'",
    ),
    "a text among numbers": (
        lambda: data.load(people().assign(bad=[1, "x", *range(N - 2)]), target="price"),
        "the row with index 101, column 'bad'",
    ),
    "an option of files": (
        lambda: data.load(people(), target="price", encoding="cp1252"),
        "no option 'encoding'",
    ),
    "an unknown target": (lambda: data.load(people(), target="prize"), "did you mean 'price'?"),
    "an array": (lambda: data.load(np.zeros((3, 3))), "fit(model, x, y)"),
    "a target of another length": (
        lambda: data.load(people(), target=[1, 2]),
        "one target for each row",
    ),
    "another order of the index": (
        lambda: data.load(people(), target=people().price[::-1]),
        "y = y.loc[x.index]",
    ),
    "another index": (
        lambda: data.load(people(), target=people().price.reset_index(drop=True)),
        "y = y.to_numpy()",
    ),
    "no rows": (lambda: data.load(people()[:0], target="price"), "there are no rows"),
    "a date as the target": (lambda: data.load(people(), target="since"), "the target is a date"),
    "a gap in the target": (lambda: data.load(people(), target="kids"), "the target is missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_frame_is_told(case: str) -> None:
    call, said = WRONG[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ClearpropError) as caught:
            call()
    assert said in str(caught.value)


def test_the_mends_for_names_and_indices_work() -> None:
    frame = pd.concat([people(), people()[["age"]]], axis=1)
    with pytest.raises(DataError) as caught:
        as_polars(frame)
    names = {"frame": frame}
    exec(caught.value.fix or "", names)
    assert as_polars(names["frame"]).columns == list(people().columns)
    frame = pd.DataFrame({("a", "b"): [1, 2], ("a", "c"): [0, 1]})
    with pytest.raises(DataError) as caught:
        as_polars(frame)
    names = {"frame": frame}
    exec(caught.value.fix or "", names)
    assert as_polars(names["frame"]).columns == ["a_b", "a_c"]
    x, y = people().drop(columns="price"), people().price[::-1]
    for target in (y, y.reset_index(drop=True)):
        with pytest.raises(DataError) as caught:
            data.load(x, target=target)
        scope: dict[str, Any] = {"x": x, "y": target}
        exec(caught.value.fix or "", scope)
        made = data.load(x, target=scope["y"])
        assert len(made) == N
    with pytest.raises(DataError) as caught:
        data.load(x, target=y)
    scope = {"x": x, "y": y}
    exec(caught.value.fix or "", scope)
    np.testing.assert_array_equal(
        data.load(x, target=scope["y"]).targets, data.load(people(), target="price").targets
    )


def test_a_series_and_texts_in_a_frame_are_read_as_in_a_file(tmp_path: Path) -> None:
    series = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=50), "v": np.arange(50.0)})
    windows = data.load(series, target="v", window=5, horizon=2)
    assert windows.inputs.shape == (44, 5, 1)
    texts = pd.DataFrame({"t": ["good day", "bad day", "good", "bad"], "y": ["+", "-", "+", "-"]})
    texts.to_csv(tmp_path / "t.csv", index=False)
    of_file = data.load(tmp_path / "t.csv", text="t", target="y")
    of_frame = data.load(texts, text="t", target="y")
    np.testing.assert_array_equal(of_frame.inputs, of_file.inputs)


def test_new_rows_of_a_frame_are_put_in_order_by_name(tmp_path: Path) -> None:
    frame = people()
    preprocessor = data.load(frame, target="price").split().preprocessor
    mixed = frame[sorted(frame.columns)]
    expected = data.new_rows(frame, preprocessor).inputs
    np.testing.assert_array_equal(data.new_rows(mixed, preprocessor).inputs, expected)
    with pytest.raises(DataError, match="the column 'kids' that the model was trained with"):
        data.new_rows(frame.drop(columns="kids"), preprocessor)
    frame.drop(columns=["zoned", "half"]).to_csv(tmp_path / "new.csv", index=False)
    few = data.load(frame[["age", "city", "price"]], target="price").split().preprocessor
    np.testing.assert_allclose(
        data.new_rows(tmp_path / "new.csv", few).inputs, data.new_rows(frame, few).inputs
    )


def test_objects_keep_their_meaning() -> None:
    day = datetime.date(2024, 2, 29)
    assert as_column(pd.Series([day, None], dtype=object), "d").dtype == pl.Date
    both = as_column(pd.Series([day, datetime.datetime(2024, 3, 1, 6)], dtype=object), "d")
    assert both.dt.hour().to_list() == [0, 6]
    assert as_column(pd.Series([True, None], dtype=object), "b").dtype == pl.Boolean
    assert as_column(pd.Series([2**60 + 1, None], dtype=object), "i")[0] == 2**60 + 1
    assert as_column(pd.Series([2**70, 1], dtype=object), "i").to_list() == [str(2**70), "1"]
    assert (
        as_column(pd.Series(pd.period_range("2024-01", periods=2, freq="M")), "p")[0] == "2024-01"
    )
    assert as_column(pd.Series(pd.to_datetime(["2024-01-01", None])), "t").null_count() == 1
    assert not is_frame(pd.Series([1]))
    assert is_series(pd.Series([1]))
    assert is_series(pl.Series([1]))


def test_arrays_of_frames_and_series() -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": pd.array([1, 2], dtype="Int64")})
    np.testing.assert_array_equal(as_array(frame), [[1.5, 1], [2.5, 2]])
    np.testing.assert_array_equal(as_array(pl.DataFrame({"a": [1, 2]})), [[1], [2]])
    assert as_array(pd.Series(["x", "y"], dtype="category")).tolist() == ["x", "y"]
    assert as_array(pd.Series([1, 2], dtype="Int64")).dtype == np.int64
    np.testing.assert_array_equal(
        as_array([pd.Series([1, 2]), pd.Series([3, 4])]), [[1, 2], [3, 4]]
    )
    assert as_array(np.array(["a", "b"], object)).dtype.kind == "U"
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    for wrong, said in (
        (pd.Series([1.0, None]), "a value is missing"),
        (pd.Series(pd.to_datetime(["2024-01-01"])), "numbers or texts are needed"),
        (frame.assign(t="x"), "a column holds texts"),
        (masked, "masked"),
        ([[1, 2], [3]], "do not make one array"),
    ):
        with pytest.raises(DataError, match=said):
            as_array(wrong)


def test_a_target_of_a_file_is_a_name(tmp_path: Path) -> None:
    people().to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(ConfigurationError, match="the name of one of its columns"):
        data.load(tmp_path / "p.csv", target=people().price)

"""Tables of the user become points in the square."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import decomposition
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from clearprop.errors import ConfigurationError, DataError
from clearprop.studio.playground.point_set import PointSet
from clearprop.studio.playground.tables import of_table

ROWS: dict[str, Any] = {
    "height": [1.5, 1.7, 1.6, 1.9, 1.8, 1.55],
    "weight": [50.0, 70.0, None, 90.0, 80.0, 55.0],
    "color": ["red", "blue", "red", "green", "blue", "red"],
    "same": [3, 3, 3, 3, 3, 3],
    "grown": ["no", "yes", "no", "yes", "yes", "no"],
    "price": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    pl.DataFrame(ROWS).write_csv(path)
    return path


def as_rows(points: PointSet) -> set[tuple[float, ...]]:
    return {tuple(np.round(row, 4).tolist()) for row in points.places}


def test_two_columns_fill_the_square(table: Path) -> None:
    points = of_table(table, target="grown", columns=["weight", "height"], test=0.0)
    assert points.axes == ("weight", "height")
    assert points.class_names == ("no", "yes")
    assert points.places.min() == -5
    assert points.places.max() == 5
    # The corners say what the ends of the square are: points go back to the numbers of the table.
    low, high = np.array(points.low), np.array(points.high)
    back = (points.places / 12 + 0.5) * (high - low) + low
    known = {(w, h) for w, h in zip(ROWS["weight"], ROWS["height"], strict=True) if w is not None}
    assert known <= {(round(float(w), 3), round(float(h), 3)) for w, h in back}
    mean = np.mean([w for w in ROWS["weight"] if w is not None])
    assert any(abs(w - mean) < 1e-3 and abs(h - 1.6) < 1e-3 for w, h in back)  # the gap
    assert "people.csv" in points.about


def test_the_first_two_columns_of_numbers_are_taken_unless_others_are_asked_for(
    table: Path,
) -> None:
    assert of_table(table, target="grown").axes == ("height", "weight")


def test_a_regression_is_scaled_to_the_training_part(table: Path) -> None:
    points = of_table(table, target="price", columns=["height", "weight"], test=0.34, seed=3)
    trained = points.targets[: points.training]
    assert points.task == "regression"
    assert (trained.min(), trained.max()) == (-1, 1)
    assert "scaled to -1 to 1" in points.about


def test_principal_components_are_those_of_scikit_learn() -> None:
    iris = load_iris(as_frame=True)
    frame = pl.DataFrame({**{name: iris.data[name].to_numpy() for name in iris.feature_names}})
    frame = frame.with_columns(kind=pl.Series([f"kind {k}" for k in iris.target]))
    points = of_table(frame, target="kind", columns=["PCA"], test=0.0, examples=150)
    scaled = StandardScaler().fit_transform(iris.data.to_numpy())
    wanted = decomposition.PCA(2, svd_solver="full").fit(scaled)
    codes = np.abs(wanted.transform(scaled))
    order = np.random.default_rng((0, 2)).permutation(150)
    order = order[np.random.default_rng((0, 1)).permutation(150)]
    low, high = np.array(points.low), np.array(points.high)
    back = np.abs((points.places.astype(np.float64) / 12 + 0.5) * (high - low) + low)
    np.testing.assert_allclose(back, codes[order], atol=1e-4)
    assert points.axes[0] == "first principal component (73% of the variance)"
    assert np.array_equal(points.targets, iris.target.to_numpy()[order])


def test_categories_enter_the_principal_components(table: Path) -> None:
    points = of_table(table, target="grown", columns=["PCA"], test=0.0)
    assert "5 columns" in points.about


def test_many_rows_are_drawn_by_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "t": (x[:, 0] > 0).astype(int)}).write_csv(path)
    one, other, again = (of_table(path, target="t", examples=40, seed=seed) for seed in (1, 2, 1))
    assert len(one) == 40
    assert np.array_equal(one.places, again.places)
    assert as_rows(one) != as_rows(other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "grown", "columns": ["height", "hight"]}, "height"),
        ({"target": "grown", "columns": ["height", "color"]}, "categories"),
        ({"target": "grown", "columns": ["height", "height"]}, "two axes"),
        ({"target": "grown", "columns": ["height"]}, "two axes"),
        ({"target": "grown", "columns": ["height", "same"]}, "same value"),
        ({"target": "gown"}, "grown"),
        ({"target": "same", "columns": ["height", "weight"]}, "class|same"),
    ],
)
def test_what_does_not_fit_is_told(table: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises((ConfigurationError, DataError), match=words):
        of_table(table, **options)


def test_too_many_classes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    names = [f"n{i % 11}" for i in range(44)]
    pl.DataFrame({"a": range(44), "b": range(44, 0, -1), "t": names}).write_csv(path)
    with pytest.raises(DataError, match="11 classes"):
        of_table(path, target="t")

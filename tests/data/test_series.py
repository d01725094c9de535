import numpy as np
import pytest

from clearprop import data
from clearprop.data import installed
from clearprop.data.series import SERIES, windows
from clearprop.errors import ConfigurationError, DataError

pytest.importorskip("statsmodels", reason="the series come with statsmodels")


def test_sunspots_are_those_of_the_years():
    made = data.load("sunspots", window=24, horizon=2)
    assert made.inputs.shape == (309 - 25, 24, 1)
    assert made.targets.shape == (309 - 25, 2)
    assert made.inputs[0, :4, 0].tolist() == [5, 11, 16, 23]  # 1700 to 1703
    np.testing.assert_allclose(made.inputs[24, :2, 0], made.targets[0])
    assert SERIES["sunspots"].season == 11
    assert made.row_names[:2] == ("1724 to 1725", "1725 to 1726")
    assert made.noun == "window"


def test_weeks_without_a_measurement_lie_on_a_straight_line():
    made = data.load("co2", window=8)
    week = made.inputs[0, :, 0]
    assert week[5] == 316.9
    np.testing.assert_allclose(week[6], (316.9 + 317.5) / 2)
    assert "59 missing values filled" in made.source
    assert made.licence == "public domain"
    assert made.row_names[:2] == ("1958-05-24", "1958-05-31")
    assert data.load("co2").input_shape == (2 * SERIES["co2"].season, 1)


@pytest.mark.parametrize(("window", "horizon"), [(1, 1), (5, 1), (4, 3)])
def test_no_value_of_the_evaluation_data_is_in_training(window, horizon):
    values = np.random.default_rng(0).normal(size=100)
    parts = windows(values, window, horizon).split(dev=0.2, test=0.2, scaling="none")
    seen = set()
    for part in (parts.train, parts.dev, parts.test):
        numbers = {*part.inputs.ravel().tolist(), *part.targets.ravel().tolist()}
        assert not numbers & seen
        seen |= numbers


def test_scaling_is_that_of_the_training_part():
    parts = windows(np.arange(100.0), 3).split(dev=0.2, test=0.2)
    np.testing.assert_allclose(parts.train.inputs.mean(), 0, atol=1e-6)
    assert parts.test.inputs.min() > parts.train.inputs.max()
    scaled = parts.preprocessor.scaled_targets(parts.train.targets)
    np.testing.assert_allclose(scaled.mean(), 0, atol=1e-6)


def test_a_column_of_a_table(tmp_path):
    path = tmp_path / "temperature.csv"
    path.write_text("day,degrees\n" + "".join(f"{d},{d / 2}\n" for d in range(9)) + "9,\n10,5\n")
    made = data.load(path, target="degrees", window=4, horizon=2)
    np.testing.assert_allclose(made.inputs[-1, :, 0], [2.5, 3, 3.5, 4])
    np.testing.assert_allclose(made.targets[-1], [4.5, 5])
    assert made.row_names[-1] == "9 to 10"
    assert made.take(np.array([2, 0])).row_names == ("6 to 7", "4 to 5")
    assert made.source.endswith("temperature.csv; 1 missing values filled by straight lines "
                                "between their neighbors")  # fmt: skip
    with pytest.raises(ConfigurationError, match="did you mean 'degrees'"):
        data.load(path, target="degree", window=4)
    with pytest.raises(ConfigurationError, match="which column is the series"):
        data.load(path, window=4)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("1\n2\nthree\n4\n", r"(?s)line 4, column 'y': text in a column of numbers.*'three'"),
        ("1\ninf\n", r"line 3, column 'y'.*infinite"),
        ("?\nNA\n", "no value"),
        ("1\n2\n", r"(?s)too short.*2 values.*window=1"),
        ("", "no rows"),
    ],
)
def test_what_is_no_series(tmp_path, cells, message):
    path = tmp_path / "s.csv"
    path.write_text("y\n" + cells)
    with pytest.raises(DataError, match=message):
        data.load(path, target="y", window=3)


def test_wrong_sizes_and_no_statsmodels(monkeypatch):
    with pytest.raises(ConfigurationError, match="window is out of range"):
        windows(np.arange(9.0), 0)
    with pytest.raises(ConfigurationError, match="horizon is out of range"):
        windows(np.arange(9.0), 2, 0)
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"(?s)statsmodels.*pip install 'clearprop\[series\]'"):
        data.load("sunspots")

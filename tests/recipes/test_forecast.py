"""The recipe ``forecast``: better than simple forecasts, with every network, on any series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clearprop.data.baseline import persistence
from clearprop.errors import ConfigurationError
from clearprop.recipes import prepare
from clearprop.recipes.forecast import seasonal

pytest.importorskip("statsmodels", reason="statsmodels is not installed: pip install .[series]")


def test_it_beats_persistence_and_last_season() -> None:
    experiment = prepare("forecast", {})
    run = experiment.train(progress=False)
    found = experiment.recipe.measures(run.model, experiment.splits)
    assert set(found) == {"RMSE", "RMSE of persistence", "RMSE of seasonal-naive"}
    assert found["RMSE"] < 0.75 * min(found["RMSE of persistence"], found["RMSE of seasonal-naive"])
    remarks = experiment.recipe.remarks(run.model, run.history, experiment.splits)
    assert len(remarks) == 2
    assert all("below" in remark for remark in remarks)
    (drawing,) = experiment.recipe.drawings(run.model, run.history, experiment.splits)
    came, foretold = (line.get_ydata() for line in drawing.figure.axes[0].lines[:2])
    assert len(came) == len(foretold)
    assert np.sqrt(np.mean((came - foretold) ** 2)) == pytest.approx(found["RMSE"], rel=1e-3)


@pytest.mark.parametrize("network", ["fsmn", "lstm"])
@pytest.mark.slow
def test_other_networks_train(network: str) -> None:
    values = {"network": network, "epochs": 20, "hidden_size": 8}
    experiment = prepare("forecast", values)
    run = experiment.train(progress=False)
    found = experiment.recipe.measures(run.model, experiment.splits)
    assert found["RMSE"] < found["RMSE of persistence"]


def test_a_column_of_a_table_of_ones_own(tmp_path: Path) -> None:
    import statsmodels.datasets as sets

    numbers = sets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    file = tmp_path / "mine.csv"
    file.write_text("year,spots\n" + "\n".join(f"{1700 + i},{n}" for i, n in enumerate(numbers)))
    values = {
        "data": {"name": str(file), "target": "spots", "horizon": 3},
        "season": 11,
        "epochs": 2,
    }
    experiment = prepare("forecast", values)
    assert experiment.splits.train.inputs.shape[1:] == (24, 1)
    run = experiment.train(progress=False)
    found = experiment.recipe.measures(run.model, experiment.splits)
    # The last part of the same numbers, evaluated without the recipe.
    test = experiment.splits.test
    assert test is not None
    first = len(numbers) - len(test) - 3 + 1
    windows = np.stack([numbers[i - 24 : i] for i in range(first, first + len(test))])
    follow = np.stack([numbers[i : i + 3] for i in range(first, first + len(test))])
    for name, told in (
        ("persistence", persistence(windows, 3)),
        ("seasonal-naive", seasonal(windows, 3, 11)),
    ):
        expected = float(np.sqrt(np.mean((told - follow) ** 2)))
        assert found[f"RMSE of {name}"] == pytest.approx(expected, rel=1e-4)


def test_it_takes_nothing_but_a_series() -> None:
    with pytest.raises(ConfigurationError, match="takes a series"):
        prepare("forecast", {"data": {"name": "iris"}})


def test_a_season_fits_into_a_window() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.window=30"):
        prepare("forecast", {"season": 30})
    assert prepare("forecast", {"season": 30, "data": {"window": 30}}).splits.test is not None

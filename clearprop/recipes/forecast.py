"""The recipe ``forecast``: predict a series, and compare with two naive forecasts.

Shape letters: N windows, T values in a window, P values to predict.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.baseline import persistence
from clearprop.data.series import SERIES, WINDOW
from clearprop.errors import ConfigurationError
from clearprop.glass.style import Drawing, canvas, drawn, line
from clearprop.recipes.configuration import Count, Fraction, OptionalCount, Rate
from clearprop.recipes.recipe import NetworkRecipe, ScheduleName
from clearprop.training import History, predict


class ForecastRecipe(NetworkRecipe):
    """A network with a memory reads a window of a series and predicts the next values.

    The three parts of the data follow each other in time: training, development, test. The root
    mean square error on the test part is compared with that of persistence, which repeats the last
    value, and of the seasonal-naive forecast, which repeats the last season.

    A series of your own is a column of a table in time order:
    ``--data sales.csv --set data.target=sold season=12``.

    Attributes:
        network: "time-delay", "fsmn", "rnn", "higher-order", "lstm" or "gru".
        hidden_size: number of hidden units.
        season: the number of values after which the series repeats; none takes the known season of
            the data set.

    >>> ForecastRecipe.of({"network": "lstm"}).network
    'lstm'
    """

    preferred: ClassVar[tuple[str, ...]] = ("sunspots",)

    network: Literal["time-delay", "fsmn", "rnn", "higher-order", "lstm", "gru"] = "time-delay"
    hidden_size: Count = 16
    season: OptionalCount = None
    learning_rate: Rate = 0.003
    schedule: ScheduleName = "cosine"
    weight_decay: Fraction = 0.1
    patience: OptionalCount = 25

    def dataset(self) -> tuple[Dataset, str]:
        """Return the series in windows, and a line that describes it."""
        if self.data.target is not None and self.data.window is None:
            return self.loaded(window=WINDOW)
        return super().dataset()

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must hold windows of a series, not shorter than a season.

        Raises:
            ConfigurationError: the data is not a series, or a season does not fit into a window.
        """
        if dataset.gap is None or dataset.task != "regression":
            raise ConfigurationError(
                "the recipe forecast takes a series",
                where=dataset.name,
                given=dataset.task,
                fix="--data sunspots, or a table with --set data.target=COLUMN",
            )
        window = dataset.input_shape[0]
        if self.season is not None and self.season > window:
            raise ConfigurationError(
                "the last season does not fit into a window",
                where=dataset.name,
                given=f"season={self.season}, windows of {window} values",
                fix=f"--set data.window={self.season}",
            )
        return dataset

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the forecaster; its memory is as long as a window."""
        window, features = preprocessor.encoded_shape
        return models.Forecaster(
            self.network,
            features=features,
            horizon=outputs,
            hidden_size=self.hidden_size,
            memory=window,
        )

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the error of the network and of the two naive forecasts on the test part."""
        if splits.test is None:
            return {}
        raw, targets = _raw(splits)
        known = SERIES.get(splits.train.name) or SERIES.get(self.data.name or "")
        season = self.season or (known.season if known else None)
        forecasts = {
            "RMSE": _forecast(model, splits),
            "RMSE of persistence": persistence(raw, targets.shape[1]),
        }
        if season is not None and season <= raw.shape[1]:
            forecasts["RMSE of seasonal-naive"] = seasonal(raw, targets.shape[1], season)
        return {name: root_mean_square(y - targets) for name, y in forecasts.items()}

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return how much the network is better or worse than each naive forecast."""
        found = self.measures(model, splits)
        if not found:
            return []
        own = found.pop("RMSE")
        better = {name.removeprefix("RMSE of "): 1 - own / rmse for name, rmse in found.items()}
        return [
            f"error {abs(gain):.0%} {'below' if gain > 0 else 'above'} that of {name}"
            for name, gain in better.items()
        ]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return a drawing of the forecasts and the true values."""
        return [] if splits.test is None else [draw_forecast(model, splits)]


def seasonal(windows: NDArray[np.floating], horizon: int, season: int) -> NDArray[np.floating]:
    """Return the forecast that repeats the last season: (N, T) windows to (N, P).

    >>> seasonal(np.array([[1.0, 2.0, 3.0]]), 3, 2).tolist()
    [[2.0, 3.0, 2.0]]
    """
    last = windows[:, windows.shape[1] - season :]
    return last[:, np.arange(horizon) % season]


def root_mean_square(errors: NDArray[np.floating]) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(errors))))


@drawn
def draw_forecast(model: nn.Module, splits: Splits) -> Drawing:
    """Draw the first value of each forecast for the test part, and the true value."""
    _, targets = _raw(splits)
    figure, axes = canvas(width=7.2, height=3.4)
    axes.plot(targets[:, 0], label="true value", **line(0))
    axes.plot(_forecast(model, splits)[:, 0], label="forecast", **line(1))
    axes.set_xlabel("window of the test part")
    axes.set_ylabel((splits.train.feature_names or ("value",))[0])
    axes.legend()
    return Drawing(
        "Forecasts of the test part",
        figure,
        "A forecast that follows the true values one step late is no better than persistence.",
    )


def _raw(splits: Splits) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the unscaled test windows (N, T) of the first feature, and their targets (N, P)."""
    assert splits.test is not None
    preprocessor = splits.preprocessor
    windows = splits.test.inputs[..., 0] * preprocessor.spread[0] + preprocessor.center[0]
    return windows, splits.test.targets.astype(np.float32)


def _forecast(model: nn.Module, splits: Splits) -> NDArray[np.floating]:
    assert splits.test is not None
    scaled = predict(model, splits.test.inputs)
    return np.asarray(splits.preprocessor.restored_targets(scaled))

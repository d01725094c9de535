"""Forecasters: the first forecast and the shortest windows."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models import Forecaster
from clearprop.models.forecaster import NETWORKS

X = jax.random.normal(jax.random.key(0), (2, 5, 3))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_first_forecast_is_persistence(network: str) -> None:
    model = Forecaster(network, features=3, horizon=2, hidden_size=4, memory=3).init(0)
    for x in (X, X[:1, :1]):
        last = np.asarray(x[:, -1, :1])
        np.testing.assert_array_equal(model(x), np.broadcast_to(last, (len(x), 2)))
    for wrong in (X[:, :0], X[0]):
        with pytest.raises(ShapeError, match="batch of sequences"):
            model(wrong)


def test_networks_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'lstm'"):
        Forecaster("lstn")

"""A function that reads the events of a run may stop it, and the run can go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.training import EpochDone, Event, StopTraining, fit

X, Y = np.eye(8, dtype=np.float32), np.arange(8) % 4
OPTIONS: dict[str, Any] = {"epochs": 6, "batch_size": 4, "steps_per_call": 1, "progress": False}


def after_two(event: Event) -> None:
    if isinstance(event, EpochDone) and event.epoch == 2:
        raise StopTraining


def test_it_stops_there_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    stopped = fit(nn.Linear(8, 4), X, Y, on_event=after_two, folder=folder, **OPTIONS)
    assert stopped.stopped.reason == "interrupted"
    assert stopped.history.epoch.tolist() == [1, 2]
    whole = fit(nn.Linear(8, 4), X, Y, **OPTIONS)
    resumed = fit(nn.Linear(8, 4), X, Y, folder=folder, resume=True, **OPTIONS)
    assert resumed.stopped.reason == "finished"
    for path, w in nn.parameters(whole.model).items():
        assert_array_equal(w, nn.parameters(resumed.model)[path])


def test_the_end_of_an_iterator_is_no_way_to_stop() -> None:
    def wrong(event: Event) -> None:
        raise StopIteration

    with pytest.raises(ConfigurationError, match="raises StopTraining") as caught:
        fit(nn.Linear(8, 4), X, Y, on_event=wrong, **OPTIONS)
    assert caught.value.fix == "raise cp.training.StopTraining"

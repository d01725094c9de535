"""The picture of a run and its forks."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import data, nn
from clearprop.errors import ConfigurationError
from clearprop.glass.overlay import overlay
from clearprop.training import fit
from tests.glass.page import ink_in


def test_each_fork_is_a_line_from_its_step_on() -> None:
    digits = data.load("digits")
    x = np.asarray(digits.inputs[:160], np.float32).reshape(160, 64) / 16
    model = nn.Sequential([nn.Linear(64, 16), "tanh", nn.Linear(16, 10)])
    run = fit(model, (x, digits.targets[:160]), epochs=8, dev=0.2, snapshots=[8], progress=False)
    forks = [run.fork(8, learning_rate=rate) for rate in (0.01, 0.1)]
    drawing = overlay(run, *forks)
    left = drawing.figure.axes[0]
    lines = [
        line
        for line in left.lines
        if str(line.get_label()).strip("_") and len(line.get_xdata()) > 2
    ]  # type: ignore[arg-type]
    assert len(lines) == 3
    assert min(lines[1].get_xdata()) == 12  # type: ignore[type-var]
    assert all(ink_in(drawing, axes) > 0.01 for axes in (0, 1))
    with pytest.raises(ConfigurationError, match="no fork"):
        overlay(run)
    with pytest.raises(ConfigurationError, match="no fork"):
        overlay(run, run)

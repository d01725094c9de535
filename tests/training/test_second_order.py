"""Hessian-free training and L-BFGS by `fit`: both resume bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.hessian_free import compare
from clearprop import nn
from clearprop.training import fit


@pytest.mark.optimized
def test_a_run_takes_it_by_name_and_goes_on_the_same(xor: Any, tmp_path: Path) -> None:
    network = nn.Sequential([nn.Linear(2, 4), nn.Activation("tanh"), nn.Linear(4, 2)])
    options: dict[str, Any] = {"optimizer": "hessian_free", "batch_size": 4, "progress": False}
    whole = fit(network, xor, epochs=6, **options)
    fit(network, xor, epochs=3, folder=tmp_path / "run", **options)
    rest = fit(network, xor, epochs=6, folder=tmp_path / "run", resume=True, **options)
    assert np.array_equal(rest.losses, whole.losses)
    assert whole.losses[-1] < 0.8 * whole.losses[0]
    assert whole.config["optimizer"]["name"] == "hessian_free"


@pytest.mark.optimized
def test_lbfgs_goes_on_the_same_and_needs_few_updates(xor: Any, tmp_path: Path) -> None:
    network = nn.Sequential([nn.Linear(2, 4), nn.Activation("tanh"), nn.Linear(4, 2)])
    options: dict[str, Any] = {"optimizer": "LBFGS", "batch_size": 4, "progress": False}
    whole = fit(network, xor, epochs=6, **options)
    fit(network, xor, epochs=3, folder=tmp_path / "run", **options)
    rest = fit(network, xor, epochs=6, folder=tmp_path / "run", resume=True, **options)
    assert np.array_equal(rest.losses, whole.losses)
    assert whole.losses[-1] < 0.01 * whole.losses[0]
    assert whole.config["optimizer"]["name"] == "lbfgs"


@pytest.mark.slow
def test_it_leaves_the_plateau_of_a_deep_autoencoder_before_momentum_does() -> None:
    ours, others = compare(10, rates=(0.03, 0.1, 0.3), sizes=(64, 40, 20, 10, 4, 10, 20, 40, 64))
    assert ours.objective[-1] < min(way.objective[-1] for way in others)

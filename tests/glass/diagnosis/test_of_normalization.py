"""Running statistics of batch normalization, and normalization that leaves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.diagnosis.applied import applied
from clearprop import fit, nn
from clearprop.glass.diagnosis import diagnose
from tests.glass.diagnosis.conftest import Parts, of


def network(momentum: float) -> nn.Sequential:
    layers = [nn.Linear(64, 32), nn.BatchNorm(32, momentum=momentum), "relu", nn.Linear(32, 10)]
    return nn.Sequential(layers)


def test_statistics_that_hardly_leave_their_start(digits: Parts) -> None:
    (x, y), dev = digits
    train, dev = (5 * x, y), (5 * dev[0], dev[1])
    run = fit(network(1e-5), train, dev=dev, epochs=12, progress=False)
    found = diagnose(run, train, dev=dev)
    finding = of("running_statistics", found)
    assert found.faults[0] == finding
    assert finding.where == "layers.1"
    assert "overfitting" not in [fault.kind for fault in found.faults]
    mended = applied(finding.fix, network(1e-5), train, dev=dev)
    layer = nn.layer_at(mended.model, "layers.1")
    assert isinstance(layer, nn.BatchNorm)
    assert layer.momentum == 0.1
    usual = fit(network(0.1), train, dev=dev, epochs=12, progress=False)
    assert "running_statistics" not in diagnose(usual, train, dev=dev).kinds


@pytest.mark.parametrize("features", [1, 8])
def test_a_normalization_over_one_number_leaves_nothing(digits: Parts, features: int) -> None:
    (x, y), _ = digits
    series = x.reshape(len(x), 64 // features, features)
    layers = [nn.LayerNorm(features), nn.Flatten(), nn.Linear(64, 10)]
    run = fit(nn.Sequential(layers), (series, y), epochs=8, progress=False)
    found = diagnose(run, (series, y))
    assert ("lost_information" in [fault.kind for fault in found.faults]) is (features == 1)
    if features == 1:
        finding = of("lost_information", found)
        assert finding.where == "layers.0"
        mended = applied(finding.fix, nn.Sequential(layers), (series, y))
        assert isinstance(nn.layer_at(mended.model, "layers.0"), nn.Activation)


def test_constant_inputs_are_no_fault_of_the_layer(digits: Parts) -> None:
    (x, y), _ = digits
    model = nn.Sequential([nn.LayerNorm(64), nn.Linear(64, 10)])
    same = np.repeat(x[:1], len(x), axis=0)
    run = fit(model, (same, y), epochs=2, progress=False)
    assert "lost_information" not in diagnose(run, (same, y)).kinds

"""The range test: the losses are those of a run with this schedule, and it ends where they rise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import glass, nn, ops, optim
from clearprop.arguments import UnknownArgumentError
from clearprop.errors import ConfigurationError
from clearprop.training import find_learning_rate, fit
from clearprop.training.range_test import RangeTest, smoothed


@pytest.fixture(scope="module")
def data() -> Any:
    x = np.random.default_rng(0).normal(size=(256, 6)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int32)


def network() -> nn.Module:
    return nn.Sequential([nn.Linear(6, 16), ops.tanh, nn.Linear(16, 2)])


def test_the_losses_are_those_of_a_run_whose_rate_rises(data: Any) -> None:
    found = find_learning_rate(
        network(), data, optimizer="momentum", lowest=1e-4, highest=0.1, steps=24, dev=0
    )
    rising = optim.schedules.exponential(1e-4, 1000, every=23)
    run = fit(network(), data, optimizer=optim.momentum(rising), epochs=3, dev=0, progress=False)
    assert_allclose(found.losses, run.losses, rtol=1e-5)
    assert_allclose(found.rates, np.geomspace(1e-4, 0.1, 24), rtol=1e-5)


def test_the_suggested_rate_trains_better_than_rates_far_from_it(data: Any) -> None:
    found = find_learning_rate(network(), data)
    assert found.suggested is not None
    assert found.lowest is not None
    assert found.suggested == pytest.approx(found.lowest / 10, rel=0.05)
    ends = [
        fit(network(), data, learning_rate=rate, epochs=20, progress=False).losses[-8:].mean()
        for rate in (found.suggested / 1000, found.suggested, found.suggested * 1000)
    ]
    assert ends[1] == min(ends)


def test_it_ends_where_the_loss_rises_or_breaks() -> None:
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    found = find_learning_rate(
        nn.Linear(3, 1), x, x[:, :1], loss="squared_error", optimizer="sgd", highest=1e4, steps=60
    )
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 60
    assert np.isfinite(found.losses).all()
    assert found.lowest is not None
    assert found.lowest < 3 < found.rates[-1] < 100


def test_no_rate_is_suggested_where_the_loss_never_falls(data: Any) -> None:
    found = find_learning_rate(network(), data, lowest=1e-12, highest=1e-11, steps=10)
    assert (found.lowest, found.steepest, found.suggested) == (None, None, None)
    assert "suggests none" in glass.learning_rates(found).caption


def test_the_rate_inside_a_chain_rises(data: Any) -> None:
    rule = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(0.5))
    inside = find_learning_rate(network(), data, optimizer=rule, steps=20)
    plain = find_learning_rate(network(), data, optimizer="adamw", steps=20)
    assert_allclose(inside.losses[:3], plain.losses[:3], rtol=1e-4)


def test_the_mean_is_that_of_its_definition() -> None:
    losses = np.array([3.0, 1.0, 2.0])
    expected = [
        (3 + 0.85 * 1 + 0.7225 * 2) / 2.5725,
        (0.85 * 3 + 1 + 0.85 * 2) / 2.7,
        (0.7225 * 3 + 0.85 * 1 + 2) / 2.5725,
    ]
    assert_allclose(smoothed(losses), expected)


def test_a_huge_loss_at_the_end_does_not_reach_back() -> None:
    losses = np.append(np.linspace(2, 1, 20), 1e9)
    assert smoothed(losses).max() <= 2
    assert RangeTest(np.geomspace(1e-3, 1, 21), losses, smoothed(losses)).falls


def test_noise_at_the_start_is_not_the_fastest_fall() -> None:
    noise = np.random.default_rng(3).normal(size=100) * 0.3
    losses = 5 - 3 / (1 + np.exp(-(np.arange(100) - 60) / 5)) + noise
    found = RangeTest(np.geomspace(1e-6, 10, 100), losses, smoothed(losses))
    assert found.steepest is not None
    assert found.rates[50] < found.steepest < found.rates[70]


def test_the_picture_shows_the_rates_that_it_names() -> None:
    rates = np.geomspace(1e-4, 1, 9)
    losses = np.array([2, 2, 2, 1.9, 1.2, 0.8, 0.7, 1.5, 9])
    found = RangeTest(rates, losses, losses)
    drawing = glass.learning_rates(found)
    (axes,) = drawing.figure.axes
    marked = sorted(float(np.asarray(x.get_xdata())[0]) for x in axes.lines[2:])
    assert marked == pytest.approx(sorted([rates[4], rates[6], rates[6] / 10]), rel=0.05)
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lowest": 0}, "lowest"),
        ({"lowest": 1.0, "highest": 0.1}, "not above the lowest"),
        ({"steps": 5}, "steps"),
        ({"optimizer": "hessian_free"}, "no learning rate"),
    ],
    ids=str,
)
def test_what_is_refused(options: dict[str, Any], words: str, data: Any) -> None:
    with pytest.raises(ConfigurationError, match=words):
        find_learning_rate(network(), data, **options)


def test_words_of_other_libraries_are_answered(data: Any) -> None:
    with pytest.raises(UnknownArgumentError, match="no argument 'lr'"):
        find_learning_rate(network(), data, lr=1)  # type: ignore[call-arg]

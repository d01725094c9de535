"""Values without bound and rewards that were never found are told; healthy runs are not blamed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from clearprop import fit, models
from clearprop.algorithms import DeepQLearning
from clearprop.glass.diagnosis import diagnose
from clearprop.training import Run
from tests.glass.diagnosis.conftest import of

KINDS = {"values_without_bound", "no_reward_found"}
EPOCHS = 3


@pytest.fixture(scope="module")
def run() -> Run:
    """A short run in CartPole, whose measures some tests replace."""
    return trained("CartPole-v1")


def trained(environment: str, **options: Any) -> Run:
    small = {"epoch_steps": 800, "warmup": 200, "capacity": 2000, "evaluation_episodes": 4}
    sizes = {"CartPole-v1": (4, 2), "MountainCar-v0": (2, 3)}[environment]
    return fit(
        models.QNetwork(*sizes, hidden_sizes=(16,)),
        environment,
        algorithm=DeepQLearning(**{**small, **options}),
        epochs=EPOCHS,
        batch_size=8,
        progress=False,
    )


def measured(run: Run, **columns: Any) -> Run:
    metrics: dict[str, Any] = dict(run.history.metrics)
    for name, values in columns.items():
        metrics[name.replace("_", " ")] = np.broadcast_to(np.asarray(values, float), EPOCHS)
    return dataclasses.replace(run, history=dataclasses.replace(run.history, metrics=metrics))


def with_Q(run: Run, values: list[float]) -> Run:
    return measured(run, **{"mean_Q": values, "return": [20, 60, 100], "evaluation_return": 110})


def test_a_healthy_run_is_not_blamed(run: Run) -> None:
    found = diagnose(with_Q(run, [5, 30, 70]))
    assert not KINDS & {*found.kinds}
    assert {*found.checked} >= KINDS


def test_values_above_every_return_are_told_with_their_numbers(run: Run) -> None:
    finding = of("values_without_bound", diagnose(with_Q(run, [5, 300, 1200])))
    assert finding is not None
    assert finding.grade == "fault"
    assert finding.evidence == {"mean Q": 1200.0, "highest return": 110.0}
    assert "1200" in finding.sentence.replace(",", "")


@pytest.mark.slow
def test_a_car_that_never_reaches_the_flag_found_no_reward() -> None:
    finding = of("no_reward_found", diagnose(trained("MountainCar-v0", repeat=1)))
    assert finding is not None
    assert finding.evidence["return"] == -200
    assert "repeat=20" in finding.fix

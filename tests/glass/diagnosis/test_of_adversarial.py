"""Mode collapse and a generator without an error signal are found; healthy games are not blamed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from clearprop import fit, models, optim
from clearprop.algorithms import Adversarial, ModeCoverage
from clearprop.data.mixtures import MIXTURES
from clearprop.glass.diagnosis import diagnose
from clearprop.training import Run
from tests.glass.diagnosis.conftest import fixed, of

RING = MIXTURES["gaussian-ring"]
POINTS, _ = RING.draw(1280, 0)
KINDS = {"mode_collapse", "generator_without_signal"}


@pytest.fixture(scope="module")
def run() -> Run:
    """A short run, whose measures the tests replace."""
    return fit(
        models.mlp_gan(noise=4, hidden=(16,)),
        POINTS,
        algorithm=Adversarial(samples_measures=ModeCoverage(RING)),
        optimizer=optim.adam(0.001, beta1=0.5, beta2=0.999),
        epochs=4,
        batch_size=128,
        progress=False,
    )


def measured(run: Run, **columns: float | list[float]) -> Run:
    """Return a run that measured these numbers in every epoch."""
    metrics: dict[str, Any] = dict(run.history.metrics)
    for name, values in columns.items():
        metrics[name.replace("_", " ")] = np.broadcast_to(np.asarray(values, float), 4)
    history = dataclasses.replace(run.history, metrics=metrics)
    return dataclasses.replace(run, history=history)


HEALTHY: dict[str, Any] = {
    "precision": 0.93,
    "coverage": 0.62,  # the lowest of ten seeds of the recipe gan
    "spread": 0.98,
    "modes_covered": 8,
    "real_accuracy": 0.55,
    "generated_accuracy": 0.6,
    "error_at_the_generator": [1.0, 0.6, 0.4, 0.5],
}


def test_a_healthy_game_is_not_blamed(run: Run) -> None:
    found = diagnose(measured(run, **HEALTHY))
    assert not KINDS & {*found.kinds}
    assert {*found.checked} >= KINDS


def test_a_young_generator_is_not_blamed(run: Run) -> None:
    young = {**HEALTHY, "precision": 0.02, "coverage": 0.01, "spread": [0.02, 0.03, 0.05, 0.08]}
    assert not KINDS & {*diagnose(measured(run, **young)).kinds}


def test_missing_modes_are_a_collapse(run: Run) -> None:
    finding = of("mode_collapse", diagnose(measured(run, **{**HEALTHY, "modes_covered": 5})))
    assert finding.evidence["modes covered"] == 5
    assert "only 5 of the 8 modes" in finding.sentence


def test_samples_that_look_real_and_reach_little_are_a_collapse(run: Run) -> None:
    config = {**run.config, "algorithm": {"name": "adversarial"}}
    collapsed = measured(run, **{**HEALTHY, "coverage": 0.2})
    finding = of("mode_collapse", diagnose(dataclasses.replace(collapsed, config=config)))
    assert "they reach only 20.00 %" in finding.sentence


def test_samples_that_became_alike_are_a_collapse(run: Run) -> None:
    alike = {**HEALTHY, "precision": 0.0, "coverage": 0.0, "spread": [0.8, 0.5, 0.02, 0.01]}
    config = {**run.config, "algorithm": {"name": "adversarial"}}
    found = diagnose(dataclasses.replace(measured(run, **alike), config=config))
    assert "become alike" in of("mode_collapse", found).sentence


def test_a_generator_without_an_error_signal(run: Run) -> None:
    faded = {
        **HEALTHY,
        "real_accuracy": 1.0,
        "generated_accuracy": 0.995,
        "error_at_the_generator": [1.0, 0.1, 1e-3, 1e-4],
    }
    finding = of("generator_without_signal", diagnose(measured(run, **faded)))
    assert "game='non-saturating'" in finding.fix


def test_the_minimax_game_against_a_certain_discriminator_loses_its_signal() -> None:
    algorithm = Adversarial("minimax", discriminator_optimizer=optim.adam(0.02))
    run = fit(
        models.mlp_gan(noise=2, hidden=(32,)),
        POINTS + 6.0,
        algorithm=algorithm,
        optimizer=optim.sgd(1e-4),
        epochs=15,
        batch_size=64,
        progress=False,
    )
    finding = of("generator_without_signal", diagnose(run))
    again = fixed(
        finding.fix, model=models.mlp_gan(noise=2, hidden=(32,)), data=POINTS + 6.0,
        algorithm=algorithm,
    )["run"]  # fmt: skip
    name = "error at the generator"
    assert again.history.metrics[name][-1] > 10 * run.history.metrics[name][-1]

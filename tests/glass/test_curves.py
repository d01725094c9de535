"""The sentences about the learning curves follow from the shapes of the curves."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop.glass.curves import best_epoch, curves_section, reading
from clearprop.glass.subject import Subject, gather
from clearprop.nn import find_loss
from clearprop.training import History
from tests.glass.conftest import Reported


@pytest.fixture
def of(report_of: Callable[[str], Reported]) -> Callable[..., Subject]:
    base = gather(report_of("iris").run)

    def subject(objective: Any, training: Any, development: Any = None) -> Subject:
        n = len(objective)
        nothing = np.full(n, math.nan)
        known = nothing if development is None else np.array(development, float)
        curves = History(
            epoch=np.arange(1, n + 1),
            step=10 * np.arange(1, n + 1),
            objective=np.array(objective, float),
            training_error=np.array(training, float),
            development_error=known,
            development_objective=known,
            learning_rate=np.full(n, 0.1),
            seconds=np.ones(n),
        )
        losses = np.repeat(np.array(objective, np.float32), 10)
        return dataclasses.replace(base, history=curves, losses=losses, stopped=None)

    return subject


def test_overfitting_is_named_with_its_epoch(of: Callable[..., Subject]) -> None:
    subject = of([1, 0.5, 0.3, 0.2, 0.1], [0.5, 0.3, 0.2, 0.1, 0.05], [0.4, 0.3, 0.3, 0.35, 0.4])
    said = " ".join(reading(subject))
    assert best_epoch(subject) == 2
    assert "lowest after epoch 2, at 30.00 %" in said
    assert "risen to 40.00 %" in said
    assert "overfit" in said
    assert "no longer follows" in said


def test_a_healthy_run_is_told_to_go_on(of: Callable[..., Subject]) -> None:
    said = " ".join(reading(of([1, 0.7, 0.5, 0.4], [0.5, 0.4, 0.3, 0.25], [0.5, 0.4, 0.31, 0.26])))
    assert "more epochs may help" in said
    assert "no overfitting yet" in said


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ([1.0, 1.001, 0.999], "hardly moved"),
        ([1.0, 0.8, 1.5], "learning rate is probably too high"),
        ([1.0, 0.2, 0.19999, 0.19998, 0.19997, 0.19997], "in the last, not in the last epoch"),
        ([1.0, 0.2, 0.19, 0.195, 0.19, 0.188], "0.25 % of this in the last epoch"),
        ([1.0, math.nan], "not a number"),
        ([0.5], "needs more of them"),
    ],
)
def test_the_objective_is_read(
    of: Callable[..., Subject], objective: list[float], words: str
) -> None:
    assert words in reading(of(objective, objective))[0]


def test_without_development_examples_that_is_said(of: Callable[..., Subject]) -> None:
    subject = of([1, 0.5], [0.5, 0.4])
    assert best_epoch(subject) is None
    assert "No examples were held out" in reading(subject)[-1]


def test_many_epochs_and_wide_ranges_are_drawn(of: Callable[..., Subject]) -> None:
    fall = np.geomspace(1, 1e-6, 3000)
    section = curves_section(of(fall, fall / 2, fall))
    assert section is not None
    assert len(section.rows) <= 12
    assert section.rows[-1][0] == "3000"
    assert len(section.objective) < 60_000
    assert ">0.001<" in section.objective


def test_one_epoch_has_numbers_and_no_empty_axes(of: Callable[..., Subject]) -> None:
    subject = of([0.5], [0.4], [0.3])
    section = curves_section(subject)
    assert section is not None
    assert section.error == ""
    assert "band" in section.objective  # of its batches
    assert len(section.rows) == section.epochs == 1
    alone = curves_section(dataclasses.replace(subject, losses=np.zeros(1, np.float32)))
    assert alone is not None
    assert alone.objective == ""
    few = curves_section(dataclasses.replace(subject, losses=np.ones(6, np.float32)))
    assert few is not None
    assert few.objective == ""  # the losses of six batches make no band
    said = " ".join(reading(subject))
    assert "The development error after it is 30.00 %" in said
    assert "lowest" not in said
    assert "overfitting" not in said


def test_a_run_without_an_epoch_has_no_curves(of: Callable[..., Subject]) -> None:
    assert curves_section(of([], [])) is None


def test_of_rosenblatts_rule_no_descent_is_expected(of: Callable[..., Subject]) -> None:
    rule = find_loss("perceptron")
    found = dataclasses.replace(of([0.5, 0.1, 0, 0], [0.4, 0.1, 0, 0]), loss=rule)
    assert "From epoch 3 on no training example is wrong" in " ".join(reading(found))
    never = dataclasses.replace(of([0.5, 0.6, 0.4], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]), loss=rule)
    (said,) = reading(never)
    assert "corrects the weights" in said
    assert "larger network" not in said

"""Every choice of the menus trains, and its numbers are finite."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from clearprop.errors import ConfigurationError
from clearprop.studio.playground import messages as m
from clearprop.studio.playground.catalog import catalog
from clearprop.studio.playground.datasets import KINDS
from clearprop.studio.playground.prepared import MOST_STEPS, points_of, prepared
from clearprop.training import LiveRun
from tests.studio.playground.test_probe import EVERY_LOSS, KIND_OF


def names(part: str) -> list[str]:
    return [one.name for one in getattr(catalog(), part)]


LONGEST = max(len(names(part)) for part in ("losses", "optimizers", "activations", "schedules"))


def combined(place: int) -> m.Settings:
    """Return settings such that all of them together have every choice of every menu."""

    def chosen(part: str) -> str:
        every = names(part)
        return every[place % len(every)]

    loss, optimizer = chosen("losses"), chosen("optimizers")
    described = next(one for one in catalog().optimizers if one.name == optimizer)
    other = described.takes_penalties
    rate = 0.01 if described.learning_rate is None else described.learning_rate
    options = {one.name: one.default for one in described.options}
    layers = (m.LayerSettings(3, chosen("activations")), m.LayerSettings(2))
    return m.Settings(
        data=m.DataSettings(KIND_OF[EVERY_LOSS[loss]], examples=24, classes=3),
        features=(chosen("features"), "x1") if chosen("features") != "x1" else ("x1",),  # type: ignore[arg-type]
        layers=layers,
        loss=loss,
        optimizer=m.OptimizerSettings(optimizer, options),
        learning_rate=rate,
        schedule=m.ScheduleSettings(chosen("schedules") if other else "constant"),
        batch_size=4,
        l1=0.001 if other and place % 2 else 0.0,
        l2=0.001 if other and place % 3 else 0.0,
        dropout=0.2 if place % 4 == 0 else 0.0,
        weight_init=[*names("initializers"), None][place % 12],
    )


def test_the_combinations_have_every_choice() -> None:
    every = [combined(place) for place in range(LONGEST)]
    assert {one.loss for one in every} == set(names("losses"))
    assert {one.optimizer.name for one in every} == set(names("optimizers"))
    assert {one.layers[0].activation for one in every} == set(names("activations"))
    assert {one.schedule.name for one in every} == set(names("schedules"))
    assert {one.weight_init for one in every} == {*names("initializers"), None}
    assert {one.features[0] for one in every} == set(names("features"))


@pytest.mark.parametrize("place", range(LONGEST))
def test_a_choice_trains(place: int) -> None:
    ready = prepared(combined(place), {})
    live = LiveRun(ready.config)
    before = live.parameters
    list(live.advance(2))
    assert live.step == 2
    assert live.ended is None
    assert np.isfinite(live.run.losses).all()
    assert all(np.isfinite(value).all() for value in live.parameters.values())
    assert any(not np.array_equal(before[path], x) for path, x in live.parameters.items())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_points_is_prepared(kind: Any) -> None:
    loss = {"regression": "huber", "two classes": "hinge", "several classes": "cross_entropy"}
    data = m.DataSettings(kind, examples=30, classes=4, noise=0.2)
    task = points_of(data, {}).task
    ready = prepared(m.Settings(data=data, loss=loss[task]), {})
    (x, y), test = ready.train, ready.test
    assert x.shape == (15, 2)
    assert len(y) == 15
    assert test is not None
    assert np.array_equal(ready.example(3)[0], x[3:4])
    assert np.array_equal(ready.example(18)[1], test[1][3:4])


def test_settings_are_taken_as_they_fit() -> None:
    few = prepared(m.Settings(data=m.DataSettings(examples=10), batch_size=400), {})
    assert few.settings.batch_size == 5
    long = prepared(m.Settings(epochs=1_000_000, batch_size=1), {})
    assert long.settings.epochs == MOST_STEPS // 250
    assert prepared(few.settings, {}).settings == few.settings


def test_the_defaults_are_those_of_the_page() -> None:
    """TensorFlow Playground's first picture: circle, tanh 4-2, rate 0.03, batch 10."""
    settings = m.Settings()
    assert settings.data.kind == "circle"
    assert [(one.units, one.activation) for one in settings.layers] == [(4, "tanh"), (2, "tanh")]
    assert (settings.learning_rate, settings.batch_size) == (0.03, 10)
    assert msgspec.json.decode(msgspec.json.encode(settings), type=m.Settings) == settings


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="no table is chosen"):
        points_of(m.DataSettings("table"), {})
    with pytest.raises(ConfigurationError, match="unknown table"):
        points_of(m.DataSettings("table", table="x.csv"), {})

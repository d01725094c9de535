"""The menus hold what the recipe takes, each with a sentence."""

from __future__ import annotations

from typing import get_args

import pytest

from clearprop.errors import ClearpropError
from clearprop.recipes.lenet5 import LeNet5Recipe
from clearprop.recipes.recipe import ScheduleName
from clearprop.studio.vision.choices import DATA, choices
from clearprop.studio.vision.messages import DataName, TrainSettings


def test_every_choice_is_one_that_the_recipe_takes() -> None:
    found = choices()
    assert tuple(DATA) == get_args(DataName)
    assert tuple(one.name for one in found.schedules) == get_args(ScheduleName)
    for name, entries in (
        ("activation", found.activations),
        ("optimizer", found.optimizers),
        ("schedule", found.schedules),
    ):
        assert len(entries) > 3
        for one in entries:
            assert one.about.endswith(".")
            assert getattr(LeNet5Recipe.of({name: one.name}, where="test"), name) == one.name
    assert found.data[0].is_at_hand


def test_the_settings_begin_as_the_recipe() -> None:
    own = LeNet5Recipe()
    settings = TrainSettings()
    for name in settings.__struct_fields__:
        if name != "data":
            assert getattr(settings, name) == getattr(own, name)


def test_what_is_no_choice_is_refused() -> None:
    with pytest.raises(ClearpropError):
        LeNet5Recipe.of({"activation": "softmax2"}, where="test")

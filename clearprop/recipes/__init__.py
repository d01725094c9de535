"""Every named experiment: its data, its network and how it is trained, as typed configuration.

>>> from clearprop import recipes
>>> list(recipes.RECIPES)[:4]
['perceptron', 'xor', 'mlp', 'lenet5']

The names can be listed without JAX: `find_recipe` imports a recipe when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from clearprop.recipes.catalog import RECIPES, Entry, find_recipe

if TYPE_CHECKING:
    from clearprop.recipes.experiment import Experiment as Experiment
    from clearprop.recipes.experiment import prepare as prepare
    from clearprop.recipes.hyperparameter_search import search as search
    from clearprop.recipes.recipe import Recipe as Recipe
    from clearprop.recipes.study import Study as Study

_HOME = {
    "Experiment": "experiment",
    "Recipe": "recipe",
    "Study": "study",
    "prepare": "experiment",
    "search": "hyperparameter_search",
}

__all__ = ["RECIPES", "Entry", "Experiment", "Recipe", "Study", "find_recipe", "prepare", "search"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"clearprop.recipes.{_HOME[name]}"), name)
    raise AttributeError(f"module 'clearprop.recipes' has no attribute {name!r}")

"""Every named experiment: its data, its network and how it is trained, as typed configuration.

>>> from clearprop import recipes
>>> list(recipes.RECIPES)[:4]
['perceptron', 'xor', 'mlp', 'lenet5']

Names can be listed without importing anything heavy; `find_recipe` imports the one that is wanted.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from clearprop.errors import unknown_name

if TYPE_CHECKING:
    from clearprop.recipes.experiment import Experiment as Experiment
    from clearprop.recipes.experiment import prepare as prepare
    from clearprop.recipes.recipe import Recipe as Recipe
    from clearprop.recipes.study import Study as Study


class Entry(NamedTuple):
    """A line of the table of recipes.

    Attributes:
        kind: name of the class, in the module of the recipe's name (``-`` is ``_`` there).
        summary: what it shows, in one line.
    """

    kind: str
    summary: str


RECIPES: dict[str, Entry] = {
    "perceptron": Entry("PerceptronRecipe", "one neuron learns by Rosenblatt's rule"),
    "xor": Entry("XorRecipe", "a small network solves what one neuron cannot"),
    "mlp": Entry("MLPRecipe", "fully connected layers, for pictures and tables"),
    "lenet5": Entry("LeNet5Recipe", "the convolutional network LeNet-5, for pictures"),
    "resnet20": Entry("ResNet20Recipe", "a residual network, for small pictures"),
    "alexnet": Entry("AlexNetRecipe", "the network of 2012, for pictures of 227 x 227"),
    "char-gpt": Entry("CharGPTRecipe", "a text character by character, by a small GPT"),
    "transfer": Entry(
        "TransferStudy", "what was learned of some classes helps with few samples of others"
    ),
    "descent": Entry("DescentStudy", "every learning rule on its way down a surface, drawn"),
    "overfit": Entry("OverfitStudy", "a network too large for its examples, and four remedies"),
    "approximate": Entry("ApproximateStudy", "one hidden layer approximates a function, by width"),
    "char-rnn": Entry("CharRNNRecipe", "a text character by character, by a recurrent network"),
    "char-lstm": Entry("CharLSTMRecipe", "a text character by character, by an LSTM"),
    "tagger": Entry("TaggerRecipe", "a tag for every word: names in programs, or your own"),
    "text-classify": Entry("TextClassifyRecipe", "which class a text is of, by its words"),
    "g2p": Entry("G2PRecipe", "sequence to sequence: from the letters of a word to its sounds"),
    "caption": Entry("CaptionRecipe", "a picture of digits in a row, told in words"),
    "forecast": Entry("ForecastRecipe", "what comes next in a series, by any memory"),
}

_HOME = {
    "Experiment": "experiment",
    "Recipe": "recipe",
    "Study": "study",
    "prepare": "experiment",
}

__all__ = ["RECIPES", "Entry", "Experiment", "Recipe", "Study", "find_recipe", "prepare"]


def find_recipe(name: str) -> type[Recipe] | type[Study]:
    """Return a recipe, or a study of several runs, by its name.

    Raises:
        ConfigurationError: there is none of that name; the nearest is suggested.

    >>> find_recipe("lenet5")(epochs=3).epochs
    3
    >>> find_recipe("lenet")
    Traceback (most recent call last):
    clearprop.errors.ConfigurationError: unknown recipe 'lenet'
      expected: one of ...
      fix:      did you mean 'lenet5'?
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    module = importlib.import_module(f"clearprop.recipes.{name.replace('-', '_')}")
    kind: type[Recipe] | type[Study] = getattr(module, RECIPES[name].kind)
    return kind


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"clearprop.recipes.{_HOME[name]}"), name)
    raise AttributeError(f"module 'clearprop.recipes' has no attribute {name!r}")

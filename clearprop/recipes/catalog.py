"""The table of recipes: for each name its class and a summary.

The table can be listed without JAX: `find_recipe` imports a recipe when it is asked for.
"""

from __future__ import annotations

import importlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clearprop.errors import unknown_name

if TYPE_CHECKING:
    from clearprop.recipes.recipe import Recipe
    from clearprop.recipes.study import Study

RUNS = Path("runs")
"""The folder in which the command line makes the runs of recipes, as RECIPE-NUMBER."""


class Entry(NamedTuple):
    """One line of the table of recipes.

    Attributes:
        kind: name of the class. Its module has the name of the recipe, with ``_`` for ``-``.
        summary: what the recipe shows, in one line.
        needs: how to give what it cannot begin without; empty where its defaults suffice.
    """

    kind: str
    summary: str
    needs: str = ""


RECIPES: dict[str, Entry] = {
    "perceptron": Entry("PerceptronRecipe", "one neuron learns by Rosenblatt's rule"),
    "xor": Entry("XorRecipe", "a small network solves what one neuron cannot"),
    "mlp": Entry("MLPRecipe", "fully connected layers, for pictures and tables"),
    "lenet5": Entry("LeNet5Recipe", "the convolutional network LeNet-5, for pictures"),
    "resnet20": Entry("ResNet20Recipe", "a residual network, for small pictures"),
    "alexnet": Entry("AlexNetRecipe", "the network of 2012, for pictures of 227 x 227"),
    "char-gpt": Entry("CharGPTRecipe", "a text character by character, by a small GPT"),
    "fine-tune": Entry(
        "FineTuneRecipe",
        "the network of an ONNX file learns the classes of your pictures",
        needs="clearprop train --from model.onnx --data FOLDER",
    ),
    "transfer": Entry(
        "TransferStudy", "what a network learned of some classes helps to learn others"
    ),
    "descent": Entry("DescentStudy", "the paths of optimizers on a surface"),
    "find-rate": Entry("FindRateStudy", "the loss of a recipe at every learning rate"),
    "overfit": Entry("OverfitStudy", "a network too large for its examples, and four remedies"),
    "approximate": Entry("ApproximateStudy", "one hidden layer approximates a function, by width"),
    "char-rnn": Entry("CharRNNRecipe", "a text character by character, by a recurrent network"),
    "char-lstm": Entry("CharLSTMRecipe", "a text character by character, by an LSTM"),
    "tagger": Entry("TaggerRecipe", "a tag for every word: names in programs, or your own"),
    "text-classify": Entry("TextClassifyRecipe", "the class of a text, by its words"),
    "g2p": Entry("G2PRecipe", "sequence to sequence: from the letters of a word to its sounds"),
    "caption": Entry("CaptionRecipe", "the words for a picture of digits in a row"),
    "forecast": Entry("ForecastRecipe", "the next values of a series, by several kinds of memory"),
    "autoencoder": Entry("AutoencoderRecipe", "a short code from which a picture is made again"),
    "vae": Entry("VAERecipe", "codes with a distribution, from which new pictures are drawn"),
    "rbm": Entry("RBMRecipe", "a restricted Boltzmann machine, by contrastive divergence"),
    "som": Entry("SOMRecipe", "a self-organizing map of any numbers or pictures"),
    "pretrain": Entry("PretrainStudy", "a deep network that begins as stacked Boltzmann machines"),
    "gan": Entry(
        "GANRecipe", "two networks against each other learn to draw points as the data does"
    ),
    "dcgan": Entry("DCGANRecipe", "two convolutional networks against each other make pictures"),
    "dqn": Entry("DQNRecipe", "a deep Q-network learns to act: CartPole, MountainCar, Acrobot"),
}


def find_recipe(name: str) -> type[Recipe] | type[Study]:
    """Return a recipe, or a study of several runs, by its name.

    Raises:
        ConfigurationError: there is no recipe of that name; the nearest is suggested.

    >>> find_recipe("lenet5")(epochs=3).epochs
    3
    >>> find_recipe("lenet")
    Traceback (most recent call last):
    clearprop.errors.ConfigurationError: unknown recipe 'lenet'
      expected: one of ...
      fix:      did you mean 'lenet5'?
    """
    if name not in RECIPES:
        is_data = os.path.exists(name)  # False for what no file can be called
        fix = f"clearprop train mlp --data {shlex.quote(name)}" if is_data else None
        raise unknown_name("recipe", name, RECIPES, fix=fix)
    module = importlib.import_module(f"clearprop.recipes.{name.replace('-', '_')}")
    kind: type[Recipe] | type[Study] = getattr(module, RECIPES[name].kind)
    return kind

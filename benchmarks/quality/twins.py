"""The networks of the recipes in PyTorch, as most people would write them.

Shape letters: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.quality import sequences, transcribers
from clearprop.data.preprocessor import INPUTS
from clearprop.recipes.caption import CaptionRecipe
from clearprop.recipes.char_gpt import CharGPTRecipe
from clearprop.recipes.char_rnn import CharRNNRecipe
from clearprop.recipes.experiment import Experiment
from clearprop.recipes.forecast import ForecastRecipe
from clearprop.recipes.g2p import G2PRecipe
from clearprop.recipes.lenet5 import LeNet5Recipe
from clearprop.recipes.mlp import MLPRecipe
from clearprop.recipes.tagger import TaggerRecipe
from clearprop.recipes.text_classify import TextClassifyRecipe


class ChannelsFirst(nn.Module):
    """Turns pictures (B, H, W, C) into PyTorch's (B, C, H, W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn the axes."""
        return x.permute(0, 3, 1, 2).contiguous()


def mlp(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``mlp``."""
    recipe = experiment.recipe
    assert isinstance(recipe, MLPRecipe)
    size = experiment.splits.train.inputs[:1].reshape(1, -1).shape[1]
    layers: list[nn.Module] = [nn.Flatten()]
    for width in recipe.hidden_sizes:
        layers += [nn.Linear(size, width), nn.ReLU()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, experiment.outputs))


def lenet5(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``lenet5`` for pictures of 28 x 28."""
    assert isinstance(experiment.recipe, LeNet5Recipe)
    return nn.Sequential(
        ChannelsFirst(),
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, experiment.outputs),
    )


def char_rnn(experiment: Experiment) -> nn.Module:
    """Return the network of the recipes ``char-rnn`` and ``char-lstm``."""
    recipe = experiment.recipe
    assert isinstance(recipe, CharRNNRecipe)
    return sequences.LanguageModel(
        experiment.outputs,
        recipe.cell,
        recipe.embedding_features,
        recipe.hidden_size,
        recipe.layers,
        recipe.dropout,
    )


def char_gpt(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``char-gpt``."""
    recipe = experiment.recipe
    assert isinstance(recipe, CharGPTRecipe)
    (context,) = experiment.splits.preprocessor.encoded_shape
    return sequences.GPT(
        experiment.outputs, context, recipe.width, recipe.layers, recipe.heads, recipe.dropout
    )


def tagger(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``tagger``."""
    recipe = experiment.recipe
    assert isinstance(recipe, TaggerRecipe)
    return sequences.Tagger(
        len(experiment.splits.preprocessor.vocabularies[INPUTS]),
        experiment.outputs,
        recipe.embedding_features,
        recipe.hidden_size,
        recipe.layers,
        recipe.dropout,
    )


def text_classify(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``text-classify``."""
    recipe = experiment.recipe
    assert isinstance(recipe, TextClassifyRecipe)
    return sequences.WordClassifier(
        len(experiment.splits.preprocessor.vocabularies[INPUTS]),
        experiment.outputs,
        recipe.network,
        recipe.embedding_features,
        recipe.hidden_size,
        recipe.dropout,
    )


def forecast(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``forecast``."""
    recipe = experiment.recipe
    assert isinstance(recipe, ForecastRecipe)
    window, features = experiment.splits.preprocessor.encoded_shape
    return sequences.Forecaster(
        recipe.network, features, window, recipe.hidden_size, experiment.outputs
    )


def g2p(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``g2p``, in its form with an LSTM."""
    recipe = experiment.recipe
    assert isinstance(recipe, G2PRecipe)
    if recipe.network != "lstm":
        raise SystemExit(f"the comparison knows the LSTM only, and this is a {recipe.network}")
    return transcribers.Seq2Seq(
        len(experiment.splits.preprocessor.vocabularies["source"]),
        experiment.outputs,
        recipe.embedding_features,
        recipe.hidden_size,
        recipe.attention,
        recipe.dropout,
    )


def caption(experiment: Experiment) -> nn.Module:
    """Return the network of the recipe ``caption``."""
    recipe = experiment.recipe
    assert isinstance(recipe, CaptionRecipe)
    return transcribers.Captioner(
        experiment.splits.preprocessor.encoded_shape["image"],
        experiment.outputs,
        recipe.channels,
        recipe.embedding_features,
        recipe.hidden_size,
        recipe.attention,
        recipe.dropout,
    )


TWINS: dict[str, Callable[[Experiment], nn.Module]] = {
    "mlp": mlp,
    "lenet5": lenet5,
    "char-rnn": char_rnn,
    "char-lstm": char_rnn,
    "char-gpt": char_gpt,
    "forecast": forecast,
    "tagger": tagger,
    "text-classify": text_classify,
    "g2p": g2p,
    "caption": caption,
}

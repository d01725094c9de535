"""The networks of the recipes in PyTorch, as most people would write them.

Shape letters: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from clearprop.recipes.experiment import Experiment
from clearprop.recipes.lenet5 import LeNet5Recipe
from clearprop.recipes.mlp import MLPRecipe


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


TWINS: dict[str, Callable[[Experiment], nn.Module]] = {"mlp": mlp, "lenet5": lenet5}

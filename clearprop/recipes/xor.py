"""The recipe ``xor``: a network with one hidden layer solves what one neuron cannot."""

from __future__ import annotations

from typing import ClassVar

import jax
import numpy as np

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.recipes.binary import against_the_rest, truth_table_lines
from clearprop.recipes.configuration import Count, Rate
from clearprop.recipes.recipe import Activation, NetworkRecipe
from clearprop.training import History, predict


class XorRecipe(NetworkRecipe):
    """A 2-8-1 network with logistic output learns XOR, all four rows in every step.

    With ``--set hidden_size=2`` it is the lectures' 2-2-1 network, the smallest that can learn XOR.
    It succeeds only from some initial values: try a few seeds.

    Attributes:
        activation: of the hidden units.
        hidden_size: units of the hidden layer.

    >>> XorRecipe().loss(XorRecipe().dataset()[0])
    'binary_cross_entropy'
    """

    preferred: ClassVar[tuple[str, ...]] = ("xor",)

    epochs: Count = 500
    batch_size: Count = 4
    learning_rate: Rate = 0.05
    activation: Activation = "tanh"
    hidden_size: Count = 8

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set with two classes: of several classes the first against the rest."""
        return against_the_rest(dataset, None, "xor")

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network with one hidden layer and one output."""
        inputs = int(np.prod(preprocessor.encoded_shape))
        return models.MLP((inputs, self.hidden_size, 1), activation=self.activation)

    def loss(self, dataset: Dataset) -> str:
        """Return cross-entropy for two classes."""
        return "binary_cross_entropy"

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return the truth table of the trained network."""
        if len(splits.train) > 4:
            return []
        inputs = np.asarray(splits.train.inputs)
        outputs = np.asarray(jax.nn.sigmoid(predict(model, inputs)[:, 0]))
        lines = truth_table_lines(inputs, splits.train.targets, outputs)
        wrong = int(((outputs >= 0.5) != (splits.train.targets == 1)).sum())
        if wrong:
            lines.append(
                f"{wrong} of {len(inputs)} rows are not learned: try more epochs "
                f"(--set epochs={2 * self.epochs}), another seed (--set seed={self.seed + 1}), "
                f"more hidden units (--set hidden_size={2 * self.hidden_size}) or, where the "
                "objective rose, a lower learning_rate"
            )
        return lines

"""The recipe ``mlp``: fully connected layers for pictures, measurements and tables."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor
from clearprop.recipes.binary import refuse_texts
from clearprop.recipes.configuration import Count, Fraction, Listed, Rate
from clearprop.recipes.recipe import Activation, NetworkRecipe, ScheduleName


class MLPRecipe(NetworkRecipe):
    """A multi-layer perceptron: Fashion-MNIST with 256 and 128 hidden units by default.

    Classes are learned with cross-entropy, numbers with half the squared error.

    Attributes:
        hidden_sizes: units of each hidden layer; ``--set hidden_sizes=64,32``.
        dropout: probability with which a hidden unit is dropped in training.
        activation: of the hidden units.

    >>> MLPRecipe.of({"hidden_sizes": "64,32"}).hidden_sizes
    (64, 32)
    """

    preferred: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist", "digits")

    learning_rate: Rate = 0.002
    schedule: ScheduleName = "one-cycle"
    hidden_sizes: Annotated[tuple[Count, ...], Listed] = (256, 128)
    dropout: Fraction = 0.0
    activation: Activation = "relu"

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must not be a text."""
        refuse_texts(dataset, "mlp")
        return dataset

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network with as many inputs as an example has numbers."""
        inputs = math.prod(preprocessor.encoded_shape)
        return models.MLP(
            (inputs, *self.hidden_sizes, outputs), activation=self.activation, dropout=self.dropout
        )

"""The recipe ``char-rnn``: a text character by character, by a plain recurrent network."""

from __future__ import annotations

from typing import ClassVar

from clearprop import models, nn
from clearprop.data import Preprocessor
from clearprop.recipes.characters import CharacterRecipe
from clearprop.recipes.configuration import Count, Rate


class CharRNNRecipe(CharacterRecipe):
    """A recurrent network of tanh units reads a text and predicts its next character.

    Attributes:
        embedding_features: of a character.
        hidden_size: units of a layer.

    >>> CharRNNRecipe(hidden_size=64).cell
    'rnn'
    """

    cell: ClassVar[str] = "rnn"

    learning_rate: Rate = 0.002
    embedding_features: Count = 32
    hidden_size: Count = 256

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network for the characters of this text."""
        return models.RecurrentLanguageModel(
            outputs,
            cell=self.cell,
            embedding_features=self.embedding_features,
            hidden_size=self.hidden_size,
            layers=self.layers,
            dropout=self.dropout,
        )

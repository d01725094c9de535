"""The recipe ``char-gpt``: a text character by character, by a small GPT."""

from __future__ import annotations

from typing import Any, ClassVar

from clearprop import models, nn
from clearprop.data import Preprocessor, Splits
from clearprop.recipes.characters import CharacterRecipe, own_text
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.recipe import Activation
from clearprop.training import History

PROMPT = 20


class CharGPTRecipe(CharacterRecipe):
    """Causal transformer blocks read a text and predict its next character.

    The context of the model is one window: 128 characters unless ``data.sequence_length`` is given.
    The texts that it writes are not longer than that.

    Attributes:
        activation: of the hidden units.
        width: features of a character.
        heads: of the attention.

    >>> CharGPTRecipe(width=64, heads=2).layers
    4
    """

    passes: ClassVar[int] = 8
    small_steps: ClassVar[int] = 300
    most_epochs: ClassVar[int] = 50
    batch_sizes: ClassVar[tuple[int, int]] = (16, 16)
    window: ClassVar[int] = 128

    learning_rate: Rate = 0.002
    weight_decay: Fraction = 0.1
    activation: Activation = "gelu_tanh"
    width: Count = 128
    layers: Count = 4
    heads: Count = 4

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return a GPT for the characters of this text."""
        (context,) = preprocessor.encoded_shape
        return models.GPT(
            outputs,
            context,
            self.width,
            layers=self.layers,
            heads=self.heads,
            activation=self.activation,
            dropout=self.dropout,
        )

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return the beginning of the development part, and how the model continues it.

        A model with a context of one character has no place for a beginning and its continuation.
        """
        network: Any = model  # a GPT; the type of its state is private to the models
        if network.context < 2:
            return []
        prompt = min(PROMPT, network.context - 1)
        length = network.context - prompt
        return own_text(network, splits, length, prompt=prompt, seed=self.seed)

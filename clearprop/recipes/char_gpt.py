"""The recipe ``char-gpt``: a text character by character, by a small GPT."""

from __future__ import annotations

from typing import Any, ClassVar

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.recipes.characters import CharacterRecipe, sampled
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.recipe import Activation
from clearprop.training import History

CONTEXT = 128
BATCH_SIZE = 16
PROMPT = 20


class CharGPTRecipe(CharacterRecipe):
    """Causal transformer blocks read a text and predict its next character.

    The model reads as many characters at once as a window has, `CONTEXT` unless
    ``data.sequence_length`` says otherwise; what it writes ends there too.

    Attributes:
        activation: of the hidden units.
        width: features of a character.
        heads: of the attention.

    >>> CharGPTRecipe(width=64, heads=2).layers
    4
    """

    passes: ClassVar[int] = 8

    learning_rate: Rate = 0.002
    weight_decay: Fraction = 0.1
    activation: Activation = "gelu_tanh"
    width: Count = 128
    layers: Count = 4
    heads: Count = 4

    def settled(self, examples: int) -> CharGPTRecipe:
        """Return the recipe with its batches of `BATCH_SIZE` windows, `passes` times all of them.

        Texts of few windows get more epochs, for at least some hundred steps.
        """
        batch_size = self.batch_size or min(BATCH_SIZE, examples)
        steps = -(-examples // batch_size)
        epochs = self.epochs or min(50, max(self.passes, -(-300 // steps)))
        return self.model_copy(update={"epochs": epochs, "batch_size": batch_size})

    def dataset(self) -> tuple[Dataset, str]:
        """Return the text in windows of `CONTEXT` characters, unless it is said how many.

        Raises:
            DataError: the text is too short for one window, or cannot be read.
        """
        if self.data.sequence_length is not None:
            return super().dataset()
        choice = self.data.model_copy(update={"sequence_length": CONTEXT})
        return self.model_copy(update={"data": choice}).dataset()

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
        """Return a text that the model wrote, after a beginning from the development part.

        A model that reads one character at once has no room to write another.
        """
        network: Any = model  # a GPT, whose state only the models know
        if network.context < 2:
            return []
        prompt = min(PROMPT, network.context - 1)
        text = sampled(network, splits, network.context - prompt, prompt=prompt, seed=self.seed)
        return ["a text of its own:", *(f"  {line}" for line in text.splitlines())]

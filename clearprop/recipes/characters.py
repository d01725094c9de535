"""What the recipes share that learn a text character by character."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar, TypeVar

import jax.numpy as jnp
import numpy as np

from clearprop import models, nn
from clearprop.data import Dataset, Splits
from clearprop.data.catalog import TEXT_SUFFIXES
from clearprop.data.ngram import counted_bits
from clearprop.data.preprocessor import INPUTS
from clearprop.errors import ConfigurationError
from clearprop.models.generation import LanguageModel, generate
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.recipe import SequenceRecipe
from clearprop.training import History, evaluate

State = TypeVar("State")

LOSS = "sequence_cross_entropy"
SEQUENCE_LENGTH = 100
SAMPLE = 300
TEMPERATURE = 0.7


class CharacterRecipe(SequenceRecipe):
    """A network that predicts the next character of a text; ``--data FILE`` takes any text.

    Attributes:
        layers: number of layers.
        dropout: rate in training.
    """

    preferred: ClassVar[tuple[str, ...]] = ("python-topics",)
    passes: ClassVar[int] = 1
    small_steps: ClassVar[int] = 1_200

    learning_rate: Rate = 0.004
    layers: Count = 1
    dropout: Fraction = 0.0

    def dataset(self) -> tuple[Dataset, str]:
        """Return the text in windows of `SEQUENCE_LENGTH` characters, unless it is said how many.

        Raises:
            DataError: the text is too short for one window, or cannot be read.
        """
        name = self.data.name
        is_text = (
            name is None or name in self.preferred or Path(name).suffix.lower() in TEXT_SUFFIXES
        )
        if self.data.sequence_length is None and is_text:
            return self.loaded(self.data.model_copy(update={"sequence_length": SEQUENCE_LENGTH}))
        return super().dataset()

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must be a text in characters."""
        vocabulary = dataset.vocabularies.get(INPUTS)
        if dataset.task != "text" or vocabulary is None or vocabulary.level != "character":
            raise ConfigurationError(
                "the recipe learns a text, character by character",
                where=dataset.name,
                given=f"a data set for {dataset.task}",
                fix="--data FILE.txt",
            )
        return dataset

    def loss(self, dataset: Dataset) -> str:
        """Return cross-entropy at every character."""
        return LOSS

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the bits that a character of the test part takes, and what counting needs."""
        return bits_per_character(model, splits)

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return a text that the model wrote, after a beginning from the development part."""
        assert isinstance(model, models.RecurrentLanguageModel)
        text = sampled(model, splits, SAMPLE, seed=self.seed)
        return ["a text of its own:", *(f"  {line}" for line in text.splitlines())]


def bits_per_character(model: nn.Module, splits: Splits) -> dict[str, float]:
    """Return the bits that a character of the test part takes, -log2 p, with two baselines.

    These count in the training part how often a character occurs (order 0), and after which two
    (order 2, see `clearprop.data.ngram`); a uniform guess takes log2 of the number of characters.
    """
    if splits.test is None:
        return {}
    nats = evaluate(model, splits.test, LOSS, splits.preprocessor).objective
    return {
        "bits per character": nats / math.log(2),
        "bits by counting, order 2": counted_bits(splits.train, splits.test, order=2),
        "bits by counting, order 0": counted_bits(splits.train, splits.test, order=0),
    }


def sampled(
    model: LanguageModel[State],
    splits: Splits,
    length: int,
    *,
    prompt: int = 20,
    seed: int = 0,
    temperature: float = TEMPERATURE,
) -> str:
    """Return a text: the beginning of the held-out part, and what a model wrote after it.

    Args:
        model: a `models.generation.LanguageModel`, trained.
        splits: whose vocabulary it knows.
        length: characters to write.
        prompt: characters to begin with.
        seed: of the draws.
        temperature: below 1 the likely characters are drawn more often than the model says.
    """
    part = splits.dev or splits.train
    begun = jnp.asarray(part.inputs[:1, :prompt])
    tokens = generate(model, begun, length, seed=seed, temperature=temperature)
    return splits.preprocessor.vocabularies[INPUTS].decode(np.asarray(tokens[0]))

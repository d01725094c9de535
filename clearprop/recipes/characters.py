"""The common part of the recipes that learn a text character by character."""

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

SAMPLE = 300
TEMPERATURE = 0.7
"""Below 1, so that likely characters are drawn more often than the model predicts them."""


class CharacterRecipe(SequenceRecipe):
    """A network that predicts the next character of a text; ``--data FILE`` reads any text.

    Attributes:
        layers: number of layers.
        dropout: rate in training.
    """

    preferred: ClassVar[tuple[str, ...]] = ("python-topics",)
    passes: ClassVar[int] = 1
    small_steps: ClassVar[int] = 1_200
    window: ClassVar[int] = 100
    """Characters of a training example, unless ``data.sequence_length`` is given."""

    learning_rate: Rate = 0.004
    layers: Count = 1
    dropout: Fraction = 0.0

    def dataset(self) -> tuple[Dataset, str]:
        """Return the text, by default in windows of ``window`` characters.

        Raises:
            DataError: the text is too short for one window, or cannot be read.
        """
        name = self.data.name
        is_text = name in (None, *self.preferred) or Path(str(name)).suffix.lower() in TEXT_SUFFIXES
        if self.data.sequence_length is None and is_text:
            return self.loaded(sequence_length=self.window)
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

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the bits per character of the test part, for the network and for counting."""
        return bits_per_character(model, splits)

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return the beginning of the development part, and how the model continues it."""
        assert isinstance(model, models.RecurrentLanguageModel)
        return own_text(model, splits, SAMPLE, seed=self.seed)


def bits_per_character(model: nn.Module, splits: Splits) -> dict[str, float]:
    """Return the mean of -log2 p over the characters of the test part, with two baselines.

    The baselines count in the training part how often a character occurs (order 0), and how often
    it follows two others (order 2, see `clearprop.data.ngram`). A uniform guess needs log2 of the
    number of characters.
    """
    if splits.test is None:
        return {}
    nats = evaluate(model, splits.test, "sequence_cross_entropy", splits.preprocessor).objective
    return {
        "bits per character": nats / math.log(2),
        "bits by counting, order 2": counted_bits(splits.train, splits.test, order=2),
        "bits by counting, order 0": counted_bits(splits.train, splits.test, order=0),
    }


def own_text(
    model: LanguageModel[State],
    splits: Splits,
    length: int,
    *,
    prompt: int = 20,
    seed: int = 0,
) -> list[str]:
    """Return lines of text: the beginning of the held-out part, and how a model continues it.

    Args:
        model: trained.
        splits: the data of its run.
        length: number of characters to write.
        prompt: number of characters at the beginning.
        seed: of the random draws.
    """
    part = splits.dev or splits.train
    begun = jnp.asarray(part.inputs[:1, :prompt])
    tokens = generate(model, begun, length, seed=seed, temperature=TEMPERATURE)
    text = splits.preprocessor.vocabularies[INPUTS].decode(np.asarray(tokens[0]))
    return ["generated text:", *(f"  {line}" for line in text.splitlines())]

"""The recipe ``tagger``: a tag for every word of a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.preprocessor import INPUTS
from clearprop.errors import ConfigurationError
from clearprop.recipes.characters import LOSS
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.recipe import SequenceRecipe
from clearprop.recipes.text_classify import compared, few_passes, unknown_share
from clearprop.training import History, predict


class TaggerRecipe(SequenceRecipe):
    """A bidirectional LSTM tags words; ``--data FILE`` takes a word and its tag a line.

    Attributes:
        embedding_features: of a word.
        hidden_size: units of both ways of reading together.
        layers: of the LSTM.
        dropout: rate on the embeddings and before the last layer.

    >>> TaggerRecipe(layers=2).layers
    2
    """

    preferred: ClassVar[tuple[str, ...]] = ("python-names",)

    learning_rate: Rate = 0.01
    embedding_features: Count = 64
    hidden_size: Count = 128
    layers: Count = 1
    dropout: Fraction = 0.3

    def settled(self, examples: int) -> Self:
        """Return the recipe with enough epochs for about 600 steps, at most 30."""
        return self.model_copy(update=few_passes(self, super().settled(examples), examples))

    def dataset(self) -> tuple[Dataset, str]:
        """Return the data set; of files that may hold other things, words and tags are read."""
        name = self.data.name
        if name is not None and Path(name).suffix.lower() in (".txt", ".tsv"):
            return self.loaded(self.data.model_copy(update={"tags": True}))
        return super().dataset()

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must be words with tags."""
        vocabulary = dataset.vocabularies.get(INPUTS)
        if dataset.task != "text" or vocabulary is None or vocabulary.level == "character":
            raise ConfigurationError(
                "the recipe needs words with their tags",
                where=dataset.name,
                given=f"a data set for {dataset.task}",
                fix="--data FILE with a word and its tag in each line",
            )
        return dataset

    def loss(self, dataset: Dataset) -> str:
        """Return cross-entropy at every word."""
        return LOSS

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network for these words and tags."""
        return models.Tagger(
            len(preprocessor.vocabularies[INPUTS]),
            outputs,
            embedding_features=self.embedding_features,
            hidden_size=self.hidden_size,
            layers=self.layers,
            dropout=self.dropout,
        )

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the accuracy on the test part, of the network and of the usual tags."""
        if splits.test is None:
            return {}
        return {
            "token accuracy": right_tags(answers(model, splits.test), splits.test),
            "most frequent tag of each word, token accuracy": usual_tags(splits),
            "words that training does not know, fraction": unknown_share(splits.test),
        }

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return by how much the network beats each word's usual tag, and a tagged sentence."""
        if splits.test is None:
            return []
        told = answers(model, splits.test)
        own = right_tags(told, splits.test)
        words, names = (
            splits.preprocessor.vocabularies[INPUTS],
            splits.preprocessor.class_names or (),
        )
        shown = [
            f"{words.tokens[word]}/{names[tag]}"
            for word, tag in zip(splits.test.inputs[0], told[0], strict=True)
            if word
        ]
        line = compared(own, usual_tags(splits), "the most frequent tag of each word")
        return [line, "a sentence of the test part:", f"  {' '.join(shown[:16])} ..."]


def answers(model: nn.Module, part: Dataset) -> NDArray[np.generic]:
    """Return the number of the tag that a model gives to each word of a prepared part, (N, T)."""
    return np.asarray(predict(model, part.inputs).argmax(axis=-1))


def right_tags(told: NDArray[np.generic], part: Dataset) -> float:
    """Return the fraction of the counted words of a part whose tag is right."""
    counted = part.targets >= 0
    return float((told == part.targets)[counted].mean())


def usual_tags(splits: Splits) -> float:
    """Return the fraction of right tags where each word gets its most frequent training tag.

    Words that training does not know share one entry, "<unk>", which has a usual tag too.
    """
    assert splits.test is not None
    train, test = splits.train, splits.test
    tags = len(splits.preprocessor.class_names or ())
    words = len(splits.preprocessor.vocabularies[INPUTS])
    counted = train.targets >= 0
    pairs = train.inputs[counted].astype(np.int64) * tags + train.targets[counted]
    table = np.bincount(pairs, minlength=words * tags).reshape(words, tags)
    overall = int(table.sum(axis=0).argmax())
    usual = np.where(table.any(axis=1), table.argmax(axis=1), overall)
    counted = test.targets >= 0
    return float((usual[test.inputs] == test.targets)[counted].mean())

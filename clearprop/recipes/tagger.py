"""The recipe ``tagger``: a tag for every word of a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.preprocessor import INPUTS
from clearprop.errors import ConfigurationError
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.words import WordRecipe, compared, unknown_fraction
from clearprop.training import History, predict


class TaggerRecipe(WordRecipe):
    """A bidirectional LSTM tags words; ``--data FILE`` reads a word and its tag in each line.

    Attributes:
        embedding_features: of a word.
        hidden_size: units of both directions together.
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

    def dataset(self) -> tuple[Dataset, str]:
        """Return the data set; a .txt or .tsv file is read as words with tags."""
        name = self.data.name
        if name is not None and Path(name).suffix.lower() in (".txt", ".tsv"):
            return self.loaded(tags=True)
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
        """Return the accuracy on the test part, of the network and of each word's usual tag."""
        if splits.test is None:
            return {}
        return {
            "token accuracy": right_tags(predicted_tags(model, splits.test), splits.test),
            "most frequent tag of each word, token accuracy": usual_tags(splits),
            "words that training does not know, fraction": unknown_fraction(splits.test),
        }

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return the difference to each word's usual tag, and one sentence with predicted tags."""
        if splits.test is None:
            return []
        tags = predicted_tags(model, splits.test)
        own = right_tags(tags, splits.test)
        words = splits.preprocessor.vocabularies[INPUTS]
        names = splits.preprocessor.class_names or ()
        shown = [
            f"{words.tokens[word]}/{names[tag]}"
            for word, tag in zip(splits.test.inputs[0], tags[0], strict=True)
            if word
        ]
        line = compared(own, usual_tags(splits), "the most frequent tag of each word")
        return [line, "a sentence of the test part:", f"  {' '.join(shown[:16])} ..."]


def predicted_tags(model: nn.Module, part: Dataset) -> NDArray[np.generic]:
    """Return the number of the tag that a model predicts for each word of a part, (N, T)."""
    return np.asarray(predict(model, part.inputs).argmax(axis=-1))


def right_tags(tags: NDArray[np.generic], part: Dataset) -> float:
    """Return the fraction of the words with a label whose tag is right."""
    counted = part.targets >= 0
    return float((tags == part.targets)[counted].mean())


def usual_tags(splits: Splits) -> float:
    """Return the accuracy when each word gets its most frequent tag of the training part.

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

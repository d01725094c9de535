"""The recipe ``text-classify``: predict the class of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.preprocessor import INPUTS
from clearprop.errors import ConfigurationError
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.words import WordRecipe, compared, unknown_fraction
from clearprop.training import History, evaluate

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class TextClassifyRecipe(WordRecipe):
    """Classify texts by their words: a folder for each label, or a table with a column of texts.

    Attributes:
        network: "bag" (ignores the order of the words), "cnn" (windows of words) or "lstm"
            (bidirectional).
        embedding_features: of a word.
        hidden_size: features of a text; "bag" does not use it.
        dropout: rate on the embeddings and before the last layer.

    >>> TextClassifyRecipe(network="cnn").network
    'cnn'
    """

    preferred: ClassVar[tuple[str, ...]] = ("docstrings",)

    learning_rate: Rate = 0.003
    network: Literal["bag", "cnn", "lstm"] = "cnn"
    embedding_features: Count = 64
    hidden_size: Count = 96
    dropout: Fraction = 0.5

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must be labelled texts."""
        if dataset.task != "classification" or INPUTS not in dataset.vocabularies:
            raise ConfigurationError(
                "the recipe needs labelled texts",
                where=dataset.name,
                given=f"a data set for {dataset.task} without labelled texts",
                fix="--data FOLDER with a folder of .txt files for each label, or "
                "--data FILE.csv --target LABEL --set data.text=COLUMN",
            )
        return dataset

    def loss(self, dataset: Dataset) -> str:
        """Return cross-entropy for classes."""
        return "cross_entropy"

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network for the words of these texts."""
        return models.WordClassifier(
            len(preprocessor.vocabularies[INPUTS]),
            outputs,
            network=self.network,
            embedding_features=self.embedding_features,
            hidden_size=self.hidden_size,
            dropout=self.dropout,
        )

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the test accuracy of a classical method that ignores the order of the words."""
        if splits.test is None:
            return {}
        return {
            "TF-IDF with logistic regression, accuracy": weighed_words(splits),
            "words that training does not know, fraction": unknown_fraction(splits.test),
        }

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return by how much the network is better or worse than the classical method."""
        if splits.test is None:
            return []
        found = evaluate(model, splits.test, self.loss(splits.test), splits.preprocessor)
        return [compared(1 - found.error, weighed_words(splits), "TF-IDF with logistic regression")]


def weighed_words(splits: Splits) -> float:
    """Return the test accuracy of logistic regression on words weighted by TF-IDF.

    It uses the same known words as the network, but not their order.
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    assert splits.test is not None
    words = len(splits.preprocessor.vocabularies[INPUTS])
    weigh = TfidfTransformer(sublinear_tf=True)
    classic = LogisticRegression(C=10.0, solver="newton-cg")
    classic.fit(weigh.fit_transform(counts(splits.train, words)), splits.train.targets)
    seen = weigh.transform(counts(splits.test, words))
    return float(classic.score(seen, splits.test.targets))


def counts(part: Dataset, words: int) -> csr_array:
    """Return how often each known word occurs in each text, sparse (N, words)."""
    from scipy.sparse import csr_array

    rows, places = np.nonzero(part.inputs > 1)
    ones = np.ones(len(rows), np.float64)
    return csr_array((ones, (rows, part.inputs[rows, places])), (len(part), words))

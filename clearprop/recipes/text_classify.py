"""The recipe ``text-classify``: which class a text is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.preprocessor import INPUTS
from clearprop.errors import ConfigurationError
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.recipe import NetworkRecipe, SequenceRecipe
from clearprop.training import History, evaluate

if TYPE_CHECKING:
    from scipy.sparse import csr_array

STEPS = 600


class TextClassifyRecipe(SequenceRecipe):
    """Texts by their words: a folder for each label, or a table with a column of texts.

    Attributes:
        network: "bag" (words in no order), "cnn" (windows of words) or "lstm" (both ways).
        embedding_features: of a word.
        hidden_size: features of a text, but for "bag".
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

    def settled(self, examples: int) -> Self:
        """Return the recipe with enough epochs for about `STEPS` steps, at most 30."""
        return self.model_copy(update=few_passes(self, super().settled(examples), examples))

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must be labelled texts."""
        if dataset.task != "classification" or INPUTS not in dataset.vocabularies:
            raise ConfigurationError(
                "the recipe needs labelled texts",
                where=dataset.name,
                given=f"a data set for {dataset.task}, of no labelled texts",
                fix="--data FOLDER with a folder of .txt files for each label, or "
                "--data FILE.csv --target LABEL --set data.text=COLUMN",
            )
        return dataset

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
        """Return the accuracy of a classic that knows no order of the words, on the test part."""
        if splits.test is None:
            return {}
        classic = weighed_words(splits)
        return {
            "TF-IDF with logistic regression, accuracy": classic,
            "words that training does not know, fraction": unknown_share(splits.test),
        }

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return by how much the network beats the classic, or does not."""
        if splits.test is None:
            return []
        found = evaluate(model, splits.test, self.loss(splits.test), splits.preprocessor)
        return [compared(1 - found.error, weighed_words(splits), "TF-IDF with logistic regression")]


def few_passes(given: NetworkRecipe, settled: NetworkRecipe, examples: int) -> dict[str, int]:
    """Return batch size and epochs of a recipe for texts: about `STEPS` steps, at most 30 epochs.

    There are many words and few texts: more epochs would only memorize the training texts.
    """
    batch_size = settled.batch_size or 1
    steps = -(-examples // batch_size)
    return {
        "batch_size": batch_size,
        "epochs": given.epochs or min(30, max(3, round(STEPS / steps))),
    }


def weighed_words(splits: Splits) -> float:
    """Return the test accuracy of logistic regression on words weighed by TF-IDF.

    It sees the same words as the network, those that training knows, and not their order.
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


def unknown_share(part: Dataset) -> float:
    """Return the fraction of the words of a part that are "<unk>"."""
    return float((part.inputs == 1).sum() / max(1, (part.inputs > 0).sum()))


def compared(own: float, other: float, name: str) -> str:
    """Return a line that says which accuracy is better and by how much.

    >>> compared(0.91, 0.9, "counting")
    '1.0 points better than counting: 91.0 % of the test part against 90.0 %'
    """
    points = abs(own - other) * 100
    which = "better than" if own > other else "worse than" if own < other else "away from"
    share, against = f"{own * 100:.1f} %", f"{other * 100:.1f} %"
    return f"{points:.1f} points {which} {name}: {share} of the test part against {against}"

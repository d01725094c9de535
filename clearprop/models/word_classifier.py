"""A classifier of texts: word embeddings read as a bag, by convolutions or by an LSTM.

Shape letters: B texts, T words of the longest, D features of a word, C features of a text,
K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.models.checks import check_tokens, half, shared
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array, static

PADDING = 0
"""The word that fills short texts; it is never read."""

LOWEST = -1e30
"""Below every feature, so that the maximum is never at a place that does not count."""


class WordClassifier(nn.Module):
    """Embeds the words of a text, reduces them to one vector, and scores the classes.

        words                         (B, T)
        embedding, dropout            (B, T, D)
        reader, of words that count   (B, C)
        dropout, linear: logits       (B, K)

    Word 0 is padding and has no influence at all: the scores of a text do not depend on the longest
    text of its batch. In a text without words all features are 0.

    Args:
        words: how many there are, 0 among them.
        classes: K.
        network: "bag" (the mean of the embeddings, in no order), "cnn" (windows of words, the
            maximum of each feature), "lstm" (both directions, the maximum of each unit).
        embedding_features: D.
        hidden_size: C of "cnn", a multiple of the widths, and of "lstm", an even number.
        widths: words in a window of "cnn".
        dropout: rate on the embeddings and before the last layer.

    Raises:
        ConfigurationError: there is no such network, or a size is not positive.
        ShapeError: the input is not (B, T) with at least one word.

    >>> model = WordClassifier(50, 3, network="cnn", hidden_size=12).init(0)
    >>> model(jnp.array([[4, 9, 0, 0], [7, 3, 3, 1]])).shape
    (2, 3)

    Source: "bag" is Joulin et al. (2017), fastText, without its pairs of words; "cnn" is Kim
    (2014), with embeddings that are learned here; the maximum of an LSTM is Conneau et al.
    (2017).
    """

    embedding: nn.Embedding
    reader: nn.Module
    output: nn.Linear
    dropout: nn.Dropout

    def __init__(
        self,
        words: int,
        classes: int,
        *,
        network: str = "lstm",
        embedding_features: int = 64,
        hidden_size: int = 128,
        widths: Sequence[int] = (3, 4, 5),
        dropout: float = 0.0,
    ) -> None:
        one_of("WordClassifier", ("bag", "cnn", "lstm"), network=network)
        self.embedding = nn.Embedding(
            words, embedding_features, weight_init=nn.initializers.normal(0.1)
        )
        features = hidden_size
        if network == "bag":
            self.reader, features = MeanOfWords(), embedding_features
        elif network == "cnn":
            self.reader = WindowsOfWords(embedding_features, hidden_size, widths)
            features = self.reader.features
        else:
            self.reader = BothWays(embedding_features, hidden_size)
        self.output = nn.Linear(features, classes)
        self.dropout = nn.Dropout(dropout)

    def __call__(self, x: Array) -> Array:
        check_tokens(x)
        mask = x != PADDING
        embedded = self.dropout(self.embedding(x)) * mask[..., None]
        return self.output(self.dropout(self.reader(embedded, mask)))


class MeanOfWords(nn.Module):
    """The mean of the words that count: y = sum_t m_t x_t / sum_t m_t.

    Shapes: x (B, T, D), mask bool (B, T), y (B, D); 0 where no word counts.

    >>> MeanOfWords()(jnp.array([[[2.0], [4.0], [0.0]]]), jnp.array([[True, True, False]])).tolist()
    [[3.0]]
    """

    def __call__(self, x: Array, mask: Array) -> Array:
        counted = jnp.maximum(mask.sum(axis=1, keepdims=True), 1)
        return ops.sum(x * mask[..., None], axis=1) / counted


class WindowsOfWords(nn.Module):
    """For each width the maximum of each feature over all windows of that width.

    y = max_t relu(conv(x))_t over the places t that count. A window reaches beyond the ends of a
    text, where it sees zeros.

    Args:
        in_features: D.
        features: C, divided evenly among the widths.
        widths: words in a window.

    Shapes: x (B, T, D) with zeros at places that do not count, mask bool (B, T), y (B, C).

    Raises:
        ConfigurationError: C is not a multiple of the number of widths.

    >>> x = jnp.ones((2, 4, 8))
    >>> WindowsOfWords(8, 6, (2, 3)).init(0)(x, jnp.ones((2, 4), bool)).shape
    (2, 6)
    """

    convolutions: tuple[nn.Conv1d, ...]
    features: int = static()

    def __init__(self, in_features: int, features: int, widths: Sequence[int]) -> None:
        each = shared(features, len(widths), "the widths of windows", "WindowsOfWords")
        self.convolutions = tuple(
            nn.Conv1d(in_features, each, width, padding="same") for width in widths
        )
        self.features = features

    def __call__(self, x: Array, mask: Array) -> Array:
        maxima = [largest(ops.relu(layer(x)), mask) for layer in self.convolutions]
        return ops.concatenate(maxima, axis=-1)


class BothWays(nn.Module):
    """A bidirectional LSTM; the maximum of each unit over the places that count.

    Args:
        in_features: D.
        features: C, half of them for each direction.

    Shapes: x (B, T, D), mask bool (B, T), y (B, C).

    Raises:
        ConfigurationError: an odd number of features.

    >>> BothWays(8, 6).init(0)(jnp.ones((2, 4, 8)), jnp.ones((2, 4), bool)).shape
    (2, 6)
    """

    lstm: nn.LSTM

    def __init__(self, in_features: int, features: int) -> None:
        each = half(features, "BothWays")
        self.lstm = nn.LSTM(in_features, each, bidirectional=True)

    def __call__(self, x: Array, mask: Array) -> Array:
        return largest(self.lstm(x, mask=mask), mask)


def largest(x: Array, mask: Array) -> Array:
    """Return the maximum of each feature over the places that count, 0 where none counts.

    >>> x = jnp.array([[[-2.0], [-1.0], [5.0]], [[1.0], [1.0], [1.0]]])
    >>> largest(x, jnp.array([[True, True, False], [False] * 3])).tolist()
    [[-1.0], [0.0]]
    """
    found = ops.max(ops.where(mask[..., None], x, LOWEST), axis=1)
    return ops.where(mask.any(axis=1)[:, None], found, 0.0)

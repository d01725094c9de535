"""A tagger: one tag for every word of a sentence.

Shape letters: B sentences, T words of the longest, D features of a word, H units of both
directions together, K tags.
"""

from __future__ import annotations

from clearprop import nn
from clearprop.models.checks import check_tokens, half
from clearprop.nn.fields import Array

PADDING = 0
"""The word that fills short sentences; it is never read."""


class Tagger(nn.Module):
    """A bidirectional LSTM over word embeddings, and a linear layer at each word.

        words                    (B, T)
        embedding, dropout       (B, T, D)
        LSTM, both ways          (B, T, H)
        dropout, linear: logits  (B, T, K)

    Word 0 is padding and has no influence at all on the tags of other words.

    Args:
        words: how many there are, 0 among them.
        tags: K.
        embedding_features: D.
        hidden_size: H, an even number.
        layers: of the LSTM.
        dropout: rate on the embeddings, between layers and before the last one.

    Raises:
        ConfigurationError: an odd number of units, or a size is not positive.
        ShapeError: the input is not (B, T) with at least one word.

    >>> import jax.numpy as jnp
    >>> model = Tagger(50, 5, embedding_features=8, hidden_size=16).init(0)
    >>> model(jnp.array([[4, 9, 0, 0], [7, 3, 3, 1]])).shape
    (2, 4, 5)

    Source: Huang, Xu and Yu (2015), *Bidirectional LSTM-CRF models for sequence tagging*, the form
    without a CRF: each tag is chosen by itself.
    """

    embedding: nn.Embedding
    lstm: nn.LSTM
    output: nn.Linear
    dropout: nn.Dropout

    def __init__(
        self,
        words: int,
        tags: int,
        *,
        embedding_features: int = 64,
        hidden_size: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        each = half(hidden_size, "Tagger")
        self.embedding = nn.Embedding(
            words, embedding_features, weight_init=nn.initializers.normal(0.1)
        )
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(
            embedding_features, each, layers=layers, bidirectional=True, dropout=between
        )
        self.output = nn.Linear(hidden_size, tags)
        self.dropout = nn.Dropout(dropout)

    def __call__(self, x: Array) -> Array:
        check_tokens(x)
        read = self.lstm(self.dropout(self.embedding(x)), mask=x != PADDING)
        return self.output(self.dropout(read))

"""Sequence to sequence: one network reads a sequence, another network writes a sequence.

Shape letters: B sequences, S source places, T target places, H units of the encoder (both ways
together) and of the decoder, K target tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

from clearprop import nn, ops
from clearprop.models.attentive_decoder import AttentiveDecoder, Writing
from clearprop.models.checks import check_pair, half
from clearprop.nn.fields import Array

PADDING = 0
"""The token that fills short sequences; it is never read."""


class Seq2Seq(nn.Module):
    """A bidirectional LSTM reads; an LSTM with attention to its outputs writes.

    It takes ``{"source": (B, S), "target": (B, T)}``, whole numbers in which 0 is padding, and
    returns logits (B, T, K): at each place of the target, the token that follows. In training the
    target holds the correct tokens before each place (teacher forcing). To write a sequence, call
    `begin` with the source and `step` for each token.

    Padding has no influence at all: the outputs of a sequence do not depend on the longest sequence
    of its batch.

    Args:
        source_tokens: how many there are, 0 among them.
        target_tokens: K, 0 among them.
        embedding_features: of either embedding.
        hidden_size: H, an even number; each direction of the encoder has half of it.
        attention: "dot" or "additive", see `AttentiveDecoder`.
        dropout: rate on embeddings, on the outputs of the encoder, and before the last layer.

    Raises:
        ConfigurationError: an odd number of units, or a size is not positive.
        ShapeError: the inputs are not a pair of token arrays with at least one place.

    >>> import jax.numpy as jnp
    >>> model = Seq2Seq(30, 40, embedding_features=8, hidden_size=16).init(0)
    >>> x = {"source": jnp.array([[5, 4, 3], [7, 0, 0]]), "target": jnp.array([[2, 9], [2, 0]])}
    >>> model(x).shape, model.attention(x).shape
    ((2, 2, 40), (2, 2, 3))

    Source: Sutskever, Vinyals and Le (2014); with attention, Bahdanau, Cho and Bengio (2015).
    """

    embedding: nn.Embedding
    encoder: nn.LSTM
    decoder: AttentiveDecoder
    dropout: nn.Dropout

    def __init__(
        self,
        source_tokens: int,
        target_tokens: int,
        *,
        embedding_features: int = 64,
        hidden_size: int = 128,
        attention: str = "dot",
        dropout: float = 0.0,
    ) -> None:
        each = half(hidden_size, "Seq2Seq")
        self.embedding = nn.Embedding(source_tokens, embedding_features)
        self.encoder = nn.LSTM(embedding_features, each, bidirectional=True)
        self.decoder = AttentiveDecoder(
            target_tokens,
            hidden_size,
            hidden_size,
            embedding_features=embedding_features,
            hidden_size=hidden_size,
            attention=attention,
            dropout=dropout,
        )
        self.dropout = nn.Dropout(dropout)

    def __call__(self, x: Mapping[str, Array]) -> Array:
        check_pair(x)
        return self.decoder(x["target"], self.begin(x["source"]))

    def begin(self, source: Array, length: int | None = None) -> Writing:
        """Return the state of the decoder before the first token, for sources (B, S).

        `Transformer` needs ``length``, to make room for so many tokens; this model ignores it.
        """
        mask = source != PADDING
        embedded = self.dropout(self.embedding(source))
        read, state = self.encoder(embedded, mask=mask, return_state=True)
        summary = ops.concatenate([way.hidden for way in state], axis=-1)
        return self.decoder.begin(self.dropout(read), mask, summary)

    def step(self, state: Writing, tokens: Array) -> tuple[Array, Writing]:
        """Return log-probabilities (B, K) of the token after one more token (B,), and the state."""
        return self.decoder.step(state, tokens)

    def attention(self, x: Mapping[str, Array]) -> Array:
        """Return the attention of each target place to each source place, (B, T, S)."""
        check_pair(x)
        return self.decoder.write(x["target"], self.begin(x["source"]))[1]

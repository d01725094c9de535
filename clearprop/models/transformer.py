"""The Transformer: an encoder reads one sequence of tokens, a decoder writes another.

Shapes: B examples, S source tokens, T target tokens, D features, V target vocabulary, L tokens to
write at most, N rows of a search.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.models.checks import check_pair, check_tokens
from clearprop.models.search import Beams, beam_search
from clearprop.nn.activation import ActivationLike
from clearprop.nn.fields import Array


class Written(NamedTuple):
    """The state of the decoder while it writes; rows of a search are rows of its arrays.

    Attributes:
        memory: the output of the encoder, (N, S, D).
        mask: bool (N, S), True for places of the memory that count.
        caches: keys and values of the tokens written so far, for each block.
        length: how many tokens have been written, an int32 scalar.
    """

    memory: Array
    mask: Array
    caches: tuple[nn.Cache, ...]
    length: Array


class Transformer(nn.Module):
    """Sequence to sequence by attention: p(target_t | source, target before t).

        source (B, S)  -> embedding, positions -> encoder                  (B, S, D)
        target (B, T)  -> embedding, positions -> decoder, which attends to the encoder's output
        logits                                                             (B, T, V)

    It takes one dict, ``{"source": ..., "target": ...}``; place t of the output scores the token
    after target_t, so that the target begins with "<bos>". The token ``padding`` is ignored.

    Args:
        source_vocabulary: number of source tokens.
        target_vocabulary: V.
        width: D.
        layers: blocks of the encoder, and of the decoder.
        heads: of the attention.
        hidden: features inside the blocks' feed-forward networks; 4 D when None.
        dropout: rate in training.
        activation: of the feed-forward networks.
        norm_first: whether blocks normalize first; the paper's normalize last.
        padding: the token that fills short sequences.

    Raises:
        ShapeError: the inputs are not a pair of token arrays with at least one place.

    >>> model = Transformer(30, 40, 16, layers=1, heads=2).init(0)
    >>> tokens = {"source": jnp.array([[4, 5, 6]]), "target": jnp.array([[2, 7]])}
    >>> model(tokens).shape
    (1, 2, 40)

    Source: Vaswani et al. (2017). Two embeddings and an output layer replace the paper's
    shared matrix; blocks normalize first by default.
    """

    source_embedding: nn.Embedding
    target_embedding: nn.Embedding
    positions: nn.SinusoidalPositions
    dropout: nn.Dropout
    encoder: nn.TransformerEncoder
    decoder: nn.TransformerDecoder
    output: nn.Linear
    padding: int = nn.static()

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        width: int = 512,
        *,
        layers: int = 6,
        heads: int = 8,
        hidden: int | None = None,
        dropout: float = 0.0,
        activation: ActivationLike = "relu",
        norm_first: bool = True,
        padding: int = 0,
    ) -> None:
        rows = nn.initializers.normal(1 / math.sqrt(width))
        self.source_embedding = nn.Embedding(source_vocabulary, width, weight_init=rows)
        self.target_embedding = nn.Embedding(target_vocabulary, width, weight_init=rows)
        self.positions = nn.SinusoidalPositions(width)
        self.dropout = nn.Dropout(dropout)
        options: dict[str, Any] = {
            "layers": layers,
            "hidden_features": hidden,
            "dropout": dropout,
            "activation": activation,
            "norm_first": norm_first,
        }
        self.encoder = nn.TransformerEncoder(width, heads, **options)
        self.decoder = nn.TransformerDecoder(width, heads, **options)
        self.output = nn.Linear(width, target_vocabulary)
        self.padding = padding

    def __call__(self, x: Mapping[str, Array]) -> Array:
        check_pair(x)
        source, target = x["source"], x["target"]
        mask = source != self.padding
        memory = self.encoder(self._vectors(self.source_embedding, source), mask)
        y = self._vectors(self.target_embedding, target)
        return self.output(self.decoder(y, memory, target != self.padding, mask))

    def begin(self, source: Array, length: int) -> Written:
        """Return the state before the first token, with room for ``length`` tokens."""
        mask = source != self.padding
        memory = self.encoder(self._vectors(self.source_embedding, source), mask)
        caches = tuple(
            block.attention.begin(len(source), length, memory.dtype)
            for block in self.decoder.blocks
        )
        return Written(memory, mask, caches, jnp.zeros((), jnp.int32))

    def step(self, state: Written, tokens: Array) -> tuple[Array, Written]:
        """Return log-probabilities (N, V) of the token after one more token, and the new state.

        This is the `search.Step` of `beam_search`.
        """
        x = self._vectors(self.target_embedding, tokens[:, None], state.length)
        y, caches = self.decoder.extend(x, state.memory, state.caches, state.length, state.mask)
        after = state._replace(caches=caches, length=state.length + 1)
        return ops.log_softmax(self.output(y[:, 0])), after

    def translate(
        self, source: Array, length: int, *, beams: int = 4, penalty: float = 1.0
    ) -> Beams:
        """Return the likeliest targets of sources (B, S) by `beam_search`; one beam is greedy."""
        state, options = self.begin(source, length), {"batch": len(source), "length": length}
        return beam_search(self.step, state, beams=beams, penalty=penalty, **options)

    def _vectors(self, embedding: nn.Embedding, tokens: Array, start: Any = 0) -> Array:
        check_tokens(tokens)
        # The rows of the embedding begin small; scaled, they are as large as the positions.
        x = embedding(tokens) * math.sqrt(embedding.features)
        return self.dropout(self.positions(x, start))

"""BERT: a transformer that reads texts in both directions, fills in words and classifies texts.

Shapes: B examples, T tokens, D features, V tokens of the vocabulary, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.errors import ModelError, ShapeError
from clearprop.models.checks import check_tokens
from clearprop.nn.activation import ActivationLike
from clearprop.nn.fields import Array

EPSILON = 1e-12
"""The epsilon of every normalization in the published model."""


class BERT(nn.Module):
    """Computes a vector for each token of a text, from all tokens of the text.

        tokens                                          (B, T)
        words + positions + segments, normalized        (B, T, D)
        blocks: each place attends to all that count    (B, T, D)

    The input is an array of tokens, or a dict ``{"segments": ..., "tokens": ...}``. Segments say to
    which of two texts (0 or 1) each token belongs; without them all tokens belong to text 0. The
    defaults are those of bert-base.

    Args:
        vocabulary: V.
        context: the largest number of tokens that it reads at once.
        width: D.
        layers: number of blocks.
        heads: of the attention.
        hidden: features inside the blocks' feed-forward networks; 4 D when None.
        dropout: rate in training; the paper's is 0.1.
        activation: of the feed-forward networks.
        pooled: whether it has the layer that makes one vector of a text (`pool`).
        padding: the token that fills short texts and is ignored; None where all tokens count.
        segments: how many texts an example can consist of.
        epsilon: of the normalizations.

    Raises:
        ShapeError: more tokens than the context, or none.

    >>> sum(w.size for w in nn.parameters(BERT()).values())
    109482240
    >>> BERT(65, 16, 8, layers=1, heads=2).init(0)(jnp.ones((1, 5), jnp.int32)).shape
    (1, 5, 8)

    Source: Devlin et al. (2019): post-norm blocks, GELU, initial weights N(0, 0.02^2).
    """

    words: nn.Embedding
    positions: nn.LearnedPositions
    segments: nn.Embedding
    norm: nn.LayerNorm
    dropout: nn.Dropout
    blocks: tuple[nn.TransformerBlock, ...]
    pooler: nn.Linear | None
    context: int = nn.static()
    padding: int | None = nn.static()

    def __init__(
        self,
        vocabulary: int = 30522,
        context: int = 512,
        width: int = 768,
        *,
        layers: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        dropout: float = 0.0,
        activation: ActivationLike = "gelu",
        pooled: bool = True,
        padding: int | None = 0,
        segments: int = 2,
        epsilon: float = EPSILON,
    ) -> None:
        small = nn.initializers.normal(0.02)
        self.words = nn.Embedding(vocabulary, width, weight_init=small)
        self.positions = nn.LearnedPositions(context, width)
        self.segments = nn.Embedding(segments, width, weight_init=small)
        self.norm = nn.LayerNorm(width, epsilon=epsilon)
        self.dropout = nn.Dropout(dropout)
        self.blocks = tuple(
            nn.TransformerBlock(
                width,
                heads,
                hidden,
                norm_first=False,
                dropout=dropout,
                activation=activation,
                epsilon=epsilon,
                weight_init=small,
            )
            for _ in range(layers)
        )
        self.pooler = nn.Linear(width, width, weight_init=small) if pooled else None
        self.context = context
        self.padding = padding

    def __call__(self, x: Array | Mapping[str, Array]) -> Array:
        given = dict(x) if isinstance(x, Mapping) else {"tokens": x}
        if "tokens" not in given or not set(given) <= {"segments", "tokens"}:
            raise ShapeError(
                "the model takes tokens, and optionally segments",
                given=", ".join(given) or "nothing",
                expected='"tokens", and "segments" where they are not all 0',
            )
        tokens = given["tokens"]
        segments = given.get("segments", jnp.zeros_like(tokens))
        check_tokens(tokens, self.context)
        y = self.positions(self.words(tokens)) + self.segments(segments)
        y = self.dropout(self.norm(y))
        mask = None if self.padding is None else tokens != self.padding
        for block in self.blocks:
            y = block(y, mask)
        return y

    def pool(self, y: Array) -> Array:
        """Return tanh(y_1 W + b) of the first place of each text, (B, T, D) -> (B, D)."""
        if self.pooler is None:
            raise ModelError("this BERT was made without its pooler", fix="BERT(pooled=True)")
        return ops.tanh(self.pooler(y[:, 0]))


class MaskedWords(nn.Module):
    """BERT with a head that fills in words: logits (B, T, V) of the word at each place.

    z = N(f(y W + b)) E^T + c with the rows E of BERT's word embedding, which get the error signals
    of both uses.

    Args:
        bert: with or without its pooler.
        activation: f.

    >>> sum(w.size for w in nn.parameters(MaskedWords(BERT(pooled=False))).values())
    109514298

    Source: Devlin et al. (2019).
    """

    bert: BERT
    transform: nn.Linear
    activation: nn.Activation
    norm: nn.LayerNorm
    bias: Array

    def __init__(self, bert: BERT, *, activation: ActivationLike = "gelu") -> None:
        width = bert.words.features
        small = nn.initializers.normal(0.02)
        self.bert = bert
        self.transform = nn.Linear(width, width, weight_init=small)
        self.activation = nn.Activation(activation)
        self.norm = nn.LayerNorm(width, epsilon=bert.norm.epsilon)
        self.bias = nn.parameter((bert.words.size,), nn.initializers.zeros)

    def __call__(self, x: Array | Mapping[str, Array]) -> Array:
        y = self.norm(self.activation(self.transform(self.bert(x))))
        return ops.matmul(y, ops.transpose(self.bert.words.weight)) + self.bias


class TextClassifier(nn.Module):
    """BERT with a layer on its pooled vector: logits (B, C) of the classes of texts.

    Args:
        bert: with its pooler.
        classes: C.
        dropout: rate of the pooled vector in training.

    >>> sum(w.size for w in nn.parameters(TextClassifier(BERT(), 2)).values())
    109483778

    Source: Devlin et al. (2019).
    """

    bert: BERT
    dropout: nn.Dropout
    output: nn.Linear

    def __init__(self, bert: BERT, classes: int, *, dropout: float = 0.0) -> None:
        if bert.pooler is None:
            raise ModelError(
                "the classifier needs the pooled vector of a text", fix="BERT(pooled=True)"
            )
        self.bert = bert
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(
            bert.words.features, classes, weight_init=nn.initializers.normal(0.02)
        )

    def __call__(self, x: Array | Mapping[str, Array]) -> Array:
        return self.output(self.dropout(self.bert.pool(self.bert(x))))

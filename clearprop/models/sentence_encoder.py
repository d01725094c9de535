"""One vector for each sentence: the mean of BERT's vectors, of length 1.

Shapes: B sentences, T tokens, D features.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.models.bert import BERT
from clearprop.nn.fields import Array
from clearprop.nn.masks import counted

SHORTEST = 1e-12
"""A vector that is shorter is divided by this number in place of its length."""


class SentenceEncoder(nn.Module):
    """Computes a vector of length 1 for each sentence; the product of two says how alike they are.

        tokens                                             (B, T)
        y = bert(tokens)                                   (B, T, D)
        m = mean of y_t over the tokens that count         (B, D)
        m / |m|                                            (B, D)

    The input is that of `BERT`; the tokens that fill short sentences do not count.

    Args:
        bert: of which no pooler is used.

    Raises:
        ShapeError: more tokens than BERT's context, or none.

    >>> model = SentenceEncoder(BERT(65, 16, 8, layers=1, heads=2, pooled=False)).init(0)
    >>> y = model(jnp.array([[3, 1, 0, 0], [4, 1, 5, 9]]))
    >>> print(y.shape, ops.sum(y * y, axis=1).round(3))
    (2, 8) [1. 1.]

    Source: Reimers and Gurevych (2019), *Sentence-BERT*; the length 1 as in all-MiniLM-L6-v2.
    """

    bert: BERT

    def __init__(self, bert: BERT) -> None:
        self.bert = bert

    def __call__(self, x: Array | Mapping[str, Array]) -> Array:
        y = self.bert(x)
        tokens = x["tokens"] if isinstance(x, Mapping) else x
        padding = self.bert.padding
        counts = jnp.ones(tokens.shape, bool) if padding is None else tokens != padding
        number = jnp.maximum(counts.sum(axis=1, keepdims=True), 1).astype(y.dtype)
        mean = ops.sum(counted(y, counts), axis=1) / number
        square = ops.sum(mean * mean, axis=-1, keepdims=True)
        return mean * ops.rsqrt(ops.maximum(square, SHORTEST**2))

"""GPT: a language model of causal transformer blocks.

Shapes: B examples, T tokens, D features, V tokens of the vocabulary, L places of a state.
"""

from __future__ import annotations

import math
from typing import NamedTuple, overload

import jax
import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.errors import ShapeError
from clearprop.models.checks import check_tokens
from clearprop.nn.activation import ActivationLike
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array


class Read(NamedTuple):
    """The state of a language model after the tokens that it has read.

    Attributes:
        caches: keys and values of each block.
        length: how many tokens, an int32 scalar.
        counts: bool (B, L), True for places with a token that counts; None where all count.
    """

    caches: tuple[nn.Cache, ...]
    length: Array
    counts: Array | None = None


class GPT(nn.Module):
    """Predicts the next token at each place of a text.

        tokens                        (B, T)
        embedding + positions         (B, T, D)
        blocks: each place attends to itself and earlier ones
        norm                          (B, T, D)
        logits: products with the rows of the embedding     (B, T, V)

    The defaults are GPT-2's smallest form. Where ``tied``, the rows of the embedding are used
    twice: as vectors of the tokens and as weights of the output. They get the error signals of
    both.

    Args:
        vocabulary: V.
        context: the largest number of tokens that it reads at once.
        width: D.
        layers: number of blocks.
        heads: of the attention.
        hidden: features inside the blocks' feed-forward networks; 4 D when None.
        key_value_heads: heads of keys and values; as many as heads when None.
        positions: "learned", "sinusoidal" or "rotary".
        norm: "layer" or "rms".
        epsilon: of the normalizations.
        activation: of the feed-forward networks.
        dropout: rate in training, of embeddings, attention and blocks.
        bias: whether the linear layers have one.
        tied: whether the output uses the embedding's rows.
        padding: the token that fills short texts and is ignored; None where all tokens count.

    Raises:
        ShapeError: more tokens than the context, or none.

    >>> sum(w.size for w in nn.parameters(GPT()).values())
    124439808
    >>> GPT(65, 16, 8, layers=1, heads=2).init(0)(jnp.zeros((1, 5), jnp.int32)).shape
    (1, 5, 65)

    Source: Radford et al. (2019), *Language models are unsupervised multitask learners*: pre-norm
    blocks, GELU by tanh, initial weights N(0, 0.02^2), those before a shortcut divided by sqrt(2
    layers).
    """

    embedding: nn.Embedding
    positions: nn.Module | None
    dropout: nn.Dropout
    blocks: tuple[nn.TransformerBlock, ...]
    norm: nn.Module
    output: nn.Linear | None
    context: int = nn.static()
    padding: int | None = nn.static()

    def __init__(
        self,
        vocabulary: int = 50257,
        context: int = 1024,
        width: int = 768,
        *,
        layers: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        key_value_heads: int | None = None,
        positions: str = "learned",
        norm: str = "layer",
        epsilon: float = 1e-5,
        activation: ActivationLike = "gelu_tanh",
        dropout: float = 0.0,
        bias: bool = True,
        tied: bool = True,
        padding: int | None = None,
    ) -> None:
        small = nn.initializers.normal(0.02)
        self.embedding = nn.Embedding(vocabulary, width, weight_init=small)
        one_of("GPT", ("learned", "sinusoidal", "rotary"), positions=positions)
        self.positions = None
        if positions == "learned":
            self.positions = nn.LearnedPositions(context, width)
        elif positions == "sinusoidal":
            self.positions = nn.SinusoidalPositions(width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = tuple(
            nn.TransformerBlock(
                width,
                heads,
                hidden,
                causal=True,
                dropout=dropout,
                activation=activation,
                norm=norm,
                epsilon=epsilon,
                key_value_heads=key_value_heads,
                rotary=positions == "rotary",
                bias=bias,
                weight_init=small,
                output_init=nn.initializers.normal(0.02 / math.sqrt(2 * layers)),
            )
            for _ in range(layers)
        )
        self.norm = nn.transformer.normalization(norm, width, epsilon)
        self.output = None if tied else nn.Linear(width, vocabulary, bias=False, weight_init=small)
        self.context = context
        self.padding = padding

    @overload
    def __call__(self, tokens: Array, state: None = None) -> Array: ...

    @overload
    def __call__(self, tokens: Array, state: Read) -> tuple[Array, Read]: ...

    def __call__(self, tokens: Array, state: Read | None = None) -> Array | tuple[Array, Read]:
        """Return logits (B, T, V); with a state also the state after these tokens."""
        rooms = [cache.keys.shape[2] for cache in (state.caches if state else ())]
        check_tokens(tokens, min([self.context, *rooms]))
        start = 0 if state is None else state.length
        x = self.embedding(tokens)
        if self.positions is not None:
            x = self.positions(x, start)
        x = self.dropout(x)
        if state is None:
            mask = None if self.padding is None else tokens != self.padding
            for block in self.blocks:
                x = block(x, mask)
            return self._logits(x)
        counts = state.counts
        if counts is not None:
            here = (jnp.zeros((), jnp.int32), state.length)
            counts = jax.lax.dynamic_update_slice(counts, tokens != self.padding, here)
        caches = []
        for block, before in zip(self.blocks, state.caches, strict=True):
            x, cache = block.extend(x, before, start, counts)
            caches.append(cache)
        return self._logits(x), Read(tuple(caches), state.length + tokens.shape[1], counts)

    def begin(self, batch: int, length: int | None = None) -> Read:
        """Return the state before the first token, with room for ``length`` of them."""
        length = self.context if length is None else length
        if length > self.context:
            raise ShapeError(
                "the state cannot have more places than the context",
                given=f"{length} tokens",
                expected=f"at most {self.context}",
            )
        dtype = self.embedding.weight.dtype
        caches = tuple(block.attention.begin(batch, length, dtype) for block in self.blocks)
        counts = None if self.padding is None else jnp.zeros((batch, length), bool)
        return Read(caches, jnp.zeros((), jnp.int32), counts)

    def _logits(self, x: Array) -> Array:
        x = self.norm(x)
        if self.output is not None:
            return self.output(x)
        return ops.matmul(x, ops.transpose(self.embedding.weight))

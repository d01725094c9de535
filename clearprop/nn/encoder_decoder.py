"""The encoder and the decoder of a transformer: blocks one after the other, and a normalization.

Shapes: B examples, T places, S places of the memory, D features, F hidden features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Unpack

from clearprop.nn.attention import Cache, Place
from clearprop.nn.fields import Array
from clearprop.nn.module import Module
from clearprop.nn.transformer import (
    DecoderBlock,
    EncoderOptions,
    TransformerBlock,
    normalization,
)


class _Stack(Module):
    """Base of the encoder and the decoder: blocks of the class `block`, and a normalization."""

    block: ClassVar[Callable[..., Module]]

    blocks: tuple[Module, ...]
    norm: Module

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        layers: int,
        hidden_features: int | None = None,
        **options: Unpack[EncoderOptions],
    ) -> None:
        self.blocks = tuple(
            type(self).block(features, heads, hidden_features, **options) for _ in range(layers)
        )
        self.norm = normalization(
            options.get("norm", "layer"), features, options.get("epsilon", 1e-5)
        )


class TransformerEncoder(_Stack, init=False):
    """Blocks one after the other, and a normalization: y = N(block_n(... block_1(x))).

    Shapes: x (B, T, D), y the same; the mask is that of `MultiHeadAttention`.

    Args:
        features: D.
        heads: of the attention.
        layers: how many blocks.
        hidden_features: F; 4 D when None.
        options: of each `TransformerBlock`.

    Raises:
        ConfigurationError: a size is not positive, or the heads do not divide the features.
        ShapeError: the inputs or masks do not fit, or a sequence is empty.

    >>> import jax.numpy as jnp
    >>> TransformerEncoder(8, 2, layers=2).init(0)(jnp.ones((1, 5, 8))).shape
    (1, 5, 8)

    Source: Vaswani et al. (2017), whose encoder has no normalization after the last block.
    """

    blocks: tuple[TransformerBlock, ...]
    block = TransformerBlock

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        for block in self.blocks:
            x = block(x, mask)
        y: Array = self.norm(x)
        return y


class TransformerDecoder(_Stack, init=False):
    """Blocks that also attend to a memory, then a norm: y = N(block_n(... block_1(x, m) ..., m)).

    Shapes: x (B, T, D), memory m (B, S, D), y (B, T, D); masks as in `MultiHeadAttention`.

    Args:
        features: D.
        heads: of the attention.
        layers: how many blocks.
        hidden_features: F; 4 D when None.
        options: of each `DecoderBlock`.

    Raises:
        ConfigurationError: a size is not positive, or the heads do not divide the features.
        ShapeError: the inputs or masks do not fit, or a sequence is empty.

    >>> import jax.numpy as jnp
    >>> decoder = TransformerDecoder(8, 2, layers=2).init(0)
    >>> decoder(jnp.ones((1, 5, 8)), jnp.ones((1, 3, 8))).shape
    (1, 5, 8)

    Source: Vaswani et al. (2017), whose decoder has no normalization after the last block.
    """

    blocks: tuple[DecoderBlock, ...]
    block = DecoderBlock

    def __call__(
        self,
        x: Array,
        memory: Array,
        mask: Array | None = None,
        memory_mask: Array | None = None,
    ) -> Array:
        for block in self.blocks:
            x = block(x, memory, mask, memory_mask)
        y: Array = self.norm(x)
        return y

    def extend(
        self,
        x: Array,
        memory: Array,
        caches: Sequence[Cache],
        start: Place = 0,
        memory_mask: Array | None = None,
    ) -> tuple[Array, tuple[Cache, ...]]:
        """Return y for the next places, and the caches with them, one for each block."""
        after = []
        for block, before in zip(self.blocks, caches, strict=True):
            x, cache = block.extend(x, memory, before, start, memory_mask)
            after.append(cache)
        return self.norm(x), tuple(after)

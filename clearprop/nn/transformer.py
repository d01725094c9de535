"""Transformer blocks: attention, then the same small network at every place, each with a shortcut.

Shapes: B examples, T places, S places of the memory, D features, F hidden features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypedDict

from clearprop.nn.activation import Activation, ActivationLike
from clearprop.nn.attention import Cache, MultiHeadAttention, Place
from clearprop.nn.checks import one_of
from clearprop.nn.dropout import Dropout
from clearprop.nn.fields import Array, Initializer, Shardings, static
from clearprop.nn.initializers import glorot_uniform
from clearprop.nn.linear import Linear
from clearprop.nn.module import Module
from clearprop.nn.normalization import LayerNorm, RMSNorm

NORMALIZATIONS: dict[str, Callable[..., Module]] = {"layer": LayerNorm, "rms": RMSNorm}
"""The kinds of normalization of a block by name."""


def normalization(kind: str, features: int, epsilon: float = 1e-5) -> Module:
    """Make a normalization layer, "layer" or "rms".

    >>> normalization("rms", 8)
    RMSNorm(scale=<8, no values yet>, features=8, epsilon=1e-05)
    """
    one_of("normalization", NORMALIZATIONS, kind=kind)
    return NORMALIZATIONS[kind](features, epsilon=epsilon)


class BlockOptions(TypedDict, total=False):
    """The arguments by name of every block; see `TransformerBlock`."""

    norm_first: bool
    dropout: float
    activation: ActivationLike
    norm: str
    epsilon: float
    bias: bool


class EncoderOptions(BlockOptions, total=False):
    """All arguments by name of `TransformerBlock`: those of every block and its own."""

    causal: bool
    key_value_heads: int | None
    rotary: bool
    weight_init: Initializer
    output_init: Initializer | None


class FeedForward(Module):
    """The network at every place: y = f(x W1 + b1) W2 + b2.

    Shapes: x (..., D), W1 (D, F), b1 (F,), W2 (F, D), b2 (D,), y (..., D).

    Args:
        features: D.
        hidden_features: F.
        activation: f.
        dropout: rate of the hidden features in training.
        bias: whether there are b1 and b2.
        weight_init: initial values of W1 and W2.
        output_init: of W2; ``weight_init`` when None.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: the last axis of x is not D long.

    >>> import jax.numpy as jnp
    >>> FeedForward(8, 32).init(0)(jnp.ones((1, 5, 8))).shape
    (1, 5, 8)

    Source: Vaswani et al. (2017), equation 2.
    """

    parameter_sharding: ClassVar[Shardings] = {
        "output.weight": ("model", None),
        "output.bias": (None,),
    }

    hidden: Linear
    activation: Activation
    output: Linear
    dropout: Dropout

    def __init__(
        self,
        features: int,
        hidden_features: int,
        *,
        activation: ActivationLike = "gelu",
        dropout: float = 0.0,
        bias: bool = True,
        weight_init: Initializer = glorot_uniform,
        output_init: Initializer | None = None,
    ) -> None:
        self.hidden = Linear(features, hidden_features, bias=bias, weight_init=weight_init)
        self.activation = Activation(activation)
        self.output = Linear(
            hidden_features, features, bias=bias, weight_init=output_init or weight_init
        )
        self.dropout = Dropout(dropout)

    def __call__(self, x: Array) -> Array:
        return self.output(self.dropout(self.activation(self.hidden(x))))


class TransformerBlock(Module):
    """Self-attention and a feed-forward network, each with a shortcut and a normalization.

    Normalized first ("pre-norm"): a = x + A(N1(x)), y = a + F(N2(a)). Normalized last
    ("post-norm", the paper's): a = N1(x + A(x)), y = N2(a + F(a)).

    Shapes: x (B, T, D), y the same; the mask is that of `MultiHeadAttention`.

    Args:
        features: D.
        heads: of the attention.
        hidden_features: F; 4 D when None.
        causal: whether a place attends only to itself and to earlier places.
        norm_first: whether to normalize first.
        dropout: rate after both parts, inside the network, and on the weights of the attention.
        activation: of the network.
        norm: "layer" or "rms".
        epsilon: of the normalization.
        key_value_heads, rotary, bias, weight_init, output_init: see `MultiHeadAttention`.

    Raises:
        ConfigurationError: a size is not positive, or the heads do not divide the features.
        ShapeError: the inputs or masks do not fit, or a sequence is empty.

    >>> import jax.numpy as jnp
    >>> block = TransformerBlock(8, 2, causal=True).init(0)
    >>> block(jnp.ones((1, 5, 8))).shape
    (1, 5, 8)

    Source: Vaswani et al. (2017); pre-norm from Xiong et al. (2020).
    """

    attention_norm: Module
    attention: MultiHeadAttention
    feedforward_norm: Module
    feedforward: FeedForward
    dropout: Dropout
    norm_first: bool = static()

    def __init__(
        self,
        features: int,
        heads: int,
        hidden_features: int | None = None,
        *,
        causal: bool = False,
        norm_first: bool = True,
        dropout: float = 0.0,
        activation: ActivationLike = "gelu",
        norm: str = "layer",
        epsilon: float = 1e-5,
        key_value_heads: int | None = None,
        rotary: bool = False,
        bias: bool = True,
        weight_init: Initializer = glorot_uniform,
        output_init: Initializer | None = None,
    ) -> None:
        self.attention_norm = normalization(norm, features, epsilon)
        self.attention = MultiHeadAttention(
            features,
            heads,
            key_value_heads=key_value_heads,
            causal=causal,
            rotary=rotary,
            dropout=dropout,
            bias=bias,
            weight_init=weight_init,
            output_init=output_init,
        )
        self.feedforward_norm = normalization(norm, features, epsilon)
        self.feedforward = FeedForward(
            features,
            hidden_features or 4 * features,
            activation=activation,
            dropout=dropout,
            bias=bias,
            weight_init=weight_init,
            output_init=output_init,
        )
        self.dropout = Dropout(dropout)
        self.norm_first = norm_first

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        x = _sublayer(self, self.attention_norm, lambda seen: self.attention(seen, mask=mask), x)
        return _sublayer(self, self.feedforward_norm, self.feedforward, x)

    def extend(
        self, x: Array, cache: Cache, start: Place = 0, mask: Array | None = None
    ) -> tuple[Array, Cache]:
        """Return y for the next places and the new cache; see `MultiHeadAttention.extend`."""
        x, cache = _extended(self, x, cache, start, mask)
        return _sublayer(self, self.feedforward_norm, self.feedforward, x), cache


class DecoderBlock(Module):
    """Causal self-attention, attention to a memory, and a feed-forward network.

    Normalized first: a = x + A(N1(x)), c = a + M(N2(a), memory), y = c + F(N3(c)). Normalized last:
    a = N1(x + A(x)), c = N2(a + M(a, memory)), y = N3(c + F(c)). The memory is the output of an
    encoder for another sequence.

    Shapes: x (B, T, D), memory (B, S, M), y (B, T, D); masks as in `MultiHeadAttention`.

    Args:
        features: D.
        heads: of both attentions.
        hidden_features: F; 4 D when None.
        memory_features: M; D when None.
        norm_first, dropout, activation, norm, epsilon, bias: see `TransformerBlock`.

    Raises:
        ConfigurationError: a size is not positive, or the heads do not divide the features.
        ShapeError: the inputs or masks do not fit, or a sequence is empty.

    >>> import jax.numpy as jnp
    >>> block = DecoderBlock(8, 2).init(0)
    >>> block(jnp.ones((1, 5, 8)), jnp.ones((1, 3, 8))).shape
    (1, 5, 8)

    Source: Vaswani et al. (2017).
    """

    attention_norm: Module
    attention: MultiHeadAttention
    memory_norm: Module
    memory_attention: MultiHeadAttention
    feedforward_norm: Module
    feedforward: FeedForward
    dropout: Dropout
    norm_first: bool = static()

    def __init__(
        self,
        features: int,
        heads: int,
        hidden_features: int | None = None,
        *,
        memory_features: int | None = None,
        norm_first: bool = True,
        dropout: float = 0.0,
        activation: ActivationLike = "gelu",
        norm: str = "layer",
        epsilon: float = 1e-5,
        bias: bool = True,
    ) -> None:
        self.attention_norm = normalization(norm, features, epsilon)
        self.attention = MultiHeadAttention(
            features, heads, causal=True, dropout=dropout, bias=bias
        )
        self.memory_norm = normalization(norm, features, epsilon)
        self.memory_attention = MultiHeadAttention(
            features, heads, memory_features=memory_features, dropout=dropout, bias=bias
        )
        self.feedforward_norm = normalization(norm, features, epsilon)
        self.feedforward = FeedForward(
            features,
            hidden_features or 4 * features,
            activation=activation,
            dropout=dropout,
            bias=bias,
        )
        self.dropout = Dropout(dropout)
        self.norm_first = norm_first

    def __call__(
        self,
        x: Array,
        memory: Array,
        mask: Array | None = None,
        memory_mask: Array | None = None,
    ) -> Array:
        x = _sublayer(self, self.attention_norm, lambda seen: self.attention(seen, mask=mask), x)
        return self._remember(x, memory, memory_mask)

    def extend(
        self,
        x: Array,
        memory: Array,
        cache: Cache,
        start: Place = 0,
        memory_mask: Array | None = None,
    ) -> tuple[Array, Cache]:
        """Return y for the next places and the new cache; see `MultiHeadAttention.extend`."""
        x, cache = _extended(self, x, cache, start, None)
        return self._remember(x, memory, memory_mask), cache

    def _remember(self, x: Array, memory: Array, mask: Array | None) -> Array:
        def attend(seen: Array) -> Array:
            return self.memory_attention(seen, memory, mask)

        x = _sublayer(self, self.memory_norm, attend, x)
        return _sublayer(self, self.feedforward_norm, self.feedforward, x)


def _sublayer(
    block: TransformerBlock | DecoderBlock,
    norm: Module,
    change: Callable[[Array], Array],
    x: Array,
) -> Array:
    """Return x with one part of a block added to it: the shortcut, the norm and the dropout."""
    if block.norm_first:
        return x + block.dropout(change(norm(x)))
    y: Array = norm(x + block.dropout(change(x)))
    return y


def _extended(
    block: TransformerBlock | DecoderBlock,
    x: Array,
    cache: Cache,
    start: Place,
    mask: Array | None,
) -> tuple[Array, Cache]:
    after = cache

    def attend(seen: Array) -> Array:
        nonlocal after
        y, after = block.attention.extend(seen, cache, start, mask)
        return y

    return _sublayer(block, block.attention_norm, attend, x), after

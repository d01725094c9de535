"""Attention layers: each place of a sequence reads from the places whose keys fit its query.

Shapes: B examples, T queries, S keys, D features, H heads, K heads of keys and values, E = D / H
features of a head, L places of a cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import ops
from clearprop.backend import layers_are_divided
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.call import current
from clearprop.nn.checks import positive_sizes, sequences
from clearprop.nn.dropout import Dropout
from clearprop.nn.fields import Array, Initializer, Shardings, static
from clearprop.nn.initializers import glorot_uniform
from clearprop.nn.linear import Linear
from clearprop.nn.masks import counted
from clearprop.nn.module import Module
from clearprop.nn.positions import rotate

Place = int | Array
"""The number of a place; an array where it is known only inside a compiled loop."""


class Attention(Module):
    """The lecture's attention: Z = softmax(XA (XB)^T) XC, one head without bias.

    Every place of the output is a weighted mean of the values XC. The weight of a value is larger
    when its key XB fits the query XA of the place better. ``scaled`` divides the scores by sqrt(l),
    so that they do not grow with the number of features.

    Shapes: X (..., n, d), A and B (d, l), C (d, o), Z (..., n, o). A mask is bool, True where a key
    counts, and broadcasts to (..., n, n).

    Args:
        features: d.
        key_features: l.
        value_features: o.
        scaled: whether the scores are divided by sqrt(l).
        causal: whether a place attends only to itself and to earlier places.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: the last axis of X is not d long.

    >>> layer = Attention(512, 64, 64).init(0)
    >>> layer(jnp.ones((10, 512))).shape, layer.weights(jnp.ones((10, 512))).shape
    ((10, 64), (10, 10))

    Source: lecture Y, Transformers (III).
    """

    query: Linear
    key: Linear
    value: Linear
    scaled: bool = static()
    causal: bool = static()

    def __init__(
        self,
        features: int,
        key_features: int,
        value_features: int,
        *,
        scaled: bool = False,
        causal: bool = False,
    ) -> None:
        self.query = Linear(features, key_features, bias=False)
        self.key = Linear(features, key_features, bias=False)
        self.value = Linear(features, value_features, bias=False)
        self.scaled = scaled
        self.causal = causal

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        scale = None if self.scaled else 1.0
        return ops.attention(
            self.query(x), self.key(x), self.value(x), mask, causal=self.causal, scale=scale
        )

    def weights(self, x: Array, mask: Array | None = None) -> Array:
        """Return the attention weights of each query (row) on each key, (..., n, n)."""
        scale = None if self.scaled else 1.0
        return ops.attention_weights(
            self.query(x), self.key(x), mask, causal=self.causal, scale=scale
        )


class Cache(NamedTuple):
    """Keys and values of the places read so far; later places attend to them too.

    Attributes:
        keys: (B, K, L, E); zeros at places that are not read yet.
        values: (B, K, L, E).
    """

    keys: Array
    values: Array


class _Masks(TypedDict, total=False):
    """A mask, and what is added to the scores, as `ops.attention` takes them."""

    mask: Array
    bias: Array


class MultiHeadAttention(Module):
    """Several attentions side by side, each on its own features: concat(Z^1 ... Z^H) O.

    Z^j = softmax(scale Q^j (K^j)^T) V^j with Q = x A, K = m B, V = m C. The sequence x attends to
    m, which is x itself or another sequence (``memory``). With fewer heads of keys and values than
    heads, H / K neighboring heads share the same keys and values.

    Shapes: x (B, T, D), memory (B, S, M), y (B, T, D). A mask is bool, True where a key counts:
    (B, S) for all queries, (B, T, S), or (B, H, T, S) for each head. A mask of floats is added to
    the scaled scores, as in PyTorch: 0 changes nothing, and minus infinity hides a key. Such a mask
    may be learned. A query that sees no key gets zeros before the output layer. Places of
    ``memory`` that a mask hides may hold any numbers, NaN too. A hidden place of x still has a
    query, so x must be finite.

    Args:
        features: D.
        heads: H; D is a multiple of it.
        key_value_heads: K, a divisor of H; H when None.
        memory_features: M; D when None.
        causal: whether a place attends only to itself and to earlier places.
        rotary: whether queries and keys are rotated by an angle that depends on their place; see
            `positions.rotate`.
        dropout: rate of dropped weights in training.
        bias: whether the four linear layers have one.
        scale: factor of the scores; 1 / sqrt(E) when None.
        weight_init: initial values of the weights.
        output_init: of the output layer; ``weight_init`` when None.

    Raises:
        ConfigurationError: the sizes do not divide.
        ShapeError: inputs or masks do not fit, or a sequence is empty.

    >>> layer = MultiHeadAttention(8, 2, causal=True).init(0)
    >>> layer(jnp.ones((1, 5, 8))).shape, layer.weights(jnp.ones((1, 5, 8))).shape
    ((1, 5, 8), (1, 2, 5, 5))

    Source: Vaswani et al. (2017); shared keys and values from Ainslie et al. (2023). Lecture Y
    leaves out the output layer O.
    """

    parameter_sharding: ClassVar[Shardings] = {
        "output.weight": ("model", None),
        "output.bias": (None,),
    }

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    dropout: Dropout
    features: int = static()
    heads: int = static()
    key_value_heads: int = static()
    causal: bool = static()
    rotary: bool = static()
    scale: float | None = static()

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        key_value_heads: int | None = None,
        memory_features: int | None = None,
        causal: bool = False,
        rotary: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        scale: float | None = None,
        weight_init: Initializer = glorot_uniform,
        output_init: Initializer | None = None,
    ) -> None:
        shared = heads if key_value_heads is None else key_value_heads
        positive_sizes("MultiHeadAttention", features=features, heads=heads, key_value_heads=shared)
        if features % heads or heads % shared:
            raise ConfigurationError(
                "heads must divide the features, and heads of keys must divide the heads",
                where="MultiHeadAttention",
                given=f"features={features}, heads={heads}, key_value_heads={shared}",
                expected="heads a divisor of features, key_value_heads a divisor of heads",
                fix=f"features={heads * max(1, round(features / heads))}"
                if features % heads
                else f"key_value_heads={math.gcd(heads, shared)}",
            )
        if rotary and (features // heads) % 2:
            raise ConfigurationError(
                "rotary positions rotate pairs of features, and the number of features is odd",
                where="MultiHeadAttention",
                given=f"{features // heads} features a head",
            )
        memory = features if memory_features is None else memory_features
        narrow = features // heads * shared
        self.query = Linear(features, features, bias=bias, weight_init=weight_init)
        self.key = Linear(memory, narrow, bias=bias, weight_init=weight_init)
        self.value = Linear(memory, narrow, bias=bias, weight_init=weight_init)
        self.output = Linear(features, features, bias=bias, weight_init=output_init or weight_init)
        self.dropout = Dropout(dropout)
        self.features = features
        self.heads = heads
        self.key_value_heads = shared
        self.causal = causal
        self.rotary = rotary
        self.scale = scale

    def __call__(self, x: Array, memory: Array | None = None, mask: Array | None = None) -> Array:
        if memory is None:
            memory = x
        elif mask is not None and len(mask.shape) == 2:
            memory = counted(memory, _shown(mask))
        q, k, v = self._split(x, memory)
        y = self._attend(q, k, v, self._masks(mask, x, memory))
        return self.output(self._merged(y))

    def extend(
        self, x: Array, cache: Cache, start: Place = 0, mask: Array | None = None
    ) -> tuple[Array, Cache]:
        """Return y for the next places of a sequence, and the cache with these places in it.

        x attends to itself and to all places before it in the cache. Use it to generate a sequence
        step by step: keys and values of earlier places are not computed again.

        Args:
            x: (B, T, D), the places ``start`` to ``start`` + T - 1.
            cache: of the places before them; `begin` makes an empty one.
            start: the place of the first vector of x.
            mask: bool (B, L), True for the places of the cache that count.

        Raises:
            ShapeError: the cache has too few places, or the mask does not fit it.

        >>> layer = MultiHeadAttention(8, 2, causal=True).init(0)
        >>> y, cache = layer.extend(jnp.ones((1, 3, 8)), layer.begin(1, 5))
        >>> y.shape, layer.extend(jnp.ones((1, 2, 8)), cache, start=3)[0].shape
        ((1, 3, 8), (1, 2, 8))
        """
        _check_room(x, mask, cache, start)
        q, k, v = self._split(x, x, start)
        B, K, L, E = cache.keys.shape
        T = x.shape[1]
        here = tuple(jnp.asarray(place, jnp.int32) for place in (0, 0, start, 0))
        k, v = (part.reshape(B, K, T, E) for part in (k, v))
        cache = Cache(
            jax.lax.dynamic_update_slice(cache.keys, k.astype(cache.keys.dtype), here),
            jax.lax.dynamic_update_slice(cache.values, v.astype(cache.values.dtype), here),
        )
        seen = jnp.arange(L) <= start + jnp.arange(T)[:, None]
        # Heads that share a key are rows of one product.
        rows = q.reshape(B, K, self.heads // K * T, E)
        of_row = jnp.tile(seen, (self.heads // K, 1))
        of_row = of_row if mask is None else of_row & mask[:, None, None]
        y = ops.attention(rows, cache.keys, cache.values, of_row, scale=self.scale)
        y = y.reshape(q.shape)
        return self.output(self._merged(y)), cache

    def weights(self, x: Array, memory: Array | None = None, mask: Array | None = None) -> Array:
        """Return the attention weights of each query on each key, by head: (B, H, T, S)."""
        memory = x if memory is None else memory
        q, k, _ = self._split(x, memory)
        masks = self._masks(mask, x, memory)
        by_group = ops.attention_weights(q, k, **masks, causal=self.causal, scale=self.scale)
        shape = (x.shape[0], self.heads, x.shape[1], memory.shape[1])
        return ops.reshape(by_group, shape=shape)

    def begin(self, batch: int, length: int, dtype: DTypeLike = jnp.float32) -> Cache:
        """Return an empty cache with room for ``length`` places."""
        shape = (batch, self.key_value_heads, length, self.features // self.heads)
        return Cache(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))

    def _split(self, x: Array, memory: Array, start: Place = 0) -> tuple[Array, Array, Array]:
        """Return queries (B, K, H / K, T, E), keys and values (B, K, 1, S, E)."""
        sequences(x, None, least=1)
        sequences(memory, None, name="memory", least=1)
        q, k, v = self._projected(x, memory)
        q = self._by_head(q, self.heads)
        k = self._by_head(k, self.key_value_heads)
        v = self._by_head(v, self.key_value_heads)
        if self.rotary:
            q, k = (rotate(y, start + jnp.arange(y.shape[-2])) for y in (q, k))
        return q, k, v

    def _projected(self, x: Array, memory: Array) -> Sequence[Array]:
        layers = (self.query, self.key, self.value)
        if memory is not x or current().watched or layers_are_divided():
            return tuple(layer(y) for layer, y in zip(layers, (x, memory, memory), strict=True))
        # One product instead of three, unless a hook receives the outputs of the three layers, or
        # each device has a part of every one.
        parts = ops.matmul(x, ops.concatenate([layer.weight for layer in layers], axis=1))
        biases = [layer.bias for layer in layers if layer.bias is not None]
        if biases:
            parts = parts + ops.concatenate(biases, axis=0)
        ends = [self.features, self.features + self.key.out_features]
        return ops.split(parts, ends, axis=-1)

    def _by_head(self, x: Array, heads: int) -> Array:
        """Split the features into heads: (B, T, heads E) -> (B, K, heads / K, T, E)."""
        B, T, _ = x.shape
        K, E = self.key_value_heads, self.features // self.heads
        if self.heads == K:
            return ops.transpose(ops.reshape(x, shape=(B, T, K, E)), axes=(0, 2, 1, 3))
        parted = ops.reshape(x, shape=(B, T, K, heads // K, E))
        return ops.transpose(parted, axes=(0, 2, 3, 1, 4))

    def _merged(self, y: Array) -> Array:
        axes = (0, 2, 1, 3) if len(y.shape) == 4 else (0, 3, 1, 2, 4)
        shape = (y.shape[0], y.shape[-2], self.features)
        return ops.reshape(ops.transpose(y, axes=axes), shape=shape)

    def _attend(self, q: Array, k: Array, v: Array, masks: _Masks) -> Array:
        if current().training and self.dropout.rate:
            weights = ops.attention_weights(q, k, **masks, causal=self.causal, scale=self.scale)
            return ops.matmul(self.dropout(weights), v)
        return ops.attention(q, k, v, **masks, causal=self.causal, scale=self.scale)

    def _masks(self, mask: Array | None, x: Array, memory: Array) -> _Masks:
        """Return the mask with the axes of the scores, as a mask or as what is added to them."""
        if mask is None:
            return {}
        B, T, S, H, K = x.shape[0], x.shape[1], memory.shape[1], self.heads, self.key_value_heads
        fitting = {2: (B, S), 3: (B, T, S), 4: (B, H, T, S)}
        rank = len(mask.shape)
        if rank not in fitting or any(
            m not in (1, n) for m, n in zip(mask.shape, fitting[rank], strict=True)
        ):
            raise ShapeError(
                "the mask does not fit the sequences",
                given=f"mask {tuple(mask.shape)}, queries {(B, T)}, keys {(B, S)}",
                expected=" or ".join(str(shape) for shape in fitting.values()),
            )
        shape = (mask.shape[0], *(1,) * (4 - rank), *mask.shape[1:])
        if H != K:
            by_group = (1, 1) if shape[1] == 1 else (K, H // K)
            shape = (shape[0], *by_group, *shape[2:])
        grown = ops.reshape(mask, shape=shape)
        return {"bias": grown} if _is_added(mask) else {"mask": grown}


def _is_added(mask: Array) -> bool:
    return bool(jnp.issubdtype(mask.dtype, jnp.floating))


def _shown(mask: Array) -> Array:
    """Return where a mask shows a key, bool."""
    return ops.stop_gradient(mask) != -jnp.inf if _is_added(mask) else mask


def _check_room(x: Array, mask: Array | None, cache: Cache, start: Place) -> None:
    """Raise where x has no room in a cache; inside a compiled loop ``start`` is not known."""
    places = cache.keys.shape[2]
    begun = 0 if isinstance(start, jax.core.Tracer) else int(start)
    if len(x.shape) == 3 and begun + x.shape[1] > places:
        raise ShapeError(
            "the cache has too few places",
            given=f"places {begun} to {begun + x.shape[1] - 1}",
            expected=f"at most {places} places",
            fix="begin(batch, length) with a greater length",
        )
    if mask is not None and (tuple(mask.shape) != (x.shape[0], places) or mask.dtype != jnp.bool_):
        raise ShapeError(
            "with a cache, the mask must say which places of the cache count",
            given=f"mask {mask.dtype} {tuple(mask.shape)}",
            expected=f"bool {(x.shape[0], places)}",
        )

"""Dot-product attention, made of operations so that its weights can be looked at.

Shapes: T queries, S keys and values, D features, V features of a value; leading axes (batch, heads)
broadcast.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.errors import ShapeError
from clearprop.ops.activations import softmax
from clearprop.ops.elementwise import where
from clearprop.ops.linalg import matmul
from clearprop.ops.reduce import sum as sum_over
from clearprop.ops.shape import transpose
from clearprop.ops.types import Array, ArrayLike, check_broadcast, shape_of


def _error_of_scores(error: Any, y: Any, x: Any, mask: Any, axis: int = -1) -> Any:
    # What the mask hides may have no finite error: it is cut out, not multiplied by 0.
    error = where(mask, error, 0.0)
    return y * (error - sum_over(error * y, axis=axis, keepdims=True))


@operation(errors=(_error_of_scores, None), count=lambda y, x, m, axis=-1: 5 * math.prod(y.shape))
def masked_softmax(x: Array, mask: ArrayLike, axis: int = -1) -> Array:
    """Softmax over the entries that the mask shows: y_i = e^(x_i) / sum of e^(x_j) shown.

    Hidden entries are exactly 0 and pass no error; where all are hidden all are 0.

    Raises:
        ShapeError: the mask does not broadcast with x.

    >>> print(masked_softmax(jnp.zeros((2, 2)), jnp.array([[True, False], [False, False]])))
    [[1. 0.]
     [0. 0.]]
    """
    check_broadcast("masked_softmax", x, mask)
    shown = jnp.where(mask, x, -jnp.inf)
    top = jnp.max(shown, axis=axis, keepdims=True)
    powers = jnp.exp(shown - jnp.where(jnp.isfinite(top), top, 0))
    total = jnp.sum(powers, axis=axis, keepdims=True)
    return powers / jnp.where(total == 0, 1, total)


def causal_mask(queries: int, keys: int) -> Array:
    """Return the mask (T, S) by which a query sees its own and earlier places; both end together.

    >>> print(causal_mask(2, 3).astype(int))
    [[1 1 0]
     [1 1 1]]
    """
    return jnp.arange(keys) <= jnp.arange(queries)[:, None] + (keys - queries)


def attention_weights(
    query: Array,
    key: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Array:
    """Say how much each query attends to each key: softmax(scale Q K^T), shape (..., T, S).

    Args:
        query: (..., T, D).
        key: (..., S, D).
        mask: True where a query may see a key; broadcasts to (..., T, S).
        causal: whether a query sees only its own and earlier places.
        scale: factor of the scores; 1 / sqrt(D) when None. The lecture's form has 1.

    Raises:
        ShapeError: the shapes do not fit.

    >>> print(attention_weights(jnp.ones((2, 4)), jnp.ones((2, 4)), causal=True))
    [[1.  0. ]
     [0.5 0.5]]
    """
    if len(query.shape) < 2 or len(key.shape) < 2 or query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            "queries and keys do not fit together",
            where="attention",
            given=f"query {shape_of(query)}, key {shape_of(key)}",
            expected="(..., T, D) and (..., S, D)",
        )
    rank = len(key.shape)
    columns = transpose(key, axes=(*range(rank - 2), rank - 1, rank - 2))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(query * factor, columns)
    seen: Any = mask
    if causal:
        order = causal_mask(query.shape[-2], key.shape[-2])
        seen = order if mask is None else order & mask
    return softmax(scores) if seen is None else masked_softmax(scores, seen)


def attention(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Array:
    """Average the values by attention: y = softmax(scale Q K^T) V, shape (..., T, V).

    Hidden places have no influence at all; a query that sees nothing gets zeros. See
    `attention_weights` for the arguments.

    Raises:
        ShapeError: the shapes do not fit.

    >>> x = jnp.array([[1.0], [3.0]])
    >>> print(attention(jnp.ones((2, 1)), jnp.ones((2, 1)), x).ravel())
    [2. 2.]

    Source: Vaswani et al. (2017); lecture Y writes softmax(XA (XB)^T) XC, which is scale=1.
    """
    if len(value.shape) < 2 or value.shape[-2] != key.shape[-2]:
        raise ShapeError(
            "there is not one value a key",
            where="attention",
            given=f"key {shape_of(key)}, value {shape_of(value)}",
            expected="(..., S, D) and (..., S, V)",
        )
    return matmul(attention_weights(query, key, mask, causal=causal, scale=scale), value)

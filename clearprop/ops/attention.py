"""Dot-product attention: one row of the rule table, which also returns the weights.

Shapes: T queries, S keys and values, D features, V features of a value; leading axes (batch, heads)
broadcast.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import matmul, where
from clearprop.autodiff.elementary import sum as sum_over
from clearprop.autodiff.elementary.matmul import swapped
from clearprop.autodiff.elementary.shape import narrowed, widened
from clearprop.autodiff.precision import at_least_float32, floating
from clearprop.autodiff.shapes import Array, ArrayLike, check_broadcast, shape_of
from clearprop.autodiff.tape import strip
from clearprop.errors import ShapeError
from clearprop.ops.activations import softmax


def _error_of_scores(error: Any, y: Any, x: Any, mask: Any, axis: int = -1) -> Any:
    # Where the mask hides, the error may not be finite: it is replaced, not multiplied by 0.
    error, y = where(mask, widened(error), 0.0), widened(y)
    return y * (error - sum_over(error * y, axis=axis, keepdims=True))


@operation(errors=(_error_of_scores, None), count=lambda y, x, m, axis=-1: 5 * math.prod(y.shape))
def masked_softmax(x: Array, mask: ArrayLike, axis: int = -1) -> Array:
    """Softmax over the entries that the mask shows: ``y_i = e^(x_i) / sum of e^(x_j) shown``.

    Hidden entries are exactly 0 and pass no error; if all entries are hidden, all are 0.

    Shapes: x of any shape, a mask that broadcasts to it, y of the shape of x.

    Raises:
        ShapeError: the mask does not broadcast with x.

    >>> print(masked_softmax(jnp.zeros((2, 2)), jnp.array([[True, False], [False, False]])))
    [[1. 0.]
     [0. 0.]]

    Source: Vaswani et al. 2017, *Attention is all you need*, which sets hidden scores to minus
    infinity.
    """
    check_broadcast("masked_softmax", x, mask)
    shown = jnp.where(mask, at_least_float32(x), -jnp.inf)
    largest_of_none = None if shown.shape[axis] else -jnp.inf
    top = jnp.max(shown, axis=axis, keepdims=True, initial=largest_of_none)
    powers = jnp.exp(shown - jnp.where(jnp.isfinite(top), top, 0))
    total = jnp.sum(powers, axis=axis, keepdims=True)
    return (powers / jnp.where(total == 0, 1, total)).astype(floating(x).dtype)


def causal_mask(queries: int, keys: int) -> Array:
    """Return the mask that shows a query its own and earlier places: ``m[t, s] = s - S <= t - T``.

    The last query and the last key are at the same place.

    Shapes: T queries and S keys give (T, S), bool.

    >>> print(causal_mask(2, 3).astype(int))
    [[1 1 0]
     [1 1 1]]

    Source: Vaswani et al. 2017, *Attention is all you need*.
    """
    return jnp.arange(keys) <= jnp.arange(queries)[:, None] + (keys - queries)


def _errors_of_attend(
    errors: Any,
    outputs: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    bias: Any,
    scale: float = 1.0,
    causal: bool = False,
) -> tuple[Any, Any, Any, None, Any]:
    error, error_of_weights = errors
    _, weights = outputs
    key, value = _reached(where, mask, key), _reached(where, mask, value)
    arrived = matmul(error, swapped(value)) + error_of_weights
    seen = _seen(query, key, mask, strip(bias), causal)
    if seen is not None:
        # Where the mask hides, the error may not be finite: it is replaced, not multiplied by 0.
        arrived = where(seen, arrived, 0.0)
    arrived, wide = widened(arrived), widened(weights)
    scores = wide * (arrived - sum_over(arrived * wide, axis=-1, keepdims=True))
    error_of_bias = None if bias is None else narrowed(scores, bias)
    scores = narrowed(scores, weights)
    return (
        matmul(scores, key) * scale,
        matmul(swapped(scores), query) * scale,
        matmul(swapped(weights), error),
        None,
        error_of_bias,
    )


def _seen(query: Any, key: Any, mask: Any, bias: Any, causal: bool) -> Any:
    """Return all masks combined, or None if every query sees every key."""
    masks = [] if mask is None else [mask]
    if causal:
        masks.append(causal_mask(query.shape[-2], key.shape[-2]))
    if bias is not None:
        masks.append(bias != -jnp.inf)
    return functools.reduce(operator.and_, masks) if masks else None


def _reached(choose: Any, mask: Any, x: Any) -> Any:
    """Return keys or values; those that no query sees become 0, because 0 times NaN is NaN."""
    if mask is None:
        return x
    reached = jnp.any(jnp.atleast_2d(mask), axis=-2)[..., None]
    reached = jnp.any(reached, axis=tuple(range(reached.ndim - len(x.shape))))
    shared = tuple(i - reached.ndim for i in range(reached.ndim - 2))
    shared = tuple(axis for axis in shared if x.shape[axis] == 1)
    return choose(jnp.any(reached, axis=shared, keepdims=True), x, jnp.zeros((), x.dtype))


def _count_attend(outputs: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    scores: int = math.prod(outputs[1].shape)
    return scores * int(2 * query.shape[-1] + 2 * value.shape[-1] + 5)


@operation(
    joint=_errors_of_attend,
    count=_count_attend,
    instead={"scale": "ops.attention(query * scale, key, value, mask, scale=1.0)"},
)
def attend(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    bias: Array | None = None,
    scale: float = 1.0,
    causal: bool = False,
) -> tuple[Array, Array]:
    """Average values by attention: ``W = softmax(scale Q K^T + B)``, ``Y = W V``; give Y and W.

    Let G be the error of Y and P = G V^T, plus the error of W where W is used. Then its rule is

        error of V = W^T G
        S = W (P - sum over keys of P W)    softmax's Jacobian: y_i (d_ij - y_j)
        error of Q = scale S K
        error of K = scale S^T Q
        error of B = S

    Shapes: Q (..., T, D), K (..., S, D), V (..., S, V); Y (..., T, V), W (..., T, S). ``mask`` is
    True where a query may see a key and broadcasts to (..., T, S); with ``causal`` a query sees its
    own and earlier places. ``bias`` is B, which broadcasts to (..., T, S); where it is minus
    infinity, the key is hidden.

    Hidden entries of W are exactly 0 and pass no error; a query that sees no key gets zeros. A key
    and its value that the mask hides from every query have no influence, even where they are NaN.

    Raises:
        ShapeError: the shapes do not fit together, or the mask is not bool.

    >>> y, weights = attend(jnp.ones((2, 1)), jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]))
    >>> print(y.ravel(), weights.ravel())
    [2. 2.] [0.5 0.5 0.5 0.5]

    Source: Vaswani et al. 2017, *Attention is all you need*; it is one operation, so that the tape
    keeps only the weights.
    """
    _check_fit(query, key, value, mask)
    query, key, value = floating(query), floating(key), floating(value)
    scores = jnp.matmul(query * jnp.asarray(scale, query.dtype), jnp.swapaxes(key, -1, -2))
    seen = _seen(query, key, mask, bias, causal)
    for given in (bias, seen):
        if given is not None:
            check_broadcast("attention", scores, given)
    added = scores if bias is None else at_least_float32(scores) + bias
    weights = softmax.forward(added) if seen is None else masked_softmax.forward(added, seen)
    weights = weights.astype(scores.dtype)
    return jnp.matmul(weights, _reached(jnp.where, mask, value)), weights


def _check_fit(query: Any, key: Any, value: Any, mask: Any) -> None:
    if mask is not None and mask.dtype != jnp.bool_:
        raise ShapeError(
            "the mask is not bool",
            where="attention",
            given=f"{mask.dtype} {shape_of(mask)}",
            expected="bool, True where a query may see a key",
            fix="mask.astype(bool), or attention(..., bias=mask), which adds numbers to the scores",
        )
    if len(query.shape) < 2 or len(key.shape) < 2 or query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            "queries and keys do not fit together",
            where="attention",
            given=f"query {shape_of(query)}, key {shape_of(key)}",
            expected="(..., T, D) and (..., S, D)",
        )
    if not key.shape[-2]:
        raise ShapeError(
            "there is nothing to attend to",
            where="attention",
            given=f"key {shape_of(key)}: an empty sequence",
            expected="at least one key",
        )
    if len(value.shape) < 2 or value.shape[-2] != key.shape[-2]:
        raise ShapeError(
            "there is not one value for each key",
            where="attention",
            given=f"key {shape_of(key)}, value {shape_of(value)}",
            expected="(..., S, D) and (..., S, V)",
        )


def attention_weights(
    query: Array,
    key: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    bias: Array | None = None,
) -> Array:
    """Return how much each query attends to each key: ``W = softmax(scale Q K^T + bias)``.

    Shapes: Q (..., T, D), K (..., S, D), W (..., T, S).

    Args:
        query: (..., T, D).
        key: (..., S, D).
        mask: True where a query may see a key; broadcasts to (..., T, S).
        causal: whether a query sees only its own and earlier places.
        scale: factor of the scores; 1 / sqrt(D) when None. The lecture's form has 1.
        bias: numbers that are added to the scaled scores; broadcasts to (..., T, S). Where it is
            minus infinity, the key is hidden.

    Raises:
        ShapeError: the shapes do not fit, or the mask is not bool.

    >>> print(attention_weights(jnp.ones((2, 4)), jnp.ones((2, 4)), causal=True))
    [[1.  0. ]
     [0.5 0.5]]

    Source: Vaswani et al. 2017, *Attention is all you need*.
    """
    weights: Array = attend(query, key, key, mask, bias, _scale(query, scale), causal)[1]
    return weights


def _scale(query: Any, scale: float | None) -> float:
    return 1 / math.sqrt(max(1, *query.shape[-1:])) if scale is None else scale


def attention(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    bias: Array | None = None,
) -> Array:
    """Average the values by attention: ``Y = softmax(scale Q K^T + bias) V``.

    Hidden places have no influence; a query that sees no key gets zeros. See `attention_weights`
    for the arguments.

    Shapes: Q (..., T, D), K (..., S, D), V (..., S, V), Y (..., T, V).

    Raises:
        ShapeError: the shapes do not fit, or the mask is not bool.

    >>> x = jnp.array([[1.0], [3.0]])
    >>> print(attention(jnp.ones((2, 1)), jnp.ones((2, 1)), x).ravel())
    [2. 2.]

    Source: Vaswani et al. 2017, *Attention is all you need*; lecture Y writes softmax(XA (XB)^T)
    XC, which is scale=1.
    """
    average: Array = attend(query, key, value, mask, bias, _scale(query, scale), causal)[0]
    return average

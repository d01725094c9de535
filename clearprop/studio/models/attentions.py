"""The attention of a pass, head by head: weights, their error signals, and what made them.

Shape letters: T places, S keys, G heads, E features of a key.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.glass.explain import GlassNode
from clearprop.ops.attention import causal_mask
from clearprop.studio.models.headers import AttentionShown
from clearprop.studio.models.passes import ViewedPass

Numbers = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

MOST_FLOATS = 8 << 20
"""Of all attention weights of a pass together."""


def add_attentions(
    seen: ViewedPass, arrays: Arrays, remarks: list[str]
) -> tuple[AttentionShown, ...]:
    """Add every attention of the pass: its weights, error signals, queries and keys."""
    found = [n for n in seen.glass if n.operation == "attend" and n.output == 1]
    sizes = np.cumsum([2 * np.prod(node.shape) for node in found])
    kept = [node for node, size in zip(found, sizes, strict=True) if size <= MOST_FLOATS]
    if len(kept) < len(found):
        remarks.append(
            f"The attention of the first {len(kept)} of {len(found)} layers is shown; a shorter "
            "text shows more."
        )
    shown = []
    for k, node in enumerate(kept):
        output = node.siblings[0]
        queries, keys = _places_of(seen, node)
        weights = _by_head(np.asarray(node.value, np.float32))
        heads = len(weights)
        query, key = (
            _of_heads(np.asarray(output.input_values[i], np.float32), heads) for i in range(2)
        )
        arrays[f"attention.{k}"] = weights[:, :queries, :keys]
        arrays[f"attention_error.{k}"] = _by_head(_error_of_weights(node))[:, :queries, :keys]
        arrays[f"query.{k}"] = query[:, :queries]
        arrays[f"key.{k}"] = key[:, :keys]
        added = _added_to(node)
        if added is not None:
            arrays[f"added.{k}"] = _by_head(added)[:, :queries, :keys]
        if _mask_of(node) is not None or added is not None:
            arrays[f"seen.{k}"] = _by_head(_seen_by(node).astype(np.uint8))[:, :queries, :keys]
        scale = float(np.asarray(output.parameters.get("scale", 1.0)))
        causal = bool(output.parameters.get("causal", False))
        shown.append(AttentionShown(node.layer, node.index, heads, queries, keys, scale, causal))
    return tuple(shown)


def _places_of(seen: ViewedPass, node: GlassNode) -> tuple[int, int]:
    """Return how many queries and keys are places of the text and do not fill it up."""
    tokens, places = seen.aim.tokens, seen.aim.places
    whole = len(tokens) if tokens is not None else 0
    queries, keys = (places if size == whole else size for size in node.shape[-2:])
    return queries, keys


def _by_head(weights: NDArray[Any]) -> NDArray[Any]:
    """Return the weights (G, T, S) of the first example; a layer of one head has no such axis."""
    one: NDArray[Any] = weights[0]
    return one.reshape(-1, *one.shape[-2:])


def _of_heads(vectors: Numbers, heads: int) -> Numbers:
    """Return the vectors (G, T, E) of the first example; heads may share their keys."""
    one = _by_head(vectors)
    return np.repeat(one, heads // len(one), axis=0)


def _error_of_weights(weights: GlassNode) -> Numbers:
    """Return dE/dW, where Y = W V: G V^T for the error signal G of Y, plus that of W itself.

    A weight that the mask or the order hides gets 0: it is no value that could change.
    """
    output = weights.siblings[0]
    value = np.asarray(output.input_values[2], np.float32)
    arrived = np.asarray(output.error, np.float32) if output.error is not None else 0.0
    own = np.asarray(weights.error, np.float32) if weights.error is not None else 0.0
    found = np.matmul(arrived, np.swapaxes(value, -1, -2)) + own
    return np.where(_seen_by(weights), found, 0.0).astype(np.float32)


def _mask_of(weights: GlassNode) -> NDArray[np.bool_] | None:
    """Return the mask that the attention was given; None without one."""
    given = weights.siblings[0].input_values
    return np.asarray(given[3]) if len(given) > 3 and given[3] is not None else None


def _added_to(weights: GlassNode) -> Numbers | None:
    """Return the numbers that are added to the scaled scores, in the shape of the weights."""
    given = weights.siblings[0].input_values
    if len(given) < 5 or given[4] is None:
        return None
    return np.broadcast_to(np.asarray(given[4], np.float32), weights.shape)


def _seen_by(weights: GlassNode) -> NDArray[np.bool_]:
    """Return which keys each query sees, in the shape of the weights."""
    seen = np.ones(weights.shape, bool)
    if weights.siblings[0].parameters.get("causal", False):
        seen &= np.asarray(causal_mask(*seen.shape[-2:]))
    mask, added = _mask_of(weights), _added_to(weights)
    seen = seen if mask is None else seen & mask
    return seen if added is None else seen & (added != -np.inf)

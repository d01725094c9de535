"""Attention as one operator, with rotary positions.

Shape letters: B examples, H heads, K heads of keys and values, T queries, S keys, E features of a
head.

Two things differ from the operator of ONNX. A query that sees no key gets zeros, where runtimes
give NaN or the mean of all values: such a query is shown every key, and its result is replaced.
And ``causal`` compares the last query with the last key, where ONNX compares the first ones: with
as many keys as queries this is the same, and else the mask is written out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.interop.onnx.export.emitting import write_function
from clearprop.interop.onnx.export.rows.layers import alike
from clearprop.interop.onnx.export.table import Applied, Called, Sized, layer_row, operation_row
from clearprop.interop.onnx.export.writer import GraphWriter
from clearprop.nn.positions import angles
from clearprop.ops.attention import causal_mask

_BOOLEAN, _FLOAT = np.dtype(np.bool_), np.dtype(np.float32)


@dataclass(frozen=True)
class _Grid:
    """A value that broadcasts to (B, H, T, S), such as a mask: its name and its four sizes."""

    name: str
    shape: tuple[int, ...]


def _filled(w: GraphWriter, grid: _Grid, queries: int, keys: int, dtype: Any) -> _Grid:
    """Return a value with an entry for each query and key; a shorter mask would hide keys."""
    shape = (*grid.shape[:2], queries, keys)
    return _Grid(w.expand(grid.name, grid.shape, shape, dtype), shape)


def _any(w: GraphWriter, grid: str, axes: Sequence[int], keep: bool = True) -> str:
    found = w.reduce("ReduceMax", w.cast(grid, np.int32), axes, keep=keep)
    return w.cast(found, np.bool_)


@dataclass(frozen=True)
class _OperatorMasks:
    """What the operator is given, and which queries see a key.

    Attributes:
        given: the mask or the numbers that are added to the scores.
        some: (B, H or 1, T, 1), whether a query sees a key; None where every one does.
        causal: whether the operator hides later keys.
    """

    given: str | None
    some: str | None
    causal: bool


def _masks(
    w: GraphWriter, mask: _Grid | None, bias: _Grid | None, causal: bool, queries: int, keys: int
) -> _OperatorMasks:
    if mask is None and bias is None and (not causal or queries == keys):
        return _OperatorMasks(None, None, causal)
    order = None
    if causal:
        (order,) = write_function(w, lambda: causal_mask(queries, keys)[None, None], (), ())
    if queries != keys and order is not None:
        shape = (1, 1, queries, keys)
        both = order if mask is None else w.node("And", mask.name, order)
        mask = _Grid(both, shape if mask is None else (*mask.shape[:2], *shape[2:]))
        causal, order = False, None
    least = w.constant(-np.inf, np.float32)
    if bias is None:
        assert mask is not None
        mask = _filled(w, mask, queries, keys, _BOOLEAN)
        seen = mask.name if order is None else w.node("And", mask.name, order)
        some = _any(w, seen, (3,))
        return _OperatorMasks(w.node("Or", mask.name, w.node("Not", some)), some, causal)
    bias = _filled(w, bias, queries, keys, _FLOAT)
    added = bias.name if mask is None else w.node("Where", mask.name, bias.name, least)
    seen = added if order is None else w.node("Where", order, added, least)
    some = w.node("Greater", w.reduce("ReduceMax", seen, (3,), keep=True), least)
    return _OperatorMasks(w.node("Where", some, added, w.constant(0, np.float32)), some, causal)


def _attention(
    w: GraphWriter, inputs: Sequence[str], masks: _OperatorMasks, scale: float, **heads: int
) -> tuple[str, str]:
    """Return the averages and the weights of the operator; those that nothing reads are dropped."""
    y, _, _, weights = w.nodes_of(
        "Attention",
        [*inputs, masks.given],
        4,
        None,
        is_causal=int(masks.causal),
        scale=scale,
        qk_matmul_output_mode=3,
        **heads,
    )
    return y, weights


def _or_zeros(w: GraphWriter, some: str | None, value: str) -> str:
    return value if some is None else w.node("Where", some, value, w.constant(0, np.float32))


def _leading(op: Applied) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the axes (B, H) of queries and (B, K) of keys; None where the operator has no such."""
    query, key, value = (size.shape for size in op.sizes[:3])
    before, of_keys = query[:-2], key[:-2]
    if of_keys != value[:-2]:
        return None
    if len(before) == 3 and of_keys == (*before[:2], 1):
        return (before[0], math.prod(before[1:])), before[:2]
    if before != of_keys or len(before) > 2:
        return None
    whole = {0: (1, 1), 1: (*before, 1), 2: before}[len(before)]
    return whole, whole


def _four_sizes(shape: tuple[int, ...], query: Sized) -> tuple[int, ...] | None:
    """Return the sizes of a mask as (B, H, T, S); None where the operator cannot broadcast it."""
    whole = (*(1,) * (query.ndim - len(shape)), *shape)
    if query.ndim == 5:
        of_heads = whole[1:3]
        fits = of_heads in ((1, 1), query.shape[1:3])
        return (whole[0], math.prod(of_heads), *whole[3:]) if fits else None
    if query.ndim == 3:
        return (whole[0], 1, *whole[1:])
    return (*(1,) * (4 - query.ndim), *whole)


def _attends(op: Applied) -> bool:
    query, key, value = op.sizes[:3]
    wide = {query.dtype, key.dtype, value.dtype} == {_FLOAT}
    given = [size for name, size in zip(op.inputs[3:], op.sizes[3:], strict=True) if name]
    if op.inputs[4] and op.sizes[4].dtype != np.float32:
        return False
    grids = all(_four_sizes(size.shape, query) is not None for size in given)
    return wide and grids and op.parameters["scale"] > 0 and _leading(op) is not None


@operation_row("attend", since=23, fits=_attends)
def _attend(w: GraphWriter, op: Applied) -> list[str]:
    leading = _leading(op)
    assert leading is not None
    query, key, value = op.sizes[:3]
    queries, keys = query.shape[-2], key.shape[-2]
    whole = [
        (*leading[0], *query.shape[-2:]),
        *((*leading[1], *s.shape[-2:]) for s in (key, value)),
    ]
    names = [
        name if size.shape == shape else w.reshape(name, shape)
        for name, size, shape in zip(op.inputs, (query, key, value), whole, strict=False)
    ]
    grids: list[_Grid | None] = []
    for name, size in zip(op.inputs[3:], op.sizes[3:], strict=True):
        shape = _four_sizes(size.shape, query) if name else None
        grids.append(
            None
            if shape is None
            else _Grid(name if shape == size.shape else w.reshape(name, shape), shape)
        )
    mask, bias = grids
    if mask is not None:
        names[1:] = _reached(w, mask, names[1:], leading)
    masks = _masks(w, mask, bias, bool(op.parameters["causal"]), queries, keys)
    made = _attention(w, names, masks, float(op.parameters["scale"]))
    found = []
    for name, output, ends in zip(made, op.outputs, (value.shape[-1], keys), strict=True):
        kept = _or_zeros(w, masks.some, name)
        same = output.shape == (*leading[0], queries, ends)
        found.append(kept if same else w.reshape(kept, output.shape))
    return found


def _reached(
    w: GraphWriter, mask: _Grid, names: Sequence[str], leading: Sequence[tuple[int, ...]]
) -> list[str]:
    """Return keys and values with zeros where no query sees them: they may be NaN."""
    (_, heads), (_, shared) = leading
    axes = (2,) if heads == shared else (1, 2)
    seen = _any(w, mask.name, axes)
    seen = w.transpose(seen, (0, 1, 3, 2))
    return [w.node("Where", seen, name, w.constant(0, np.float32)) for name in names]


# -- the layer ----------------------------------------------------------------------------------


def _fits_operator(call: Called) -> bool:
    layer: Any = call.layer
    parts = (layer.query, layer.key, layer.value, layer.output)
    plain = all(type(part) is nn.Linear for part in parts)
    positive = layer.scale is None or layer.scale > 0
    (mask,) = call.sizes.get("mask", (Sized((), _BOOLEAN),))
    known = mask.dtype in (_BOOLEAN, _FLOAT)
    # A mask for each head is met by the axes of the heads, which the layer's arrays do not have.
    shared = mask.ndim < 4 or mask.shape[1] == 1
    memory = call.sizes.get("memory", call.sizes["x"])[0]
    return plain and positive and known and shared and memory.dtype == _FLOAT and alike(call)


@layer_row(nn.MultiHeadAttention, since=23, fits=_fits_operator)
def _multi_head_attention(w: GraphWriter, call: Called) -> str:
    layer: Any = call.layer
    x = call.inputs["x"][0]
    memory = call.inputs.get("memory", [x])[0]
    B, T = call.sizes["x"][0].shape[:2]
    S = call.sizes.get("memory", call.sizes["x"])[0].shape[1]
    mask, bias, of_keys = _given_mask(w, call)
    reached = None
    if of_keys and "memory" in call.inputs:
        memory = _or_zeros(w, _shown_keys(w, mask, bias), memory)
    elif mask is not None:
        reached = _shown_keys(w, mask, None)
    q = _projected(w, call, "query", x)
    k, v = (_projected(w, call, name, memory) for name in ("key", "value"))
    if layer.rotary:
        E = layer.features // layer.heads
        waves = _waves(w, B, T, E)
        q = _rotated(w, q, layer.heads, waves)
        waves = waves if memory == x else _waves(w, B, S, E)
        k = _rotated(w, k, layer.key_value_heads, waves)
    if reached is not None:
        k, v = _or_zeros(w, reached, k), _or_zeros(w, reached, v)
    masks = _masks(w, mask, bias, layer.causal, T, S)
    scale = layer.scale or 1 / math.sqrt(layer.features // layer.heads)
    y, _ = _attention(
        w, (q, k, v), masks, scale, q_num_heads=layer.heads, kv_num_heads=layer.key_value_heads
    )
    if masks.some is not None:  # (B, 1, T, 1), while y is (B, T, features)
        y = _or_zeros(w, w.node("Squeeze", masks.some, w.ints([1])), y)
    return _projected(w, call, "output", y)


def _given_mask(w: GraphWriter, call: Called) -> tuple[_Grid | None, _Grid | None, bool]:
    """Return the mask, or what is added to the scores, and whether it is one for all queries."""
    if "mask" not in call.inputs:
        return None, None, False
    size, name = call.sizes["mask"][0], call.inputs["mask"][0]
    shape = (size.shape[0], *(1,) * (4 - size.ndim), *size.shape[1:])
    grid = _Grid(name if size.ndim == 4 else w.reshape(name, shape), shape)
    of_keys = size.ndim == 2
    return (None, grid, of_keys) if size.dtype == np.float32 else (grid, None, of_keys)


def _shown_keys(w: GraphWriter, mask: _Grid | None, bias: _Grid | None) -> str:
    """Return (B, S, 1): whether any query sees a key."""
    if mask is not None:
        seen = mask.name
    else:
        assert bias is not None
        seen = w.node("Greater", bias.name, w.constant(-np.inf, np.float32))
    seen = w.transpose(_any(w, seen, (1, 2)), (0, 1, 3, 2))
    return w.node("Squeeze", seen, w.ints([1]))


def _projected(w: GraphWriter, call: Called, name: str, x: str) -> str:
    """Write one of the linear layers of an attention, by its own path."""
    outer = w.path
    w.path = f"{outer}.{name}" if outer else name
    y = w.node("MatMul", x, call.parameters[f"{name}.weight"])
    if f"{name}.bias" in call.parameters:
        y = w.node("Add", y, call.parameters[f"{name}.bias"])
    w.path = outer
    return y


def _waves(w: GraphWriter, batch: int, places: int, features: int) -> list[str]:
    """Write the cosines and sines of all places, each (B, places, E / 2)."""

    def waves() -> Any:
        turned = angles(jnp.arange(places), features)
        shape = (batch, *turned.shape)
        return [jnp.broadcast_to(part(turned), shape) for part in (jnp.cos, jnp.sin)]

    return write_function(w, waves, (), ())


def _rotated(w: GraphWriter, x: str, heads: int, waves: Sequence[str]) -> str:
    """Write the rotation of the first half of the features of each head with the second."""
    return w.node("RotaryEmbedding", x, *waves, num_heads=heads, interleaved=0)

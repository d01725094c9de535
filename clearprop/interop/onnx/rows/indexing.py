"""Operators that read or write entries at given places, or look for places."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.autodiff import lift
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.rows.elementwise import is_float
from clearprop.interop.onnx.rows.shapes import is_text
from clearprop.interop.onnx.running import allowed, plain
from clearprop.interop.onnx.table import row


def _inside(places: Any, size: int) -> Any:
    places = plain(places)
    if not isinstance(places, jax.core.Tracer):
        places = np.asarray(places)
        if places.size and not (-size <= places.min() and places.max() < size):
            raise ValueError(f"a place is outside of the axis of {size}")
        return np.where(places < 0, places + size, places)
    return jnp.where(places < 0, places + size, places)


@row("Gather", weights=(0,))
def _gather(node: OnnxNode, x: Any, places: Any) -> Any:
    axis = node.axis(x, node.integer("axis", 0))
    inside = _inside(places, x.shape[axis])
    if is_text(x):
        return np.take(x, node.known(inside, "the places"), axis)
    return ops.take(x, inside, axis)


def _along(x: Any, inside: Any, axis: int) -> tuple[Any, ...]:
    """Return the index that reads places along one axis, and itself along the others."""
    return tuple(
        inside
        if i == axis
        else np.arange(n).reshape([-1 if j == i else 1 for j in range(len(x.shape))])
        for i, n in enumerate(inside.shape)
    )


@row("GatherElements")
def _gather_elements(node: OnnxNode, x: Any, places: Any) -> Any:
    axis = node.axis(x, node.integer("axis", 0))
    inside = _inside(places, x.shape[axis])
    index = _along(x, inside, axis)
    return x[index] if is_text(x) else ops.getitem(x, index)


@row("GatherND")
def _gather_nd(node: OnnxNode, x: Any, places: Any) -> Any:
    batch, depth = node.integer("batch_dims", 0), places.shape[-1]
    index: list[Any] = []
    for i in range(batch):
        shape = [1] * (len(places.shape) - 1)
        shape[i] = -1
        index.append(np.arange(x.shape[i]).reshape(shape))
    index += [_inside(places[..., i], x.shape[batch + i]) for i in range(depth)]
    if is_text(x):
        return x[tuple(index)]
    return ops.getitem(x, tuple(index))


def _written(x: Any, index: tuple[Any, ...], values: Any, reduction: str) -> Any:
    x, values = jnp.asarray(x), jnp.asarray(values)
    at = x.at[index]
    if reduction == "none":
        return at.set(values)
    if reduction == "add":
        return at.add(values)
    if reduction == "mul":
        return at.multiply(values)
    return at.max(values) if reduction == "max" else at.min(values)


_written_with_rule = lift(_written)


def _write(node: OnnxNode, x: Any, index: tuple[Any, ...], values: Any) -> Any:
    reduction = node.text("reduction", "none")
    if is_text(x):
        result = x.copy()
        result[index] = values
        return result
    if reduction == "mul" and any(hasattr(value, "tape") for value in (x, values)):
        raise node.error("a scatter that multiplies passes no error signal")
    if is_float(x):
        return _written_with_rule(x, index, values, reduction)
    return _written(plain(x), index, plain(values), reduction)


@row("ScatterElements", "Scatter")
def _scatter_elements(node: OnnxNode, x: Any, places: Any, values: Any) -> Any:
    axis = node.axis(x, node.integer("axis", 0))
    inside = _inside(places, x.shape[axis])
    index = _along(x, inside, axis)
    return _write(node, x, index, values)


@row("ScatterND")
def _scatter_nd(node: OnnxNode, x: Any, places: Any, values: Any) -> Any:
    index = tuple(_inside(places[..., i], x.shape[i]) for i in range(places.shape[-1]))
    return _write(node, x, index, values)


@row("TensorScatter")
def _tensor_scatter(node: OnnxNode, x: Any, values: Any, starts: Any = None) -> Any:
    axis = node.axis(x, node.integer("axis", -2))
    first = jnp.zeros(x.shape[0], jnp.int32) if starts is None else jnp.asarray(plain(starts))
    places = first[:, None] + jnp.arange(values.shape[axis])
    if node.text("mode", "linear") == "circular":
        places = places % x.shape[axis]
    batch = jnp.arange(x.shape[0])[:, None]

    def written(x: Any, values: Any) -> Any:
        moved = jnp.moveaxis(x, axis, 1).at[batch, places].set(jnp.moveaxis(values, axis, 1))
        return jnp.moveaxis(moved, 1, axis)

    if is_float(x):
        return lift(written)(x, values)
    return written(jnp.asarray(plain(x)), jnp.asarray(plain(values)))


@row("OneHot", known=(1,))
def _one_hot(node: OnnxNode, places: Any, depth: Any, values: Any) -> Any:
    classes = int(node.known(depth, "the number of classes").reshape(-1)[0])
    axis = node.integer("axis", -1)
    wide = places.dtype if is_float(places) else allowed(np.int64)
    numbers = jnp.asarray(plain(places)).astype(wide)
    numbers = jnp.where(numbers < 0, numbers + classes, numbers)
    axis = axis + len(places.shape) + 1 if axis < 0 else axis
    hot = jnp.expand_dims(numbers, axis) == jnp.arange(classes).reshape(
        [-1 if i == axis else 1 for i in range(len(places.shape) + 1)]
    )
    if not is_float(values):
        return jnp.where(hot, plain(values)[1], plain(values)[0])
    return ops.where(hot, values[1], values[0])


@row("TopK", known=(1,))
def _top_k(node: OnnxNode, x: Any, k: Any = None) -> Any:
    number = node.integer("k") if k is None else int(node.known(k, "k").reshape(-1)[0])
    axis = node.axis(x, node.integer("axis", -1))
    if number > x.shape[axis]:
        raise node.error("there are fewer entries", given=f"k={number} of {x.shape[axis]}")
    order = jnp.asarray(plain(x))
    descending = bool(node.integer("largest", 1))
    places = jnp.argsort(order, axis=axis, stable=True, descending=descending)
    places = jnp.take(places, np.arange(number), axis)
    found = (
        ops.take_along_axis(x, places, axis)
        if is_float(x)
        else (jnp.take_along_axis(order, places, axis))
    )
    return found, places.astype(allowed(np.int64))


def _extreme(largest: bool) -> Any:
    def computed(node: OnnxNode, x: Any) -> Any:
        axis, values = node.integer("axis", 0), jnp.asarray(plain(x))
        find = jnp.argmax if largest else jnp.argmin
        if node.integer("select_last_index", 0):
            back = find(
                jnp.flip(values, axis), axis=axis, keepdims=bool(node.integer("keepdims", 1))
            )
            return (values.shape[axis] - 1 - back).astype(allowed(np.int64))
        found = find(values, axis=axis, keepdims=bool(node.integer("keepdims", 1)))
        return found.astype(allowed(np.int64))

    return computed


row("ArgMax")(_extreme(True))
row("ArgMin")(_extreme(False))


@row("ArrayFeatureExtractor", domain="ai.onnx.ml")
def _features(node: OnnxNode, x: Any, places: Any) -> Any:
    flat = jnp.asarray(plain(places)).reshape(-1)
    if is_text(x):
        return x[..., np.asarray(flat)]
    return ops.take(x, flat, len(x.shape) - 1)


@row("Binarizer", domain="ai.onnx.ml")
def _binarizer(node: OnnxNode, x: Any) -> Any:
    return (plain(x) > node.number("threshold", 0.0)).astype(x.dtype)

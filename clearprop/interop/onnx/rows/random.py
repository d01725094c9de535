"""Operators that draw random numbers, and dropout."""

from __future__ import annotations

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.interop.onnx.graph import dtype_named
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.rows.elementwise import TYPES
from clearprop.interop.onnx.running import current_scope, plain
from clearprop.interop.onnx.table import row
from clearprop.nn.call import under_way


def _key(node: OnnxNode) -> Any:
    """Return the random key of a layer: of the call in training, else by the seed of the file."""
    call = under_way()
    if call is not None and call.key is not None:
        return call.key_for(call.active[-1])
    # The bits of the seed, the layer, and how often it has drawn in this call.
    seed = int(np.float32(node.number("seed", 0.0)).view(np.int32))
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(node.path.encode()))
    scope = current_scope()
    return key if scope is None else jax.random.fold_in(key, scope.draws(node.path))


def _dtype(node: OnnxNode, default: Any) -> Any:
    return dtype_named(TYPES[node.integer("dtype")]) if node.has("dtype") else default


def _normal(node: OnnxNode, shape: Any, dtype: Any) -> Any:
    drawn = jax.random.normal(_key(node), tuple(shape), dtype)
    return drawn * node.number("scale", 1.0) + node.number("mean", 0.0)


def _uniform(node: OnnxNode, shape: Any, dtype: Any) -> Any:
    low, high = node.number("low", 0.0), node.number("high", 1.0)
    return jax.random.uniform(_key(node), tuple(shape), dtype, low, high)


@row("RandomNormal", random=True)
def _random_normal(node: OnnxNode) -> Any:
    return _normal(node, node.ints("shape"), _dtype(node, jnp.float32))


@row("RandomUniform", random=True)
def _random_uniform(node: OnnxNode) -> Any:
    return _uniform(node, node.ints("shape"), _dtype(node, jnp.float32))


@row("RandomNormalLike", random=True)
def _random_normal_like(node: OnnxNode, x: Any) -> Any:
    return _normal(node, x.shape, _dtype(node, x.dtype))


@row("RandomUniformLike", random=True)
def _random_uniform_like(node: OnnxNode, x: Any) -> Any:
    return _uniform(node, x.shape, _dtype(node, x.dtype))


@row("Bernoulli", random=True)
def _bernoulli(node: OnnxNode, p: Any) -> Any:
    drawn = jax.random.uniform(_key(node), p.shape) < plain(p)
    return drawn.astype(_dtype(node, p.dtype))


@row("Multinomial", random=True)
def _multinomial(node: OnnxNode, logits: Any) -> Any:
    number = node.integer("sample_size", 1)
    shape = (number, logits.shape[0])
    drawn = jax.random.categorical(_key(node), jnp.asarray(plain(logits)), -1, shape=shape)
    return drawn.T.astype(_dtype(node, jnp.int32))


@row("Dropout", known=(1, 2), random=True)
def _dropout(node: OnnxNode, x: Any, ratio: Any = None, training: Any = None) -> Any:
    """Drop entries where the file asks for it, or where the model is being trained."""
    rate = (
        node.number("ratio", 0.5)
        if ratio is None
        else float(node.known(ratio, "the rate of dropout").reshape(-1)[0])
    )
    call = under_way()
    asked = training is not None and bool(node.known(training, "the mode").reshape(-1)[0])
    trains = call is not None and call.training and call.key is not None
    keep = jnp.ones(x.shape, bool)
    y = x
    if (asked or trains) and rate > 0:
        keep = jax.random.uniform(_key(node), x.shape) >= rate
        y = ops.dropout(x, keep, rate)
    if node.outputs == 1:
        return y
    return y, keep if node.version >= 10 else keep.astype(x.dtype)

"""Random numbers for initial values, drawn without compiling a program for every shape.

`jax.random` compiles a program for each shape, which takes a third of a second or more on a CPU.
A network of about twenty layers needed ten seconds before its first step. Here NumPy draws the same
numbers. The random bits are exactly those of Threefry, the generator of JAX's keys. The
floating-point numbers made from them differ by rounding at most. `jax.random` still draws large
arrays, and all arrays for keys of other generators and for keys that are being traced.

Source: Salmon et al. (2011), *Parallel random numbers: as easy as 1, 2, 3* (Threefry-2x32 of 20
rounds).
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from numpy.typing import NDArray
from scipy import special

from clearprop.nn.fields import Array, Shape

Words = NDArray[np.uint32]

LARGE = 2**20
"""From this number of entries on, compiling a program saves time."""

PARTITIONABLE = "jax_threefry_partitionable"
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)


def uniform(
    key: Array, shape: Shape, dtype: DTypeLike = jnp.float32, low: float = 0.0, high: float = 1.0
) -> Array:
    """Return draws from U[low, high) of a floating type; those of `jax.random.uniform`.

    >>> key = jax.random.key(0)
    >>> bool(jnp.allclose(uniform(key, (3,), jnp.float32), jax.random.uniform(key, (3,))))
    True
    """
    words = _words(key, shape, dtype)
    if words is None:
        return jax.random.uniform(key, shape, dtype, low, high)
    return jnp.asarray(_uniform(words, shape, dtype, low, high))


def normal(
    key: Array, shape: Shape, dtype: DTypeLike = jnp.float32, deviation: float = 1.0
) -> Array:
    """Return draws from N(0, deviation^2): those of `jax.random.normal`, times the deviation.

    >>> key = jax.random.key(0)
    >>> bool(jnp.allclose(normal(key, (3,), jnp.float32, 2), 2 * jax.random.normal(key, (3,))))
    True
    """
    words = _words(key, shape, dtype)
    if words is None:
        return deviation * jax.random.normal(key, shape, dtype)
    return jnp.asarray(_normal(words, shape, dtype) * np.dtype(dtype).type(deviation))


def truncated_normal(
    key: Array,
    shape: Shape,
    dtype: DTypeLike = jnp.float32,
    bound: float = 2.0,
    deviation: float = 1.0,
) -> Array:
    """Return draws from N(0, 1) between -bound and bound, times the deviation.

    Without the deviation they are those of `jax.random.truncated_normal`.
    """
    words = _words(key, shape, dtype)
    if words is None:
        return deviation * jax.random.truncated_normal(key, -bound, bound, shape, dtype)
    kind = np.dtype(dtype).type
    root, edge = kind(math.sqrt(2)), kind(bound)
    within = special.erf(edge / root)
    drawn = root * special.erfinv(_uniform(words, shape, dtype, -within, within))
    inside = np.nextafter(edge, kind(0))
    return jnp.asarray(np.clip(drawn, -inside, inside) * kind(deviation))


def orthogonal(key: Array, shape: Shape, dtype: DTypeLike) -> Array:
    """Return a matrix with orthonormal rows or columns, drawn uniformly.

    The last axis is the columns, all other axes together are the rows. The factorization is done
    in float32 at least.

    Source: Saxe et al. (2014), *Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks*.
    """
    wide = jnp.promote_types(dtype, jnp.float32)
    columns = shape[-1]
    rows = math.prod(shape) // columns if columns else 0
    size = (max(rows, columns), min(rows, columns))
    words = _words(key, size, wide) if rows else None
    if words is None:
        return jax.nn.initializers.orthogonal()(key, shape, wide).astype(dtype)
    q, r = np.linalg.qr(_normal(words, size, wide))
    turned = q * np.sign(np.diagonal(r))
    matrix = turned if rows >= columns else turned.T
    return jnp.asarray(matrix.reshape(shape), dtype)


def split(key: Array, number: int) -> list[Array]:
    """Return a number of new keys made from a key: those of `jax.random.split`."""
    words = _words(key, (number,), jnp.float32)
    if words is None:
        return list(jax.random.split(key, number))
    pairs = np.stack(_threefry(words, number), axis=1)
    return [jax.random.wrap_key_data(jnp.asarray(pair), impl="threefry2x32") for pair in pairs]


def filled(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32, value: float = 0.0) -> Array:
    """Return an array of one number; the key only shows whether the call is being traced."""
    if _words(key, shape, dtype) is None:
        return jnp.full(shape, value, dtype)
    return jnp.asarray(np.full(shape, value, dtype))


def joined(parts: list[Array], axis: int) -> Array:
    """Return the arrays concatenated along an axis."""
    if any(isinstance(part, jax.core.Tracer) for part in parts):
        return jnp.concatenate(parts, axis=axis)
    return jnp.asarray(np.concatenate([np.asarray(part) for part in parts], axis=axis))


def _words(key: Array, shape: Shape, dtype: DTypeLike) -> Words | None:
    """Return a key's two words, or None where `jax.random` draws the numbers."""
    wide = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
    here = (np.float32, np.float64) if wide else (np.float32,)
    if isinstance(key, jax.core.Tracer) or np.dtype(dtype) not in here:
        return None
    small = math.prod(shape) < LARGE and key.shape == ()
    threefry = str(jax.random.key_impl(key)) == "threefry2x32"
    # JAX makes the attributes of its configuration when it runs, so no type checker knows this one.
    if not small or not threefry or not getattr(jax.config, PARTITIONABLE):
        return None
    return np.asarray(jax.random.key_data(key))


def _threefry(key: Words, count: int) -> tuple[Words, Words]:
    """Return two words for each of the numbers 0 to count - 1."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    with np.errstate(over="ignore"):  # words are added modulo 2^32
        left = np.full(count, schedule[0])
        right = np.arange(count, dtype=np.uint32) + schedule[1]
        for i in range(5):
            for rotation in ROTATIONS[i % 2]:
                left = left + right
                right = (right << np.uint32(rotation)) | (right >> np.uint32(32 - rotation))
                right = left ^ right
            left = left + schedule[(i + 1) % 3]
            right = right + schedule[(i + 2) % 3] + np.uint32(i + 1)
    return left, right


def _uniform(words: Words, shape: Shape, dtype: DTypeLike, low: float, high: float) -> NDArray[Any]:
    """Fill the mantissas of numbers in [1, 2) with random bits; scale them to [low, high)."""
    kind = np.dtype(dtype).type
    left, right = _threefry(words, math.prod(shape))
    bits: NDArray[Any]
    if kind is np.float32:
        bits = (left ^ right) >> np.uint32(32 - 23)
    else:
        bits = ((left.astype(np.uint64) << np.uint64(32)) | right) >> np.uint64(64 - 52)
    floats = (bits | np.ones((), dtype).view(bits.dtype)).view(dtype) - kind(1)
    spread = floats * (kind(high) - kind(low)) + kind(low)
    return np.asarray(np.maximum(kind(low), spread).reshape(shape))


def _normal(words: Words, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
    kind = np.dtype(dtype).type
    above = np.nextafter(kind(-1), kind(0))
    drawn = special.erfinv(_uniform(words, shape, dtype, above, 1.0))
    return np.asarray(drawn * kind(math.sqrt(2)))

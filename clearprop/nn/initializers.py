"""Initial values of parameters: functions (key, shape, dtype) -> array.

The fan-in and fan-out of a weight count the connections into and out of one unit: for a matrix
``(in, out)`` its sizes, for a kernel ``(*window, in, out)`` the window's size times them.
"""

from __future__ import annotations

import functools
import math

import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import bounds
from clearprop.errors import ConfigurationError
from clearprop.nn import draws
from clearprop.nn.fields import Array, Initializer, Shape

TRUNCATED = 0.87962566103423978
"""Deviation of the standard normal distribution between -2 and 2."""


def fans(shape: Shape) -> tuple[int, int]:
    """Return (fan-in, fan-out) of a weight of this shape.

    >>> fans((784, 256)), fans((5, 5, 6, 16))
    ((784, 256), (150, 400))
    """
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def zeros(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """Zeros, the initial values of biases."""
    return draws.filled(key, shape, dtype, 0.0)


def ones(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """Ones, the initial values of the scales of normalization layers."""
    return draws.filled(key, shape, dtype, 1.0)


def constant(value: float) -> Initializer:
    """Return an initializer that gives every entry the same number."""
    return functools.partial(draws.filled, value=value)


def uniform(limit: float = 0.05) -> Initializer:
    """U(-limit, limit): mean 0, variance limit^2 / 3."""
    bounds.positive(limit, "limit")
    return functools.partial(draws.uniform, low=-limit, high=limit)


def normal(deviation: float = 0.01) -> Initializer:
    """N(0, deviation^2)."""
    bounds.positive(deviation, "deviation")
    return functools.partial(draws.normal, deviation=deviation)


def truncated_normal(deviation: float = 0.02) -> Initializer:
    """N(0, s^2) between -2 s and 2 s, with s such that the deviation is as given.

    The truncated distribution has 0.88 of the deviation s, so s is the deviation divided by 0.88.
    """
    bounds.positive(deviation, "deviation")
    return functools.partial(draws.truncated_normal, bound=2.0, deviation=deviation / TRUNCATED)


def glorot_uniform(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """U(-b, b) with b = sqrt(6) / sqrt(fan_in + fan_out): variance 2 / (fan_in + fan_out).

    Source: Glorot and Bengio (2010), *Understanding the difficulty of training deep feedforward
    neural networks*.

    >>> import jax
    >>> weight = glorot_uniform(jax.random.key(0), (784, 256))
    >>> round(float(jnp.abs(weight).max() / math.sqrt(6 / (784 + 256))), 3)
    1.0
    """
    return uniform(math.sqrt(6 / sum(fans(shape))))(key, shape, dtype)


def glorot_normal(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """N(0, 2 / (fan_in + fan_out)): Glorot's variance, normally distributed."""
    return normal(math.sqrt(2 / sum(fans(shape))))(key, shape, dtype)


def he_uniform(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """U(-b, b) with b = sqrt(6 / fan_in): keeps the variance through rectified units.

    Source: He et al. (2015), *Delving deep into rectifiers*.
    """
    return uniform(math.sqrt(6 / fans(shape)[0]))(key, shape, dtype)


def he_normal(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """N(0, 2 / fan_in): keeps the variance through rectified units (He et al. 2015)."""
    return normal(math.sqrt(2 / fans(shape)[0]))(key, shape, dtype)


def lecun_normal(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """N(0, 1 / fan_in): keeps the variance through linear units (LeCun et al. 1998)."""
    return normal(math.sqrt(1 / fans(shape)[0]))(key, shape, dtype)


def orthogonal(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
    """A random matrix with orthonormal rows or columns (Saxe et al. 2014); recurrent weights."""
    if len(shape) < 2:
        raise ConfigurationError("orthogonal needs at least two axes", given=f"shape {shape}")
    return draws.orthogonal(key, shape, dtype)

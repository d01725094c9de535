"""Arithmetic on trees of arrays, leaf by leaf, in the dtypes that optimizers keep."""

from __future__ import annotations

import math
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

T = TypeVar("T")


def accumulated(leaf: Array) -> jnp.dtype:
    """Return the dtype of running sums of a leaf: its own, but at least float32."""
    return jnp.promote_types(leaf.dtype, jnp.float32)


def zeros_like(tree: T) -> T:
    """Return zeros for running sums: in the dtypes of the leaves, but at least float32."""
    zeros: T = jax.tree.map(lambda x: jnp.zeros_like(x, accumulated(x)), tree)
    return zeros


def scaled(factor: ArrayLike, tree: T) -> T:
    """Return ``factor * x`` for each leaf x, in the dtype of x."""
    products: T = jax.tree.map(lambda x: jnp.asarray(factor, x.dtype) * x, tree)
    return products


def running_mean(decay: float, mean: T, values: object) -> T:
    """Return ``decay * mean + (1 - decay) * values``."""
    after: T = jax.tree.map(lambda m, x: decay * m + (1 - decay) * x, mean, values)
    return after


def running_square(decay: float, mean: T, values: object) -> T:
    """Return the running mean of squares: ``decay * mean + (1 - decay) * values^2``."""
    after: T = jax.tree.map(lambda m, x: decay * m + (1 - decay) * (x * x), mean, values)
    return after


def one_minus_power(beta: float, step: Array) -> Array:
    """Return 1 - beta^step, without the loss of digits of that difference in float32."""
    if beta == 0:
        return jnp.ones((), float)
    return -jnp.expm1(jnp.asarray(step, float) * math.log(beta))

"""In which number type an operation computes.

Whole numbers become floats where the result is no whole number, as in NumPy. Statistics, which
are sums of many numbers or of large ones, are computed in float32 at least: float16 ends at
65504, and bfloat16 has three digits.

These two functions are for forward functions, which take plain arrays. Gradient rules use the
operations `widened` and `narrowed` of `elementary/shape.py`.
"""

from __future__ import annotations

import jax.numpy as jnp

from clearprop.autodiff.shapes import Array, ArrayLike


def floating(x: ArrayLike) -> Array:
    """Return an array of floats: whole numbers and booleans get JAX's own type of floats.

    >>> print(floating(3), floating(jnp.ones(2, jnp.bfloat16)).dtype)
    3.0 bfloat16
    """
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))


def at_least_float32(x: ArrayLike) -> Array:
    """Return an array of floats of 32 bits or more.

    >>> print(at_least_float32(jnp.ones(2, jnp.float16)).dtype)
    float32
    """
    x = floating(x)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return x if x.dtype == wide else x.astype(wide)

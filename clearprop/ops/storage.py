"""`stored` keeps a result in memory that the compiler would otherwise compute several times."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.operation import count_nothing
from clearprop.autodiff.shapes import Array


@operation(errors=(lambda error, y, x: error,), count=count_nothing)
def stored(x: Array) -> Array:
    """The identity, with its result kept in memory on processors: ``y = x``.

    XLA's compiler for processors repeats cheap computations in every loop that reads their result.
    In a residual network each block adds to the output of the block before, so that XLA repeats
    whole chains of blocks, in loops that transpose arrays and cannot be vectorized. XLA never
    repeats a division. This one divides by ones; the pass that decides what is repeated does not
    know that they are ones, and a later pass removes the division.

    The result is x bit for bit; outside compiled code subnormal numbers become 0, as in any
    division there.

    Shapes: x of any shape, y of the same.

    >>> print(stored(jnp.array([[1.5, -0.0], [jnp.inf, 2.0]])))
    [[ 1.5 -0. ]
     [ inf  2. ]]

    Source: the identity; the division is a way around XLA's compiler for processors.
    """
    if jax.default_backend() != "cpu" or not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    bits = jax.lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}")
    return x / ((bits * 2 + 1) & 1).astype(x.dtype)

"""What is computed once and kept in memory, where the compiler would compute it again and again."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.operation import count_nothing
from clearprop.autodiff.shapes import Array


@operation(errors=(lambda error, y, x: error,), count=count_nothing)
def stored(x: Array) -> Array:
    """The identity, with its result kept in memory on processors: ``y = x``.

    XLA's compiler for processors computes what it holds to be cheap anew in every loop that reads
    it. In a residual network each block's output is the last one's plus a little, so that whole
    chains of blocks are computed anew, in loops that turn arrays around and cannot be vectorized. A
    division is never computed twice: this one divides by ones, and the passes that decide this do
    not see that they are ones. Later passes do, so that no division is left.

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

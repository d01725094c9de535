"""Mixed precision: layers compute in bfloat16, what is learned stays in float32.

Weights are rounded where a step begins, by an operation whose rule gives their gradients back in
float32; the optimizer knows the exact ones. What sums over many numbers (normalization, softmax,
the loss) widens its inputs by itself.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from clearprop import ops
from clearprop.errors import unknown_name

PRECISIONS = ("float32", "bfloat16")


def checked(precision: str | None) -> str | None:
    """Return the type to compute in, or None for that of the weights.

    Raises:
        ConfigurationError: it is none of those that are known.

    >>> print(checked("bfloat16"), checked(None))
    bfloat16 None
    """
    if precision is not None and precision not in PRECISIONS:
        raise unknown_name("precision", str(precision), PRECISIONS)
    return precision


def in_precision(tree: Any, precision: str | None) -> Any:
    """Return a tree with its floating arrays in a precision; their errors are converted back.

    >>> in_precision({"w": jnp.ones(2), "n": jnp.arange(2)}, "bfloat16")["w"].dtype
    dtype(bfloat16)
    """
    if precision is None:
        return tree

    def converted(x: Any) -> Any:
        return ops.astype(x, precision) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(converted, tree, is_leaf=lambda x: hasattr(x, "dtype"))


def widened(tree: Any) -> Any:
    """Return a tree with what is narrower than float32 in float32.

    >>> widened(jnp.ones(2, jnp.bfloat16)).dtype
    dtype('float32')
    """

    def wide(x: Any) -> Any:
        narrow = jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize < 4
        return ops.astype(x, jnp.float32) if narrow else x

    return jax.tree.map(wide, tree, is_leaf=lambda x: hasattr(x, "dtype"))

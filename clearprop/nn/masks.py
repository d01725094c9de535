"""Masks of sequences: which steps count.

Shape letters: B batch, T steps, D features.
"""

from __future__ import annotations

import jax.numpy as jnp

from clearprop import ops
from clearprop.nn.fields import Array


def counted(x: Array, mask: Array | None) -> Array:
    """Return sequences (B, T, D) with zeros at the steps that a mask (B, T) hides.

    A hidden step may hold any numbers, NaN too, so layers remove it before any product.
    """
    if mask is None:
        return x
    return ops.where(jnp.asarray(mask)[:, :, None], x, jnp.zeros((), x.dtype))

"""Pictures made larger, so that a network of fixed size takes smaller pictures."""

from __future__ import annotations

from clearprop import nn, ops
from clearprop.errors import ShapeError
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, static


class Enlarge(nn.Module):
    """Every pixel repeated as a square of factor x factor pixels.

    y[b, i, j, c] = x[b, floor(i / factor), floor(j / factor), c]

    Shapes: x (batch, height, width, channels), y (batch, factor height, factor width, channels).

    Raises:
        ShapeError: x has other axes.

    >>> import jax.numpy as jnp
    >>> print(Enlarge(2)(jnp.array([[1.0, 2.0]]).reshape(1, 1, 2, 1))[0, :, :, 0])
    [[1. 1. 2. 2.]
     [1. 1. 2. 2.]]
    """

    factor: int = static()

    def __post_init__(self) -> None:
        positive_sizes("Enlarge", factor=self.factor)

    def __call__(self, x: Array) -> Array:
        if len(x.shape) != 4:
            raise ShapeError(
                "the input must be a batch of pictures",
                given=f"input {tuple(x.shape)}",
                expected="(batch, height, width, channels)",
            )
        B, H, W, C = x.shape
        k = self.factor
        spread = ops.broadcast_to(
            ops.reshape(x, shape=(B, H, 1, W, 1, C)), shape=(B, H, k, W, k, C)
        )
        return ops.reshape(spread, shape=(B, H * k, W * k, C))

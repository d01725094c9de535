"""A border around pictures, so that they get the size that a network needs."""

from __future__ import annotations

from clearprop import nn, ops
from clearprop.errors import ShapeError
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, static


class Border(nn.Module):
    """Pictures in the middle of a square of zeros; an odd number of zeros has one more at the end.

    Shapes: x (batch, height, width, channels), y (batch, size, size, channels).

    Args:
        size: height and width of the square.

    Raises:
        ShapeError: the pictures are larger than the square, or x has other axes.

    >>> import jax.numpy as jnp
    >>> print(Border(4)(jnp.ones((1, 2, 1, 1)))[0, :, :, 0])
    [[0. 0. 0. 0.]
     [0. 1. 0. 0.]
     [0. 1. 0. 0.]
     [0. 0. 0. 0.]]
    """

    size: int = static()

    def __post_init__(self) -> None:
        positive_sizes("Border", size=self.size)

    def __call__(self, x: Array) -> Array:
        if len(x.shape) != 4 or max(x.shape[1:3]) > self.size:
            raise ShapeError(
                "the pictures are larger than the square",
                given=f"input {tuple(x.shape)}",
                expected=f"(batch, height, width, channels), at most {self.size} x {self.size}",
            )
        missing = [self.size - n for n in x.shape[1:3]]
        around = [(n // 2, n - n // 2) for n in missing]
        return ops.pad(x, [(0, 0), *around, (0, 0)])

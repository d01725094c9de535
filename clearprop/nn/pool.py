"""Pooling layers: windows summarised by their maximum or mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from clearprop import ops
from clearprop.errors import ShapeError
from clearprop.nn.checks import positive_sizes
from clearprop.nn.module import Array, Module, static

Size = int | tuple[int, ...]


class _Pool(Module):
    """What the pooling layers share."""

    axes: ClassVar[int]
    operation: ClassVar[Callable[..., Any]]

    window: Size = static()
    stride: Size | None = static()
    padding: Size | str = static()

    def __init__(
        self, window: Size, *, stride: Size | None = None, padding: Size | str = 0
    ) -> None:
        positive_sizes(type(self).__name__, window=window, stride=stride or window)
        self.window = window
        self.stride = stride
        self.padding = padding

    def __call__(self, x: Array) -> Array:
        if len(x.shape) != self.axes + 2:
            raise ShapeError(
                "the input has not one axis for the batch, "
                f"{self.axes} for the window and one for the channels",
                given=f"input {tuple(x.shape)}",
                expected=f"(batch, {'size, ' * self.axes}channels)",
            )
        pool = type(self).operation
        window = (self.window,) * self.axes if isinstance(self.window, int) else self.window
        pooled: Array = pool(x, window=window, stride=self.stride, padding=self.padding)
        return pooled


class MaxPool1d(_Pool, init=False):
    """The largest value of each window along one axis, channel by channel."""

    axes = 1
    operation = ops.max_pool


class MaxPool2d(_Pool, init=False):
    """The largest value of each window of an image, channel by channel.

    The stride is the window unless given. The error signal goes to the first largest entry.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    >>> print(MaxPool2d(2)(x[None, :, :, None])[0, :, :, 0])
    [[6. 8.]
     [3. 4.]]
    """

    axes = 2
    operation = ops.max_pool


class MaxPool3d(_Pool, init=False):
    """The largest value of each window of a volume, channel by channel."""

    axes = 3
    operation = ops.max_pool


class AvgPool1d(_Pool, init=False):
    """The mean of each window along one axis, channel by channel."""

    axes = 1
    operation = ops.average_pool


class AvgPool2d(_Pool, init=False):
    """The mean of each window of an image, channel by channel (LeCun's sub-sampling).

    >>> import jax.numpy as jnp
    >>> print(AvgPool2d(2)(jnp.arange(4.0).reshape(1, 2, 2, 1)).item())
    1.5
    """

    axes = 2
    operation = ops.average_pool


class AvgPool3d(_Pool, init=False):
    """The mean of each window of a volume, channel by channel."""

    axes = 3
    operation = ops.average_pool

"""Pooling layers: windows, parts or whole images summarised by their maximum or mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, static
from clearprop.nn.module import Module

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


class GlobalAvgPool(Module):
    """The mean of each channel over all places: (batch, *sizes, channels) -> (batch, channels).

    >>> print(GlobalAvgPool()(jnp.arange(8.0).reshape(1, 2, 2, 2)))
    [[3. 4.]]

    Source: Lin, Chen and Yan (2014), *Network in network*.
    """

    def __call__(self, x: Array) -> Array:
        return ops.mean(x, axis=_places(x))


class GlobalMaxPool(Module):
    """The largest value of each channel over all places.

    >>> print(GlobalMaxPool()(jnp.arange(8.0).reshape(1, 2, 2, 2)))
    [[6. 7.]]
    """

    def __call__(self, x: Array) -> Array:
        return ops.max(x, axis=_places(x))


class AdaptiveAvgPool(Module):
    """The mean of each of a fixed number of parts, whatever the input's size.

    Part i of n along an axis of N entries runs from floor(i N / n) to ceil((i + 1) N / n); parts
    overlap where n does not divide N.

    Shapes: x (batch, *sizes, channels), y (batch, *parts, channels), with one to three axes.

    Args:
        parts: along every axis, or one number for each.

    >>> x = jnp.arange(5.0).reshape(1, 5, 1)
    >>> print(AdaptiveAvgPool(2)(x)[0, :, 0])
    [1. 3.]

    Source: PyTorch's layer of that name.
    """

    parts: Size = static()

    def __init__(self, parts: Size) -> None:
        positive_sizes("AdaptiveAvgPool", parts=parts)
        self.parts = parts

    def __call__(self, x: Array) -> Array:
        axes = _places(x)
        parts = (self.parts,) * len(axes) if isinstance(self.parts, int) else self.parts
        if len(parts) != len(axes):
            raise ConfigurationError(
                "there is not one number of parts an axis",
                given=f"input {tuple(x.shape)}, parts={self.parts}",
                expected=f"one number, or {len(axes)}",
            )
        for axis, count in zip(axes, parts, strict=True):
            shares = jnp.asarray(_shares(x.shape[axis], count), x.dtype)
            x = ops.moveaxis(ops.matmul(ops.moveaxis(x, axis, -1), shares), -1, axis)
        return x


def _shares(size: int, parts: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the share of each entry in each part, (size, parts)."""
    shares = np.zeros((size, parts))
    for i in range(parts):
        start, end = i * size // parts, -(-(i + 1) * size // parts)
        shares[start:end, i] = 1 / (end - start)
    return shares


def _places(x: Array) -> tuple[int, ...]:
    """Return the axes between batch and channels."""
    axes = tuple(range(1, len(x.shape) - 1))
    if not 1 <= len(axes) <= 3 or not all(x.shape[axis] for axis in axes):
        raise ShapeError(
            "there are no places to pool over",
            given=f"input {tuple(x.shape)}",
            expected="(batch, *sizes, channels) with one to three axes of at least one entry",
        )
    return axes

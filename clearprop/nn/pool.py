"""Pooling layers: windows, parts or whole images summarised by their maximum or mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import ops
from clearprop.autodiff.elementary.shape import narrowed, widened
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, Size, static
from clearprop.nn.module import Module


class _Pool(Module):
    """Base of the pooling layers; the window moves along `axes` axes."""

    axes: ClassVar[int]
    operation: ClassVar[Callable[..., Any]]

    window: Size = static()
    stride: Size | None = static(default=None, kw_only=True)
    padding: Size | str = static(default=0, kw_only=True)

    def __post_init__(self) -> None:
        kind = type(self).__name__
        positive_sizes(kind, window=self.window, stride=self.stride or self.window)

    def __call__(self, x: Array) -> Array:
        if len(x.shape) != self.axes + 2:
            raise ShapeError(
                f"the input needs one axis for the batch, {self.axes} for the window and one for "
                "the channels",
                given=f"input {tuple(x.shape)}",
                expected=f"(batch, {'size, ' * self.axes}channels)",
            )
        window = (self.window,) * self.axes if isinstance(self.window, int) else self.window
        pooled: Array = type(self).operation(
            x, window=window, stride=self.stride, padding=self.padding
        )
        return pooled


class _MaxPool(_Pool):
    operation = ops.max_pool


class _AvgPool(_Pool):
    operation = ops.average_pool


class MaxPool1d(_MaxPool):
    """The largest value of each window along one axis, channel by channel.

    y[j] = max over i of x[s j + i - p], stride s, padding p.

    Shapes: x (batch, length, channels), y (batch, (length + 2 p - k) // s + 1, channels).

    Args:
        window: k, one number for all axes or one for each.
        stride: s; the window when None.
        padding: p, or the name of a padding that `ops.max_pool` knows.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: x has another number of axes.

    >>> MaxPool1d(2)(jnp.ones((1, 4, 1))).shape
    (1, 2, 1)

    Source: Ranzato et al. (2007). The error signal of a window goes to its first largest entry.
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest value of each window of an image, channel by channel.

    y[i, j] = max over (a, b) of x[s i + a - p, s j + b - p], stride s, padding p.

    Along each axis the new size is (size + 2 p - k) // s + 1 for a window of k.

    Shapes: x (batch, height, width, channels), y (batch, height', width', channels).

    The arguments are those of `MaxPool1d`.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: x has another number of axes.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    >>> print(MaxPool2d(2)(x[None, :, :, None])[0, :, :, 0])
    [[6. 8.]
     [3. 4.]]

    Source: Ranzato et al. (2007). The error signal of a window goes to its first largest entry.
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """The largest value of each window of a volume, channel by channel.

    y[i, j, k] = max over (a, b, c) of x[s i + a - p, s j + b - p, s k + c - p]
    with stride s and padding p.

    Along each axis the new size is (size + 2 p - k) // s + 1 for a window of k.

    Shapes: x (batch, depth, height, width, channels), y (batch, depth', height', width', channels).

    The arguments are those of `MaxPool1d`.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: x has another number of axes.

    >>> MaxPool3d(2)(jnp.ones((1, 4, 4, 4, 1))).shape
    (1, 2, 2, 2, 1)

    Source: Ranzato et al. (2007). The error signal of a window goes to its first largest entry.
    """

    axes = 3


class AvgPool1d(_AvgPool):
    """The mean of each window along one axis, channel by channel.

    y[j] = mean over i of x[s j + i - p], stride s, padding p.

    Shapes: x (batch, length, channels), y (batch, (length + 2 p - k) // s + 1, channels).

    Args:
        window: k, one number for all axes or one for each.
        stride: s; the window when None.
        padding: p, or the name of a padding that `ops.average_pool` knows.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: x has another number of axes.

    >>> AvgPool1d(2)(jnp.ones((1, 4, 1))).shape
    (1, 2, 1)

    Source: LeCun et al. (1998), sub-sampling, without the paper's factor and bias.
    """

    axes = 1


class AvgPool2d(_AvgPool):
    """The mean of each window of an image, channel by channel.

    y[i, j] = mean over (a, b) of x[s i + a - p, s j + b - p], stride s, padding p.

    Along each axis the new size is (size + 2 p - k) // s + 1 for a window of k.

    Shapes: x (batch, height, width, channels), y (batch, height', width', channels).

    The arguments are those of `AvgPool1d`.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: x has another number of axes.

    >>> import jax.numpy as jnp
    >>> print(AvgPool2d(2)(jnp.arange(4.0).reshape(1, 2, 2, 1)).item())
    1.5

    Source: LeCun et al. (1998), sub-sampling, without the paper's factor and bias.
    """

    axes = 2


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume, channel by channel.

    y[i, j, k] = mean over (a, b, c) of x[s i + a - p, s j + b - p, s k + c - p]
    with stride s and padding p.

    Along each axis the new size is (size + 2 p - k) // s + 1 for a window of k.

    Shapes: x (batch, depth, height, width, channels), y (batch, depth', height', width', channels).

    The arguments are those of `AvgPool1d`.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: x has another number of axes.

    >>> AvgPool3d(2)(jnp.ones((1, 4, 4, 4, 1))).shape
    (1, 2, 2, 2, 1)

    Source: LeCun et al. (1998), sub-sampling, without the paper's factor and bias.
    """

    axes = 3


class GlobalAvgPool(Module):
    """The mean of each channel over all places: y[b, c] = mean over p of x[b, p, c].

    Shapes: x (batch, *sizes, channels), y (batch, channels), with one to three sizes.

    Raises:
        ShapeError: the input has no axis to pool over.

    >>> print(GlobalAvgPool()(jnp.arange(8.0).reshape(1, 2, 2, 2)))
    [[3. 4.]]

    Source: Lin, Chen and Yan (2014), *Network in network*.
    """

    def __call__(self, x: Array) -> Array:
        return ops.mean(x, axis=_places(x))


class GlobalMaxPool(Module):
    """The largest value of each channel over all places: y[b, c] = max over p of x[b, p, c].

    Shapes: x (batch, *sizes, channels), y (batch, channels), with one to three sizes.

    Raises:
        ShapeError: the input has no axis to pool over.

    >>> print(GlobalMaxPool()(jnp.arange(8.0).reshape(1, 2, 2, 2)))
    [[6. 7.]]

    Source: Oquab et al. (2015), *Is object localization for free?*
    """

    def __call__(self, x: Array) -> Array:
        return ops.max(x, axis=_places(x))


class AdaptiveAvgPool(Module):
    """The mean of each of a fixed number of parts, for inputs of any size.

    y[i] = mean of x[j] over floor(i N / n) <= j < ceil((i + 1) N / n), for n parts of the N entries
    of an axis. Parts overlap where n does not divide N.

    Shapes: x (batch, *sizes, channels), y (batch, *parts, channels), with one to three axes.

    Args:
        parts: along every axis, or one number for each.

    Raises:
        ConfigurationError: there is not one number of parts for each axis.
        ShapeError: the input has no axis to pool over.

    >>> x = jnp.arange(5.0).reshape(1, 5, 1)
    >>> print(AdaptiveAvgPool(2)(x)[0, :, 0])
    [1. 3.]

    Source: PyTorch's layer of that name.
    """

    parts: Size = static()

    def __post_init__(self) -> None:
        positive_sizes("AdaptiveAvgPool", parts=self.parts)

    def __call__(self, x: Array) -> Array:
        axes = _places(x)
        parts = (self.parts,) * len(axes) if isinstance(self.parts, int) else self.parts
        if len(parts) != len(axes):
            raise ConfigurationError(
                "there must be one number of parts for each axis",
                given=f"input {tuple(x.shape)}, parts={self.parts}",
                expected=f"one number, or {len(axes)}",
            )
        y = widened(x)
        for axis, count in zip(axes, parts, strict=True):
            weights = jnp.asarray(_weights(x.shape[axis], count), y.dtype)
            y = ops.moveaxis(ops.matmul(ops.moveaxis(y, axis, -1), weights), -1, axis)
        return narrowed(y, x)


def _weights(size: int, parts: int) -> NDArray[np.float64]:
    """Return the weight of each entry in the mean of each part, (size, parts)."""
    weights = np.zeros((size, parts))
    for i in range(parts):
        start, end = i * size // parts, -(-(i + 1) * size // parts)
        weights[start:end, i] = 1 / (end - start)
    return weights


def _places(x: Array) -> tuple[int, ...]:
    """Return the axes between batch and channels."""
    axes = tuple(range(1, len(x.shape) - 1))
    if not 1 <= len(axes) <= 3 or not all(x.shape[axis] for axis in axes):
        raise ShapeError(
            "the input has no axis to pool over",
            given=f"input {tuple(x.shape)}",
            expected="(batch, *sizes, channels) with one to three axes of at least one entry",
        )
    return axes

"""Pooling layers: windows, parts or whole images summarised by maximum or mean; upsampling."""

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
    ceil_mode: bool = static(default=False, kw_only=True)

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
            x,
            window=window,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
            **self._options(),
        )
        return pooled

    def _options(self) -> dict[str, Any]:
        """Return the options of this kind of pool alone."""
        return {}


class _MaxPool(_Pool):
    operation = ops.max_pool
    dilation: Size = static(default=1, kw_only=True)

    def _options(self) -> dict[str, Any]:
        return {"dilation": self.dilation}


class _AvgPool(_Pool):
    operation = ops.average_pool


class MaxPool1d(_MaxPool):
    """The largest value of each window along one axis, channel by channel.

    y[j] = max over i of x[s j + d i - p], stride s, padding p, dilation d.

    Shapes: x (batch, length, channels), y (batch, (length + 2 p - k) // s + 1, channels) for d = 1.

    Args:
        window: k, one number for all axes or one for each.
        stride: s; the window when None.
        padding: p, or the name of a padding that `ops.max_pool` knows.
        ceil_mode: whether one more window takes the entries that would be left out at the end.
        dilation: d.

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
        ceil_mode: whether one more window takes the entries that would be left out at the end.

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
        y = widened(x)
        for axis, count in zip(_places(x), _parts(x, self.parts), strict=True):
            weights = jnp.asarray(_weights(x.shape[axis], count), y.dtype)
            y = ops.moveaxis(ops.matmul(ops.moveaxis(y, axis, -1), weights), -1, axis)
        return narrowed(y, x)


class AdaptiveMaxPool(Module):
    """The largest entry of each of a fixed number of parts, for inputs of any size.

    y[i] = max of x[j] over floor(i N / n) <= j < ceil((i + 1) N / n), for n parts of the N entries
    of an axis. Parts overlap where n does not divide N.

    Shapes: x (batch, *sizes, channels), y (batch, *parts, channels), with one to three axes.

    Args:
        parts: along every axis, or one number for each.

    Raises:
        ConfigurationError: there is not one number of parts for each axis.
        ShapeError: the input has no axis to pool over.

    >>> x = jnp.arange(5.0).reshape(1, 5, 1)
    >>> print(AdaptiveMaxPool(2)(x)[0, :, 0])
    [2. 4.]

    Source: PyTorch's layer of that name. The first largest entry of a part gets its error signal.
    """

    parts: Size = static()

    def __post_init__(self) -> None:
        positive_sizes("AdaptiveMaxPool", parts=self.parts)

    def __call__(self, x: Array) -> Array:
        axes = _places(x)
        # The last axis first: then the first largest entry is the first of the rows, as written.
        for axis, count in reversed([*zip(axes, _parts(x, self.parts), strict=True)]):
            windows = ops.take(x, _windows(x.shape[axis], count), axis=axis)
            first = ops.argmax(windows, axis=axis + 1, keepdims=True)
            x = ops.squeeze(ops.take_along_axis(windows, first, axis=axis + 1), axis + 1)
        return x


class Upsample(Module):
    """Images, sequences or volumes made larger: y[i] = sum over j of w(p_i - j) x[j].

    Every size n becomes scale n. `ops.interpolate` has the places p and the weights w.

    Shapes: x (batch, *sizes, channels), y (batch, *(scale * sizes), channels).

    Args:
        scale: a whole number for every axis, or one for each.
        method: "nearest", "nearest-exact", "linear" or "cubic".
        align_corners: whether the first and the last entries lie on each other.

    Raises:
        ConfigurationError: a scale is not positive, or there is not one for each axis.
        ShapeError: the input has no axis to resize.

    >>> print(Upsample(2)(jnp.array([1.0, 2.0]).reshape(1, 2, 1))[0, :, 0])
    [1. 1. 2. 2.]

    Source: that of `ops.interpolate`.
    """

    scale: Size = static()
    method: str = static(default="nearest", kw_only=True)
    align_corners: bool = static(default=False, kw_only=True)

    def __post_init__(self) -> None:
        positive_sizes("Upsample", scale=self.scale)

    def __call__(self, x: Array) -> Array:
        axes = _places(x)
        scales = _parts(x, self.scale, "scales")
        sizes = [scale * x.shape[axis] for axis, scale in zip(axes, scales, strict=True)]
        return ops.interpolate(x, sizes, self.method, self.align_corners)


def _parts(x: Array, parts: Size, name: str = "parts") -> tuple[int, ...]:
    """Return one number for each axis between batch and channels."""
    axes = len(x.shape) - 2
    each = (parts,) * axes if isinstance(parts, int) else tuple(parts)
    if len(each) != axes:
        raise ConfigurationError(
            f"there must be one number of {name} for each axis",
            given=f"input {tuple(x.shape)}, {name}={parts}",
            expected=f"one number, or {axes}",
        )
    return each


def _bounds(size: int, parts: int) -> list[tuple[int, int]]:
    """Return where each part begins and ends."""
    return [(i * size // parts, -(-(i + 1) * size // parts)) for i in range(parts)]


def _windows(size: int, parts: int) -> NDArray[np.int64]:
    """Return the entries of each part, (parts, longest); a shorter one has its last entry again."""
    bounds = _bounds(size, parts)
    longest = max(end - start for start, end in bounds)
    rows = [np.minimum(np.arange(start, start + longest), end - 1) for start, end in bounds]
    return np.stack(rows)


def _weights(size: int, parts: int) -> NDArray[np.float64]:
    """Return the weight of each entry in the mean of each part, (size, parts)."""
    weights = np.zeros((size, parts))
    for i, (start, end) in enumerate(_bounds(size, parts)):
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

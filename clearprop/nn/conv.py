"""Convolution layers over one, two or three axes, channels last."""

from __future__ import annotations

from typing import ClassVar, TypedDict, Unpack, cast

from clearprop import ops
from clearprop.errors import ConfigurationError, ShapeError, unknown_name
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, Initializer, Shardings, Size, parameter, static
from clearprop.nn.initializers import glorot_uniform, zeros
from clearprop.nn.module import Module
from clearprop.ops.conv.geometry import Pairs, pad_pairs, per_axis

Padding = int | str | tuple[int, ...] | tuple[tuple[int, int], ...]

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""What is put around the input, by PyTorch's names, and the mode of `ops.pad` that does it."""


class ConvOptions(TypedDict, total=False):
    """The arguments by name of every convolution layer, except the padding."""

    stride: Size
    dilation: Size
    groups: int
    bias: bool
    weight_init: Initializer
    bias_init: Initializer


class _Conv(Module):
    """Base of the convolution layers; the window moves along `axes` axes."""

    axes: ClassVar[int]
    parameter_sharding: ClassVar[Shardings] = {"weight": (..., "model"), "bias": ("model",)}

    weight: Array
    bias: Array | None
    in_channels: int = static()
    out_channels: int = static()
    kernel_size: tuple[int, ...] = static()
    stride: Size = static()
    padding: Padding = static()
    dilation: Size = static()
    groups: int = static()

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: Initializer = glorot_uniform,
        bias_init: Initializer = zeros,
    ) -> None:
        name = type(self).__name__
        window = (kernel_size,) * self.axes if isinstance(kernel_size, int) else tuple(kernel_size)
        positive_sizes(
            name,
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=window,
            stride=stride,
            dilation=dilation,
            groups=groups,
        )
        if len(window) != self.axes:
            raise ConfigurationError(
                f"kernel_size needs {self.axes} numbers", where=name, given=repr(kernel_size)
            )
        if in_channels % groups or out_channels % groups:
            raise ConfigurationError(
                "groups must divide in_channels and out_channels",
                where=name,
                given=f"{in_channels} and {out_channels} channels, {groups} groups",
            )
        self.weight = parameter((*window, in_channels // groups, out_channels), weight_init)
        self.bias = parameter((out_channels,), bias_init) if bias else None
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = window
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups

    def _check(self, x: Array) -> None:
        if len(x.shape) != self.axes + 2 or x.shape[-1] != self.in_channels:
            raise ShapeError(
                "the input must be a batch whose last axis has the layer's channels",
                given=f"input {tuple(x.shape)}",
                expected=f"(batch, {'size, ' * self.axes}{self.in_channels})",
                fix=self._fix(x.shape),
            )

    def _fix(self, shape: tuple[int, ...]) -> str:
        if len(shape) == self.axes + 1:
            return "add the missing axis: x[..., None] for channels, x[None] for a single example"
        if len(shape) == self.axes + 2 and shape[1] == self.in_channels:
            order = ", ".join(map(str, (0, *range(2, self.axes + 2), 1)))
            return f"x = x.transpose({order})  # moves the channels last"
        return f"nn.{type(self).__name__}({shape[-1]}, {self.out_channels}, ...)"


class _SlidingConv(_Conv, init=False):
    """Base of the convolution layers whose window slides over the input."""

    padding_mode: str = static()

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        weight_init: Initializer = glorot_uniform,
        bias_init: Initializer = zeros,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            weight_init=weight_init,
            bias_init=bias_init,
        )
        if padding_mode not in PADDING_MODES:
            where = type(self).__name__
            raise unknown_name("padding_mode", padding_mode, PADDING_MODES, where=where)
        self.padding_mode = padding_mode

    def __call__(self, x: Array) -> Array:
        self._check(x)
        padding = self.padding
        if self.padding_mode != "zeros":
            pairs = self._pairs(x)
            widths = [(0, 0), *pairs, (0, 0)]
            x = ops.pad(x, widths, mode=PADDING_MODES[self.padding_mode])
            padding = 0
        return ops.convolution(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
        )

    def _pairs(self, x: Array) -> Pairs:
        """Return how much is put before and after the entries of each axis."""
        name = type(self).__name__
        sizes = x.shape[1:-1]
        stride = per_axis(self.stride, self.axes, name="stride", where=name)
        dilation = per_axis(self.dilation, self.axes, name="dilation", where=name)
        pairs = pad_pairs(self.padding, sizes, self.kernel_size, stride, dilation, where=name)
        # NumPy's pad would go round several times; PyTorch refuses it, and so do we.
        least = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        if least is not None and any(
            max(pair) > n - least for pair, n in zip(pairs, sizes, strict=True)
        ):
            raise ShapeError(
                f"there are fewer entries than the padding mode {self.padding_mode!r} repeats",
                where=name,
                given=f"sizes {tuple(sizes)}, padding {pairs}",
                expected=f"padding up to the size{' less 1' if least else ''}",
                fix='padding_mode="replicate", which repeats the last entry',
            )
        return pairs


class Conv1d(_SlidingConv, init=False):
    """A window that slides along one axis: y[j] = b + sum_i w[i] x[s j + i - p].

    Shapes: x (batch, length, in_channels), weight (k, in_channels / groups, out_channels),
    y (batch, (length + 2 p - d (k - 1) - 1) // s + 1, out_channels) for stride s, padding p,
    dilation d; bias b (out_channels,).

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: k, one number for all axes or one for each.
        stride: s.
        padding: p, one number for all axes, one for each, or pairs (before, after); "same" or
            "valid".
        dilation: d.
        groups: parts of the channels that are not mixed.
        bias: whether there is b.
        padding_mode: what is put around x: "zeros", its entries mirrored at the first and the last
            one ("reflect"), these two again ("replicate"), or those of the other end ("circular").
        weight_init: initial values of the weight.
        bias_init: initial values of b.

    Raises:
        ConfigurationError: a size is not positive, groups do not divide the channels, or there is
            no such padding or padding mode.
        ShapeError: x has another number of axes or channels, or fewer entries than are repeated.

    >>> import jax.numpy as jnp
    >>> Conv1d(3, 8, 5).init(0)(jnp.ones((2, 20, 3))).shape
    (2, 16, 8)

    Source: Waibel et al. (1989), as the cross-correlation that networks use today. The padding
    modes are those of PyTorch.
    """

    axes = 1


class Conv2d(_SlidingConv, init=False):
    """A window that slides over an image: y[i, j] = b + sum over (a, c) of w[a, c] x[i + a, j + c].

    The equation is for stride 1 without padding; along each axis stride, padding and dilation act
    as in `Conv1d`. With as many groups as channels each channel has its own kernels (depthwise),
    and a 1 x 1 convolution after it mixes the channels.

    Shapes: x (batch, height, width, in_channels), weight (kh, kw, in_channels / groups,
    out_channels), y (batch, height', width', out_channels).

    Raises:
        ConfigurationError: a size is not positive, or groups do not divide the channels.
        ShapeError: x has another number of axes or channels.

    >>> import jax.numpy as jnp
    >>> Conv2d(3, 10, 5, padding=2).init(0)(jnp.ones((1, 32, 32, 3))).shape
    (1, 32, 32, 10)
    >>> Conv2d(8, 8, 3, groups=8).init(0).weight.shape
    (3, 3, 1, 8)

    Source: LeCun et al. (1998). This is the cross-correlation that networks use;
    `ops.true_convolution` flips the kernel.
    """

    axes = 2


class Conv3d(_SlidingConv, init=False):
    """A window that slides through a volume or a film: y[p] = b + sum over q of w[q] x[p + q].

    p and q have three coordinates. The equation is for stride 1 without padding; along each axis
    stride, padding and dilation act as in `Conv1d`.

    Shapes: x (batch, depth, height, width, in_channels), weight (kd, kh, kw, in_channels / groups,
    out_channels), y (batch, depth', height', width', out_channels).

    Raises:
        ConfigurationError: a size is not positive, or groups do not divide the channels.
        ShapeError: x has another number of axes or channels.

    >>> import jax.numpy as jnp
    >>> Conv3d(1, 4, 3, padding=1).init(0)(jnp.ones((1, 8, 8, 8, 1))).shape
    (1, 8, 8, 8, 4)

    Source: Ji et al. (2013), *3D convolutional neural networks for human action recognition*.
    """

    axes = 3


class _ConvTranspose(_Conv, init=False):
    """Base of the transposed convolution layers."""

    output_padding: Size = static()

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        padding: Size = 0,
        output_padding: Size = 0,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=padding, **options)
        self.output_padding = output_padding

    def __call__(self, x: Array) -> Array:
        self._check(x)
        return ops.convolution_transpose(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=cast("Size", self.padding),
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )


class ConvTranspose1d(_ConvTranspose, init=False):
    """A window added at every place of a series: y[t] = b + sum of all x[j] w[i] that reach t.

    x[j] w[i] reaches t = s j + d i - p, for stride s, padding p and dilation d.

    Shapes: x (batch, length, in_channels), weight (k, in_channels / groups, out_channels),
    y (batch, (length - 1) s - 2 p + d (k - 1) + 1 + output_padding, out_channels).

    Raises:
        ConfigurationError: a size is not positive, or groups do not divide the channels.
        ShapeError: x has another number of axes or channels.

    >>> import jax.numpy as jnp
    >>> ConvTranspose1d(8, 3, 4, stride=2, padding=1).init(0)(jnp.ones((2, 10, 8))).shape
    (2, 20, 3)

    Source: Zeiler et al. (2010), *Deconvolutional networks*, along one axis.
    """

    axes = 1


class ConvTranspose2d(_ConvTranspose, init=False):
    """A window added at every place of an image: y[t] = b + sum of x[j] w[i] over s j + i = t.

    i, j and t have two coordinates; padding and dilation act along each axis as in
    `ConvTranspose1d`. The output has the shape of the input of a `Conv2d` with the same numbers.

    Shapes: x (batch, height, width, in_channels), weight (kh, kw, in_channels / groups,
    out_channels), y (batch, height', width', out_channels).

    Raises:
        ConfigurationError: a size is not positive, or groups do not divide the channels.
        ShapeError: x has another number of axes or channels.

    >>> import jax.numpy as jnp
    >>> ConvTranspose2d(16, 3, 4, stride=2, padding=1).init(0)(jnp.ones((1, 7, 7, 16))).shape
    (1, 14, 14, 3)

    Source: Zeiler et al. (2010), *Deconvolutional networks*.
    """

    axes = 2


class ConvTranspose3d(_ConvTranspose, init=False):
    """A window added at every place of a volume: y[t] = b + sum of x[j] w[i] over s j + i = t.

    i, j and t have three coordinates; padding and dilation act along each axis as in
    `ConvTranspose1d`.

    Shapes: x (batch, depth, height, width, in_channels), weight (kd, kh, kw, in_channels / groups,
    out_channels), y (batch, depth', height', width', out_channels).

    Raises:
        ConfigurationError: a size is not positive, or groups do not divide the channels.
        ShapeError: x has another number of axes or channels.

    >>> import jax.numpy as jnp
    >>> ConvTranspose3d(2, 1, 2, stride=2).init(0)(jnp.ones((1, 3, 3, 3, 2))).shape
    (1, 6, 6, 6, 1)

    Source: Zeiler et al. (2010), *Deconvolutional networks*, with three axes.
    """

    axes = 3

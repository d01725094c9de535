"""Residual networks: ResNet-18, 34 and 50 for large pictures, ResNet-20 and its kin for small."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.nn.activation import ActivationLike
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array, static

he = nn.initializers.he_normal


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them: y = f(shortcut(x) + norm(conv(f(...)))).

    Shapes: x (B, H, W, in_channels), y (B, ceil(H / stride), ceil(W / stride), channels).

    Args:
        in_channels: of x.
        channels: of y.
        stride: of the first convolution.
        shortcut: "projection" (a 1x1 convolution, form B of the paper) or "padding" (every other
            pixel, zeros for the new channels, form A), where the shapes of x and y differ.
        activation: f, an operation or its name.

    Source: He et al. (2016), *Deep residual learning for image recognition*, figure 5, left.
    """

    conv1: nn.Conv2d
    norm1: nn.BatchNorm
    conv2: nn.Conv2d
    norm2: nn.BatchNorm
    shortcut: nn.Module | None
    activation: nn.Activation

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: str = "projection",
        activation: ActivationLike = ops.relu,
    ) -> None:
        self.conv1 = conv(in_channels, channels, 3, stride)
        self.norm1 = nn.BatchNorm(channels)
        self.conv2 = conv(channels, channels, 3)
        self.norm2 = nn.BatchNorm(channels)
        self.shortcut = shortcut_for(in_channels, channels, stride, shortcut)
        self.activation = nn.Activation(activation)

    def __call__(self, x: Array) -> Array:
        y = ops.stored(self.activation(self.norm1(self.conv1(x))))
        return joined(self, self.norm2(self.conv2(y)), x)


class Bottleneck(nn.Module):
    """A 1x1 convolution to few channels, a 3x3 there, a 1x1 to four times as many; a shortcut.

    Shapes: x (B, H, W, in_channels), y (B, ceil(H / stride), ceil(W / stride), 4 channels).

    The 3x3 convolution has the stride, as in torchvision; the paper gives it to the first 1x1.

    Source: He et al. (2016), figure 5, right.
    """

    conv1: nn.Conv2d
    norm1: nn.BatchNorm
    conv2: nn.Conv2d
    norm2: nn.BatchNorm
    conv3: nn.Conv2d
    norm3: nn.BatchNorm
    shortcut: nn.Module | None
    activation: nn.Activation

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: str = "projection",
        activation: ActivationLike = ops.relu,
    ) -> None:
        self.conv1 = conv(in_channels, channels, 1)
        self.norm1 = nn.BatchNorm(channels)
        self.conv2 = conv(channels, channels, 3, stride)
        self.norm2 = nn.BatchNorm(channels)
        self.conv3 = conv(channels, 4 * channels, 1)
        self.norm3 = nn.BatchNorm(4 * channels)
        self.shortcut = shortcut_for(in_channels, 4 * channels, stride, shortcut)
        self.activation = nn.Activation(activation)

    def __call__(self, x: Array) -> Array:
        y = ops.stored(self.activation(self.norm1(self.conv1(x))))
        y = ops.stored(self.activation(self.norm2(self.conv2(y))))
        return joined(self, self.norm3(self.conv3(y)), x)


def joined(block: BasicBlock | Bottleneck, y: Array, x: Array) -> Array:
    """Return f(shortcut(x) + y), the end of both kinds of block."""
    kept = x if block.shortcut is None else block.shortcut(x)
    return ops.stored(block.activation(kept + y))


class PaddedShortcut(nn.Module):
    """Every stride-th pixel, and channels of zeros at the end: a shortcut without parameters."""

    channels: int = static()
    stride: int = static()

    def __call__(self, x: Array) -> Array:
        kept = x[:, :: self.stride, :: self.stride, :]
        return ops.pad(kept, [(0, 0), (0, 0), (0, 0), (0, self.channels - x.shape[-1])])


class ResNet(nn.Module):
    """A first convolution, stages of residual blocks, the mean over all places, a linear layer.

    Each stage but the first halves height and width in its first block.

    Shapes (B examples, K classes) of ResNet-50 for 224 x 224 pictures; other sizes work too:

        x                              (B, 224, 224, 3)
        conv, 7x7, stride 2            (B, 112, 112, 64)
        pool, 3x3, stride 2            (B, 56, 56, 64)
        stages.0, 3 blocks             (B, 56, 56, 256)
        stages.1, 4 blocks             (B, 28, 28, 512)
        stages.2, 6 blocks             (B, 14, 14, 1024)
        stages.3, 3 blocks             (B, 7, 7, 2048)
        mean                           (B, 2048)
        output                         (B, K)

    Args:
        block: `BasicBlock` or `Bottleneck`.
        depths: blocks of each stage.
        widths: channels of each stage (a bottleneck has four times as many at its output).
        channels: of the pictures.
        classes: K.
        large: whether the first convolution is 7x7 with stride 2 and a pool follows it, as for
            ImageNet, or 3x3 with stride 1, as for 32 x 32 pictures.
        shortcut: "projection" or "padding"; see `BasicBlock`.
        activation: of the hidden units.

    Raises:
        ConfigurationError: there is no stage, a width has no depth, or the shortcut is unknown.

    >>> sum(w.size for w in nn.parameters(resnet50()).values())
    25557032

    Source: He et al. (2016), *Deep residual learning for image recognition*.
    """

    conv: nn.Conv2d
    norm: nn.BatchNorm
    activation: nn.Activation
    pool: nn.MaxPool2d | None
    stages: tuple[nn.Sequential, ...]
    mean: nn.GlobalAvgPool
    output: nn.Linear

    def __init__(
        self,
        block: Callable[..., nn.Module],
        depths: Sequence[int],
        widths: Sequence[int],
        *,
        channels: int = 3,
        classes: int = 1000,
        large: bool = True,
        shortcut: str = "projection",
        activation: ActivationLike = ops.relu,
    ) -> None:
        if not depths or len(depths) != len(widths) or min(depths) < 1:
            raise ConfigurationError(
                "every stage needs a number of blocks (1 or more) and a width",
                where="ResNet",
                given=f"depths={tuple(depths)}, widths={tuple(widths)}",
            )
        first = widths[0]
        self.conv = conv(channels, first, 7, 2) if large else conv(channels, first, 3)
        self.norm = nn.BatchNorm(first)
        self.activation = nn.Activation(activation)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1) if large else None
        spread = 4 if block is Bottleneck else 1
        stages, inputs = [], first
        for number, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            blocks = []
            for place in range(depth):
                stride = 2 if number and not place else 1
                blocks.append(block(inputs, width, stride, shortcut, activation))
                inputs = spread * width
            stages.append(nn.Sequential(blocks))
        self.stages = tuple(stages)
        self.mean = nn.GlobalAvgPool()
        self.output = nn.Linear(inputs, classes)

    def __call__(self, x: Array) -> Array:
        x = ops.stored(self.activation(self.norm(self.conv(x))))
        x = x if self.pool is None else self.pool(x)
        for stage in self.stages:
            x = stage(x)
        return self.output(self.mean(x))


def resnet18(channels: int = 3, classes: int = 1000) -> ResNet:
    """Return ResNet-18 for large pictures, 11,689,512 parameters for ImageNet.

    >>> sum(w.size for w in nn.parameters(resnet18()).values())
    11689512
    """
    return ResNet(BasicBlock, (2, 2, 2, 2), (64, 128, 256, 512), channels=channels, classes=classes)


def resnet34(channels: int = 3, classes: int = 1000) -> ResNet:
    """Return ResNet-34 for large pictures, 21,797,672 parameters for ImageNet."""
    return ResNet(BasicBlock, (3, 4, 6, 3), (64, 128, 256, 512), channels=channels, classes=classes)


def resnet50(channels: int = 3, classes: int = 1000) -> ResNet:
    """Return ResNet-50 for large pictures, 25,557,032 parameters for ImageNet."""
    return ResNet(Bottleneck, (3, 4, 6, 3), (64, 128, 256, 512), channels=channels, classes=classes)


def small_resnet(
    depth: int = 20,
    channels: int = 3,
    classes: int = 10,
    *,
    width: int = 16,
    shortcut: str = "padding",
    activation: ActivationLike = ops.relu,
) -> ResNet:
    """Return the residual network for 32 x 32 pictures: three stages of 16, 32 and 64 channels.

    Args:
        depth: layers with weights on the longest path, 6 n + 2: 20, 32, 44, 56, 110.
        channels: of the pictures.
        classes: K.
        width: channels of the first stage.
        shortcut: "padding", as in the paper for these pictures (ResNet-20: 269,722 parameters), or
            "projection" (272,474).
        activation: of the hidden units.

    Raises:
        ConfigurationError: the depth is not 6 n + 2.

    >>> sum(w.size for w in nn.parameters(small_resnet(20)).values())
    269722

    Source: He et al. (2016), section 4.2.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ConfigurationError(
            "the depth of a residual network for small pictures is 6 n + 2",
            where="small_resnet",
            given=f"depth={depth}",
            fix=f"depth={max(8, 6 * round((depth - 2) / 6) + 2)}",
        )
    blocks = (depth - 2) // 6
    return ResNet(
        BasicBlock,
        (blocks,) * 3,
        (width, 2 * width, 4 * width),
        channels=channels,
        classes=classes,
        large=False,
        shortcut=shortcut,
        activation=activation,
    )


def conv(in_channels: int, out_channels: int, window: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias that divides height and width by the stride."""
    return nn.Conv2d(
        in_channels,
        out_channels,
        window,
        stride=stride,
        padding=window // 2,
        bias=False,
        weight_init=he,
    )


def shortcut_for(in_channels: int, channels: int, stride: int, kind: str) -> nn.Module | None:
    """Return the shortcut around a block, or None for the identity.

    Raises:
        ConfigurationError: the kind is unknown.
    """
    one_of("ResNet", ("projection", "padding"), shortcut=kind)
    if stride == 1 and in_channels == channels:
        return None
    if kind == "padding":
        return PaddedShortcut(channels, stride)
    return nn.Sequential([conv(in_channels, channels, 1, stride), nn.BatchNorm(channels)])

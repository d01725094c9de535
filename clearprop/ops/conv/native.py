"""Convolution by XLA's operation: the fastest on GPUs, and for many channels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from clearprop.autodiff.shapes import Array
from clearprop.backend import convolves_by_onednn
from clearprop.ops.conv.geometry import Geometry

Product = Callable[[Array, Array, Geometry, int], Array]

FEW_GROUPS = 4
FEWEST_CHANNELS = 16


def _group_by_group(product: Product) -> Product:
    """Return a product of two arrays, with groups in their last axes, computed group by group.

    XLA's fast convolution for processors does not support groups: the convolutions of AlexNet take
    half the time when their groups are computed one by one.
    """

    @functools.wraps(product)
    def grouped(a: Array, b: Array, geometry: Geometry, groups: int) -> Array:
        if not 1 < groups <= FEW_GROUPS or jax.default_backend() != "cpu":
            return product(a, b, geometry, groups)
        pairs = zip(jnp.split(a, groups, axis=-1), jnp.split(b, groups, axis=-1), strict=True)
        return jnp.concatenate([product(x, y, geometry, 1) for x, y in pairs], axis=-1)

    return grouped


def _channels_last(axes: int) -> lax.ConvDimensionNumbers:
    array = (0, axes + 1, *range(1, axes + 1))
    return lax.ConvDimensionNumbers(array, (axes + 1, axes, *range(axes)), array)


@_group_by_group
def forward(x: Array, kernel: Array, geometry: Geometry, groups: int) -> Array:
    """Return the convolution of x (b, sizes, f) and kernel (window, f / groups, f')."""
    g = geometry
    return _convolved(x, kernel, g.stride, g.padding, (1,) * len(g.sizes), g.dilation, groups)


def _convolved(
    x: Array,
    kernel: Array,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    spread: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Array:
    """Return XLA's convolution; the entries of x are ``spread`` apart."""
    axes = len(stride)
    plain = axes == 2 and groups == 1 and {*stride, *spread, *dilation} == {1}
    # XLA gives a convolution of pictures to oneDNN if it has few channels, and otherwise to a
    # slower library. A third axis of one entry brings every such convolution to oneDNN: on two
    # cores, batch 64, it takes 1.6 ms and not 1.9 with 32 channels, 1.4 and not 1.7 with 64.
    deep = convolves_by_onednn() and plain and min(kernel.shape[-2:]) >= FEWEST_CHANNELS
    if deep:
        axes, x, kernel = 3, x[:, None], kernel[None]
        stride, spread, dilation = (1, *stride), (1, *spread), (1, *dilation)
        padding = ((0, 0), *padding)
    y = lax.conv_general_dilated(
        x,
        kernel,
        stride,
        padding,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        dimension_numbers=_channels_last(axes),
        feature_group_count=groups,
    )
    return y[:, 0] if deep else y


@_group_by_group
def input_error(error: Array, kernel: Array, geometry: Geometry, groups: int) -> Array:
    """Return the error of x: a convolution of the spread error with the flipped kernel."""
    g, axes = geometry, len(geometry.sizes)
    *window, inner, features = kernel.shape
    # Each group's features become the inputs, and its channels the features.
    grouped = kernel.reshape(*window, inner, groups, features // groups)
    turned = jnp.flip(jnp.moveaxis(grouped, -3, -1), range(axes))
    turned = jnp.moveaxis(turned, -3, -2).reshape(*window, features // groups, groups * inner)
    rows = zip(g.sizes, g.outputs, g.stride, g.padding, g.reach, strict=True)
    padding, kept = [], []
    for size, outputs, stride, (before, _), reach in rows:
        first = reach - 1 - before
        last = size + reach - 2 - first - (outputs - 1) * stride
        # XLA's simplifier takes a window of 2 entries over an error that is spread by 2 for another
        # kind of axis if nothing is padded, and then ends the process. So there is always padding.
        last = max(last, 1 if reach == stride == 2 else 0)
        padding.append((max(first, 0), last))
        # XLA accepts negative padding for this, but its simplifier then swaps the operands of some
        # convolutions wrongly, which ends the process.
        kept.append(slice(max(-first, 0), max(-first, 0) + size))
    whole = _convolved(error, turned, (1,) * axes, padding, g.stride, g.dilation, groups)
    return whole[(slice(None), *kept)]


@_group_by_group
def kernel_error(x: Array, error: Array, geometry: Geometry, groups: int) -> Array:
    """Return the error of the kernel: x convolved with the error, examples as channels."""
    g, axes = geometry, len(geometry.sizes)
    rows = zip(g.sizes, g.outputs, g.stride, g.padding, g.reach, strict=True)
    padding = []
    for size, outputs, stride, (before, _), reach in rows:
        # Entries that the last place of the window does not reach are cut off.
        after = (outputs - 1) * stride + reach - size - before
        padding.append((before, after))
    array = (axes + 1, 0, *range(1, axes + 1))
    return lax.conv_general_dilated(
        x,
        error,
        g.dilation,
        padding,
        rhs_dilation=g.stride,
        dimension_numbers=lax.ConvDimensionNumbers(array, array, (axes, axes + 1, *range(axes))),
        batch_group_count=groups,
    )

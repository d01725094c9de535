"""Convolution by XLA's operation: the fastest on GPUs, and for many channels."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from clearprop.autodiff.shapes import Array
from clearprop.ops.conv.geometry import Geometry, Pairs


def _convolve(
    x: Array,
    kernel: Array,
    *,
    dimensions: lax.ConvDimensionNumbers,
    padding: Pairs,
    stride: tuple[int, ...] | None = None,
    spread: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    groups: int = 1,
    batch_groups: int = 1,
) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=stride or (1,) * len(padding),
        padding=padding,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        dimension_numbers=dimensions,
        feature_group_count=groups,
        batch_group_count=batch_groups,
    )


Product = Callable[[Array, Array, Geometry, int], Array]

FEW_GROUPS = 4


def _group_by_group(product: Product) -> Product:
    """Return a product of two arrays, with groups in their last axes, computed group by group.

    XLA's fast convolution for processors takes no groups: the convolutions of AlexNet take half the
    time when their groups are computed one by one.
    """

    @functools.wraps(product)
    def grouped(a: Array, b: Array, geometry: Geometry, groups: int) -> Array:
        if not 1 < groups <= FEW_GROUPS or jax.default_backend() != "cpu":
            return product(a, b, geometry, groups)
        pairs = zip(jnp.split(a, groups, axis=-1), jnp.split(b, groups, axis=-1), strict=True)
        return jnp.concatenate([product(x, y, geometry, 1) for x, y in pairs], axis=-1)

    return grouped


def _channels_last(axes: int) -> tuple[int, ...]:
    return (0, axes + 1, *range(1, axes + 1))


@_group_by_group
def forward(x: Array, kernel: Array, geometry: Geometry, groups: int) -> Array:
    """Return the convolution of x (b, sizes, f) and kernel (window, f / groups, f')."""
    axes = len(geometry.sizes)
    last = _channels_last(axes)
    return _convolve(
        x,
        kernel,
        dimensions=lax.ConvDimensionNumbers(last, (axes + 1, axes, *range(axes)), last),
        padding=geometry.padding,
        stride=geometry.stride,
        dilation=geometry.dilation,
        groups=groups,
    )


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
        padding.append((max(first, 0), max(last, 0)))
        # XLA accepts negative padding for this, but its simplifier then swaps the operands of some
        # convolutions wrongly, which ends the process.
        kept.append(slice(max(-first, 0), max(-first, 0) + size))
    channels_last = _channels_last(axes)
    whole = _convolve(
        error,
        turned,
        dimensions=lax.ConvDimensionNumbers(
            channels_last, (axes + 1, axes, *range(axes)), channels_last
        ),
        padding=tuple(padding),
        spread=g.stride,
        dilation=g.dilation,
        groups=groups,
    )
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
    spatial = tuple(range(1, axes + 1))
    return _convolve(
        x,
        error,
        dimensions=lax.ConvDimensionNumbers(
            (axes + 1, 0, *spatial), (axes + 1, 0, *spatial), (axes, axes + 1, *range(axes))
        ),
        padding=tuple(padding),
        stride=g.dilation,
        dilation=g.stride,
        batch_groups=groups,
    )

"""Convolution of each channel by itself (depthwise), as a sum of shifted copies.

For every tap of the window the input is cut so that the entries under this tap lie at the places of
the output; the copies are multiplied by the weights of the tap and added:

    y (b, places, f') = sum over the taps i of x (b, s j + d i - p, f) * kernel (i, f')

XLA computes the sum in one loop over the output, with the channels innermost, so no copy is made.
Its own convolution takes one group after the other. Sums are taken in float32 at least, as XLA's
convolution takes them.

Letters: b examples, f input channels, f' output channels, a multiple of f.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import jax.numpy as jnp
from jax import lax

from clearprop.autodiff.precision import at_least_float32
from clearprop.autodiff.shapes import Array
from clearprop.ops.conv.geometry import Geometry

FEWEST_FOR_NATIVE = 32
"""From this many examples on, XLA's convolution is faster for the error of the kernel."""


def forward(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """Return the convolution of x (b, sizes, f) and kernel (window, 1, f')."""
    padded, wide = _padded(x, kernel.shape[-1], geometry), at_least_float32(kernel)
    y = None
    for tap, part in _parts(padded, geometry):
        term = part * wide[(*tap, 0)]
        y = term if y is None else y + term
    assert y is not None  # a window has a tap
    return y.astype(x.dtype)


def input_error(error: Array, kernel: Array, geometry: Geometry, channels: int) -> Array:
    """Return the error of x, given that of the convolution."""
    g, wide = geometry, at_least_float32(kernel)
    total = None
    for tap in itertools.product(*map(range, g.window)):
        places = [(0, 0, 0)]
        for axis, i in enumerate(tap):
            first = g.dilation[axis] * i
            size = g.sizes[axis] + sum(g.padding[axis])
            used = (g.outputs[axis] - 1) * g.stride[axis] + 1
            places.append((first, size - first - used, g.stride[axis] - 1))
        zero = jnp.zeros((), wide.dtype)
        term = lax.pad(error * wide[(*tap, 0)], zero, [*places, (0, 0, 0)])
        total = term if total is None else total + term
    assert total is not None  # a window has a tap
    before = [pair[0] for pair in g.padding]
    inner = [slice(p, p + n) for p, n in zip(before, g.sizes, strict=True)]
    dx = total[(slice(None), *inner)]
    features = kernel.shape[-1]
    if features != channels:
        dx = dx.reshape(*dx.shape[:-1], channels, features // channels).sum(-1)
    return dx.astype(error.dtype)


def kernel_error(x: Array, error: Array, geometry: Geometry) -> Array:
    """Return the error of the kernel, given that of the convolution."""
    features = error.shape[-1]
    padded, wide = _padded(x, features, geometry), at_least_float32(error)
    # Rows are added first: a sum of a few sums is more exact than one long sum, and faster.
    rows = [(part * wide).sum(-2) for _, part in _parts(padded, geometry)]
    sums = [row.sum(tuple(range(row.ndim - 1))) for row in rows]
    return jnp.stack(sums).reshape(*geometry.window, 1, features).astype(error.dtype)


def _padded(x: Array, features: int, geometry: Geometry) -> Array:
    """Return x with its padding, and each channel once for every feature that reads it."""
    if features != x.shape[-1]:
        x = jnp.repeat(x, features // x.shape[-1], axis=-1)
    if not any(map(sum, geometry.padding)):
        return x
    return jnp.pad(x, ((0, 0), *geometry.padding, (0, 0)))


def _parts(padded: Array, geometry: Geometry) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yield each tap with the entries that lie under it, at the places of the output."""
    g = geometry
    for tap in itertools.product(*map(range, g.window)):
        cut = [
            slice(d * i, d * i + (n - 1) * s + 1, s)
            for d, i, n, s in zip(g.dilation, tap, g.outputs, g.stride, strict=True)
        ]
        yield tap, padded[(slice(None), *cut)]

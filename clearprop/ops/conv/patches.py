"""Convolution as a product of patches, for windows over few numbers.

The numbers under each place of the window are copied into one row, and the convolution is the
product of the rows with the kernel:

    y (b, places, f') = rows (b, places, k f) @ kernel (k f, f')

The examples stay first in memory, so that the next layer can use XLA's convolution without a
transpose. This is faster in the first layer of a network, where few numbers are copied and XLA's
convolution is slow.

Letters: b examples, f input channels, f' output channels, k taps of the window.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from clearprop.autodiff.shapes import Array
from clearprop.ops.conv.geometry import Geometry


def forward(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """Return the convolution of x (b, sizes, f) and kernel (window, f, f')."""
    rows = _rows(x, geometry)
    y = rows @ kernel.reshape(rows.shape[-1], kernel.shape[-1])
    return y.reshape(x.shape[0], *geometry.outputs, kernel.shape[-1])


def kernel_error(x: Array, error: Array, geometry: Geometry) -> Array:
    """Return the error of the kernel, given that of the convolution."""
    rows = _rows(x, geometry)
    columns = error.reshape(*rows.shape[:2], error.shape[-1])
    # The examples stay an axis of their own, so that they can be sharded over devices.
    products = lax.dot_general(rows, columns, (((1,), (1,)), ((0,), (0,))))
    return products.sum(axis=0).reshape(*geometry.window, x.shape[-1], error.shape[-1])


def _rows(x: Array, geometry: Geometry) -> Array:
    """(b, sizes, f) -> (b, places, k f)."""
    g = geometry
    padded = jnp.pad(x, ((0, 0), *g.padding, (0, 0)))
    axes = zip(g.outputs, g.stride, g.window, g.dilation, padded.shape[1:-1], strict=True)
    index = np.zeros((1, 1), np.int32)
    for outputs, stride, window, dilation, size in axes:
        seen = np.arange(outputs)[:, None] * stride + np.arange(window) * dilation
        index = index[:, None, :, None] * size + seen[None, :, None, :]
        index = index.reshape(index.shape[0] * outputs, -1).astype(np.int32)
    flat = padded.reshape(x.shape[0], math.prod(padded.shape[1:-1]), x.shape[-1])
    rows = flat.at[:, index].get(mode="promise_in_bounds")
    return rows.reshape(x.shape[0], len(index), index.shape[1] * x.shape[-1])

"""Images, sequences and volumes in another size, by entries nearby.

Each axis is resized by itself. The place of an output entry among the n entries of an axis with m
outputs is (i + 1/2) n / m - 1/2; with ``align_corners`` it is i (n - 1) / (m - 1), so that the
first and the last entries of both lie on each other.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.autodiff.elementary import getitem, matmul
from clearprop.autodiff.elementary.shape import narrowed, widened
from clearprop.autodiff.shapes import Array
from clearprop.errors import ConfigurationError, ShapeError, unknown_name
from clearprop.ops.conv.geometry import Size, per_axis
from clearprop.ops.shape import moveaxis

METHODS = ("nearest", "nearest-exact", "linear", "cubic")
"""How `interpolate` computes an entry from its neighbors."""

_BEND = -0.75
"""The slope of the cubic kernel where it ends, as in PyTorch and OpenCV."""


def interpolate(
    x: Array, sizes: Size, method: str = "nearest", align_corners: bool = False
) -> Array:
    """Resize the axes between batch and channels: ``y_i = sum_j w(p_i - j) x_j`` at place p_i.

    "nearest" reads the entry j = floor(i n / m), "nearest-exact" the one nearest to p_i. "linear"
    has w(t) = 1 - |t| for the two neighbors, over two axes the bilinear interpolation. "cubic" is
    the cubic convolution of four neighbors, whose sum can be outside the range of x. Beyond the
    ends the first and the last entry count again.

    Shapes: x (batch, *sizes, channels), y (batch, *new sizes, channels), with one to three axes of
    sizes.

    Args:
        x: (batch, *sizes, channels).
        sizes: of the output, one number for all axes or one for each.
        method: "nearest", "nearest-exact", "linear" or "cubic".
        align_corners: whether the first and the last entries lie on each other; only for "linear"
            and "cubic".

    Raises:
        ShapeError: an input of another rank, or without entries.
        ConfigurationError: there is no such method, or it does not align corners.

    >>> x = jnp.array([0.0, 4.0])[None, :, None]
    >>> print(interpolate(x, 4)[0, :, 0], interpolate(x, 4, "linear")[0, :, 0])
    [0. 0. 4. 4.] [0. 1. 3. 4.]

    Source: PyTorch's `interpolate`; the cubic kernel of Keys 1981, *Cubic convolution interpolation
    for digital image processing*, with a = -0.75 where Keys has -0.5.
    """
    axes = len(x.shape) - 2
    if not 1 <= axes <= 3 or not all(x.shape[1:-1]):
        raise ShapeError(
            "the input does not have one to three axes of entries between batch and channels",
            where="interpolate",
            given=f"input {tuple(x.shape)}",
            expected="(batch, *sizes, channels)",
        )
    if method not in METHODS:
        raise unknown_name("method", method, METHODS, where="interpolate")
    if align_corners and method.startswith("nearest"):
        raise ConfigurationError(
            f"{method!r} reads whole entries: there are no corners to align",
            where="interpolate",
            given="align_corners=True",
            fix="align_corners=False",
        )
    wanted = per_axis(sizes, axes, name="sizes", where="interpolate")
    if method.startswith("nearest"):
        for axis, m in enumerate(wanted, start=1):
            places = _nearest(x.shape[axis], m, exact=method == "nearest-exact")
            x = getitem(x, (*(slice(None),) * axis, places))
        return x
    y: Any = widened(x)
    for axis, m in enumerate(wanted, start=1):
        weights = jnp.asarray(_weights(x.shape[axis], m, method, align_corners).T, y.dtype)
        y = moveaxis(matmul(moveaxis(y, axis, -1), weights), -1, axis)
    return narrowed(y, x) if jnp.issubdtype(x.dtype, jnp.floating) else y


def _nearest(n: int, m: int, exact: bool) -> NDArray[np.int64]:
    """Return the entry that each output reads, by whole numbers: no rounding moves a place."""
    i = np.arange(m)
    return (2 * i + 1) * n // (2 * m) if exact else i * n // m


def _weights(n: int, m: int, method: str, align_corners: bool) -> NDArray[np.float64]:
    """Return the weight of each entry in each output, (outputs, entries)."""
    i = np.arange(m)
    if align_corners:
        place = i * ((n - 1) / (m - 1)) if m > 1 else np.zeros(1)
    else:
        place = (i + 0.5) * (n / m) - 0.5
    if method == "linear":
        place = np.maximum(place, 0)  # the two neighbors beyond the end are one entry
    first = np.floor(place).astype(int)
    taps = (0, 1) if method == "linear" else (-1, 0, 1, 2)
    weights = np.zeros((m, n))
    for tap in taps:
        distance = np.abs(place - (first + tap))
        weight = 1 - distance if method == "linear" else _cubic(distance)
        np.add.at(weights, (i, np.clip(first + tap, 0, n - 1)), weight)
    return weights


def _cubic(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic kernel at a distance from 0 to 2."""
    a = _BEND
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((t - 5) * t + 8) * t * a - 4 * a
    return np.where(t <= 1, near, far)

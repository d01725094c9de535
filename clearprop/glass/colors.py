"""The colors of the pictures: safe for color-blind eyes, and still ordered when printed in gray.

Zero is near white; negative numbers become dark blue, positive ones orange. The blue end is darker
than the orange end, so that the two differ in gray.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

NEGATIVE = ((247, 247, 245), (164, 201, 230), (72, 137, 196), (21, 82, 145), (8, 40, 88))
POSITIVE = ((247, 247, 245), (252, 205, 160), (244, 150, 79), (222, 104, 24), (176, 66, 6))
DARKEST = (92, 28, 2)


def diverging(values: NDArray[np.number], limit: float | None = None) -> Pixels:
    """Return an RGB picture of numbers around zero.

    Args:
        values: of any shape.
        limit: the absolute value that gets the full color; None takes the largest one.

    Returns:
        uint8, shaped like the values with a last axis of three; numbers that are not finite are
        gray.

    >>> diverging(np.array([-1.0, 0.0, 1.0])).tolist()
    [[8, 40, 88], [247, 247, 245], [176, 66, 6]]
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    top = largest(values) if limit is None else limit
    fraction = np.clip(np.where(finite, values, 0.0) / (top or 1.0), -1.0, 1.0)
    pixels = np.where(
        (fraction < 0)[..., None], _ramp(NEGATIVE, -fraction), _ramp(POSITIVE, fraction)
    )
    pixels[~finite] = 128
    return pixels.astype(np.uint8)


def rising(fractions: NDArray[np.floating]) -> Pixels:
    """Return an RGB picture of numbers from 0 to 1: near white, orange, dark brown.

    >>> rising(np.array([0.0, 1.0])).tolist()
    [[247, 247, 245], [92, 28, 2]]
    """
    return _ramp((*POSITIVE, DARKEST), np.clip(fractions, 0.0, 1.0)).astype(np.uint8)


def largest(values: NDArray[np.number]) -> float:
    """Return the largest absolute value that is finite; 0 where there is none."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def gray(values: NDArray[np.number], limits: tuple[float, float] | None = None) -> Pixels:
    """Return pictures (..., height, width, 1 or 3) from their least to their largest value.

    Args:
        values: of the pixels.
        limits: the values that are black and white, if they are others.

    >>> gray(np.array([[[0.0], [2.0]]])).ravel().tolist()
    [0, 255]
    """
    return np.round(stretched(values, limits) * 255).astype(np.uint8)


def stretched(
    values: NDArray[np.number], limits: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """Return numbers scaled so that the least becomes 0 and the largest 1, or other limits do."""
    values = np.asarray(values, np.float64)
    low, high = limits or (values.min(), values.max())
    return np.asarray(np.clip((values - low) / ((high - low) or 1.0), 0, 1))


def _ramp(
    stops: tuple[tuple[int, int, int], ...], fraction: NDArray[np.floating]
) -> NDArray[np.float64]:
    colors = np.array(stops, np.float64)
    position = np.linspace(0.0, 1.0, len(stops))
    channels = [np.interp(fraction, position, colors[:, i]) for i in range(3)]
    return np.asarray(np.round(np.stack(channels, axis=-1)), np.float64)

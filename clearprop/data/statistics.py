"""Centers and spreads over all axes but the last; bytes are not copied to floats.

Shape letters: N examples, F entries of the last axis.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import DataError

Scaling: TypeAlias = Literal["standard", "unit", "none"]
Pair: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]


def center_and_spread(values: NDArray[np.generic], scaling: Scaling) -> Pair:
    """Return the numbers to subtract and to divide by, for each entry of the last axis.

    "standard": mean and standard deviation. "unit": the least value and the range. "none": 0 and 1.
    A spread of 0 becomes 1, so that a constant stays finite. Bytes of shape (N, F) are pixels in a
    row and have one common center and spread: an own spread would enlarge a pixel that is almost
    always black.

    Raises:
        DataError: the numbers are so large that their squares overflow.

    >>> center_and_spread(np.array([[1.0, 5.0], [3.0, 5.0]]), "standard")
    ((2.0, 5.0), (1.0, 1.0))
    >>> center_and_spread(np.array([[0, 10], [20, 10]], np.uint8), "unit")
    ((0.0,), (20.0,))
    """
    if values.dtype == np.uint8:
        table = values.reshape(-1, values.shape[-1] if values.ndim > 2 else 1)
        low, high, mean, deviation = _of_bytes(table.astype(np.uint8, copy=False))
    else:
        numbers = values.astype(np.float64, copy=False).reshape(-1, values.shape[-1])
        low, high = numbers.min(axis=0), numbers.max(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = numbers.mean(axis=0), numbers.std(axis=0)
        wide = np.isfinite(low) & np.isfinite(high) & ~np.isfinite(deviation)
        if wide.any():
            column = int(wide.argmax())
            raise DataError(
                "the numbers are too large for a standard deviation",
                given=f"{low[column]:.3g} to {high[column]:.3g} in entry {column} of the last axis",
                expected="numbers whose squares are below 1.8e308",
                fix="divide them by a power of ten, or remove the wrong values",
            )
        # Rounding can make the deviation of equal numbers slightly larger than 0.
        deviation = np.where(low == high, 0.0, deviation)
    if scaling == "none":
        center, spread = np.zeros_like(mean), np.ones_like(mean)
    elif scaling == "unit":
        center, spread = low, high - low
    else:
        center, spread = mean, deviation
    return tuple(center.tolist()), tuple(np.where(spread == 0, 1.0, spread).tolist())


def _of_bytes(table: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    # A histogram of 256 bins gives all four exactly, without a float copy of the pictures.
    histogram = np.zeros((table.shape[1], 256), np.int64)
    rows = 1 << 20
    for start in range(0, len(table), rows):
        for channel in range(table.shape[1]):
            part = table[start : start + rows, channel]
            histogram[channel] += np.bincount(part, minlength=256)
    levels = np.arange(256.0)
    fraction = histogram / histogram.sum(axis=1, keepdims=True)
    mean = fraction @ levels
    deviation = np.sqrt((fraction * (levels - mean[:, None]) ** 2).sum(axis=1))
    low = np.argmax(histogram > 0, axis=1).astype(np.float64)
    high = 255.0 - np.argmax(histogram[:, ::-1] > 0, axis=1)
    return low, high, mean, deviation

"""Bars of sizes that differ by powers of ten: their lengths on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from clearprop.glass.wording import number

FEWEST_DECADES = 3
"""On a scale with fewer powers of ten, small differences look large."""


class Bars(NamedTuple):
    """A logarithmic scale.

    Attributes:
        low: logarithm to base 10 of the size with a bar of length 0.
        high: logarithm of the size with a bar of length 1.
    """

    low: float
    high: float

    @classmethod
    def of(cls, sizes: Iterable[float]) -> Bars:
        """Return the scale for some sizes.

        >>> Bars.of([1.0, 100.0]).ends
        ('0.08', '100')
        """
        logarithms = [math.log10(size) for size in sizes if 0 < size < math.inf] or [0.0]
        high = max(logarithms)
        return cls(min(*logarithms, high - FEWEST_DECADES) - 0.1, high)

    def length(self, size: float) -> float:
        """Return the length of the bar of a size, from 0 to 1; 0 where it is not finite."""
        if not 0 < size < math.inf:
            return 0.0
        return (math.log10(size) - self.low) / (self.high - self.low)

    @property
    def ends(self) -> tuple[str, str]:
        """The sizes with the shortest and the longest bar, as text."""
        return number(10**self.low, 1), number(10**self.high, 2)

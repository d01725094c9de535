"""The targets of some examples, and what can be said of them.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.labels import FEW

MOST = 4096
"""Targets are looked at up to this number of examples, evenly spaced."""

EXAMPLES_OF_A_CLASS = 3
"""Whole numbers are taken for class numbers where each has this many examples in the mean."""

FARTHEST = 0.01
"""So many of the targets are left out where it is asked which ones are typical."""

DEVIATIONS = 0.9
"""Targets are typical up to this number of deviations from their mean. Scaled targets have the
deviation 1, nearly: an interval from -1 to 1 holds the typical ones."""

NOT_ONE = 0.01
"""The sum of a row of probabilities may differ from 1 by this much."""

ROUNDING = 1e-3
"""Sums and ends that differ by less are equal."""


def spaced(targets: Any) -> NDArray[Any]:
    """Return at most `MOST` evenly spaced targets."""
    every = np.asarray(targets)
    if len(every) <= MOST:
        return every
    return every[np.linspace(0, len(every) - 1, MOST).astype(np.intp)]


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets as the loss takes them, (N, ...).

    Attributes:
        values: of at most `MOST` examples.
        scaled: whether a preprocessor has scaled them.
    """

    values: NDArray[Any]
    scaled: bool = False

    @classmethod
    def of(cls, targets: Any, scaled: bool = False) -> Targets:
        """Return what is known of some targets."""
        return cls(spaced(targets), scaled)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the target of one example."""
        return tuple(self.values.shape[1:])

    @property
    def integer(self) -> bool:
        """Whether they are stored as whole numbers."""
        return self.values.dtype.kind in "iub"

    @functools.cached_property
    def low(self) -> float:
        """The smallest."""
        return float(self.values.min())

    @functools.cached_property
    def high(self) -> float:
        """The largest."""
        return float(self.values.max())

    @functools.cached_property
    def whole(self) -> bool:
        """Whether each is a whole number."""
        return self.integer or bool((self.values == np.round(self.values)).all())

    @functools.cached_property
    def distinct(self) -> NDArray[Any]:
        """The different values, in their order."""
        return np.unique(self.values)

    @property
    def signs(self) -> bool:
        """Whether each is -1 or 1, and -1 occurs."""
        return self.whole and self.low == -1 and bool(np.isin(self.distinct, (-1, 1)).all())

    @property
    def chances(self) -> bool:
        """Whether each is from 0 to 1."""
        return self.low >= 0 and self.high <= 1

    @property
    def one_number(self) -> bool:
        """Whether there is one number for each example."""
        return self.shape in ((), (1,))

    @functools.cached_property
    def classes(self) -> int:
        """K where the targets look like class numbers 0 to K-1 or 1 to K; 0 where they do not."""
        if not self.one_number or not self.whole or self.low not in (0, 1) or self.high > FEW:
            return 0
        K = len(self.distinct)
        complete = int(self.high - self.low) + 1 == K
        return K if complete and len(self.values) >= K * EXAMPLES_OF_A_CLASS else 0

    @functools.cached_property
    def sums(self) -> NDArray[np.float64]:
        """Of each row over the last axis."""
        sums: NDArray[np.float64] = np.asarray(self.values, np.float64).sum(-1)
        return sums

    @property
    def one_hot(self) -> bool:
        """Whether each row has a single 1 and else zeros."""
        if not self.shape or self.shape[-1] < 2 or not self.whole or not self.chances:
            return False
        return bool((self.sums == 1).all())

    def fraction_outside(self, low: float, high: float) -> float:
        """Return the fraction of entries outside an interval, by more than rounding."""
        width = high - low if np.isfinite(high - low) else 1.0
        slack = ROUNDING * width
        outside = (self.values < low - slack) | (self.values > high + slack)
        return float(outside.mean())

    def variance_outside(self, low: float, high: float) -> float:
        """Return the squared error of the best numbers inside an interval, by the variance.

        >>> Targets.of(np.float32([-1, 1])).variance_outside(0, 1)
        0.5
        """
        values = np.asarray(self.values, np.float64)
        error, variance = np.square(values - np.clip(values, low, high)).mean(), values.var()
        return float(error / variance) if variance else math.inf if error else 0.0

    def typical_inside(self, low: float, high: float) -> bool:
        """Say whether an interval holds the typical targets, and at least half of all.

        Outputs of such an interval can be meant, however far the others are.

        >>> targets = Targets.of(np.float32([-3, -1, -0.5, 0, 0.5, 1, 3]) / 1.7)
        >>> targets.typical_inside(-1, 1), targets.typical_inside(0, 3)
        (True, False)
        """
        values = np.asarray(self.values, np.float64).ravel()
        distances = np.abs(values - np.clip(values, low, high))
        near = values[distances <= np.quantile(distances, 1 - FARTHEST)]
        middle, width = near.mean(), DEVIATIONS * near.std()
        inside = low <= middle - width and middle + width <= high
        return bool(inside and (distances > 0).mean() <= 0.5)

    def text(self) -> str:
        """Say from where to where they reach.

        >>> Targets.of(np.array([1.5, 4.0])).text()
        'targets from 1.5 to 4'
        """
        if self.low == self.high:
            return f"targets that are all {self.low:.4g}"
        scaled = ", scaled to mean 0 and deviation 1" if self.scaled else ""
        return f"targets from {self.low:.4g} to {self.high:.4g}{scaled}"


def percent(fraction: float) -> str:
    """Return a fraction in percent, never 0 % for some nor 100 % for not all.

    >>> percent(1.0), percent(0.9999), percent(0.257), percent(0.0002)
    ('100%', 'more than 99%', '26%', 'less than 1%')
    """
    if 0 < fraction < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < fraction < 1 else f"{fraction:.0%}"

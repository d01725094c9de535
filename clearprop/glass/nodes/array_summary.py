"""An array in a few numbers, computed by NumPy or inside a compiled call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


class ArraySummary(NamedTuple):
    """An array in a few numbers; all but ``nonfinite`` and ``zeros`` are of its finite entries.

    Attributes:
        mean: of the entries.
        smallest, largest: of the entries.
        size: mean of their absolute values.
        norm: root of the sum of their squares.
        zeros: fraction of all entries that are exactly 0.
        nonfinite: how many entries are infinite or not a number.
    """

    mean: float
    smallest: float
    largest: float
    size: float
    norm: float
    zeros: float
    nonfinite: int


NOTHING = ArraySummary(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0)
"""The summary of an error signal of 0: none arrives."""


def summary_of(array: ArrayLike) -> ArraySummary:
    """Return an array in a few numbers.

    >>> summary_of(np.array([3.0, -4.0, 0.0, np.nan])).norm
    5.0
    """
    return summary_from(numbers_of(np.asarray(array, np.float64), np))


def summary_from(numbers: Iterable[float]) -> ArraySummary:
    """Return the summary with these numbers, in the order of its fields."""
    mean, smallest, largest, size, norm, zeros, nonfinite = (float(number) for number in numbers)
    return ArraySummary(mean, smallest, largest, size, norm, zeros, round(nonfinite))


def numbers_of(array: Any, of: Any = jnp) -> Any:
    """Return the numbers of a summary as an array, computed by JAX, or by numpy with ``of=np``."""
    if of is jnp:
        if jnp.issubdtype(array.dtype, jax.dtypes.extended):
            array = jnp.zeros(())
        array = array.astype(jnp.promote_types(jnp.float32, array.dtype))
    if not array.size:
        return of.asarray([0.0] * len(ArraySummary._fields))
    finite = of.isfinite(array)
    count = of.maximum(of.sum(finite), 1)
    kept = of.where(finite, array, 0)
    sizes = of.abs(kept)
    largest = of.max(sizes)
    # The squares of entries divided by the largest can neither overflow nor underflow.
    unit = of.where(largest > 0, largest, 1)
    return of.stack(
        [
            of.sum(kept / unit) / count * unit,
            of.min(of.where(finite, array, of.where(finite.any(), of.inf, 0))),
            of.max(of.where(finite, array, of.where(finite.any(), -of.inf, 0))),
            of.sum(sizes / unit) / count * unit,
            of.sqrt(of.sum(of.square(kept / unit))) * unit,
            of.sum(array == 0) / array.size,
            array.size - of.sum(finite),
        ]
    )

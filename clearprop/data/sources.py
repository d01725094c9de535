"""Sources of examples: arrays in memory, or rows that are read when a batch needs them.

Shape letters: N examples; the shape of one example follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.intp]


class Source(Protocol):
    """Rows by index: what a data set that is not in memory has in place of an array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that all rows would have as one array, (N, ...)."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the numbers of a row."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Indices, /) -> NDArray[np.generic]: ...


Inputs: TypeAlias = NDArray[np.generic] | Source
Named: TypeAlias = Mapping[str, Inputs]
"""Several inputs of one example by name; all have the same N."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a source, in a chosen order; nothing is copied before a batch needs it.

    >>> view = Rows(np.arange(10) * 2, np.array([3, 1]))
    >>> len(view), view[np.array([0, 1])].tolist()
    (2, [6, 2])
    """

    source: Inputs
    indices: Indices

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the chosen rows."""
        return (len(self.indices), *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the numbers of a row."""
        return self.source.dtype

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, rows: Indices, /) -> NDArray[np.generic]:
        return self.source[self.indices[rows]]


def size_in_bytes(inputs: Inputs) -> int:
    """Return the memory that all rows together take.

    >>> size_in_bytes(np.zeros((10, 3), np.float32))
    120
    """
    return int(np.prod(inputs.shape, dtype=np.int64)) * inputs.dtype.itemsize


def by_name(inputs: object) -> bool:
    """Return whether an example has several inputs by name.

    >>> by_name({"source": np.zeros((2, 3))}), by_name(np.zeros((2, 3)))
    (True, False)
    """
    return isinstance(inputs, Mapping)


def rows_of(inputs: Any, rows: Indices | slice) -> Any:
    """Return some rows of inputs; a dict for several inputs by name.

    >>> rows_of({"b": np.arange(4), "a": -np.arange(4)}, np.array([3, 1]))
    {'a': array([-3, -1]), 'b': array([3, 1])}
    """
    if by_name(inputs):
        return {name: np.asarray(inputs[name][rows]) for name in sorted(inputs)}
    return np.asarray(inputs[rows])


def evenly_spaced(inputs: Inputs, most: int) -> NDArray[np.generic]:
    """Return at most ``most`` rows, spread evenly over the source: a sample for statistics.

    >>> evenly_spaced(np.arange(10), 4).tolist()
    [0, 3, 6, 9]
    """
    if len(inputs) <= most and isinstance(inputs, np.ndarray):
        return inputs
    count = min(most, len(inputs))
    rows = np.linspace(0, len(inputs) - 1, count).round().astype(np.intp)
    return np.asarray(inputs[rows])

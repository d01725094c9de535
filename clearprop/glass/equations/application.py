"""One use of an operation, as formulas see it: its inputs and its output, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop.glass.equations.expression import SHOWN_TERMS, Expression

Index: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Operand:
    """An input of an operation.

    Attributes:
        array: its values.
        entry: returns the symbol (or the number) of one entry.
    """

    array: jax.Array | NDArray[np.generic]
    entry: Callable[[Index], Expression]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along each axis."""
        return tuple(np.shape(self.array))

    def at(self, index: Index) -> Expression:
        """Return the entry that broadcasts to an index of the output."""
        return self.entry(broadcast_index(index, self.shape))


@dataclass(frozen=True, eq=False)
class Application:
    """One use of an operation.

    Attributes:
        operation: its name.
        parameters: its static parameters.
        inputs: in the order of the operation; None for an optional input that was left out.
        output: the number of the output that is explained.
        shape: of that output.
        result: (output, index) -> the symbol of an entry of an output.
        shown: how many terms of a long sum are written out; None writes all.
    """

    operation: str
    parameters: dict[str, Any]
    inputs: tuple[Operand | None, ...]
    output: int
    shape: tuple[int, ...]
    result: Callable[[int, Index], Expression]
    shown: int | None = SHOWN_TERMS

    def operand(self, i: int) -> Operand:
        """Return an input that was not left out."""
        found = self.inputs[i]
        assert found is not None
        return found

    def axes(self, rank: int, default: int | None = None) -> tuple[int, ...]:
        """Return the axes that the operation works along, counted from 0; all of them for None."""
        axis = self.parameters.get("axis", default)
        if axis is None:
            return tuple(range(rank))
        return tuple(a % rank for a in ((axis,) if isinstance(axis, int) else axis))


def broadcast_index(index: Index, shape: tuple[int, ...]) -> Index:
    """Return the index in a smaller shape that broadcasts to an index of the larger one.

    >>> broadcast_index((4, 2, 3), (1, 6))
    (0, 3)
    """
    own = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))


def brackets(index: Index) -> str:
    """Write an index in the form that follows a name.

    >>> brackets((0, 2)), brackets(())
    ('[0,2]', '')
    """
    return f"[{','.join(map(str, index))}]" if index else ""


Row: TypeAlias = Callable[[Application, Index], Expression]
"""(application, index of the output) -> how that entry was computed; it may raise `Unwritten`."""


class Unwritten(Exception):  # noqa: N818 - it is no error: the entry is shown without a formula
    """No formula describes an entry of an output."""

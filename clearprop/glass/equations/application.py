"""One use of an operation, as formulas see it: its inputs entry by entry, and its answer."""

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
        entry: gives the symbol (or the number) of one entry.
        constant: whether it came from outside the pass, such as a target.
    """

    array: jax.Array | NDArray[np.generic]
    entry: Callable[[Index], Expression]
    constant: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along each axis."""
        return tuple(np.shape(self.array))

    def at(self, index: Index) -> Expression:
        """Return the entry that meets an entry of the output, where inputs broadcast."""
        return self.entry(self.met(index))

    def met(self, index: Index) -> Index:
        """Return the place of the entry that broadcasts to an index of the output."""
        shape = self.shape
        own = index[len(index) - len(shape) :]
        return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))


@dataclass(frozen=True, eq=False)
class Application:
    """One use of an operation.

    Attributes:
        operation: its name.
        parameters: its static parameters.
        inputs: in the order of the operation's; None where an optional one was left out.
        output: which of its outputs is meant.
        shape: of that output.
        result: (output, index) -> the symbol of an entry of an output.
        shown: terms of a long sum that are written out; None writes all.
    """

    operation: str
    parameters: dict[str, Any]
    inputs: tuple[Operand | None, ...]
    output: int
    shape: tuple[int, ...]
    result: Callable[[int, Index], Expression]
    shown: int | None = SHOWN_TERMS

    def operand(self, i: int) -> Operand:
        """Return an input that is there."""
        found = self.inputs[i]
        assert found is not None
        return found


Row: TypeAlias = Callable[[Application, Index], Expression | None]
"""(application, index of the output) -> how that entry was computed; None where it is not said."""

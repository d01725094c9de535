"""One node of a pass: what was computed, from what, and the error signal that came back.

Shape letters: none; a node has the shape of its value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from clearprop.errors import ConfigurationError
from clearprop.glass.explain.check import Check, check
from clearprop.glass.explain.graph import Link, Slot, Spec
from clearprop.glass.explain.jacobian import Jacobian, local_derivative
from clearprop.glass.explain.summary import NOTHING, Summary

if TYPE_CHECKING:
    from clearprop.glass.explain.glass import Glass

Array = jax.Array


class GlassNode:
    """A value of one pass: a parameter, an input, or what an operation made of others.

    The arrays are computed when they are asked for. A loop over time (``scan``), a ``checkpoint``
    and a lifted JAX function are one node an output: what happens inside has no node of its own,
    its error signal arrives at what went in. A loop gives its last state, ``....last``, and
    what it gave at every step, time in front, ``....y``; `Glass.through_time` shows the state and
    its error signal after every step.

    Attributes:
        glass: the pass that it belongs to.
        index: its place in the order of computation.
        name, layer, operation, output, shape, dtype: see `Spec`.
    """

    __slots__ = (
        "_spec", "dtype", "glass", "index", "layer", "name", "operation", "output", "shape",
    )  # fmt: skip

    def __init__(self, glass: Glass, index: int, spec: Spec) -> None:
        self.glass = glass
        self.index = index
        self.name = spec.name
        self.layer = spec.layer
        self.operation = spec.operation
        self.output = spec.output
        self.shape = spec.shape
        self.dtype = spec.dtype
        self._spec = spec

    @property
    def value(self) -> Array:
        """What was computed."""
        return self.glass.values[self._spec.value]

    @property
    def error(self) -> Array | None:
        """The error signal dE/dvalue: zeros where none arrives, None where none can (integers)."""
        if self._spec.error is not None:
            return self.glass.values[self._spec.error]
        return jnp.zeros(self.shape, self.dtype) if self.carries_error else None

    @property
    def carries_error(self) -> bool:
        """Whether an error signal can arrive: the value is floating-point."""
        return bool(jnp.issubdtype(self.dtype, jnp.floating))

    @property
    def summary(self) -> Summary:
        """The value in a few numbers."""
        return self.glass.values.summary(self._spec.value)

    @property
    def error_summary(self) -> Summary | None:
        """The error signal in a few numbers; None where none can arrive."""
        if self._spec.error is not None:
            return self.glass.values.summary(self._spec.error)
        return NOTHING if self.carries_error else None

    def passed_summary(self, i: int = 0) -> Summary:
        """What this node hands to its input i, in a few numbers."""
        slot = self._spec.passed[i] if self._spec.passed else None
        return NOTHING if slot is None else self.glass.values.summary(slot)

    @property
    def is_reached(self) -> bool:
        """Whether operations lead from it to E along which an error signal can come back."""
        return self._spec.error is not None

    @property
    def inputs(self) -> tuple[Any, ...]:
        """What it was computed from: nodes, and constants as arrays, numbers or None."""
        return tuple(
            self.glass.nodes[x.index] if type(x) is Link else self._plain(x)
            for x in self._spec.inputs
        )

    @property
    def sources(self) -> tuple[int | None, ...]:
        """Indices of the nodes that its inputs are; None for a constant. Nothing is computed."""
        return tuple(x.index if type(x) is Link else None for x in self._spec.inputs)

    def passes(self, i: int) -> bool:
        """Say whether it hands an error signal, be it 0, to its input i. Nothing is computed."""
        return bool(self._spec.passed) and self._spec.passed[i] is not None

    @property
    def steps(self) -> int:
        """Of a loop over time how many steps it makes, else 0."""
        return self._spec.steps

    @property
    def users(self) -> tuple[GlassNode, ...]:
        """The nodes that read it."""
        return tuple(self.glass.nodes[i] for i in self.glass.structure.users[self.index])

    @property
    def siblings(self) -> tuple[GlassNode, ...]:
        """The nodes of all outputs of its operation, its own among them."""
        first = self.index - self.output
        return self.glass.nodes[first : first + self._spec.outputs]

    @property
    def is_row(self) -> bool:
        """Whether its operation is a row of the rule table, and not made of a whole function."""
        return self._spec.is_row

    @property
    def place(self) -> tuple[int, int] | None:
        """(node, output) on the tape; None for an input that carries no error."""
        return self._spec.place

    @property
    def parameters(self) -> dict[str, Any]:
        """The static parameters of the operation, such as ``axis``."""
        found: dict[str, Any] = jax.tree.map(self._plain, self._spec.parameters)
        return found

    def local(self, i: int = 0) -> Array | Jacobian | None:
        """Return the local derivative dy/dx_i.

        Of an operation that works entry by entry it is the array of the derivatives of each entry
        of y, shaped like y; of any other a `Jacobian`, of which rows and columns are computed as
        they are asked for. None where the operation passes nothing to this input.

        Args:
            i: which input.

        Raises:
            ConfigurationError: there is no such input.
        """
        return local_derivative(self, i)

    def passed(self, i: int = 0) -> Array | None:
        """Return what this node hands to its input i: its error signal times dy/dx_i.

        It has the shape of that input, summed over the axes along which the input was broadcast.
        An operation of several outputs hands on one sum for all of them. None for a constant, and
        where nothing is passed.

        Args:
            i: which input.

        Raises:
            ConfigurationError: there is no such input.
        """
        self.check_input(i)
        slot = self._spec.passed[i] if self._spec.passed else None
        return None if slot is None else self.glass.values[slot]

    def check(self, index: int | tuple[int, ...] | None = None) -> Check:
        """Compare an entry of the error signal with what E does when that entry is moved.

        In double precision, for any entry of any node; None for the entry of the largest error.
        See `clearprop.glass.explain.check`.
        """
        return check(self, index)

    def check_input(self, i: int) -> None:
        """Raise where there is no input i."""
        if not 0 <= i < len(self._spec.inputs):
            raise ConfigurationError(
                "the node has no such input",
                where=self.name,
                given=f"input {i}",
                expected=f"one of its {len(self._spec.inputs)} inputs, counted from 0",
            )

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "scalar"
        return f"<{self.name} {shape}>"

    def _plain(self, value: Any) -> Any:
        return self.glass.values[value] if type(value) is Slot else value

"""One node of a pass: its value, its inputs, and its error signal.

Shape letters: none; a node has the shape of its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, overload

import jax

from clearprop.errors import ConfigurationError, nearest
from clearprop.glass.nodes.array_summary import NOTHING, ArraySummary
from clearprop.glass.nodes.check import Check, check
from clearprop.glass.nodes.graph import Entry, Link, Spec, shape_text
from clearprop.glass.nodes.jacobian import Jacobian, local_derivative
from clearprop.glass.nodes.table import Table, TableRow
from clearprop.glass.nodes.through_time import ThroughTime
from clearprop.glass.nodes.values import Values

Array = jax.Array


class GlassNode:
    """A value of one pass: a parameter, an input, or the output of an operation.

    The arrays are computed when they are read. A loop over time (``scan``), a ``checkpoint``
    and a lifted JAX function have one node for each output. The operations inside have no nodes;
    what they pass back arrives at the inputs of the node. The outputs of a loop are its last state,
    ``....last``, and its output at every step, ``....y``, with time on the first axis.
    `Glass.through_time` returns the state and its error signal after every step.

    Attributes:
        glass: the pass that it belongs to.
        index: its place in the order of computation.
        spec: the node without its numbers.
        name, layer, operation, output, shape, dtype: see `Spec`.
    """

    __slots__ = (
        "dtype", "glass", "index", "layer", "name", "operation", "output", "shape", "spec",
    )  # fmt: skip

    def __init__(self, glass: Nodes, spec: Spec) -> None:
        self.glass = glass
        self.index = spec.index
        self.name = spec.name
        self.layer = spec.layer
        self.operation = spec.operation
        self.output = spec.output
        self.shape = spec.shape
        self.dtype = spec.dtype
        self.spec = spec

    @property
    def value(self) -> Array:
        """The array that was computed."""
        return self.glass.values[self.spec.value]

    @property
    def error(self) -> Array | None:
        """The error signal dE/dvalue: zeros where none arrives, None for integers."""
        return self.glass.values.error(self.spec)

    @property
    def carries_error(self) -> bool:
        """Whether an error signal can arrive: the value is floating-point."""
        return self.spec.carries_error

    @property
    def summary(self) -> ArraySummary:
        """The value in a few numbers."""
        return self.glass.values.summary(self.spec.value)

    @property
    def error_summary(self) -> ArraySummary | None:
        """The error signal in a few numbers; None where none can arrive."""
        if self.spec.error is not None:
            return self.glass.values.summary(self.spec.error)
        return NOTHING if self.carries_error else None

    def passed_summary(self, i: int = 0) -> ArraySummary:
        """What this node passes to its input i, in a few numbers."""
        slot = self.spec.sent(i)
        return NOTHING if slot is None else self.glass.values.summary(slot)

    @property
    def is_reached(self) -> bool:
        """Whether operations that pass error signals connect it with E."""
        return self.spec.error is not None

    @property
    def inputs(self) -> tuple[GlassNode | Array | float | None, ...]:
        """The inputs of its operation: nodes, and constants as arrays, numbers or None."""
        return tuple(
            self.glass.nodes[x.index] if isinstance(x, Link) else self.glass.values.plain(x)
            for x in self.spec.inputs
        )

    @property
    def input_values(self) -> tuple[Array | float | None, ...]:
        """The values of its inputs, as arrays, numbers or None."""
        return self.glass.values.inputs(self.spec)

    @property
    def sources(self) -> tuple[int | None, ...]:
        """The indices of its inputs' nodes, None for a constant."""
        return tuple(x.index if type(x) is Link else None for x in self.spec.inputs)

    def passes(self, i: int) -> bool:
        """Say whether it passes an error signal, even one of 0, to its input i."""
        return self.spec.sent(i) is not None

    @property
    def steps(self) -> int:
        """How many steps a loop over time takes; 0 for other operations."""
        return self.spec.steps

    @property
    def users(self) -> tuple[GlassNode, ...]:
        """The nodes that read it."""
        return tuple(self.glass.nodes[i] for i in self.glass.structure.users[self.index])

    @property
    def siblings(self) -> tuple[GlassNode, ...]:
        """The nodes of all outputs of its operation, its own among them."""
        return tuple(self.glass.nodes[s.index] for s in self.glass.values.siblings(self.spec))

    @property
    def parameters(self) -> dict[str, object]:
        """The static parameters of the operation, such as ``axis``."""
        return self.glass.values.parameters(self.spec)

    def local(self, i: int = 0) -> Array | Jacobian | None:
        """Return the local derivative dy/dx_i.

        For an elementwise operation it is an array: the derivative of each entry of y, in the shape
        of y. For any other operation it is a `Jacobian`, whose rows and columns are computed when
        they are read. It is None if the operation passes nothing to this input.

        Args:
            i: which input.

        Raises:
            ConfigurationError: there is no such input.
        """
        return local_derivative(self.glass.values, self.spec, i)

    def passed(self, i: int = 0) -> Array | None:
        """Return what this node passes to its input i: its error signal times dy/dx_i.

        It has the shape of that input: it is summed over the axes along which the input was
        broadcast. An operation with several outputs passes one sum for all of them. The result is
        None for a constant, and if nothing is passed.

        Args:
            i: which input.

        Raises:
            ConfigurationError: there is no such input.
        """
        self.spec.check_input(i)
        slot = self.spec.sent(i)
        return None if slot is None else self.glass.values[slot]

    def check(self, index: Entry | None = None) -> Check:
        """Compare an entry of the error signal with how E changes when that entry is changed.

        E is computed in double precision. The index None takes the entry with the largest error
        signal. See `clearprop.glass.nodes.check`.
        """
        return check(self.glass.values, self.spec, index)

    def __repr__(self) -> str:
        return f"<{self.name} {shape_text(self.shape)}>"


class Selection(tuple[GlassNode, ...]):
    """Some nodes of a pass, in their order."""

    __slots__ = ()

    def table(self) -> Table:
        """Return these nodes as a table of a few numbers each."""
        return Table(
            TableRow(n.name, n.operation, n.shape, n.summary, n.error_summary) for n in self
        )

    def __repr__(self) -> str:
        return f"<{len(self)} nodes: {', '.join(node.name for node in self)}>"


class Nodes:
    """The nodes of one pass by name.

    ``nodes["layers.0/matmul"]`` is a node, ``nodes["layers.0"]`` the node of that layer's output,
    ``nodes["layers.*"]`` a `Selection` of nodes. The name of a parameter is its path, that of an
    input ``input`` or ``input.NAME``, that of an operation ``LAYER/OPERATION``: ``model/...`` if
    the model itself computes it, ``loss/...`` if the loss does. The second node of a name is
    ``...#2``. An operation with several outputs has a node for each, ``....0``, ``....1``.

    Attributes:
        nodes: parameters, inputs, then operations in the order of computation; the last is E.
        values: the arrays of the nodes.
        structure: names, shapes and edges, without numbers.
    """

    def __init__(self, values: Values) -> None:
        self.values = values
        self.structure = values.program.graph
        self.nodes = tuple(GlassNode(self, spec) for spec in self.structure.nodes)
        self._by_name = {node.name: node for node in self.nodes}
        for path, index in self.structure.layers.items():
            self._by_name.setdefault(path or "model", self.nodes[index])

    @property
    def objective(self) -> float:
        """E, the mean loss of the examples."""
        return float(self.values[self.structure.objective])

    @overload
    def __getitem__(self, name: int) -> GlassNode: ...

    @overload
    def __getitem__(self, name: str) -> Any: ...

    def __getitem__(self, name: str | int) -> Any:
        """Return the node of a name, or the nodes that a pattern (``*``, ``?``, ``[ab]``) matches.

        Raises:
            ConfigurationError: there is none; the nearest name is suggested.
        """
        if isinstance(name, int):
            return self.nodes[name]
        if name in self._by_name:
            return self._by_name[name]
        if any(sign in name for sign in "*?["):
            found = Selection(node for node in self.nodes if fnmatchcase(node.name, name))
            if found:
                return found
        close = nearest(name, self._by_name)
        first = [*self._by_name][:8]
        raise ConfigurationError(
            f"no node of this pass is called {name!r}",
            expected=f"names such as {', '.join(first)}; or a pattern such as '*/matmul'",
            fix=f"did you mean {close!r}?" if close else "glass.table() lists all names",
        )

    def through_time(self, name: str) -> ThroughTime:
        """Return the state of a loop after every step, with its error signals.

        Args:
            name: of the loop's node, or of a recurrent layer with one loop. In a layer with several
                loops (two directions, stacked cells) give the name of a node.

        Raises:
            ConfigurationError: there is no such node, or it is not a loop.
        """
        node = self._by_name.get(name)
        if node is None or not node.steps:
            inside = (name, f"{name}.last", f"{name}.last.0")
            loops = [n for n in self.nodes if n.steps and (n.layer == name or n.name in inside)]
            if not loops and node is not None:
                raise ConfigurationError("the node is not a loop over time", where=node.name)
            node = loops[0] if loops else self[name]
        assert node.spec.place is not None
        found = self.values.program.through_time(self.values.given, node.spec.place[0])
        return ThroughTime(node.name.rpartition(".")[0], *map(tuple, found))

    def __iter__(self) -> Iterator[GlassNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

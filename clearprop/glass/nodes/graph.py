"""The graph of one pass: every node by name, with the places of its numbers in the compiled call.

It holds no array. All passes of one model with inputs of the same shapes have the same graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import tree
from clearprop.autodiff import OPERATIONS, Node, Operation
from clearprop.autodiff.sweep import Place
from clearprop.errors import ConfigurationError
from clearprop.nn.recording import ModelPass
from clearprop.ops.loop import LoopRow

Array = jax.Array


Entry = int | Sequence[int]
"""The index of one entry of an array."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The number of an array that the traced pass can return."""

    number: int


@dataclass(frozen=True, slots=True)
class Link:
    """The index of a node whose value is an input of another node."""

    index: int


Given = Link | Slot | float | None
"""An input of a node: another node, an array, a number or nothing."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One node, without its numbers.

    Attributes:
        index: its place in the order of computation.
        name: unique in its graph.
        layer: path of the layer in which it was computed; of a parameter the layer that holds it.
        operation: its name, or "parameter" or "input".
        place: (node, output) on the tape; None for an input that carries no error.
        shape, dtype: of its value.
        value: the slot of its value.
        error: the slot of dE/dvalue; None where no error signal arrives.
        output: which output of its operation it is.
        outputs: how many outputs the operation has.
        several: whether the operation returns a tuple, also of one output.
        inputs: a `Link` to a node, the `Slot` of an array, a number or None.
        parameters: the static parameters of the operation; an array among them is a `Slot`.
        passed: the slot of what it passes to each input; None where it passes nothing.
        is_row: whether the operation is a row of the rule table. A loop, a ``checkpoint`` and a
            lifted function are not.
        steps: how many steps a loop over time takes; 0 for other operations.
    """

    index: int
    name: str
    layer: str
    operation: str
    place: Place | None
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    value: Slot
    error: Slot | None
    output: int = 0
    outputs: int = 1
    several: bool = False
    inputs: tuple[Given, ...] = ()
    parameters: dict[str, object] = field(default_factory=dict)
    passed: tuple[Slot | None, ...] = ()
    is_row: bool = True
    steps: int = 0

    @property
    def carries_error(self) -> bool:
        """Whether an error signal can arrive: the value is floating-point."""
        return bool(jnp.issubdtype(self.dtype, jnp.floating))

    @property
    def row(self) -> Operation[..., object] | None:
        """The row of the rule table; None for an operation that is not a row of it."""
        return OPERATIONS[self.operation] if self.is_row else None

    def sent(self, i: int) -> Slot | None:
        """Return the slot of what it passes to its input i; None if it passes nothing."""
        return self.passed[i] if self.passed else None

    def check_input(self, i: int) -> None:
        """Check that the node has an input i.

        Raises:
            ConfigurationError: it has not.
        """
        if not 0 <= i < len(self.inputs):
            raise ConfigurationError(
                "the node has no such input",
                where=self.name,
                given=f"input {i}",
                expected=f"one of its {len(self.inputs)} inputs, counted from 0",
            )


@dataclass(frozen=True)
class Graph:
    """The nodes of a pass in the order of computation.

    Attributes:
        nodes: parameters, inputs, operations.
        layers: index of the node of each layer's output, by path; later calls as ``path#2``.
        users: indices of the nodes that read each node.
        objective: the slot of E.
        shapes: shape and dtype of every slot.
    """

    nodes: tuple[Spec, ...]
    layers: dict[str, int]
    users: tuple[tuple[int, ...], ...]
    objective: Slot
    shapes: tuple[jax.ShapeDtypeStruct, ...]


@dataclass
class Slots:
    """Collects the arrays that a traced pass returns, each of them once."""

    arrays: list[Array] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)

    def add(self, value: Array) -> Slot:
        """Return the slot of an array."""
        number = self.numbers.setdefault(id(value), len(self.arrays))
        if number == len(self.arrays):
            self.arrays.append(value)
        return Slot(number)

    def constant(self, value: Any) -> Any:
        """Return the slot of an array; a number or None is returned as it is."""
        return self.add(value) if hasattr(value, "shape") and hasattr(value, "dtype") else value


class Builder:
    """Builds the graph of a pass whose error signals are computed.

    Args:
        made: the pass, swept with ``passed=True``.

    Attributes:
        slots: the arrays that leave the traced pass.
    """

    def __init__(self, made: ModelPass) -> None:
        self.slots = Slots()
        self._made = made
        self._nodes_on_tape = made.recording.tape.nodes
        self._times = Counter[str]()
        self._nodes: list[Spec] = []
        self._at: dict[Place, int] = {}
        self._unboxed: dict[int, int] = {}  # id of an array without error -> its node

    def build(self) -> Graph:
        """Return the graph."""
        made, recording = self._made, self._made.recording
        for path, leaf in made.parameters.items():
            self._leaf(path, path.rpartition(".")[0], "parameter", leaf)
        for path, leaf in tree.flatten_with_paths(made.inputs).items():
            self._leaf(f"input.{path}" if path else "input", "", "input", leaf)
        last = recording.place(made.objective) or (len(self._nodes_on_tape) - 1, 0)
        for number in range(last[0] + 1):
            if self._nodes_on_tape[number].operation is not None:
                self._operation(number)
        objective = self.slots.add(recording.value(made.objective))
        users: list[list[int]] = [[] for _ in self._nodes]
        for node in self._nodes:
            for source in dict.fromkeys(x.index for x in node.inputs if type(x) is Link):
                users[source].append(node.index)
        return Graph(
            tuple(self._nodes),
            self._layers(),
            tuple(map(tuple, users)),
            objective,
            tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self.slots.arrays),
        )

    def _unique(self, name: str) -> str:
        """Return the name; the second node of a name gets ``#2``."""
        self._times[name] += 1
        return name if self._times[name] == 1 else f"{name}#{self._times[name]}"

    def _leaf(self, name: str, layer: str, kind: str, leaf: Array) -> None:
        recording = self._made.recording
        place, value = recording.place(leaf), recording.value(leaf)
        if place is None:
            self._unboxed[id(value)] = len(self._nodes)
        self._append(value, place, name=self._unique(name), layer=layer, operation=kind)

    def _operation(self, number: int) -> None:
        node, passed = self._nodes_on_tape[number], self._made.recording.passed
        assert node.operation is not None
        kind = node.operation.name
        layer = node.layer if number < self._made.end_of_model else "loss"
        name = self._unique(f"{layer or 'model'}/{kind}")
        sent = tuple(
            self.slots.add(passed[number, i]) if (number, i) in passed else None
            for i in range(len(node.inputs))
        )
        common = {
            "layer": layer,
            "operation": kind,
            "inputs": tuple(map(self._input, node.inputs, node.parents)),
            "parameters": jax.tree.map(self.slots.constant, node.parameters),
            "passed": sent,
            "several": node.several,
            "is_row": OPERATIONS.get(kind) is node.operation,
        }
        if isinstance(node.operation, LoopRow):
            common["steps"] = node.operation.derivation.loop.steps
        labels = _labels(node)
        for k, (label, value) in enumerate(zip(labels, node.outputs, strict=False)):
            own = name if label is None else f"{name}.{label}"
            self._append(
                cast(Array, value), (number, k), name=own, output=k, outputs=len(labels), **common
            )

    def _input(self, value: object, parent: Place | None) -> object:
        if parent is not None:
            return Link(self._at[parent])
        if id(value) in self._unboxed:
            return Link(self._unboxed[id(value)])
        return self.slots.constant(value)

    def _append(self, value: Array, place: Place | None, **known: Any) -> None:
        error = None if place is None else self._made.recording.errors.get(place)
        index = len(self._nodes)
        if place is not None:
            self._at[place] = index
        self._nodes.append(
            Spec(
                index=index,
                place=place,
                shape=tuple(value.shape),
                dtype=value.dtype,
                value=self.slots.add(value),
                error=None if error is None else self.slots.add(error),
                **known,
            )
        )

    def _layers(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for call in self._made.recording.calls:
            places = map(self._made.recording.place, jax.tree.leaves(call.output))
            known = [self._at[place] for place in places if place in self._at]
            if known:
                found[call.name("")] = known[0]
        return found


def _labels(node: Node) -> list[str | None]:
    """Return the labels of an operation's outputs, except those that only a loop's rule reads."""
    if not isinstance(node.operation, LoopRow):
        several = len(node.outputs) > 1
        return [str(k) if several else None for k in range(len(node.outputs))]
    derivation = node.operation.derivation
    sizes = {"last": len(derivation.shapes[1]), "y": derivation.number_of_ys}
    return [
        label if size == 1 else f"{label}.{k}" for label, size in sizes.items() for k in range(size)
    ]


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as text.

    >>> shape_text((2, 3)), shape_text(())
    ('2x3', 'scalar')
    """
    return "x".join(map(str, shape)) or "scalar"


def entry_of(shape: tuple[int, ...], index: Entry, where: str) -> tuple[int, ...]:
    """Return the index of an entry, counted from the front.

    Raises:
        ConfigurationError: there is no such entry.
    """
    place = tuple(index) if isinstance(index, Sequence) else (index,)
    if len(place) == len(shape) and all(-n <= k < n for k, n in zip(place, shape, strict=True)):
        return tuple(int(k) % n for k, n in zip(place, shape, strict=True))
    raise ConfigurationError(
        "there is no such entry",
        where=where,
        given=f"index {place}",
        expected=f"one number for each axis of {shape}",
    )

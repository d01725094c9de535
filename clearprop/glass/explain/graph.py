"""The graph of one pass: every node by name, and where its numbers leave the compiled call.

Nothing in it is an array of an example: it is what one traced pass has in common with every other
of the same model and shapes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import jax

from clearprop.autodiff import OPERATIONS, Node, Tape, Traced
from clearprop.autodiff.sweep import Place
from clearprop.ops.loop import LoopRow


@dataclass(frozen=True, slots=True)
class Slot:
    """One array that the traced pass can give, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Link:
    """An input that is the value of a node, by the node's index."""

    index: int


@dataclass(frozen=True, slots=True)
class Spec:
    """One node, without its numbers.

    Attributes:
        name: unique in its graph.
        layer: path of the layer in which it was computed; of a parameter the layer that holds it.
        operation: its name, or "parameter" or "input".
        place: (node, output) on the tape; None for an input that carries no error.
        shape, dtype: of its value.
        value: where its value is found.
        error: where dE/dvalue is found; None where none arrives or can.
        output: which one it is of an operation's several outputs.
        outputs: how many there are.
        inputs: a `Link` to a node, the `Slot` of an array, or what was given (a number, None).
        parameters: the static ones of the operation, arrays among them as `Slot`.
        passed: what it hands to each input; None where nothing is.
        is_row: whether the operation is a row of the rule table, and not made of a function.
        steps: of a loop over time, how many; else 0.
    """

    name: str
    layer: str
    operation: str
    place: Place | None
    shape: tuple[int, ...]
    dtype: Any
    value: Slot
    error: Slot | None
    output: int = 0
    outputs: int = 1
    inputs: tuple[Any, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    passed: tuple[Slot | None, ...] = ()
    is_row: bool = True
    steps: int = 0


@dataclass(frozen=True)
class Graph:
    """The nodes of a pass in the order of computation.

    Attributes:
        nodes: parameters, inputs, operations.
        layers: index of the node of each layer's output, by path; later calls as ``path#2``.
        users: indices of the nodes that read each node.
        objective: where E is found.
        shapes: shape and dtype of every slot.
    """

    nodes: tuple[Spec, ...]
    layers: dict[str, int]
    users: tuple[tuple[int, ...], ...]
    objective: Slot
    shapes: tuple[jax.ShapeDtypeStruct, ...]


@dataclass
class Slots:
    """Collects the arrays that leave a traced pass, each once."""

    arrays: list[Any] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)

    def add(self, value: Any) -> Slot:
        """Return the slot of an array."""
        number = self.numbers.setdefault(id(value), len(self.arrays))
        if number == len(self.arrays):
            self.arrays.append(value)
        return Slot(number)

    def constant(self, value: Any) -> Any:
        """Return the slot of an array; what is no array (a number, None) stays as it is."""
        return self.add(value) if hasattr(value, "shape") and hasattr(value, "dtype") else value


class Names:
    """Gives every node a name of its own: the second of a name gets ``#2``."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def make(self, name: str) -> str:
        """Return the name, numbered where it was used before."""
        self._used[name] = self._used.get(name, 0) + 1
        return name if self._used[name] == 1 else f"{name}#{self._used[name]}"


@dataclass
class Builder:
    """Makes the graph of what a tape holds.

    Attributes:
        tape: of the pass, closed.
        errors, passed: what the sweep found.
        parameters: paths of the first variables on the tape.
        inputs: name and array of every leaf of the input, boxed where it is on the tape.
        end_of_model: how many nodes there were when the model had answered.
        objective: E, boxed or not.
    """

    tape: Tape
    errors: dict[Place, Any]
    passed: dict[tuple[int, int], Any]
    parameters: list[str]
    inputs: list[tuple[str, Any]]
    end_of_model: int
    objective: Any

    def __post_init__(self) -> None:
        self.slots = Slots()
        self.names = Names()
        self.nodes: list[Spec] = []
        self.at: dict[Place, int] = {}
        self.unboxed: dict[int, int] = {}  # id of an array without error -> its node

    def build(self, heard: Iterable[tuple[str, Any]]) -> Graph:
        """Return the graph; ``heard`` are the layers' paths and outputs as their calls ended."""
        for number, path in enumerate(self.parameters):
            self._leaf(path, path.rpartition(".")[0], "parameter", (number, 0))
        for name, leaf in self.inputs:
            if type(leaf) is Traced:
                self._leaf(name, "", "input", (leaf.node, leaf.output))
            else:
                self._leaf(name, "", "input", None, leaf)
        last = self.objective.node if type(self.objective) is Traced else len(self.tape.nodes) - 1
        for number in range(last + 1):
            if self.tape.nodes[number].operation is not None:
                self._operation(number)
        plain = self.objective.value if type(self.objective) is Traced else self.objective
        objective = self.slots.add(plain)
        users: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in dict.fromkeys(x.index for x in node.inputs if type(x) is Link):
                users[source].append(index)
        return Graph(
            tuple(self.nodes),
            self._layers(heard),
            tuple(map(tuple, users)),
            objective,
            tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self.slots.arrays),
        )

    def _leaf(
        self, name: str, layer: str, kind: str, place: Place | None, plain: Any = None
    ) -> None:
        value = plain if place is None else self.tape.nodes[place[0]].outputs[place[1]]
        if place is None:
            self.unboxed[id(value)] = len(self.nodes)
        self._append(value, place, name=self.names.make(name), layer=layer, operation=kind)

    def _operation(self, number: int) -> None:
        node = self.tape.nodes[number]
        assert node.operation is not None
        kind = node.operation.name
        layer = node.layer if number < self.end_of_model else "loss"
        name = self.names.make(f"{layer or 'model'}/{kind}")
        passed = tuple(
            self.slots.add(self.passed[number, i]) if (number, i) in self.passed else None
            for i in range(len(node.inputs))
        )
        common = {
            "layer": layer,
            "operation": kind,
            "inputs": tuple(map(self._input, node.inputs, node.parents)),
            "parameters": jax.tree.map(self.slots.constant, node.parameters),
            "passed": passed,
            "is_row": OPERATIONS.get(kind) is node.operation,
        }
        if isinstance(node.operation, LoopRow):
            common["steps"] = node.operation.derivation.loop.steps
        labels = _labels(node)
        for k, (label, value) in enumerate(zip(labels, node.outputs, strict=False)):
            own = name if label is None else f"{name}.{label}"
            self._append(value, (number, k), name=own, output=k, outputs=len(labels), **common)

    def _input(self, value: Any, parent: Place | None) -> Any:
        if parent is not None:
            return Link(self.at[parent])
        if id(value) in self.unboxed:
            return Link(self.unboxed[id(value)])
        return self.slots.constant(value)

    def _append(self, value: Any, place: Place | None, **known: Any) -> None:
        error = None if place is None else self.errors.get(place)
        if place is not None:
            self.at[place] = len(self.nodes)
        self.nodes.append(
            Spec(
                place=place,
                shape=tuple(value.shape),
                dtype=value.dtype,
                value=self.slots.add(value),
                error=None if error is None else self.slots.add(error),
                **known,
            )
        )

    def _layers(self, heard: Iterable[tuple[str, Any]]) -> dict[str, int]:
        names, found = Names(), {}
        for path, output in heard:
            name = names.make(path)
            for leaf in jax.tree.leaves(output):
                if type(leaf) is Traced and (leaf.node, leaf.output) in self.at:
                    found[name] = self.at[leaf.node, leaf.output]
                    break
        return found


def _labels(node: Node) -> list[str | None]:
    """Return how an operation's outputs are told apart, without what a loop keeps for itself."""
    if not isinstance(node.operation, LoopRow):
        several = len(node.outputs) > 1
        return [str(k) if several else None for k in range(len(node.outputs))]
    derivation = node.operation.derivation
    sizes = {"last": len(derivation.shapes[1]), "y": derivation.number_of_ys}
    return [
        label if size == 1 else f"{label}.{k}" for label, size in sizes.items() for k in range(size)
    ]

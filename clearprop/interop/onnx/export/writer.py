"""The graph that is being written: nodes, constants and names, before they become a message.

The same model is written more than once, with batches of different sizes, and the graphs are
compared. So names depend on the order of writing alone, and equal constants are not joined here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ModelError
from clearprop.interop.onnx.graph import HostArray

Given: TypeAlias = "int | float | str | Sequence[int] | Sequence[float] | Sequence[str] | HostArray"
"""The value of an attribute."""


@dataclass
class WrittenNode:
    """One node.

    Attributes:
        operator: its name.
        name: the path of the layer, a slash, and the operator.
        inputs: names of values; empty where an optional one is left out.
        outputs: names of values.
        attributes: by name.
        graphs: attributes that are graphs, such as the body of a Scan.
        domain: of the operator.
    """

    operator: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Given]
    graphs: dict[str, WrittenGraph] = field(default_factory=dict)
    domain: str = ""


@dataclass
class WrittenGraph:
    """The graph of an attribute, which also reads the values around it.

    Attributes:
        nodes: in the order of computation.
        inputs: names, with the types and shapes that they have.
        outputs: names, with the types and shapes that they have.
    """

    nodes: list[WrittenNode]
    inputs: list[tuple[str, np.dtype[np.generic], tuple[int, ...]]]
    outputs: list[tuple[str, np.dtype[np.generic], tuple[int, ...]]]


class GraphWriter:
    """Collects the nodes of one graph.

    Args:
        opset: of ONNX's own operators.
        root: the writer of the graph around this one; names and constants are shared with it.
    """

    def __init__(self, opset: int, root: GraphWriter | None = None) -> None:
        self.opset = opset
        self.nodes: list[WrittenNode] = []
        self.constants: dict[str, HostArray] = root.constants if root else {}
        self.path: str = root.path if root else ""
        self.operation: str = root.operation if root else ""
        self._numbers: Counter[str] = root._numbers if root else Counter()
        self.transposed: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.expanded: dict[str, tuple[str, tuple[int, ...]]] = {}
        """Values that are others along more entries: the value itself, and its shape."""

    def counted_as(self, other: GraphWriter) -> None:
        """Give no name that another writer has given."""
        self._numbers = other._numbers

    def free(self, kind: str) -> str:
        """Return a new name in the layer that is being written."""
        base = f"{self.path}/{kind}" if self.path else f"/{kind}"
        self._numbers[base] += 1
        number = self._numbers[base]
        return base if number == 1 else f"{base}_{number}"

    def nodes_of(
        self,
        operator: str,
        inputs: Sequence[str | None],
        outputs: int,
        graphs: Mapping[str, WrittenGraph] | None = None,
        **attributes: Given,
    ) -> list[str]:
        """Write a node with several outputs, and return their names."""
        name = self.free(operator)
        names = [name if i == 0 else f"{name}:{i}" for i in range(outputs)]
        given = [value or "" for value in inputs]
        while given and not given[-1]:
            given.pop()
        self.nodes.append(WrittenNode(operator, name, given, names, attributes, dict(graphs or {})))
        return names

    def node(self, operator: str, *inputs: str | None, **attributes: Given) -> str:
        """Write a node with one output, and return its name."""
        return self.nodes_of(operator, inputs, 1, None, **attributes)[0]

    def constant(self, value: object, dtype: DTypeLike | None = None) -> str:
        """Return the name of a constant."""
        name = self.free("constant")
        self.constants[name] = np.asarray(value, dtype)
        return name

    def ints(self, values: Sequence[int]) -> str:
        """Return the name of whole numbers with 64 bits, as shapes and axes are written."""
        return self.constant(list(values), np.int64)

    def child(self, write: Callable[[GraphWriter], WrittenGraph]) -> WrittenGraph:
        """Return the graph of an attribute, written by a function."""
        inner = GraphWriter(self.opset, self)
        return write(inner)

    # -- what many rows need --------------------------------------------------------------------

    def cast(self, value: str, dtype: DTypeLike) -> str:
        """Return a value as another type.

        Raises:
            ModelError: ONNX has no such type.
        """
        try:
            number = type_number(np.dtype(dtype))
        except ModelError as error:
            error.where = self.path or "the model"
            raise
        return self.node("Cast", value, to=number)

    def transpose(self, value: str, axes: Sequence[int]) -> str:
        """Return a value with its axes in another order; two in a row become one or none."""
        order = tuple(axes)
        source, before = self.transposed.get(value, (value, tuple(range(len(order)))))
        order = tuple(before[axis] for axis in order)
        if order == tuple(range(len(order))):
            return source
        made = self.node("Transpose", source, perm=order)
        self.transposed[made] = (source, order)
        return made

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        """Return a value with another shape."""
        return self.node("Reshape", value, self.ints(shape))

    def slice(
        self,
        value: str,
        starts: Sequence[int],
        ends: Sequence[int],
        axes: Sequence[int],
        steps: Sequence[int] | None = None,
    ) -> str:
        """Return a part of a value."""
        given = [self.ints(part) for part in (starts, ends, axes)]
        return self.node("Slice", value, *given, None if steps is None else self.ints(steps))

    def expand(
        self, value: str, shape: Sequence[int], target: Sequence[int], dtype: DTypeLike
    ) -> str:
        """Return a value repeated along axes of one entry, up to a shape of the same rank."""
        wanted = [1 if n == m else m for n, m in zip(shape, target, strict=True)]
        if all(n == 1 for n in wanted):
            return value
        boolean = np.dtype(dtype) == np.bool_
        made = self.node("Expand", value, self.ints(wanted))
        if not boolean:
            self.expanded[made] = (value, tuple(shape))
        return made

    def reduce(self, operator: str, value: str, axes: Sequence[int], keep: bool = False) -> str:
        """Return a value with some axes reduced; older opsets keep the axes as an attribute."""
        if not axes:
            return value
        if self.opset >= 18 or operator == "ReduceSum":
            return self.node(operator, value, self.ints(axes), keepdims=int(keep))
        return self.node(operator, value, axes=tuple(axes), keepdims=int(keep))

    def pad(self, value: str, before: Sequence[int], after: Sequence[int], filler: str) -> str:
        """Return a value with entries of a filler at its ends; negative numbers cut off."""
        if not any(before) and not any(after):
            return value
        return self.node("Pad", value, self.ints([*before, *after]), filler, mode="constant")

    def refuse(self, what: str, why: str, fix: str | None = None) -> ModelError:
        """Return an error about what cannot be written, with the layer that computes it."""
        return ModelError(
            f"{what} cannot be written as ONNX: {why}",
            where=self.path or "the model",
            given=f"opset {self.opset}",
            fix=fix,
        )


_NUMBERS = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
    "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip


def type_number(dtype: np.dtype[np.generic]) -> int:
    """Return the number that a type has in ONNX.

    Raises:
        ModelError: ONNX has no such type.

    >>> type_number(np.dtype("float32"))
    1
    """
    found = _NUMBERS.get(dtype.name)
    if found is None:
        raise ModelError(
            "the number type cannot be written as ONNX",
            given=dtype.name,
            expected=", ".join(_NUMBERS),
            fix="compute with one of these types; a complex number as its real and imaginary part",
        )
    return found


def every_node(nodes: Sequence[WrittenNode]) -> Iterator[WrittenNode]:
    """Yield nodes, and those of the graphs inside them."""
    for node in nodes:
        yield node
        for graph in node.graphs.values():
            yield from every_node(graph.nodes)


def all_reads(node: WrittenNode) -> Iterator[str]:
    """Yield the names that a node reads, also inside its graphs."""
    yield from filter(None, node.inputs)
    for graph in node.graphs.values():
        for inner in graph.nodes:
            yield from all_reads(inner)
        yield from (name for name, _, _ in graph.outputs)


_OPTIONAL = {"Attention": 1}
"""Operators of whose outputs only the first ones have to be there, and how many."""


def without_unread(nodes: Sequence[WrittenNode], outputs: Sequence[str]) -> list[WrittenNode]:
    """Return the nodes that something depends on, without optional outputs that nothing reads."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if any(name in wanted for name in node.outputs):
            for graph in node.graphs.values():
                graph.nodes = without_unread(graph.nodes, [name for name, _, _ in graph.outputs])
            if node.operator in _OPTIONAL and not node.domain:
                kept_first = _OPTIONAL[node.operator]
                read = [name if name in wanted else "" for name in node.outputs[kept_first:]]
                while read and not read[-1]:
                    read.pop()
                node.outputs = [*node.outputs[:kept_first], *read]
            wanted.update(all_reads(node))
            kept.append(node)
    return kept[::-1]

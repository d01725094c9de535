"""From the protobuf messages of a model to its graph, with every tensor as an array of NumPy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.errors import ModelError
from clearprop.interop.onnx.graph import (
    GraphSlot,
    GraphStep,
    HostArray,
    OnnxGraph,
    array_to_data,
    dtype_name,
)
from clearprop.interop.onnx.node import Attribute, check_size
from clearprop.interop.onnx.reading import import_onnx
from clearprop.interop.onnx.table import CONSTANT, DOMAINS
from clearprop.nn.structure import Structure

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Definition:
    """What a node is, beside what it reads and gives.

    Attributes:
        name: in the file, or its operator and a number where it has none.
        operator: its name.
        domain: of the operator.
        version: of the operators of the domain.
        attributes: without the graphs.
    """

    name: str
    operator: str
    domain: str
    version: int
    attributes: tuple[tuple[str, Attribute], ...]


@dataclass(frozen=True)
class Parsed:
    """A graph whose steps have running numbers as paths, and the definition of each."""

    graph: OnnxGraph
    definitions: Mapping[str, Definition]


def parse(proto: onnx.ModelProto) -> Parsed:
    """Return the graph of a model; tensors that stand inside inner graphs come to the outer one.

    Raises:
        ModelError: an attribute or a type is unknown.
    """
    parser = _Parser(import_onnx(), proto)
    graph = parser.graph(proto.graph, {})
    graph = replace(graph, constants={**parser.constants, **graph.constants})
    return Parsed(graph, parser.definitions)


class _Parser:
    def __init__(self, onnx: Any, proto: Any) -> None:
        self.onnx = onnx
        self.versions = {DOMAINS.get(o.domain, o.domain): o.version for o in proto.opset_import}
        self.definitions: dict[str, Definition] = {}
        self.constants: dict[str, HostArray] = {}
        self.used: set[str] = set()
        self.counts: Counter[str] = Counter()

    def graph(self, proto: Any, renamed: Mapping[str, str]) -> OnnxGraph:
        """Read a graph; `renamed` has new names for values whose name is used before."""
        names = dict(renamed)
        initial = {tensor.name for tensor in proto.initializer}
        initial |= {tensor.values.name for tensor in proto.sparse_initializer}
        inputs = [
            self.slot(info, self.own(info.name, names))
            for info in proto.input
            if info.name not in initial
        ]
        for tensor in proto.initializer:
            self.constants[self.own(tensor.name, names)] = self.array(tensor)
        for sparse in proto.sparse_initializer:
            self.constants[self.own(sparse.values.name, names)] = self.dense(sparse)
        steps = [step for node in proto.node if (step := self.step(node, names)) is not None]
        outputs = tuple(self.slot(info, names.get(info.name, info.name)) for info in proto.output)
        return OnnxGraph(tuple(inputs), outputs, tuple(steps), {})

    def own(self, name: str, names: dict[str, str]) -> str:
        """Give a value a name that no other value of any graph has."""
        new, number = name, 1
        while new in self.used:
            number += 1
            new = f"{name}_{number}"
        self.used.add(new)
        names[name] = new
        return new

    def step(self, node: Any, names: dict[str, str]) -> GraphStep | None:
        inputs = tuple(names.get(name, name) for name in node.input)
        if node.op_type == CONSTANT and node.domain in ("", "ai.onnx"):
            self.constants[self.own(node.output[0], names)] = self.constant(node)
            return None
        attributes, graphs = [], {}
        for attribute in node.attribute:
            if attribute.HasField("g"):
                graphs[attribute.name] = self.graph(attribute.g, names)
            else:
                attributes.append((attribute.name, self.attribute(node, attribute)))
        outputs = [self.own(name, names) if name else "" for name in node.output]
        while outputs and not outputs[-1]:
            outputs.pop()
        path = str(len(self.definitions))
        domain = DOMAINS.get(node.domain, node.domain)
        number = self.counts[node.op_type]
        self.counts[node.op_type] += 1
        name = node.name or f"{node.op_type}_{number}"
        self.definitions[path] = Definition(
            name, node.op_type, domain, self.versions.get(domain, 1), tuple(attributes)
        )
        return GraphStep(path, node.op_type, inputs, tuple(outputs), graphs)

    def constant(self, node: Any) -> HostArray:
        attribute = node.attribute[0]
        if attribute.name == "value":
            return self.array(attribute.t)
        if attribute.name == "sparse_value":
            return self.dense(attribute.sparse_tensor)
        value = self.onnx.helper.get_attribute_value(attribute)
        kind = attribute.name.removeprefix("value_")
        if kind.startswith("string"):
            texts = [value] if isinstance(value, bytes) else value
            found: HostArray = np.array([text.decode() for text in texts], object)
            return found.reshape(()) if isinstance(value, bytes) else found
        return np.array(value, np.float32 if kind.startswith("float") else np.int64)

    def attribute(self, node: Any, attribute: Any) -> Attribute:
        value = self.onnx.helper.get_attribute_value(attribute)
        found = self._attribute(value)
        if found is None:
            raise ModelError(
                f"the attribute {attribute.name!r} is of a kind that is not supported",
                where=node.name or node.op_type,
                given=type(value).__name__,
            )
        return found

    def _attribute(self, value: Any) -> Attribute | None:
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogateescape")
        if isinstance(value, int | float | str):
            return value
        if isinstance(value, self.onnx.TensorProto):
            return ("tensor", *map(_frozen, array_to_data(self.array(value))))
        if isinstance(value, self.onnx.TypeProto):
            return _type_name(self.onnx, value)[0]
        if isinstance(value, list | tuple) or hasattr(value, "__iter__"):
            parts = [self._attribute(part) for part in value]
            return (
                None
                if any(part is None for part in parts)
                else tuple(p for p in parts if p is not None)
            )
        return None

    def array(self, tensor: Any) -> HostArray:
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL:
            raise ModelError("the data lie beside a file, and were not read", where=tensor.name)
        found = self.onnx.numpy_helper.to_array(tensor)
        if found.dtype == object:
            texts = [t.decode() if isinstance(t, bytes) else str(t) for t in found.reshape(-1)]
            return np.array(texts, object).reshape(found.shape)
        result: HostArray = found
        return result

    def dense(self, sparse: Any) -> HostArray:
        """Return a sparse tensor with its zeros."""
        values, places = self.array(sparse.values), self.array(sparse.indices).astype(np.int64)
        check_size(sparse.dims, values.dtype, sparse.values.name)
        dense = np.zeros(tuple(sparse.dims), values.dtype)
        if places.ndim == 1:
            dense.reshape(-1)[places] = values
        else:
            dense[tuple(places.T)] = values
        return dense

    def slot(self, info: Any, name: str) -> GraphSlot:
        dtype, shape = _type_name(self.onnx, info.type)
        return GraphSlot(name, dtype, shape)


def _frozen(data: Structure) -> Attribute:
    if isinstance(data, list):
        return tuple(map(_frozen, data))
    if isinstance(data, int | float | str):
        return data
    raise TypeError(type(data).__name__)


def _type_name(onnx: Any, proto: Any) -> tuple[str, tuple[int | str, ...] | None]:
    """Return the name of a tensor's type and its shape; nothing of other kinds of values."""
    if proto.WhichOneof("value") != "tensor_type" or not proto.tensor_type.elem_type:
        return "", None
    tensor = proto.tensor_type
    if tensor.elem_type == onnx.TensorProto.STRING:
        dtype = "string"
    else:
        dtype = dtype_name(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if not tensor.HasField("shape"):
        return dtype, None
    sizes = [
        # Some exporters write -1 or 0 where a size is open.
        dim.dim_value if dim.dim_value > 0 else dim.dim_param or "?"
        for dim in tensor.shape.dim
    ]
    return dtype, tuple(sizes)

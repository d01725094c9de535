"""From a written graph to the messages of ONNX, and into a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.errors import ModelError, RunError
from clearprop.interop.onnx.export.sizes import Result
from clearprop.interop.onnx.export.writer import (
    WrittenGraph,
    WrittenNode,
    every_node,
    type_number,
    without_unread,
)
from clearprop.interop.onnx.graph import GraphSlot, HostArray, dtype_named
from clearprop.interop.onnx.learned import LEARNED
from clearprop.interop.onnx.reading import LARGEST_IN_ONE, import_onnx

if TYPE_CHECKING:
    import onnx

IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 11}
"""The version of the format that belongs to an opset."""


@dataclass(frozen=True)
class Contents:
    """All that a file holds.

    Attributes:
        nodes: in the order of computation.
        inputs: of the graph.
        outputs: of the graph.
        constants: by name; those that nothing reads are left out.
        weights: arrays of the model by path; those that nothing reads are left out.
        learned: paths of those that are trained.
        opsets: by domain.
    """

    nodes: Sequence[WrittenNode]
    inputs: Sequence[GraphSlot]
    outputs: Sequence[GraphSlot]
    constants: Mapping[str, HostArray]
    weights: Mapping[str, HostArray]
    learned: Sequence[str]
    opsets: Mapping[str, int]

    def with_inputs(self, more: Sequence[GraphSlot]) -> Contents:
        """Return the same with more inputs."""
        return replace(self, inputs=(*self.inputs, *more))


def contents_of(
    result: Result, weights: Mapping[str, HostArray], learned: Sequence[str]
) -> Contents:
    """Return the contents of a file from what was written."""
    w = result.writer
    nodes = without_unread(w.nodes, [slot.name for slot in result.outputs])
    opsets = {"": w.opset}
    return Contents(nodes, result.inputs, result.outputs, w.constants, weights, learned, opsets)


def to_proto(contents: Contents, name: str) -> onnx.ModelProto:
    """Return the message of a model."""
    library = import_onnx()
    helper = library.helper
    used = {n for node in every_node(contents.nodes) for n in node.inputs}
    used |= {slot.name for slot in contents.outputs}
    used |= {n for node in every_node(contents.nodes) for g in node.graphs.values()
             for n, _, _ in g.outputs}  # fmt: skip
    kept = {**contents.constants, **contents.weights}
    graph = helper.make_graph(
        [_node(helper, node) for node in contents.nodes],
        name,
        [_slot(helper, slot) for slot in contents.inputs],
        [_slot(helper, slot) for slot in contents.outputs],
        [_tensor(helper, key, array) for key, array in kept.items() if key in used],
    )
    newest = max(contents.opsets.get("", 1), min(IR_VERSIONS))
    proto = helper.make_model(
        graph,
        producer_name="clearprop",
        ir_version=IR_VERSIONS.get(newest, max(IR_VERSIONS.values())),
        opset_imports=[helper.make_opsetid(d, version) for d, version in contents.opsets.items()],
    )
    learned = "\n".join(path for path in contents.learned if path in used)
    helper.set_model_props(proto, {LEARNED: learned})
    made: onnx.ModelProto = proto
    return made


def _slot(helper: Any, slot: GraphSlot) -> Any:
    if not slot.dtype:
        return helper.make_empty_tensor_value_info(slot.name)
    return helper.make_tensor_value_info(
        slot.name, _number(slot.dtype), None if slot.shape is None else list(slot.shape)
    )


def _number(name: str) -> int:
    return 8 if name == "string" else type_number(dtype_named(name))


def _node(helper: Any, node: WrittenNode) -> Any:
    made = helper.make_node(
        node.operator, node.inputs, node.outputs, name=node.name, domain=node.domain
    )
    for name, value in sorted(node.attributes.items()):
        made.attribute.append(_attribute(helper, name, value))
    for name, graph in node.graphs.items():
        made.attribute.append(helper.make_attribute(name, _graph(helper, name, graph)))
    return made


def _attribute(helper: Any, name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return helper.make_attribute(name, _tensor(helper, "", value))
    if isinstance(value, list | tuple):
        plain = [v.item() if isinstance(v, np.generic) else v for v in value]
        # The type of an empty list is not seen; those of shapes and axes are whole numbers.
        kind = None if plain else 7
        return helper.make_attribute(name, plain, attr_type=kind)
    return helper.make_attribute(name, value.item() if isinstance(value, np.generic) else value)


def _graph(helper: Any, name: str, graph: WrittenGraph) -> Any:
    def infos(values: Any) -> list[Any]:
        # The shapes depend on the sizes of a call, so only the rank is written.
        return [
            helper.make_tensor_value_info(n, type_number(dtype), [None] * len(shape))
            for n, dtype, shape in values
        ]

    nodes = [_node(helper, node) for node in graph.nodes]
    return helper.make_graph(nodes, name, infos(graph.inputs), infos(graph.outputs))


def _tensor(helper: Any, name: str, array: HostArray) -> Any:
    if array.dtype.kind in "OUS":
        texts = [str(text).encode() for text in array.ravel()]
        return helper.make_tensor(name, 8, array.shape, texts)
    content = np.ascontiguousarray(array).tobytes()
    return helper.make_tensor(name, type_number(array.dtype), array.shape, content, raw=True)


def write_file(proto: onnx.ModelProto, path: str | os.PathLike[str]) -> Path:
    """Check a model and write it; weights of a large one lie in a file beside it.

    Raises:
        ModelError: the model breaks the rules of ONNX.
        RunError: the file cannot be written.
    """
    library = import_onnx()
    target = Path(path)
    size = proto.ByteSize()
    large = size <= 0 or size >= LARGEST_IN_ONE - (1 << 20)
    try:
        if not large:
            library.checker.check_model(proto, full_check=True)
            library.save(proto, str(target))
        else:
            library.save(
                proto, str(target), save_as_external_data=True, location=f"{target.name}.data"
            )
            library.checker.check_model(str(target), full_check=True)
    except (library.checker.ValidationError, library.shape_inference.InferenceError) as error:
        raise ModelError(
            f"the written graph breaks the rules of ONNX: {str(error).splitlines()[0][:300]}",
            where=str(target),
        ) from error
    except OSError as error:
        raise RunError(
            "the file cannot be written",
            where=str(target),
            given=error.strerror or str(error),
            fix="give a path in a folder that exists",
        ) from error
    return target

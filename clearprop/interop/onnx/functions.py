"""Operators that are functions: each call is replaced by the nodes of the function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from clearprop.errors import ModelError
from clearprop.interop.onnx.reading import import_onnx
from clearprop.interop.onnx.rows import find_row
from clearprop.interop.onnx.table import CONSTANT, DOMAINS, unsupported

if TYPE_CHECKING:
    import onnx

_LARGE = 1024
"""Bytes from which a tensor is put aside while functions are expanded."""

_ROUNDS = 8
"""Functions call functions; none of the standard's goes deeper."""

MOST_NODES = 200_000
"""Nodes of a graph whose functions were replaced by their own; the largest models have a tenth."""

_DOMAIN = "clearprop.functions"
"""The domain of the functions that take the place of operators."""


def expanded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model in which every operator has a row.

    The functions of the file are replaced by their nodes, and so are the operators without a row
    that ONNX itself defines as a function.

    Raises:
        ModelError: an operator has no row and is no function.
    """
    library = import_onnx()
    if not proto.functions and not _missing(proto):
        return proto
    copy: Any = library.ModelProto()
    copy.CopyFrom(proto)
    aside = _put_aside(library, copy)
    _check_growth(copy)
    try:
        if copy.functions:
            copy = library.inliner.inline_local_functions(copy)
        for _ in range(_ROUNDS):
            if not _missing(copy) or not _as_functions(library, copy, aside):
                break
            copy = library.inliner.inline_local_functions(copy)
    except (RuntimeError, ValueError, library.shape_inference.InferenceError) as error:
        raise ModelError(
            f"a function of the model cannot be expanded: {str(error).splitlines()[0]}"
        ) from error
    copy.graph.initializer.extend(aside)
    for (domain, operator), (where, version) in _missing(copy).items():
        raise unsupported(where, domain, operator, version)
    found: onnx.ModelProto = copy
    return found


def _check_growth(proto: Any) -> None:
    """Raise where functions that call functions would become too many nodes.

    Raises:
        ModelError: they would.
    """
    bodies = {(function.domain, function.name): function for function in proto.functions}
    known: dict[tuple[str, str], int] = {}

    def size(key: tuple[str, str], depth: int) -> int:
        if key not in bodies:
            return 1
        if key not in known:
            if depth > len(bodies):
                raise ModelError("a function of the model calls itself", where=key[1])
            known[key] = sum(
                size((node.domain, node.op_type), depth + 1) for node in _nodes(bodies[key])
            )
        return known[key]

    total = sum(size((node.domain, node.op_type), 0) for node in _nodes(proto.graph))
    if total > MOST_NODES:
        raise ModelError(
            "the functions of the model are too many nodes",
            given=f"{total:,} nodes",
            expected=f"at most {MOST_NODES:,}",
        )


def _put_aside(library: Any, proto: Any) -> list[Any]:
    """Take the large tensors out, which the expansion would copy; their types stay."""
    large = [tensor for tensor in proto.graph.initializer if tensor.ByteSize() > _LARGE]
    small = [tensor for tensor in proto.graph.initializer if tensor.ByteSize() <= _LARGE]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(small)
    known = {info.name for info in (*proto.graph.input, *proto.graph.value_info)}
    for tensor in large:
        if tensor.name not in known:
            proto.graph.value_info.append(
                library.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    return large


def _versions(proto: Any) -> dict[str, int]:
    return {DOMAINS.get(opset.domain, opset.domain): opset.version for opset in proto.opset_import}


def _missing(proto: Any) -> dict[tuple[str, str], tuple[str, int]]:
    """Return the operators without a row, each with a node and the opset."""
    versions = _versions(proto)
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for node in _nodes(proto.graph):
        if _has_no_row(node, versions):
            name = node.name or (node.output[0] if node.output else node.op_type)
            version = versions.get(DOMAINS.get(node.domain, node.domain), 1)
            found.setdefault((node.domain, node.op_type), (name, version))
    return found


def _has_no_row(node: Any, versions: dict[str, int]) -> bool:
    domain = DOMAINS.get(node.domain, node.domain)
    constant = node.op_type == CONSTANT and not domain
    return not constant and find_row(domain, node.op_type, versions.get(domain, 1)) is None


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for inner in _graphs(node):
            yield from _nodes(inner)


def _graphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _as_functions(library: Any, proto: Any, aside: list[Any]) -> bool:
    """Turn each operator without a row into a call of a function; say whether any is one."""
    versions = _versions(proto)
    types = _types(library, proto)
    types |= {t.name: library.helper.make_tensor_type_proto(t.data_type, t.dims) for t in aside}
    changed = False
    for node in _nodes(proto.graph):
        if not _has_no_row(node, versions):
            continue
        function = _function_of(library, node, versions, types)
        if function is None:
            continue
        function.domain, function.name = _DOMAIN, f"{node.op_type}_{len(proto.functions)}"
        proto.functions.append(function)
        node.domain, node.op_type = _DOMAIN, function.name
        changed = True
    if changed and all(opset.domain != _DOMAIN for opset in proto.opset_import):
        proto.opset_import.append(library.helper.make_opsetid(_DOMAIN, 1))
    return changed


def _types(library: Any, proto: Any) -> dict[str, Any]:
    """Return the types of all values, which decide the nodes of some functions."""
    inferred = library.shape_inference.infer_shapes(proto)
    found: dict[str, Any] = {}

    def visit(graph: Any) -> None:
        for info in (*graph.input, *graph.output, *graph.value_info):
            found[info.name] = info.type
        for tensor in graph.initializer:
            found[tensor.name] = library.helper.make_tensor_type_proto(
                tensor.data_type, tensor.dims
            )
        for node in graph.node:
            for inner in _graphs(node):
                visit(inner)

    visit(inferred.graph)
    return found


def _function_of(
    library: Any, node: Any, versions: dict[str, int], types: dict[str, Any]
) -> Any | None:
    """Return the function that an operator is by the standard, or None."""
    domain = DOMAINS.get(node.domain, node.domain)
    version = versions.get(domain, 1)
    try:
        schema = library.defs.get_schema(node.op_type, version, domain)
    except (library.defs.SchemaError, RuntimeError):
        return None
    _with_defaults(node, schema)
    function = library.FunctionProto()
    chosen = [v for v in schema.context_dependent_function_opset_versions if v <= version]
    if schema.has_function:
        body = schema.get_function_with_opset_version(version)
    elif schema.has_context_dependent_function:
        given = [types.get(name, library.TypeProto()).SerializeToString() for name in node.input]
        body = schema.get_context_dependent_function_with_opset_version(
            max(chosen, default=version), node.SerializeToString(), given
        )
    else:
        return None
    function.ParseFromString(body if isinstance(body, bytes) else body.SerializeToString())
    # The body holds at the opset of the model, which the library has checked.
    for opset in function.opset_import:
        opset.version = versions.get(DOMAINS.get(opset.domain, opset.domain), opset.version)
    return function


def _with_defaults(node: Any, schema: Any) -> None:
    """Write out the attributes that have a default."""
    given = {attribute.name for attribute in node.attribute}
    for name, attribute in schema.attributes.items():
        default = attribute.default_value
        if name not in given and default is not None and default.name:
            node.attribute.append(default)

"""Reading an ONNX file that nobody vouches for: sizes, paths and references are checked first."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.errors import DataError, ModelError

if TYPE_CHECKING:
    import onnx

INSTALL = 'pip install "clearprop[onnx]"'

LARGEST_IN_ONE = 2**31
"""Bytes: no protobuf message may be larger."""


def import_onnx() -> Any:
    """Return the library `onnx`.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.external_data_helper
        import onnx.inliner
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as error:
        raise ModelError("files of ONNX need the library onnx", fix=INSTALL) from error
    return onnx


def read_proto(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> onnx.ModelProto:
    """Return the model in a file, or in bytes, after it was checked.

    Raises:
        DataError: the file is missing, or is no model.
        ModelError: the model breaks the rules of ONNX; data beside it are missing or lie outside of
            its folder.
    """
    library = import_onnx()
    if isinstance(source, library.ModelProto):
        proto, folder, where = source, None, None
    elif isinstance(source, bytes):
        proto, folder, where = _parsed(library, source, None), None, None
    else:
        path = Path(source)
        if not path.is_file():
            problem = "this is a folder, not a file" if path.is_dir() else "there is no such file"
            raise DataError(problem, where=str(path))
        if path.stat().st_size >= LARGEST_IN_ONE:
            raise DataError(
                "a file of ONNX is below 2 GB; larger weights lie beside it",
                where=str(path),
                given=f"{path.stat().st_size} bytes",
                fix="save the model with external data",
            )
        proto, folder, where = _parsed(library, path.read_bytes(), path), path.parent, str(path)
    _check_opsets(library, proto, where)
    _check_rules(library, proto if where is None else where, where)
    for part in (proto.graph, *proto.functions):
        for tensor in _tensors(part):
            _check_tensor(library, tensor, folder, where)
    checked: onnx.ModelProto = proto
    return checked


def _parsed(library: Any, content: bytes, path: Path | None) -> onnx.ModelProto:
    from google.protobuf.message import DecodeError

    proto: onnx.ModelProto = library.ModelProto()
    try:
        proto.ParseFromString(content)
    except (DecodeError, ValueError, RuntimeError, RecursionError) as error:
        raise DataError(
            "the file is no ONNX model, or it is damaged",
            where=str(path) if path else None,
            given=f"{len(content)} bytes that begin with {content[:12]!r}",
        ) from error
    if not proto.graph.node and not proto.graph.output:
        raise DataError("the file has no graph", where=str(path) if path else None)
    return proto


def _check_opsets(library: Any, proto: onnx.ModelProto, where: str | None) -> None:
    newest = library.defs.onnx_opset_version()
    for opset in proto.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version > newest:
            raise ModelError(
                "the opset is newer than the installed library onnx",
                where=where,
                given=f"opset {opset.version}",
                expected=f"at most {newest}",
                fix="pip install --upgrade onnx",
            )
    if not proto.opset_import:
        raise ModelError("the file does not say which opset it uses", where=where)


def _check_rules(library: Any, checked: onnx.ModelProto | str, where: str | None) -> None:
    try:
        library.checker.check_model(checked, full_check=False)
    except (library.checker.ValidationError, ValueError, RuntimeError) as error:
        problem = str(error).splitlines()[0] if str(error) else repr(error)
        raise ModelError(
            f"the model breaks the rules of ONNX: {problem[:300]}", where=where
        ) from error


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the tensors of a graph or a function, also those of the graphs inside it."""
    if hasattr(graph, "initializer"):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices) if sparse.dims else ()
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for inner in attribute.graphs:
                yield from _tensors(inner)


_BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


def _check_tensor(library: Any, tensor: Any, folder: Path | None, where: str | None) -> None:
    """Compare the sizes of a tensor with the data that there are, before any memory is taken.

    Raises:
        ModelError: they differ; a size is negative; or data lie outside of the model's folder.
    """
    dims = list(tensor.dims)
    place = f"{where}: tensor {tensor.name!r}" if where else f"tensor {tensor.name!r}"
    if any(size < 0 for size in dims):
        raise ModelError("a size is below 0", where=place, given=str(dims))
    kind = library.TensorProto.DataType
    if tensor.data_type not in kind.values() or tensor.data_type == kind.UNDEFINED:
        raise ModelError("the type is unknown", where=place, given=str(tensor.data_type))
    name = kind.Name(tensor.data_type)
    if name == "STRING":
        return
    count = math.prod(dims)
    bits = _BITS.get(name) or 8 * library.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    size = -(-count * bits // 8)
    if tensor.data_location == library.TensorProto.EXTERNAL:
        _check_external(library, tensor, folder, place, size)
    elif tensor.HasField("raw_data") and len(tensor.raw_data) != size:
        raise ModelError(
            "the data of a tensor have another size than its shape says",
            where=place,
            given=f"{len(tensor.raw_data)} bytes",
            expected=f"{size} bytes for {name} {dims}",
        )
    elif not tensor.HasField("raw_data"):
        _check_fields(tensor, name, count, place)


def _check_fields(tensor: Any, name: str, count: int, place: str) -> None:
    fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data,
              tensor.uint64_data)  # fmt: skip
    held = sum(map(len, fields))
    parts = 2 if name.startswith("COMPLEX") else 1
    packed = -(-count * _BITS.get(name, 8) // 8) if name in _BITS else count * parts
    if held != packed:
        raise ModelError(
            "the data of a tensor have another number of entries than its shape says",
            where=place,
            given=str(held),
            expected=str(packed),
        )


def _check_external(library: Any, tensor: Any, folder: Path | None, place: str, size: int) -> None:
    found = {entry.key: entry.value for entry in tensor.external_data}
    location = found.get("location", "")
    if folder is None:
        raise ModelError(
            "the data lie beside a file, and the model was not read from one",
            where=place,
            given=location,
            fix="load the model by the path of its file",
        )
    target = folder / location
    real, root = Path(os.path.realpath(target)), Path(os.path.realpath(folder))
    if not location or Path(location).is_absolute() or not real.is_relative_to(root):
        raise ModelError(
            "the data lie outside of the folder of the model", where=place, given=repr(location)
        )
    if not real.is_file():
        raise ModelError(
            "the file with the data is missing",
            where=place,
            given=location,
            fix=f"copy {location} beside the model",
        )
    try:
        offset = int(found.get("offset", 0))
        length = int(found.get("length", size))
    except ValueError as error:
        raise ModelError("the place of the data is damaged", where=place) from error
    if offset < 0 or length != size or offset + length > real.stat().st_size:
        raise ModelError(
            "the data of a tensor are not where the file says",
            where=place,
            given=f"{length} bytes from {offset} on, in a file of {real.stat().st_size}",
            expected=f"{size} bytes",
        )
    library.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    tensor.data_location = library.TensorProto.DEFAULT
    del tensor.external_data[:]

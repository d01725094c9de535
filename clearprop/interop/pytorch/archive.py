"""The files of `torch.save`: an archive (since PyTorch 1.6), or pickles and numbers in a row.

archive: NAME/data.pkl       the pickle that describes the tensors
         NAME/data/KEY       the numbers of a storage, as they are in memory
         NAME/byteorder      "little" or "big"
earlier: a magic number, a version, the machine, the tensors, the keys of the storages (five
         pickles), then for each key the count of its numbers and the numbers
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import CheckpointError, nearest
from clearprop.files import check_file, content_errors, read_errors
from clearprop.interop.pytorch.pickled import (
    LARGEST_PICKLE,
    Plain,
    Storage,
    Tensor,
    kind_of_plain,
    read_pickle,
)

Arrays: TypeAlias = "dict[str, NDArray[Any] | Arrays]"
"""Arrays by name, in dicts as in the file."""

MAGIC = 0x1950A86A20F9469CFC6C
"""The number at the start of a file that is no archive."""


def read(path: Path | str, part: str | None = None) -> Arrays:
    """Return the tensors of a file that `torch.save` wrote, as NumPy arrays by name.

    Nothing in the file is unpickled, imported or called: a reader that knows tensors alone takes
    the pickle apart. Whatever else stands in the file is refused, and named. Views of one storage
    share their memory here too. bfloat16 and the 8-bit types are those of ``ml_dtypes``.

    Args:
        path: a ``.pt``, ``.pth`` or ``.bin`` file, of the present form or of that before
            PyTorch 1.6.
        part: the entry to return where the file is a dict with other things beside it, such as
            "state_dict"; dots lead into dicts of dicts. None returns everything.

    Returns:
        Read-only arrays, in dicts as in the file.

    Raises:
        CheckpointError: there is no such file or part, it is cut off or damaged, or it holds
            something that is no tensor.
    """
    path = Path(path)
    size = check_file(path, CheckpointError).st_size
    problem, fix = "the file is cut off or damaged", "copy the file again, from where it is whole"
    with read_errors(path, CheckpointError), path.open("rb") as file:
        begins = file.read(4)
        file.seek(0)
        with content_errors(path, CheckpointError, problem, fix):
            if begins == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    return _of_archive(archive, size, str(path), part)
            return _of_pickles(file, size, str(path), part)


def _of_archive(archive: zipfile.ZipFile, size: int, where: str, part: str | None) -> Arrays:
    entries = {info.filename: info for info in archive.infolist()}
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
    roots = [root for root in roots if root.count("/") == 1]
    if len(roots) != 1 or len(entries) != len(archive.infolist()):
        raise ValueError("a zip file that torch.save has not written: it has no one data.pkl")
    (root,) = roots
    # A compressed entry could be larger than any memory; torch.save compresses none.
    if any(i.compress_type != zipfile.ZIP_STORED or i.flag_bits & 1 for i in entries.values()):
        raise ValueError("compressed or encrypted entries, which torch.save does not write")
    if sum(info.file_size for info in entries.values()) > size:
        raise ValueError("entries that are larger than the file")
    order = entries.get(f"{root}byteorder")
    if order is not None and (order.file_size > 16 or archive.read(order) != b"little"):
        raise ValueError("numbers of a big-endian machine, which are not read")
    pickle = entries[f"{root}data.pkl"]
    if pickle.file_size > LARGEST_PICKLE:
        raise ValueError(f"a description of {pickle.file_size} bytes")
    tensors = _tensors(read_pickle(archive.read(pickle), where), where, part)
    numbers: dict[str, NDArray[np.uint8]] = {}
    for storage in _storages(tensors):
        entry = entries[f"{root}data/{storage.key}"]
        if entry.file_size != storage.bytes:
            raise ValueError(f"{entry.file_size} bytes where {storage.bytes} are described")
    for key in {storage.key for storage in _storages(tensors)}:
        numbers[key] = np.frombuffer(archive.read(f"{root}data/{key}"), np.uint8)
    return _arrays(tensors, numbers)


def _of_pickles(file: IO[bytes], size: int, where: str, part: str | None) -> Arrays:
    pickles = io.BytesIO(file.read(LARGEST_PICKLE))
    if pickles.read(1) != b"\x80" or pickles.seek(0) or read_pickle(pickles, where) != MAGIC:
        raise CheckpointError(
            "the file is none of torch.save",
            where=where,
            expected="a zip archive, or pickles that begin with PyTorch's number",
            fix="a .safetensors file is read by cp.interop.huggingface.load, or by safetensors"
            if where.endswith(".safetensors")
            else None,
        )
    _version, machine = read_pickle(pickles, where), read_pickle(pickles, where)
    if type(machine) is not dict or machine.get("little_endian") is not True:
        raise ValueError("numbers of a big-endian machine, which are not read")
    content, keys = read_pickle(pickles, where), read_pickle(pickles, where)
    # The numbers of a storage follow in the order of the keys, so all storages must be known.
    storages = set(_storages_in(content))
    described = {storage.key: storage for storage in storages}
    if type(keys) is not list or sorted(keys) != sorted(storage.key for storage in storages):
        raise ValueError("storages that are not those of the tensors")
    places: dict[str, int] = {}
    file.seek(pickles.tell())
    for key in keys:
        storage = described[key]
        count, place = int.from_bytes(file.read(8), "little", signed=True), file.tell()
        if count != storage.size or place + storage.bytes > size:
            raise ValueError(f"{size - place} bytes where {storage.bytes} are described")
        places[key] = place
        file.seek(storage.bytes, 1)
    if file.tell() != size:
        raise ValueError("bytes behind the end")
    tensors = _tensors(content, where, part)
    numbers = {}
    for key in {storage.key for storage in _storages(tensors)}:
        file.seek(places[key])
        numbers[key] = np.frombuffer(file.read(described[key].bytes), np.uint8)
    return _arrays(tensors, numbers)


Tensors: TypeAlias = "dict[str, Tensor | Tensors]"


def _tensors(content: Plain, where: str, part: str | None) -> Tensors:
    """Return the dicts of tensors in the content of a file, or in one part of it."""
    for name in part.split(".") if part else ():
        if type(content) is not dict or name not in content:
            names = [key for key in content if type(key) is str] if type(content) is dict else []
            close = nearest(name, names)
            raise CheckpointError(
                f"the file has no part {part!r}",
                where=where,
                given=", ".join(names[:12])[:200] or kind_of_plain(content),
                fix=f"did you mean {close!r}?" if close else None,
            )
        content = content[name]
    if type(content) is Tensor:
        raise CheckpointError(
            "the file is one tensor without a name",
            where=where,
            expected="a dict of tensors, such as a state_dict",
            fix='torch.save({"weight": tensor}, path)',
        )
    seen: set[int] = set()
    entries = content.items() if type(content) is dict else ()
    holds = [name for name, value in entries if type(value) is dict and value]

    def only(value: Plain, path: str) -> Any:
        if type(value) is Tensor:
            return value
        if type(value) is not dict:
            raise CheckpointError(
                "the file holds something that is no tensor",
                where=where,
                given=f"{path or 'the whole'} is {kind_of_plain(value)}",
                expected="tensors in dicts",
                fix=f"read(path, part={holds[0]!r})" if holds and part is None else None,
            )
        if id(value) in seen:
            raise ValueError("the same dict at two places")
        seen.add(id(value))
        if any(type(key) is not str for key in value):
            raise ValueError("a dict whose keys are numbers")
        return {key: only(x, f"{path}.{key}" if path else key) for key, x in value.items()}

    found: Tensors = only(content, "")
    return found


def _storages(tensors: Tensors) -> Iterator[Storage]:
    for value in tensors.values():
        if isinstance(value, Tensor):
            yield value.storage
        else:
            yield from _storages(value)


def _storages_in(content: Plain) -> Iterator[Storage]:
    """Yield the storages of all tensors anywhere in the content of a file."""
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) is Tensor:
            yield value.storage
        elif type(value) is Storage:
            yield value
        elif type(value) is dict:
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)


def _arrays(tensors: Tensors, numbers: Mapping[str, NDArray[np.uint8]]) -> Arrays:
    found: Arrays = {}
    for name, value in tensors.items():
        found[name] = (
            _array(value, numbers[value.storage.key])
            if isinstance(value, Tensor)
            else _arrays(value, numbers)
        )
    return found


def _array(tensor: Tensor, raw: NDArray[np.uint8]) -> NDArray[Any]:
    if not all(tensor.shape):
        return np.zeros(tensor.shape, tensor.dtype)
    if tensor.needs > len(raw):  # else memory behind the storage would be read
        raise ValueError(f"{len(raw)} bytes where {tensor.needs} are needed")
    if tensor.dtype == bool and raw.max() > 1:
        raise ValueError("a truth value that is neither 0 nor 1")
    size = tensor.dtype.itemsize
    strides = tuple(step * size for step in tensor.strides)
    return np.ndarray(tensor.shape, tensor.dtype, raw.data, tensor.offset * size, strides)

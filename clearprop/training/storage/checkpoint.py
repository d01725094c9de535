"""Named arrays with a record in one safetensors file, and the states of a run in such files."""

from __future__ import annotations

import json
import re
import secrets
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import jax
import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import ArrayLike, DTypeLike, NDArray

from clearprop import backend, processes, tree
from clearprop.errors import CheckpointError, RunError
from clearprop.files import (
    CHECKSUM,
    agrees,
    content_errors,
    read_errors,
    with_checksum,
    write_atomically,
    write_errors,
)
from clearprop.training.callback import Position
from clearprop.training.storage import pieces

Tree = TypeVar("Tree")

_NAME = re.compile(r"step-(\d{12})\.safetensors")
PUT_BACK = "put the whole folder back, from where it is whole"
_HEADER = "clearprop"
"""The key of the metadata of a file under which what is known of its arrays stands."""

_DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def save_arrays(
    path: Path,
    arrays: Mapping[str, ArrayLike],
    record: Mapping[str, object],
    write: Callable[[Path, bytes], None] = write_atomically,
) -> None:
    """Write arrays and a record (JSON-compatible) to a file, in one stroke.

    Args:
        path: of the file.
        arrays: by name.
        record: what is known of them.
        write: writes the file; `clearprop.files.write_output` for a place that the user chose.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # ascontiguousarray gives numbers without axes one.
    plain = {name: array.reshape(np.shape(arrays[name])) for name, array in plain.items()}
    arrays_known = {name: _described(array) for name, array in plain.items()}
    header = with_checksum({"record": dict(record), "arrays": arrays_known})
    write(path, safetensors.numpy.save(plain, {_HEADER: json.dumps(header)}))


def load_arrays(
    path: Path, *, foreign: bool = False
) -> tuple[dict[str, NDArray[Any]], dict[str, object]]:
    """Return the arrays of a file, and its record.

    Args:
        path: of the file.
        foreign: whether another program may have written it; it has an empty record then.

    Raises:
        CheckpointError: there is no such file, or it is cut off or damaged.
    """
    with read_errors(path, CheckpointError):
        content = path.read_bytes()
    problem, fix = "the file is cut off or damaged", "copy the file again, from where it is whole"
    with content_errors(path, CheckpointError, problem, fix):
        tensors = safetensors.deserialize(content)  # type: ignore[no-untyped-call,unused-ignore]  # of old releases
        arrays = {
            name: np.frombuffer(tensor["data"], _DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
            for name, tensor in tensors
        }
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__", {})
        if foreign and not any(_is_header(text) for text in metadata.values()):
            return arrays, {}
        return arrays, _checked_record(metadata, arrays)


def _token(path: Path) -> object:
    """Return the token in the record of a piece; None where there is no whole piece."""
    try:
        with safetensors.safe_open(path, "np") as file:
            record = json.loads((file.metadata() or {})[_HEADER])["record"]
    except (OSError, KeyError, ValueError, safetensors.SafetensorError):
        return None
    return cast(object, record.get(pieces.TOKEN))


def _is_header(text: str) -> bool:
    """Return whether a text of the metadata is what `save_arrays` writes, perhaps damaged."""
    return text.startswith("{") and f'"{CHECKSUM}"' in text


def _checked_record(metadata: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return the record of a file whose metadata and arrays agree with their checksums.

    Raises:
        ValueError: they do not, or there are none.
    """
    header = metadata.get(_HEADER)
    if header is None:
        raise ValueError("it has no record, so clearprop did not write it")
    known = json.loads(header)
    if CHECKSUM not in known:
        raise ValueError("it has no checksums, so an earlier version of clearprop wrote it")
    if not agrees(known):
        raise ValueError("the checksum of its record does not agree")
    for name in {**known["arrays"], **arrays}:
        if name not in arrays or known["arrays"].get(name) != _described(arrays[name]):
            raise ValueError(f"the checksum of {name} does not agree")
    return known["record"]


def _described(array: NDArray[Any]) -> list[object]:
    crc32 = zlib.crc32(array.reshape(-1).view(np.uint8).data)
    return [str(array.dtype), list(array.shape), f"{crc32:08x}"]


class SavedState(NamedTuple):
    """A state of training that was kept.

    Attributes:
        arrays: by path within the state.
        record: its position in the run, as plain data.
        file: its name.
    """

    arrays: dict[str, NDArray[Any]]
    record: dict[str, object]
    file: str


class StateFolder:
    """States of one run in files, one for each step.

    Args:
        path: of the folder; it is made with the first of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of the states that are kept, in their order."""
        names = [path.name for path in self.path.iterdir()] if self.path.is_dir() else []
        return tuple(sorted(int(found[1]) for name in names if (found := _NAME.fullmatch(name))))

    def add(self, state: object, position: Position) -> str:
        """Write one more, in one stroke, and return the name of its file.

        Raises:
            RunError: the disk is full.
        """
        with write_errors(self.path):
            self.path.mkdir(exist_ok=True)
        file, arrays, record = self._file(position.step), tree.flatten_with_paths(state), {}
        if processes.count() > 1:
            arrays, record = {}, self._add_piece(arrays, position.step)
        if processes.is_first():
            save_arrays(file, jax.device_get(arrays), {**asdict(position), **record})
        processes.meet()
        return file.name

    def _add_piece(self, arrays: Mapping[str, Any], step: int) -> dict[str, object]:
        """Write the piece of this process; return the record of all pieces once they are there.

        Raises:
            RunError: the disk is full, or the processes have no folder in common.
        """
        names = [self._piece(step, i).name for i in range(processes.count())]
        token = processes.from_first(lambda: secrets.token_hex(8), "token")
        parts, record = pieces.own_piece(arrays)
        save_arrays(self._piece(step, processes.index()), parts, {**record, pieces.TOKEN: token})
        processes.meet()
        missing = [i for i, name in enumerate(names) if _token(self.path / name) != token]
        if missing:
            raise RunError(
                "a process writes its piece of a state where this one does not see it",
                where=str(self.path),
                given=f"no {names[missing[0]]}, which process {missing[0]} has written",
                fix="choose a folder on a file system that all hosts share: --folder",
            )
        return {pieces.PIECES: names, pieces.TOKEN: token}

    def load(self, step: int) -> SavedState:
        """Return the state of a step.

        Raises:
            CheckpointError: there is none, or its file is damaged.
        """
        file = self._file(step)
        arrays, record = load_arrays(file)
        names = cast("list[str]", record.pop(pieces.PIECES, []))
        token = record.pop(pieces.TOKEN, None)
        if names:
            with content_errors(file, CheckpointError, "a piece of the state is damaged", PUT_BACK):
                arrays = pieces.joined(
                    (load_arrays(self.path / Path(name).name) for name in names), token
                )
        saved = SavedState(arrays, record, file.name)
        position = Position.of(saved.record, str(file))
        if position.step != step:
            raise CheckpointError(
                "the file is of another step than its name says",
                where=str(file),
                given=f"step {position.step}",
                fix="give it its name back",
            )
        return saved

    def remove(self, steps: Iterable[int]) -> None:
        """Delete the states of some steps."""
        if not processes.is_first():
            return
        for step in steps:
            self._file(step).unlink(missing_ok=True)
            for piece in self.path.glob(f"{self._file(step).stem}.piece-*"):
                piece.unlink(missing_ok=True)

    def _file(self, step: int) -> Path:
        return self.path / f"step-{step:012d}.safetensors"

    def _piece(self, step: int, process: int) -> Path:
        name = f"{self._file(step).stem}.piece-{process}-of-{processes.count()}.safetensors"
        return self.path / name


class Checkpoints(StateFolder):
    """The states from which a run can be resumed.

    Args:
        path: of the folder.
        keep: how many of the latest are kept, at least 1; the best one is kept besides.
    """

    def __init__(self, path: Path, keep: int = 2) -> None:
        super().__init__(path)
        self.keep = keep

    def add(self, state: object, position: Position) -> str:
        """Write a checkpoint and return its name; older ones are deleted once it is whole.

        Raises:
            RunError: the disk is full; the earlier checkpoints are still there.
        """
        name = super().add(state, position)
        self.remove(step for step in self.steps[: -self.keep] if step != position.best_step)
        return name

    def latest(self) -> SavedState | None:
        """Return the latest checkpoint that is whole, or None where there is none.

        A damaged one is passed over with a warning, and the one before it is returned.

        Raises:
            CheckpointError: there are checkpoints, and none of them is whole.
        """
        damaged: list[CheckpointError] = []
        for step in reversed(self.steps):
            try:
                saved = self.load(step)
            except CheckpointError as error:
                damaged.append(error)
                continue
            for one in damaged:
                warnings.warn(
                    f"{one.where}: {one.problem} ({one.given}); {saved.file} is used instead",
                    stacklevel=2,
                )
            return saved
        if damaged:
            raise CheckpointError(
                "none of the checkpoints is whole, so the run cannot go on",
                where=str(self.path),
                given="; ".join(f"{e.where}: {e.problem} ({e.given})" for e in damaged[:3]),
                fix="put a whole one back, or begin a new run in another folder",
            )
        return None


def restore(template: Tree, arrays: Mapping[str, NDArray[np.generic]], where: str) -> Tree:
    """Return a tree like the template with a checkpoint's arrays in it, placed as the template's.

    Raises:
        CheckpointError: the arrays are not those of this architecture; the first that differ are
            named.
    """
    expected = tree.flatten_with_paths(template)
    check_architecture(
        {path: (leaf.shape, leaf.dtype) for path, leaf in expected.items()},
        {path: (array.shape, array.dtype) for path, array in arrays.items()},
        where,
    )
    leaves = [backend.put(arrays[path], leaf.sharding) for path, leaf in expected.items()]
    restored: Tree = jax.tree.unflatten(jax.tree.structure(template), leaves)
    return restored


def check_architecture(
    expected: Mapping[str, tuple[tuple[int, ...], DTypeLike]],
    found: Mapping[str, tuple[tuple[int, ...], DTypeLike]],
    where: str,
) -> None:
    """Compare paths, shapes and dtypes of a model with those of a file.

    Raises:
        CheckpointError: they differ; the first three differences are listed.

    >>> check_architecture({"w": ((2, 3), "float32")}, {"w": ((2, 4), "float32")}, "a.safetensors")
    Traceback (most recent call last):
    clearprop.errors.CheckpointError: a.safetensors: the file belongs to another architecture
      given:    w is (2, 4) float32 in the file and (2, 3) float32 in the model
      fix:      build the model with the configuration that the file was written with
    """
    lines = []
    for path in [*expected, *(path for path in found if path not in expected)]:
        own, other = expected.get(path), found.get(path)
        if own is None:
            lines.append(f"{path} is in the file only")
        elif other is None:
            lines.append(f"{path} is in the model only")
        elif (tuple(own[0]), np.dtype(own[1])) != (tuple(other[0]), np.dtype(other[1])):
            lines.append(f"{path} is {_kind(other)} in the file and {_kind(own)} in the model")
    if lines:
        more = f"; and {len(lines) - 3} more" if len(lines) > 3 else ""
        raise CheckpointError(
            "the file belongs to another architecture",
            where=where,
            given="; ".join(lines[:3]) + more,
            fix="build the model with the configuration that the file was written with",
        )


def _kind(array: tuple[tuple[int, ...], DTypeLike]) -> str:
    return f"{tuple(array[0])} {np.dtype(array[1])}"

"""A state of several processes in pieces: each process writes one, and a manifest joins them.

A process writes the parts of divided arrays that lie on its devices. Arrays that every process has
whole are shared out among them, so that all write about as much. The manifest is written last, by
the first process, so a state is there whole or not at all. Any number of processes can read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import processes

PIECES, PARTS, TOKEN = "pieces", "parts", "token"
"""The keys of a record: the files of the pieces, the places of their arrays, and what a state and
its pieces have in common."""


def own_piece(
    arrays: Mapping[str, jax.Array],
) -> tuple[dict[str, NDArray[np.generic]], dict[str, object]]:
    """Return what this process writes of some arrays, and the record of their places.

    Args:
        arrays: of the state, by path.
    """
    parts: dict[str, NDArray[np.generic]] = {}
    places: dict[str, object] = {}
    writers = _writers(arrays)
    for path, x in arrays.items():
        for number, (start, part) in enumerate(_own_parts(x, writers.get(path))):
            name = f"{path}#{number}"
            parts[name] = part
            places[name] = {"path": path, "shape": list(x.shape), "start": start}
    return parts, {PARTS: places}


def _writers(arrays: Mapping[str, Any]) -> dict[str, int]:
    """Return which process writes each array that all have whole: the largest first, evenly."""
    load = [0] * processes.count()
    whole = {path: x for path, x in arrays.items() if _is_whole(x)}
    found = {}
    for path, x in sorted(whole.items(), key=lambda item: (-item[1].nbytes, item[0])):
        found[path] = load.index(min(load))
        load[found[path]] += x.nbytes
    return found


def _is_whole(x: Any) -> bool:
    return not isinstance(x, jax.Array) or x.is_fully_replicated


def _own_parts(x: Any, writer: int | None) -> Iterator[tuple[list[int], NDArray[Any]]]:
    if writer is not None:
        if writer == processes.index():
            yield [0] * np.ndim(x), np.asarray(x)
        return
    for shard in x.addressable_shards:
        if shard.replica_id == 0:
            start = [at.indices(size)[0] for at, size in zip(shard.index, x.shape, strict=True)]
            yield start, np.asarray(shard.data)


def joined(
    pieces: Iterator[tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]], token: object
) -> dict[str, NDArray[Any]]:
    """Return whole arrays from pieces.

    Args:
        pieces: the arrays and the record of each.
        token: of the state; each piece has it too.

    Raises:
        ValueError: a part of an array is missing, or is there twice, or is one of another state.
    """
    whole: dict[str, NDArray[Any]] = {}
    filled: dict[str, int] = {}
    places: set[tuple[object, ...]] = set()
    for arrays, record in pieces:
        if record.get(TOKEN) != token:
            raise ValueError("a piece is one of another state than the others")
        for name, place in record[PARTS].items():
            path, part = place["path"], arrays[name]
            whole.setdefault(path, np.empty(place["shape"], part.dtype))
            if (corner := (path, *place["start"])) in places:
                raise ValueError(f"the part of {path} at {place['start']} is there twice")
            places.add(corner)
            corners = zip(place["start"], part.shape, strict=True)
            whole[path][tuple(slice(at, at + size) for at, size in corners)] = part
            filled[path] = filled.get(path, 0) + part.size
    for path, array in whole.items():
        if filled[path] != array.size:
            raise ValueError(f"{filled[path]} of the {array.size} numbers of {path} are there")
    return whole

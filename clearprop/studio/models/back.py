"""How the error signal of one entry of a node came about: what each operation that reads it adds.

    dE/dx = sum over the operations that read x of (error signal of the result) x (local derivative)

Shape letters: K taps of a window (one to three axes), C output channels, N outputs of a product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from clearprop.autodiff import OPERATIONS
from clearprop.glass.explain import GlassNode
from clearprop.studio.frames import pack
from clearprop.studio.models.cell import (
    MOST_TERMS,
    Numbers,
    Place,
    Window,
    entries_of,
    geometry_of,
    winner_of,
)
from clearprop.studio.models.headers import BackKind, BackPart, BackShown
from clearprop.studio.models.passes import ViewedPass, entry, fields_of, finite_or_none
from clearprop.studio.models.spans import STORED

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class EntryReader:
    """One input of an operation that reads an entry.

    Attributes:
        node: the result of the operation.
        given: number of the input.
        place: of the entry in the input.
    """

    node: GlassNode
    given: int
    place: Place


@dataclass(frozen=True)
class PassedBack:
    """What one reading adds to the error signal.

    Attributes:
        reading: which.
        kind: which arrays there are.
        total: their sum.
        arrays: of the frame.
        known: further fields of the header.
    """

    reading: EntryReader
    kind: BackKind
    total: float
    arrays: Arrays = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)


def back_frame(seen: ViewedPass, number: int, index: str) -> bytes:
    """Return the frame "back" of one entry of a node.

    Raises:
        ConfigurationError: there is no such node or entry.
    """
    node = seen.node(number)
    place = entry(index, node.shape)
    parts = [_part(reading) for reading in _readings(node, place)] if node.is_reached else []
    error = node.error
    text = ""
    if any(part.kind == "whole" for part in parts):
        text = str(seen.glass.equations(node, place))
    header = BackShown(
        pass_id=seen.name,
        node=number,
        index=place,
        value=finite_or_none(float(np.asarray(node.value)[place])),
        error=None if error is None else finite_or_none(float(np.asarray(error)[place])),
        parts=tuple(
            BackPart(
                node=part.reading.node.index,
                kind=part.kind,
                total=finite_or_none(part.total),
                **part.known,
            )
            for part in parts
        ),
        text=text,
    )
    arrays = {f"{name}.{k}": a for k, part in enumerate(parts) for name, a in part.arrays.items()}
    return pack("back", fields_of(header), arrays)


def _readings(node: GlassNode, place: Place) -> Iterator[EntryReader]:
    """Yield what reads an entry and passes an error signal to it.

    A reshape only gives the entry another place, and `ops.stored` none: what reads it there counts.
    """
    for user in node.users:
        for given, source in enumerate(user.sources):
            if source != node.index or not user.passes(given):
                continue
            if user.operation == "reshape" and given == 0:
                flat = np.ravel_multi_index(place, node.shape) if place else 0
                there = tuple(int(k) for k in np.unravel_index(int(flat), user.shape))
                yield from _readings(user, there)
            elif user.operation == STORED:
                yield from _readings(user, place)
            else:
                yield EntryReader(user, given, place)


def _part(reading: EntryReader) -> PassedBack:
    user = reading.node
    if reading.given == 0:
        if user.operation == "convolution":
            return _of_convolution(reading)
        if user.operation in ("max_pool", "average_pool"):
            return _of_pool(reading)
        if user.operation == "matmul" and (found := _of_product(reading)) is not None:
            return found
    row = OPERATIONS.get(user.operation)
    if row is not None and row.stacks is True and user.shape == _shape(reading):
        return _entrywise(reading)
    if user.operation == "broadcast_to" and len(_shape(reading)) == len(user.shape):
        return _of_copies(reading)
    passed = user.passed(reading.given)
    return PassedBack(reading, "whole", float(np.asarray(passed)[reading.place]))


def _shape(reading: EntryReader) -> Place:
    source = reading.node.sources[reading.given]
    assert source is not None
    return reading.node.glass[source].shape


def _error(node: GlassNode) -> NDArray[Any]:
    return np.asarray(node.error, np.float32)


@dataclass(frozen=True)
class _WindowReaders:
    """The places of a window at which it covers one entry of its input: one for each tap, or none.

    Attributes:
        places: for each axis the place for each tap; -1 where there is none.
    """

    places: tuple[NDArray[np.int32], ...]

    @classmethod
    def of(cls, node: GlassNode, place: Place) -> _WindowReaders:
        """Return those of an entry, given its place without batch and channel."""
        geometry = geometry_of(node)
        axes = zip(
            place,
            geometry.window,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            geometry.outputs,
            strict=True,
        )
        found = []
        for at, taps, s, (before, _), d, outputs in axes:
            starts = at + before - d * np.arange(taps)
            fits = (starts % s == 0) & (starts >= 0) & (starts // s < outputs)
            found.append(np.where(fits, starts // s, -1).astype(np.int32))
        return cls(tuple(found))

    @property
    def inside(self) -> NDArray[np.bool_]:
        """For which taps there is a place, (*K,)."""
        there = [places >= 0 for places in self.places]
        return np.asarray(np.stack(np.meshgrid(*there, indexing="ij")).all(axis=0))

    def errors(self, node: GlassNode, batch: int, channels: slice) -> Numbers:
        """Return the error signals at the places, (*K, C), 0 where there is none."""
        clipped = [np.clip(places, 0, None) for places in self.places]
        found = _error(node)[batch][np.ix_(*clipped)][..., channels]
        return np.where(self.inside[..., None], found, 0).astype(np.float32)

    @property
    def arrays(self) -> Arrays:
        """The places for a frame."""
        names = {1: ("rows",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}
        named = dict(zip(names[len(self.places)], self.places, strict=True))
        return {"inside": self.inside.astype(np.uint8), **named}


def _of_convolution(reading: EntryReader) -> PassedBack:
    """Return the error signals of the results, each through its entry of the kernel."""
    node, place = reading.node, reading.place
    kernel = np.asarray(node.input_values[1], np.float32)
    groups = int(cast("int", node.parameters.get("groups", 1)))
    of_input, of_output = kernel.shape[-2], kernel.shape[-1] // groups
    group = place[-1] // of_input
    channels = slice(group * of_output, (group + 1) * of_output)
    readers = _WindowReaders.of(node, place[1:-1])
    errors = readers.errors(node, place[0], channels)
    factors = kernel[..., place[-1] % of_input, channels]
    products = errors * factors
    arrays: Arrays = {
        "error": errors,
        "factor": factors,
        "product": products,
        "channels": np.arange(channels.start, channels.stop, dtype=np.int32),
        **readers.arrays,
    }
    total = float(products.sum(dtype=np.float64))
    return PassedBack(reading, "convolution", total, arrays, {"weights": node.sources[1]})


def _of_pool(reading: EntryReader) -> PassedBack:
    """Return the error signals of the windows over the entry, and which part of them it gets."""
    node, place = reading.node, reading.place
    geometry = geometry_of(node)
    channel = slice(place[-1], place[-1] + 1)
    readers = _WindowReaders.of(node, place[1:-1])
    errors = readers.errors(node, place[0], channel)[..., 0]
    x = np.asarray(node.input_values[0])[place[0]]
    factors = np.zeros(errors.shape, np.float32)
    for tap in zip(*np.nonzero(readers.inside), strict=True):
        at = tuple(int(places[k]) for places, k in zip(readers.places, tap, strict=True))
        window = Window.at(x, geometry, at, channel)
        if node.operation == "max_pool":
            factors[tap] = winner_of(window) == tap
        else:
            factors[tap] = 1 / entries_of(node, geometry, at)
    # Where the entry did not win, an error signal that is not finite is not passed on either.
    products = np.where(factors != 0, errors * factors, 0).astype(np.float32)
    arrays: Arrays = {"error": errors, "factor": factors, "product": products, **readers.arrays}
    kind: BackKind = "max_pool" if node.operation == "max_pool" else "average_pool"
    return PassedBack(reading, kind, float(products.sum(dtype=np.float64)), arrays)


def _of_product(reading: EntryReader) -> PassedBack | None:
    """Return the error signals of the sums, each times its weight; None where they are too many."""
    node, place = reading.node, reading.place
    left, right = (np.asarray(value) for value in node.input_values)
    if left.ndim < 2 or right.ndim != 2 or right.shape[1] > MOST_TERMS:
        return None
    errors = _error(node)[place[:-1]]
    weights = right[place[-1]].astype(np.float32)
    products = errors * weights
    arrays: Arrays = {"error": errors, "factor": weights, "product": products}
    total = float(products.sum(dtype=np.float64))
    return PassedBack(reading, "weighted_sum", total, arrays, {"weights": node.sources[1]})


def _of_copies(reading: EntryReader) -> PassedBack:
    """Return the error signals of the copies that a broadcast made of the entry."""
    shape = _shape(reading)
    copied = [axis for axis, size in enumerate(shape) if size != reading.node.shape[axis]]
    there = tuple(slice(None) if axis in copied else k for axis, k in enumerate(reading.place))
    errors = np.asarray(_error(reading.node)[there], np.float32)
    return PassedBack(reading, "copies", float(errors.sum(dtype=np.float64)), {"error": errors})


def _entrywise(reading: EntryReader) -> PassedBack:
    """Return the error signal of the one entry that is made of it, times the local derivative."""
    node, place = reading.node, reading.place
    passed = np.asarray(node.passed(reading.given))[place]
    local = node.local(reading.given)
    slope = float(np.asarray(local)[place]) if hasattr(local, "dtype") else None
    known = {
        "index": place,
        "error": finite_or_none(float(_error(node)[place])),
        "local": None if slope is None else finite_or_none(slope),
    }
    return PassedBack(reading, "entrywise", float(passed), {}, known)

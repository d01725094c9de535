"""Primitives that read and write entries at computed places.

Every place of an array has one number, counted along all axes. So each of these primitives is
written as sums of products of indices, and one Gather or ScatterElements of the flat array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.interop.onnx.export.table import Applied, Sized, operation_row, primitive
from clearprop.interop.onnx.export.writer import GraphWriter


@operation_row("take")
def _take(w: GraphWriter, op: Applied) -> str:
    # Negative numbers count from the end in both; numbers beyond the end are an error there.
    axis = op.parameters["axis"] % op.size.ndim
    return w.node("Gather", op.inputs[0], op.inputs[1], axis=axis)


@operation_row("take_along_axis")
def _take_along(w: GraphWriter, op: Applied) -> str:
    axis = op.parameters["axis"] % op.size.ndim
    x, places = op.inputs
    shape = tuple(
        max(n, m) if i != axis else m
        for i, (n, m) in enumerate(zip(op.size.shape, op.sizes[1].shape, strict=True))
    )
    if shape != op.sizes[1].shape:
        places = w.expand(places, op.sizes[1].shape, shape, op.sizes[1].dtype)
    wide = tuple(n if i != axis else op.size.shape[axis] for i, n in enumerate(shape))
    if wide != op.size.shape:
        x = w.expand(x, op.size.shape, wide, op.size.dtype)
    return w.node("GatherElements", x, places, axis=axis)


def _number_type(shape: Sequence[int], given: object) -> Any:
    """Return the type in which places of an array are counted: that of the given ones if it fits.

    Without 64 bits, JAX would warn of numbers that have them when the file is read.
    """
    return np.int32 if given == np.int32 and math.prod(shape) < 2**31 else np.int64


def _steps(w: GraphWriter, number: int, axis: int, rank: int, kind: Any) -> str:
    """Return 0 ... number - 1 along one axis of a shape."""
    ends = (w.constant(n, kind) for n in (0, number, 1))
    x = w.node("Range", *ends)
    others = [a for a in range(rank) if a != axis]
    return w.node("Unsqueeze", x, w.ints(others)) if others else x


def _moved(w: GraphWriter, indices: str, places: Sequence[int], rank: int) -> str:
    """Return one index as an array of the rank of the output, its axes at the batch places."""
    order = [axis for axis in range(rank) if axis not in places]
    return w.node("Unsqueeze", indices, w.ints(order)) if order else indices


class _Flat:
    """The numbers of the entries that one gather reads, or one scatter writes.

    Args:
        shape: of the array that is read or written.
        indices: name and size of the starts; the last axis holds one for each mapped axis.
        rank: of the output of a gather, or of the updates of a scatter.
        offsets: axes of the output that run through a slice.
        named: the dimension numbers, with the names of a gather.
    """

    def __init__(
        self,
        w: GraphWriter,
        shape: tuple[int, ...],
        indices: tuple[str, Sized],
        out: tuple[int, ...],
        named: dict[str, Any],
        sizes: Sequence[int],
    ) -> None:
        self.w, self.shape = w, shape
        rank = len(out)
        offsets = named["offset"]
        batch = [axis for axis in range(rank) if axis not in offsets]
        gone = (*named["collapsed"], *named["batching"])
        within = [axis for axis in range(len(shape)) if axis not in gone]
        starts, size = indices
        self.kind = kind = _number_type(shape, size.dtype)
        starts = w.cast(starts, kind) if size.dtype != kind else starts
        self.inside: str | None = None
        total: str | None = None
        strides = [math.prod(shape[a + 1 :]) for a in range(len(shape))]
        for axis in range(len(shape)):
            place: str | None = None
            if axis in named["start_map"]:
                column = named["start_map"].index(axis)
                part = w.node("Gather", starts, w.constant(column, np.int64), axis=size.ndim - 1)
                place = _moved(w, part, batch, rank)
                place = self._clipped(place, shape[axis] - sizes[axis], named["mode"])
            if axis in named["batching"]:
                at = named["index_batching"][named["batching"].index(axis)]
                place = _steps(w, shape[axis], batch[at], rank, kind)
            if axis in within and sizes[axis] > 1:
                steps = _steps(w, sizes[axis], offsets[within.index(axis)], rank, kind)
                place = steps if place is None else w.node("Add", place, steps)
            if place is None:
                continue
            if strides[axis] != 1:
                place = w.node("Mul", place, w.constant(strides[axis], kind))
            total = place if total is None else w.node("Add", total, place)
        total = w.constant(0, kind) if total is None else total
        self.numbers = w.node("Expand", total, w.ints(out)) if out else total

    def _clipped(self, place: str, last: int, mode: str) -> str:
        """Return a start that is inside; where one is outside is noted for fill and drop."""
        w = self.w
        if mode == "inside":
            return place
        low, high = w.constant(0, self.kind), w.constant(last, self.kind)
        if mode == "fill":
            here = w.node(
                "And", w.node("GreaterOrEqual", place, low), w.node("LessOrEqual", place, high)
            )
            self.inside = here if self.inside is None else w.node("And", self.inside, here)
        return w.node("Min", w.node("Max", place, low), high)


def _mode(given: Any) -> str:
    name = str(getattr(given, "name", given)).upper()
    if "CLIP" in name:
        return "clip"
    return "inside" if "PROMISE" in name else "fill"


@primitive("gather")
def _gather(w: GraphWriter, eqn: Applied) -> str:
    numbers = eqn.parameters["dimension_numbers"]
    named = {
        "offset": numbers.offset_dims,
        "collapsed": numbers.collapsed_slice_dims,
        "start_map": numbers.start_index_map,
        "batching": numbers.operand_batching_dims,
        "index_batching": numbers.start_indices_batching_dims,
        "mode": _mode(eqn.parameters["mode"]),
    }
    x, starts = eqn.inputs
    boolean = eqn.size.dtype == np.bool_
    x = w.cast(x, np.int32) if boolean else x
    flat = _Flat(
        w,
        eqn.size.shape,
        (starts, eqn.sizes[1]),
        eqn.output.shape,
        named,
        eqn.parameters["slice_sizes"],
    )
    made = w.node("Gather", w.reshape(x, [-1]), flat.numbers, axis=0)
    if flat.inside is not None:
        made = w.node("Where", flat.inside, made, _filler(w, eqn))
    return w.cast(made, np.bool_) if boolean else made


def _filler(w: GraphWriter, eqn: Applied) -> str:
    given, dtype = eqn.parameters.get("fill_value"), eqn.output.dtype
    if dtype == np.bool_:
        return w.constant(1 if given is None else int(given), np.int32)
    if given is None:
        floats = np.issubdtype(dtype, np.floating)
        given = np.nan if floats else int(np.iinfo(dtype.name).min)
    return w.constant(given, dtype)


_ADDED = {"scatter-add": "add", "scatter_add": "add", "scatter-mul": "mul", "scatter_mul": "mul",
          "scatter-max": "max", "scatter_max": "max", "scatter-min": "min", "scatter_min": "min",
          "scatter": "none"}  # fmt: skip


@primitive(*_ADDED)
def _scatter(w: GraphWriter, eqn: Applied) -> str:
    numbers = eqn.parameters["dimension_numbers"]
    how = _ADDED[eqn.name]
    if how in ("max", "min") and w.opset < 18:
        raise w.refuse(f"a scatter with {how}", "it needs opset 18", fix="opset=18")
    mode = _mode(eqn.parameters["mode"])
    named = {
        "offset": numbers.update_window_dims,
        "collapsed": numbers.inserted_window_dims,
        "start_map": numbers.scatter_dims_to_operand_dims,
        "batching": numbers.operand_batching_dims,
        "index_batching": numbers.scatter_indices_batching_dims,
        "mode": mode,
    }
    x, starts, updates = eqn.inputs
    shape, out = eqn.size.shape, eqn.sizes[2].shape
    boolean = eqn.size.dtype == np.bool_
    if boolean:
        x, updates = w.cast(x, np.int32), w.cast(updates, np.int32)
    gone = (*named["collapsed"], *named["batching"])
    within = iter(named["offset"])
    sizes = [1 if axis in gone else out[next(within)] for axis in range(len(shape))]
    flat = _Flat(w, shape, (starts, eqn.sizes[1]), out, named, sizes)
    places, whole = flat.numbers, w.reshape(x, [-1])
    if flat.inside is not None:
        # What lies outside is written to an entry behind the end, which is then cut off.
        spare = w.constant(math.prod(shape), flat.kind)
        places = w.node("Where", flat.inside, places, spare)
        dtype = np.int32 if boolean else eqn.size.dtype
        whole = w.node("Concat", whole, w.constant([0], dtype), axis=0)
    places, updates = w.reshape(places, [-1]), w.reshape(updates, [-1])
    made = w.node("ScatterElements", whole, places, updates, axis=0, reduction=how)
    if flat.inside is not None:
        made = w.slice(made, [0], [-1], [0])
    made = w.reshape(made, shape)
    return w.cast(made, np.bool_) if boolean else made


@primitive("dynamic_slice")
def _dynamic_slice(w: GraphWriter, eqn: Applied) -> str:
    x, *starts = eqn.inputs
    sizes, shape = eqn.parameters["slice_sizes"], eqn.size.shape
    moving = [axis for axis, (n, m) in enumerate(zip(sizes, shape, strict=True)) if n != m]
    if not moving:
        return x
    kind = _number_type(shape, eqn.sizes[1].dtype)
    firsts = [_first(w, starts[axis], shape[axis] - sizes[axis], kind) for axis in moving]
    first = firsts[0] if len(firsts) == 1 else w.node("Concat", *firsts, axis=0)
    last = w.node("Add", first, w.constant([sizes[axis] for axis in moving], kind))
    return w.node("Slice", x, first, last, w.constant(moving, kind))


def _first(w: GraphWriter, start: str, last: int, kind: Any) -> str:
    """Return a start of a slice that fits, (1,)."""
    start = w.reshape(w.cast(start, kind), [1])
    ends = w.constant([0], kind), w.constant([last], kind)
    return w.node("Min", w.node("Max", start, ends[0]), ends[1])


@primitive("dynamic_update_slice")
def _dynamic_update(w: GraphWriter, eqn: Applied) -> str:
    x, part, *starts = eqn.inputs
    shape, sizes = eqn.size.shape, eqn.sizes[1].shape
    rank, kind = len(shape), _number_type(shape, eqn.sizes[2].dtype if starts else None)
    total: str | None = None
    for axis in range(rank):
        place = _steps(w, sizes[axis], axis, rank, kind)
        if sizes[axis] != shape[axis]:
            place = w.node("Add", place, _first(w, starts[axis], shape[axis] - sizes[axis], kind))
        place = w.node("Mul", place, w.constant(math.prod(shape[axis + 1 :]), kind))
        total = place if total is None else w.node("Add", total, place)
    if total is None:
        return part
    places = w.reshape(w.node("Expand", total, w.ints(sizes)), [-1])
    flat = w.node("ScatterElements", w.reshape(x, [-1]), places, w.reshape(part, [-1]), axis=0)
    return w.reshape(flat, shape)

"""Mappings of operators that change shapes, join, cut, pad, and read or write by index."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop import ops
from tests.ops.opinfo.table import NotExpressible, axis_of, maps, whole

WHOLE = slice(None)


def _after(axis: int, part: Any) -> tuple[Any, ...]:
    """Return the index that applies a part to one axis, counted from the front."""
    return (*(WHOLE for _ in range(axis)), part)


@maps("reshape", "view", "view_copy", uses="reshape")
def _reshape(x: Any, shape: Any) -> Any:
    return ops.reshape(x, shape)


@maps("reshape_as", "view_as", uses="reshape")
def _reshape_as(x: Any, other: Any) -> Any:
    return ops.reshape(x, other.shape)


@maps("ravel", uses="reshape")
def _ravel(x: Any) -> Any:
    return ops.reshape(x, -1)


@maps("flatten", uses="reshape")
def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    rank = len(x.shape)
    if not rank:
        return ops.reshape(x, 1)
    start, end = start_dim % rank, end_dim % rank
    flat = math.prod(x.shape[start : end + 1])
    return ops.reshape(x, (*x.shape[:start], flat, *x.shape[end + 1 :]))


@maps("unflatten", uses="reshape")
def _unflatten(x: Any, dim: int, sizes: Any) -> Any:
    axis = dim % len(x.shape)
    return ops.reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


@maps("permute", "permute_copy", uses="transpose")
def _permute(x: Any, dims: Any) -> Any:
    return ops.transpose(x, dims)


@maps("transpose", "transpose_copy", uses="transpose")
def _swap(x: Any, first: int, second: int) -> Any:
    axis_of(x, first)
    order = list(range(len(x.shape)))
    order[first], order[second] = order[second], order[first]
    return ops.transpose(x, order)


maps("t", "t_copy", "T", "H", uses="transpose")(ops.transpose)
maps("mT", "mH", uses="transpose")(lambda x: _swap(x, -1, -2))


@maps("movedim", uses="moveaxis")
def _movedim(x: Any, source: Any, destination: Any) -> Any:
    rank = len(x.shape)
    order = list(range(rank))  # which axis of the input stands at each place
    pairs = [(end % rank, start % rank) for start, end in zip(source, destination, strict=True)]
    for end, start in sorted(pairs):
        now = order.index(start)
        x = ops.moveaxis(x, now, end)
        order.insert(end, order.pop(now))
    return x


@maps("squeeze", "squeeze_copy", uses="squeeze")
def _squeeze(x: Any, dim: Any = None) -> Any:
    if dim is None:
        return ops.squeeze(x)
    axes = axis_of(x, dim)
    if axes is None:
        return x
    named = [axes] if isinstance(axes, int) else axes
    # PyTorch ignores an axis of another size, clearprop and NumPy refuse it.
    return ops.squeeze(x, [axis for axis in named if x.shape[axis] == 1])


maps("unsqueeze", "unsqueeze_copy", uses="expand_dims")(ops.expand_dims)


@maps("broadcast_to", "expand", "expand_copy", uses="broadcast_to")
def _expand(x: Any, shape: Any) -> Any:
    before = len(shape) - len(x.shape)
    sizes = [x.shape[i - before] if n == -1 else n for i, n in enumerate(shape)]
    return ops.broadcast_to(x, sizes)


@maps("expand_as", uses="broadcast_to")
def _expand_as(x: Any, other: Any) -> Any:
    return ops.broadcast_to(x, other.shape)


@maps("broadcast_tensors", uses="broadcast_to")
def _broadcast_tensors(*arrays: Any) -> Any:
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    return tuple(ops.broadcast_to(x, shape) for x in arrays)


@maps("cat", uses="concatenate")
def _cat(arrays: Any, dim: int = 0) -> Any:
    if len({len(x.shape) for x in arrays}) > 1:
        raise NotExpressible("an empty array of another rank among those that are joined")
    return ops.concatenate(*arrays, axis=dim)


@maps("stack", uses="stack")
def _stack(arrays: Any, dim: int = 0) -> Any:
    return ops.stack(*arrays, axis=dim)


def _joined(arrays: Any, rank: int, axis: int) -> Any:
    short = len(arrays[0].shape) < rank
    return ops.concatenate([x[None] if short else x for x in arrays], axis=axis)


maps("vstack", uses="concatenate")(lambda arrays: _joined(arrays, 2, 0))


@maps("hstack", uses="concatenate")
def _hstack(arrays: Any) -> Any:
    return ops.concatenate(*arrays, axis=min(1, len(arrays[0].shape) - 1))


def _in_sections(x: Any, sizes: Any, axis: int) -> Any:
    places = np.cumsum(sizes)[:-1].tolist()
    return ops.split(x, places, axis=axis)


@maps("split", "unsafe_split", uses="split")
def _split(x: Any, size: Any, dim: int = 0) -> Any:
    if not isinstance(size, int):
        return _in_sections(x, size, dim)
    return ops.split(x, list(range(size, x.shape[dim], size)), axis=dim)


@maps("split_with_sizes", "split_with_sizes_copy", uses="split")
def _split_with_sizes(x: Any, sizes: Any, dim: int = 0) -> Any:
    return _in_sections(x, sizes, dim)


@maps("chunk", "unsafe_chunk", uses="split")
def _chunk(x: Any, chunks: int, dim: int = 0) -> Any:
    return _split(x, -(-x.shape[dim] // chunks), dim)


@maps("tensor_split", uses="split")
def _tensor_split(x: Any, sections: Any, dim: int = 0) -> Any:
    if hasattr(sections, "dtype"):
        sections = np.asarray(sections).tolist()
    if isinstance(sections, int):
        few, more = divmod(x.shape[dim], sections)
        return _in_sections(x, [few + 1] * more + [few] * (sections - more), dim)
    return ops.split(x, sections, axis=dim)


@maps("unbind", "unbind_copy", uses="getitem")
def _unbind(x: Any, dim: int = 0) -> Any:
    axis = dim % len(x.shape)
    return tuple(ops.getitem(x, _after(axis, i)) for i in range(x.shape[axis]))


@maps("flip", uses="flip")
def _flip(x: Any, dims: Any) -> Any:
    return ops.flip(x, axis=tuple(dims))


maps("fliplr", uses="flip")(lambda x: ops.flip(x, axis=1))
maps("flipud", uses="flip")(lambda x: ops.flip(x, axis=0))


@maps("roll", uses="roll")
def _roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    return ops.roll(x, shifts, axis=dims)


@maps("tile", uses="tile")
def _tile(x: Any, repeats: Any) -> Any:
    return ops.tile(x, repeats)


@maps("repeat", uses="tile")
def _tensor_repeat(x: Any, repeats: Any) -> Any:
    return ops.tile(x, repeats)


@maps("repeat_interleave", uses="repeat")
def _repeat_interleave(x: Any, repeats: Any, dim: int | None = None, **_: Any) -> Any:
    times = np.asarray(repeats).tolist() if hasattr(repeats, "dtype") else repeats
    return ops.repeat(x, times, axis=axis_of(x, dim))


MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@maps("nn.functional.pad", "constant_pad_nd", uses="pad")
def _pad(x: Any, widths: Any, mode: Any = "constant", value: float | None = None) -> Any:
    if not isinstance(mode, str):
        mode, value = "constant", mode
    pairs = [(widths[i], widths[i + 1]) for i in range(0, len(widths), 2)]
    rest = [(0, 0)] * (len(x.shape) - len(pairs))
    if mode != "constant" and min(widths, default=0) < 0:
        raise NotExpressible("entries that are cut off where others are repeated")
    fill = 0.0 if value is None else value
    return ops.pad(x, rest + pairs[::-1], value=fill, mode=MODES[mode])


@maps("narrow", "narrow_copy", uses="dynamic_slice")
def _narrow(x: Any, dim: int, start: Any, length: int) -> Any:
    axis, first = dim % len(x.shape), whole(start)
    first += x.shape[axis] if first < 0 else 0
    starts, sizes = [0] * len(x.shape), list(x.shape)
    starts[axis], sizes[axis] = first, length
    return ops.dynamic_slice(x, starts, sizes)


@maps("slice_scatter", uses="dynamic_update_slice")
def _slice_scatter(
    x: Any, part: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:
    if step != 1:
        raise NotExpressible("a part of an array that is written with steps")
    starts = [0] * len(x.shape)
    starts[dim] = range(x.shape[dim])[start:end].start
    return ops.dynamic_update_slice(x, part, starts)


@maps("select_scatter", uses="dynamic_update_slice")
def _select_scatter(x: Any, part: Any, dim: int, index: int) -> Any:
    starts = [0] * len(x.shape)
    starts[dim] = index % x.shape[dim]
    return ops.dynamic_update_slice(x, ops.expand_dims(part, dim), starts)


@maps("select", uses="getitem")
def _select(x: Any, dim: int, index: int) -> Any:
    return ops.getitem(x, _after(dim % len(x.shape), index))


@maps("slice", uses="getitem")
def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return ops.getitem(x, _after(dim, slice(start, end, step)))


maps("__getitem__", uses=("getitem", "place_at"))(ops.getitem)


@maps("masked_select", uses="getitem")
def _masked_select(x: Any, mask: Any) -> Any:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    # The number of shown entries must be known while JAX compiles: the mask stays with NumPy.
    shown = np.broadcast_to(np.asarray(mask), shape)
    if not shape:
        return ops.getitem(ops.reshape(x, 1), shown.reshape(1))
    return ops.getitem(ops.broadcast_to(x, shape), shown)


@maps("index_select", uses="take")
def _index_select(x: Any, dim: int, index: Any) -> Any:
    return ops.take(x, index, axis=axis_of(x, dim))


@maps("take", uses="take")
def _take(x: Any, index: Any) -> Any:
    return ops.take(ops.reshape(x, -1), index)


@maps("nn.functional.embedding", uses=("take", "place_at"))
def _embedding(
    table: Any,
    words: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    if max_norm is not None:
        raise NotExpressible("rows of a table that are shortened when they are read")
    if padding_idx is not None or scale_grad_by_freq:
        raise NotExpressible("a row of a table whose gradient is left out or scaled")
    return ops.take(table, words)


@maps("gather", uses="take_along_axis")
def _gather(x: Any, dim: int, index: Any) -> Any:
    axis = axis_of(x, dim) % len(x.shape)
    if len(index.shape) != len(x.shape):
        raise NotExpressible("an array of indices of another rank")
    # PyTorch reads the first rows where the array of indices has fewer of them.
    part = tuple(WHOLE if i == axis else slice(0, n) for i, n in enumerate(index.shape))
    return ops.take_along_axis(ops.getitem(x, part), index.astype(int), axis=axis)


@maps("take_along_dim", uses="take_along_axis")
def _take_along_dim(x: Any, index: Any, dim: int | None = None) -> Any:
    if dim is None:
        return ops.take_along_axis(ops.reshape(x, -1), jnp.reshape(index, -1), axis=0)
    rest = np.broadcast_shapes(
        tuple(1 if i == dim else n for i, n in enumerate(x.shape)),
        tuple(1 if i == dim else n for i, n in enumerate(index.shape)),
    )
    x, index = (
        broadcast(value, tuple(value.shape[dim] if i == dim else n for i, n in enumerate(rest)))
        for broadcast, value in ((ops.broadcast_to, x), (jnp.broadcast_to, index))
    )
    return ops.take_along_axis(x, index, axis=dim)


def _flat(dim: int, index: Any, shape: Any) -> tuple[Any, Any]:
    """Return the flat places of PyTorch's indices along an axis, and the part of a source."""
    part = tuple(slice(0, n) for n in index.shape)
    grid = list(np.ogrid[part])
    grid[dim] = index
    return np.ravel_multi_index(np.broadcast_arrays(*map(np.asarray, grid)), shape).ravel(), part


def _added(x: Any, dim: int, index: Any, source: Any) -> Any:
    """Add along an axis as PyTorch does: through the flat places of all entries."""
    if x.shape == ():
        return ops.scatter_add(ops.reshape(x, 1), index, source)[0]
    flat, part = _flat(dim, index, x.shape)
    read = ops.getitem(source, part)
    sizes = enumerate(zip(index.shape, x.shape, strict=True))
    if all(i == dim % len(x.shape) or m == n for i, (m, n) in sizes):
        return ops.add_along_axis(x, index, read, axis=dim)
    z = ops.scatter_add(ops.reshape(x, -1), flat, ops.reshape(read, -1))
    return ops.reshape(z, x.shape)


@maps("scatter", uses="put_along_axis")
def _scatter(
    x: Any, dim: int, index: Any, source: Any = None, *, value: Any = None, reduce: Any = None
) -> Any:
    source = value if source is None else source
    if x.shape == ():
        raise NotExpressible("PyTorch gives a scalar one axis, NumPy and clearprop give it none")
    if reduce is not None:
        raise NotExpressible(OVERWRITTEN)
    if not index.size:
        return x
    flat, part = _flat(dim, index, x.shape)
    read = source if not hasattr(source, "shape") else ops.reshape(ops.getitem(source, part), -1)
    return ops.reshape(ops.put_along_axis(ops.reshape(x, -1), flat, read), x.shape)


@maps("tril", uses="tril")
def _tril(x: Any, diagonal: int = 0) -> Any:
    return ops.tril(x, diagonal)


@maps("triu", uses="triu")
def _triu(x: Any, diagonal: int = 0) -> Any:
    return ops.triu(x, diagonal)


OVERWRITTEN = "entries that are overwritten or combined in another way than by a sum"


@maps("scatter_add", uses=("scatter_add", "add_along_axis"))
def _scatter_add(x: Any, dim: int, index: Any, source: Any) -> Any:
    return _added(x, dim, index, source)


@maps("scatter_reduce", uses="scatter_add")
def _scatter_reduce(
    x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    if reduce != "sum" or not include_self:
        raise NotExpressible(OVERWRITTEN)
    return _added(x, dim, index, source)


@maps("index_add", uses="scatter_add")
def _index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    axis = axis_of(x, dim)
    rows, addend = ops.moveaxis(x, axis, 0), ops.moveaxis(source, axis, 0)
    return ops.moveaxis(ops.scatter_add(rows, index, alpha * addend), 0, axis)


@maps("index_put", uses="scatter_add")
def _index_put(x: Any, index: Any, values: Any, *, accumulate: bool = False) -> Any:
    if not accumulate:
        raise NotExpressible(OVERWRITTEN)
    (places,) = index
    return ops.scatter_add(x, np.nonzero(places)[0] if places.dtype == bool else places, values)


@maps("nn.functional.one_hot", uses="one_hot", dtype="int64")
def _one_hot(labels: Any, num_classes: int = -1) -> Any:
    if num_classes == -1:
        raise NotExpressible("a number of classes that follows from the labels")
    return ops.one_hot(labels, num_classes, dtype=int)


for _name, _dtype in (("double", "float64"), ("float", "float32"), ("half", "float16")):
    maps(_name, uses="astype")(lambda x, memory_format=None, to=_dtype: ops.astype(x, to))
maps("bfloat16", uses="astype")(lambda x, memory_format=None: ops.astype(x, jnp.bfloat16))

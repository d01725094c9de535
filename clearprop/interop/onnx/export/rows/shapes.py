"""Primitives that move entries without computing."""

from __future__ import annotations

import numpy as np

from clearprop.interop.onnx.export.table import Applied, primitive
from clearprop.interop.onnx.export.writer import GraphWriter


@primitive("broadcast_in_dim")
def _broadcast(w: GraphWriter, eqn: Applied) -> str:
    shape, places = eqn.output.shape, eqn.parameters["broadcast_dimensions"]
    x = eqn.inputs[0]
    added = [axis for axis in range(len(shape)) if axis not in places]
    own = [1] * len(shape)
    for axis, size in zip(places, eqn.size.shape, strict=True):
        own[axis] = size
    if added and eqn.size.shape:
        x = w.node("Unsqueeze", x, w.ints(added))
        return w.expand(x, own, shape, eqn.output.dtype)
    if not eqn.size.shape and shape:
        # A number broadcasts by itself; ONNX repeats it up to any rank.
        made = w.node("Expand", x, w.ints(shape))
        if eqn.output.dtype != np.bool_:
            w.expanded[made] = (x, ())
        return made
    return w.expand(x, own, shape, eqn.output.dtype)


@primitive("reshape")
def _reshape(w: GraphWriter, eqn: Applied) -> str:
    before, after = eqn.size.shape, eqn.output.shape
    if before == after:
        return eqn.inputs[0]
    return w.reshape(eqn.inputs[0], after)


@primitive("squeeze")
def _squeeze(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Squeeze", eqn.inputs[0], w.ints(eqn.parameters["dimensions"]))


@primitive("expand_dims")
def _expand_dims(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Unsqueeze", eqn.inputs[0], w.ints(eqn.parameters["dimensions"]))


@primitive("transpose")
def _transpose(w: GraphWriter, eqn: Applied) -> str:
    return w.transpose(eqn.inputs[0], eqn.parameters["permutation"])


@primitive("concatenate")
def _concatenate(w: GraphWriter, eqn: Applied) -> str:
    return w.node("Concat", *eqn.inputs, axis=eqn.parameters["dimension"])


@primitive("stack")
def _stack(w: GraphWriter, eqn: Applied) -> str:
    axis = eqn.parameters["axis"]
    parts = [w.node("Unsqueeze", x, w.ints([axis])) for x in eqn.inputs]
    return w.node("Concat", *parts, axis=axis)


@primitive("split")
def _split(w: GraphWriter, eqn: Applied) -> list[str]:
    sizes = w.ints(eqn.parameters["sizes"])
    axis = eqn.parameters["axis"]
    return w.nodes_of("Split", [eqn.inputs[0], sizes], len(eqn.outputs), axis=axis)


_LAST = np.iinfo(np.int64).max


@primitive("slice")
def _slice(w: GraphWriter, eqn: Applied) -> str:
    starts, ends = eqn.parameters["start_indices"], eqn.parameters["limit_indices"]
    steps = eqn.parameters["strides"] or (1,) * len(starts)
    rows = enumerate(zip(starts, ends, steps, eqn.size.shape, strict=True))
    # A part that reaches to the end is written so: the size may differ from call to call.
    kept = [(a, s, _LAST if e == n else e, t) for a, (s, e, t, n) in rows if (s, e, t) != (0, n, 1)]
    if not kept:
        return eqn.inputs[0]
    axes, first, last, apart = (list(part) for part in zip(*kept, strict=True))
    return w.slice(eqn.inputs[0], first, last, axes, None if set(apart) == {1} else apart)


@primitive("rev")
def _rev(w: GraphWriter, eqn: Applied) -> str:
    axes = list(eqn.parameters["dimensions"])
    ends = [-_LAST] * len(axes)
    return w.slice(eqn.inputs[0], [-1] * len(axes), ends, axes, [-1] * len(axes))


def spread(
    w: GraphWriter, x: str, shape: tuple[int, ...], apart: tuple[int, ...], filler: str
) -> str:
    """Return x with fillers between neighbors, so that they are ``apart`` entries apart."""
    for axis, step in enumerate(apart):
        if step == 1:
            continue
        x = w.node("Unsqueeze", x, w.ints([axis + 1]))
        nothing = [0] * (len(shape) + 1)
        after = list(nothing)
        after[axis + 1] = step - 1
        x = w.pad(x, nothing, after, filler)
        # The two axes become one; the sizes before and after them stay.
        whole = [n if i != axis else -1 for i, n in enumerate(shape)]
        x = w.reshape(x, [0 if i < axis else n for i, n in enumerate(whole)])
        x = w.slice(x, [0], [-(step - 1)], [axis])
        shape = tuple(n if i != axis else (n - 1) * step + 1 for i, n in enumerate(shape))
    return x


@primitive("pad")
def _pad(w: GraphWriter, eqn: Applied) -> str:
    x, filler = eqn.inputs
    before, after, inside = zip(*eqn.parameters["padding_config"], strict=True)
    dtype = eqn.output.dtype
    if dtype == np.bool_:
        x, filler = w.cast(x, np.int32), w.cast(filler, np.int32)
    x = spread(w, x, eqn.size.shape, tuple(n + 1 for n in inside), filler)
    x = w.pad(x, [max(n, 0) for n in before], [max(n, 0) for n in after], filler)
    cut = [axis for axis in range(len(before)) if before[axis] < 0 or after[axis] < 0]
    if cut:
        starts = [max(-before[axis], 0) for axis in cut]
        ends = [min(after[axis], 0) or _LAST for axis in cut]
        x = w.slice(x, starts, ends, cut)
    return w.cast(x, np.bool_) if dtype == np.bool_ else x


@primitive("iota")
def _iota(w: GraphWriter, eqn: Applied) -> str:
    axis, shape = eqn.parameters["dimension"], eqn.output.shape
    dtype = eqn.output.dtype
    counted = dtype if dtype in (np.int32, np.int64, np.float32, np.float64) else np.int32
    x = w.node("Range", *(w.constant(n, counted) for n in (0, shape[axis], 1)))
    x = x if dtype == counted else w.cast(x, dtype)
    added = [other for other in range(len(shape)) if other != axis]
    if not added:
        return x
    x = w.node("Unsqueeze", x, w.ints(added))
    own = [n if other == axis else 1 for other, n in enumerate(shape)]
    return w.expand(x, own, shape, eqn.output.dtype)

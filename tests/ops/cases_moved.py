"""Cases of operations that repeat, roll, sort and write entries, and of running products."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop import ops
from clearprop.autodiff import OPERATIONS
from tests.ops.cases import Draw, Made, case


@case("roll")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.choice(None, -1, tuple(range(len(shape))))
    shift = d.choice(1, -2) if not isinstance(axis, tuple) else tuple(range(len(shape)))
    return lambda x: ops.roll(x, shift, axis=axis), [d.array(shape)]


@case("tril", "triu")
def _(d: Draw) -> Made:
    shape = (*d.shape(0, 1), d.integer(1, 3), d.integer(1, 3))
    k = d.integer(-2, 2)
    return lambda x: (ops.tril(x, k), ops.triu(x, k=k)), [d.array(shape)]


@case("pad")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    widths = [(d.integer(0, 4), d.integer(0, 2)) for _ in shape]
    mode = d.choice("edge", "reflect", "symmetric", "wrap")
    return lambda x: ops.pad(x, widths, mode=mode), [d.array(shape)]


@case("broadcast_to")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    repeats = d.choice(2, (2, 1, 3), (1,) * len(shape))
    each = d.random.integers(0, 3, shape[0]).tolist()
    return (
        lambda x: (ops.tile(x, repeats), ops.repeat(x, 2), ops.repeat(x, each, axis=0)),
        [d.array(shape)],
    )


@case("sort")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis, descending = d.integer(-len(shape), len(shape) - 1), d.choice(True, False)
    return lambda x: ops.sort(x, axis=axis, descending=descending), [d.array(shape)]


@case("take_along_axis")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.integer(-len(shape), len(shape) - 1)
    k = d.integer(0, shape[axis])
    return lambda x: ops.top_k(x, k, axis=axis)[0], [d.array(shape)]


@case("place_at", "take")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.integer(-len(shape), len(shape) - 1)
    wanted = list(shape)
    wanted[axis] = d.integer(1, 4)
    # Some places twice, some from the end, some outside.
    indices = d.random.integers(-shape[axis] - 1, shape[axis] + 1, wanted)
    return (
        lambda x, y: (
            ops.put_along_axis(x, indices, y, axis=axis),
            ops.add_along_axis(x, indices, y, axis=axis),
        ),
        [d.array(shape), d.array(wanted)],
    )


@case("dynamic_slice", "dynamic_update_slice")
def _(d: Draw) -> Made:
    shape = d.shape()
    sizes = [d.integer(1, n) for n in shape]
    starts = np.array([d.integer(0, n) for n in shape], int)
    return (
        lambda x, y: (
            ops.dynamic_slice(x, starts, sizes),
            ops.dynamic_update_slice(x, y, starts),
        ),
        [d.array(shape), d.array(sizes)],
    )


@case("cumprod")
def _(d: Draw) -> Made:
    shape = d.shape(1, side=4)
    axis = d.integer(-len(shape), len(shape) - 1)
    x = d.array(shape)
    if d.choice(True, False):
        x = np.where(d.random.random(shape) < 0.3, 0.0, x)
    return lambda x: ops.cumprod(x, axis=axis), [x]


@case("norm")
def _(d: Draw) -> Made:
    shape = d.shape(side=4)
    axis, keepdims = d.axis(shape), d.choice(True, False)
    p = d.choice(1, 2, float("inf"), -float("inf"))

    def lengths(x: Any) -> Any:
        return ops.norm(x, p, axis=axis, keepdims=keepdims), OPERATIONS["norm"](x, axis=axis)

    return lengths, [d.array(shape)]

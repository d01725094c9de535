"""Formulas of operations that combine many entries: sums, extremes, matrix products, windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.glass.equations.application import (
    Application,
    Index,
    Operand,
    Row,
    Unwritten,
    broadcast_index,
)
from clearprop.glass.equations.expression import (
    Expression,
    Symbol,
    call,
    long_sum,
    product,
)
from clearprop.ops.conv.geometry import Geometry
from clearprop.ops.pool import counted_entries, geometry_of_pool

# --- sums, means, extremes -----------------------------------------------------------------------


def reduced(application: Application, index: Index) -> list[Expression]:
    """Return the entries of the input that are reduced to one entry of the output."""
    x = application.operand(0)
    axes = application.axes(len(x.shape))
    keepdims = application.parameters.get("keepdims", False)
    rest = iter(i for a, i in enumerate(index) if not (keepdims and a in axes))
    places = [range(n) if a in axes else (next(rest),) for a, n in enumerate(x.shape)]
    return [x.entry(place) for place in itertools.product(*places)]


def sum_row(application: Application, index: Index) -> Expression:
    """Write an entry of a sum."""
    return long_sum(reduced(application, index), application.shown)


def mean_row(application: Application, index: Index) -> Expression:
    """Write an entry of a mean."""
    return mean_of(reduced(application, index), application.shown)


def mean_of(terms: list[Expression], shown: int | None) -> Expression:
    """Return the mean of entries."""
    whole = long_sum(terms, shown)
    return whole if len(terms) == 1 else whole / len(terms)


def extreme_row(name: str) -> Row:
    """Return the row of `max` or of `min`."""

    def forward(application: Application, index: Index) -> Expression:
        return _of_extreme(name, reduced(application, index), application.shown)

    return forward


def _of_extreme(name: str, entries: list[Expression], shown: int | None) -> Expression:
    """Return the largest or smallest entry; of many entries only the nearest are written out."""
    if len(entries) == 1:
        return entries[0]
    if shown is None or len(entries) <= shown:
        return call(name, *entries)
    values = np.asarray([entry.value for entry in entries])
    order = np.argsort(-values if name == "max" else values, kind="stable")
    rest = Symbol(f"rest{len(order) - shown}", float(values[order[shown]]))
    return call(name, *(entries[i] for i in sorted(order[:shown])), rest)


def variance_row(application: Application, index: Index) -> Expression:
    """Write an entry of a variance."""
    ddof: int = application.parameters.get("ddof", 0)
    return variance_of(reduced(application, index), application.shown, ddof)


def variance_of(terms: list[Expression], shown: int | None, ddof: int = 0) -> Expression:
    """Return the variance of entries, with their mean as a symbol."""
    mean = Symbol("mean", math.fsum(t.value for t in terms) / len(terms))
    return long_sum([(t - mean) ** 2 for t in terms], shown) / (len(terms) - ddof)


def running_row(application: Application, index: Index) -> Expression:
    """Write an entry of a running sum."""
    return long_sum(_up_to(application, index), application.shown)


def running_product_row(application: Application, index: Index) -> Expression:
    """Write an entry of a running product."""
    return product(_up_to(application, index))


def _up_to(application: Application, index: Index) -> list[Expression]:
    """Return the entries of the input up to a place of the output."""
    (axis,) = application.axes(len(index), 0)
    places = ((*index[:axis], i, *index[axis + 1 :]) for i in range(index[axis] + 1))
    return [application.operand(0).entry(p) for p in places]


def sorted_row(application: Application, index: Index) -> Expression:
    """Write an entry of a sorted array: the entry of the input that came to this place."""
    x = application.operand(0)
    (axis,) = application.axes(len(index), -1)
    before, after = index[:axis], index[axis + 1 :]
    whole: Any = (*before, slice(None), *after)
    line = np.asarray(x.array[whole])
    if np.isnan(line).any():
        raise Unwritten
    descending = application.parameters.get("descending", False)
    order = np.argsort(-line if descending else line, kind="stable")
    return x.entry((*before, int(order[index[axis]]), *after))


def length_row(application: Application, index: Index) -> Expression:
    """Write the length of a vector."""
    entries = reduced(application, index)
    if not any(entry.value for entry in entries):
        raise Unwritten  # the root has no slope at 0, where the operation passes no error
    return call("sqrt", long_sum([entry**2 for entry in entries], application.shown))


# --- products ------------------------------------------------------------------------------------


def matmul_row(application: Application, index: Index) -> Expression:
    """Write an entry of a product of matrices."""
    x, y = application.operand(0), application.operand(1)
    columns = index[-1:] if len(y.shape) > 1 else ()
    outer = index[: len(index) - len(columns)]
    row, outer = (outer[-1:], outer[:-1]) if len(x.shape) > 1 else ((), outer)
    left, right = leading(x, outer), leading(y, outer)
    terms = [x.entry((*left, *row, k)) * y.entry((*right, k, *columns)) for k in range(x.shape[-1])]
    return long_sum(terms, application.shown)


def leading(x: Operand, outer: Index) -> Index:
    """Return the leading indices of an input of matrices that broadcasts over leading axes."""
    return broadcast_index(outer, x.shape[:-2])


def einsum_row(application: Application, index: Index) -> Expression:
    """Write an entry of a sum of products over letters."""
    left, _, output = application.parameters["subscripts"].partition("->")
    named = left.split(",")
    sizes: dict[str, int] = {}
    for k, letters in enumerate(named):
        for letter, size in zip(letters, application.operand(k).shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    fixed = dict(zip(output, index, strict=True))
    summed = [letter for letter in sizes if letter not in fixed]
    terms = []
    for places in itertools.product(*(range(sizes[letter]) for letter in summed)):
        at = fixed | dict(zip(summed, places, strict=True))
        indices = [tuple(at[letter] for letter in letters) for letters in named]
        terms.append(product([application.operand(k).at(i) for k, i in enumerate(indices)]))
    return long_sum(terms, application.shown)


def outer_sum_row(application: Application, index: Index) -> Expression:
    """Write an entry of a sum of outer products."""
    x, y = application.operand(0), application.operand(1)
    rows = itertools.product(*map(range, x.shape[:-1]))
    terms = [x.entry((*row, index[0])) * y.entry((*row, index[1])) for row in rows]
    return long_sum(terms, application.shown)


def _taps(geometry: Geometry, places: Index) -> Iterator[tuple[Index, Index]]:
    """Yield (index in the window, index in the input) of all that a window covers but padding."""
    rows = zip(places, geometry.stride, geometry.padding, strict=True)
    starts = [j * s - before for j, s, (before, _) in rows]
    for tap in itertools.product(*map(range, geometry.window)):
        steps = zip(starts, tap, geometry.dilation, strict=True)
        place = tuple(start + i * d for start, i, d in steps)
        if all(0 <= p < n for p, n in zip(place, geometry.sizes, strict=True)):
            yield tap, place


def convolution_row(application: Application, index: Index) -> Expression:
    """Write an entry of a convolution: the entries in its window times the kernel."""
    x, kernel = application.operand(0), application.operand(1)
    named = application.parameters
    geometry = Geometry.of(
        x.shape[1:-1],
        kernel.shape[:-2],
        stride=named.get("stride", 1),
        padding=named.get("padding", 0),
        dilation=named.get("dilation", 1),
        where="convolution",
    )
    feature, width = index[-1], kernel.shape[-2]
    first = feature // (kernel.shape[-1] // named.get("groups", 1)) * width
    terms = [
        x.entry((index[0], *place, first + c)) * kernel.entry((*tap, c, feature))
        for tap, place in _taps(geometry, index[1:-1])
        for c in range(width)
    ]
    bias = application.inputs[2] if len(application.inputs) > 2 else None
    whole = long_sum(terms, application.shown)
    return whole if bias is None else whole + bias.entry((feature,))


def _window(application: Application, index: Index) -> tuple[Geometry, list[Expression]]:
    x = application.operand(0)
    geometry = geometry_of_pool(x.shape, application.operation, application.parameters)
    places = [place for _, place in _taps(geometry, index[1:-1])]
    return geometry, [x.entry((index[0], *place, index[-1])) for place in places]


def max_pool_row(application: Application, index: Index) -> Expression:
    """Write the largest entry of a window."""
    return _of_extreme("max", _window(application, index)[1], application.shown)


def average_pool_row(application: Application, index: Index) -> Expression:
    """Write the mean of a window."""
    geometry, entries = _window(application, index)
    counted = application.parameters.get("count_padding", True)
    counts = zip(counted_entries(geometry, counted), index[1:-1], strict=True)
    n = math.prod(int(of_axis[place]) for of_axis, place in counts)
    return long_sum(entries, application.shown) / n

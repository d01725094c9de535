"""What operations compute, entry by entry, as formulas: one row an operation.

A row is *(application, index of the output) -> formula*; rows of operations that work entry by
entry are a formula of the inputs. Operations without a row are shown as ``y = operation(x)``. Most
local derivatives follow from the formula itself; `LOCAL` holds those that have a shorter form.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from clearprop.glass.equations.application import Application, Index, Operand
from clearprop.glass.equations.expression import (
    Expression,
    Number,
    Symbol,
    call,
    derivative,
    long_sum,
    product,
)
from clearprop.glass.equations.moved import MOVING, source
from clearprop.ops.conv.geometry import Geometry, per_axis

Row: TypeAlias = Callable[[Application, Index], Expression | None]

SAFE_POWER = 500.0
"""e to this is still a number: formulas with larger exponents are not written as they stand."""


def formula(application: Application, index: Index) -> Expression | None:
    """Return how one entry of an operation's output was computed; None where no row says it."""
    if application.operation in MOVING:
        return source(application, index)
    row = FORWARD.get(application.operation)
    return None if row is None else row(application, index)


def local_formula(application: Application, index: Index, i: int, at: Index) -> Expression | None:
    """Return the derivative of an output's entry by an entry of input i, or None.

    Args:
        application: with every term of its sums.
        index: of the output's entry.
        i: which input.
        at: of the input's entry.
    """
    name = application.operation
    if name in LOCAL:
        return LOCAL[name](application, index, i, at)
    if name in OPAQUE and i not in OPAQUE[name]:
        return None
    whole = formula(application, index)
    symbol = application.operand(i).entry(at)
    if whole is None or not isinstance(symbol, Symbol):
        return None
    return derivative(whole, symbol.identity, application.result(application.output, index))


# --- entry by entry ------------------------------------------------------------------------------


def _each(row: Callable[..., Any]) -> Row:
    def forward(application: Application, index: Index) -> Expression | None:
        entries = [x and x.at(index) for x in application.inputs]
        written: Expression | None = row(*entries, **application.parameters)
        return written

    return forward


def _chosen(application: Application, index: Index) -> Expression:
    holds = np.broadcast_to(application.operand(0).array, application.shape)[index]
    return application.operand(1 if holds else 2).at(index)


def _dropped(application: Application, index: Index) -> Expression:
    keep = np.broadcast_to(application.operand(1).array, application.shape)[index]
    return (
        application.operand(0).at(index) / (1 - application.parameters["rate"]) if keep else _ZERO
    )


_ZERO = Number(0.0)


def _clipped(x: Expression, low: float | None = None, high: float | None = None) -> Expression:
    inner = x if low is None else call("max", x, low)
    return inner if high is None else call("min", inner, high)


def _gelu(x: Expression, approximate: bool = False) -> Expression:
    if approximate:
        return _gelu_tanh(x)
    return x * (1 + call("erf", x / call("sqrt", 2))) / 2


def _gelu_tanh(x: Expression) -> Expression:
    inside = call("sqrt", 2 / Number(math.pi)) * (x + 0.044715 * x**3)
    return x * (1 + call("tanh", inside)) / 2


def _softplus(x: Expression) -> Expression | None:
    return call("log", 1 + call("exp", x)) if x.value < SAFE_POWER else None


def _sigmoid_cross_entropy(z: Expression, t: Expression) -> Expression | None:
    grown = _softplus(z)
    return None if grown is None else grown - t * z


def _log_loss(y: Expression, t: Expression) -> Expression:
    one, zero = -call("log", y), -call("log", 1 - y)
    if t.value in (0.0, 1.0):
        return one if t.value else zero
    return t * one + (1 - t) * zero


# --- sums, means, extremes -----------------------------------------------------------------------


def _reduced(application: Application, index: Index) -> list[Expression]:
    """Return the entries of the input that meet in one entry of the output."""
    x = application.operand(0)
    return [x.entry(place) for place in _reduced_places(application, index)]


def _reduced_places(application: Application, index: Index) -> Iterator[Index]:
    shape, axis = application.operand(0).shape, application.parameters.get("axis")
    rank = len(shape)
    given = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = {a % rank for a in given}
    keepdims = application.parameters.get("keepdims", False)
    rest = iter(i for a, i in enumerate(index) if not (keepdims and a in axes))
    return itertools.product(
        *(range(n) if a in axes else (next(rest),) for a, n in enumerate(shape))
    )


def _sum(application: Application, index: Index) -> Expression:
    return long_sum(_reduced(application, index), application.shown)


def _mean(application: Application, index: Index) -> Expression:
    terms = _reduced(application, index)
    whole = long_sum(terms, application.shown)
    return whole if len(terms) == 1 else whole / len(terms)


def _extreme(name: str) -> Row:
    def forward(application: Application, index: Index) -> Expression:
        return _of_extreme(name, _reduced(application, index), application.shown)

    return forward


def _of_extreme(name: str, entries: list[Expression], shown: int | None) -> Expression:
    """Return the largest or smallest of entries, those that come close written out."""
    if len(entries) == 1:
        return entries[0]
    if shown is None or len(entries) <= shown:
        return call(name, *entries)
    values = np.asarray([entry.value for entry in entries])
    order = np.argsort(-values if name == "max" else values, kind="stable")
    kept, others = set(order[:shown].tolist()), order[shown:]
    rest = Symbol(f"rest{len(others)}", float(values[others[0]]))
    return call(name, *(e for i, e in enumerate(entries) if i in kept), rest)


def _variance(application: Application, index: Index) -> Expression:
    terms = _reduced(application, index)
    mean = Symbol("mean", math.fsum(t.value for t in terms) / len(terms))
    squares = [(t - mean) ** 2 for t in terms]
    freedom: int = len(terms) - application.parameters.get("ddof", 0)
    return long_sum(squares, application.shown) / freedom


def _running(application: Application, index: Index) -> Expression:
    axis = application.parameters.get("axis", 0) % len(index)
    places = ((*index[:axis], i, *index[axis + 1 :]) for i in range(index[axis] + 1))
    return long_sum([application.operand(0).entry(p) for p in places], application.shown)


# --- products ------------------------------------------------------------------------------------


def _matmul(application: Application, index: Index) -> Expression:
    x, y = application.operand(0), application.operand(1)
    if len(x.shape) == 1:
        row: Index = ()
        columns = index[-1:] if len(y.shape) > 1 else ()
        leading = index[: len(index) - len(columns)]
    else:
        columns = index[-1:] if len(y.shape) > 1 else ()
        rows = index[: len(index) - len(columns)]
        row, leading = rows[-1:], rows[:-1]
    left, right = _leading(x, leading), _leading(y, leading)
    terms = []
    for k in range(x.shape[-1]):
        inner = (k, *columns) if len(y.shape) > 1 else (k,)
        terms.append(x.entry((*left, *row, k)) * y.entry((*right, *inner)))
    return long_sum(terms, application.shown)


def _leading(x: Operand, leading: Index) -> Index:
    shape = x.shape[:-2]
    own = leading[len(leading) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))


def _einsum(application: Application, index: Index) -> Expression:
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
        factors = []
        for k, letters in enumerate(named):
            x = application.operand(k)
            place = (min(at[c], n - 1) for c, n in zip(letters, x.shape, strict=True))
            factors.append(x.entry(tuple(place)))
        terms.append(product(factors))
    return long_sum(terms, application.shown)


def _outer_sum(application: Application, index: Index) -> Expression:
    x, y = application.operand(0), application.operand(1)
    terms = [x.entry((n, index[0])) * y.entry((n, index[1])) for n in range(x.shape[0])]
    return long_sum(terms, application.shown)


def _taps(geometry: Geometry, places: Index) -> Iterator[tuple[Index, Index]]:
    """Yield (place within the window, place in the input) of what a window sees, no padding."""
    rows = zip(places, geometry.stride, geometry.padding, strict=True)
    starts = [j * s - before for j, s, (before, _) in rows]
    for tap in itertools.product(*map(range, geometry.window)):
        rows2 = zip(starts, tap, geometry.dilation, strict=True)
        place = tuple(start + i * d for start, i, d in rows2)
        if all(0 <= p < n for p, n in zip(place, geometry.sizes, strict=True)):
            yield tap, place


def _convolution(application: Application, index: Index) -> Expression:
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
    x, named = application.operand(0), application.parameters
    axes = len(x.shape) - 2
    taps = per_axis(named["window"], axes, name="window", where=application.operation)
    geometry = Geometry.of(
        x.shape[1:-1],
        taps,
        stride=named.get("stride") or taps,
        padding=named.get("padding", 0),
        where=application.operation,
    )
    places = [place for _, place in _taps(geometry, index[1:-1])]
    return geometry, [x.entry((index[0], *place, index[-1])) for place in places]


def _max_pool(application: Application, index: Index) -> Expression:
    return _of_extreme("max", _window(application, index)[1], application.shown)


def _average_pool(application: Application, index: Index) -> Expression:
    geometry, entries = _window(application, index)
    counted = application.parameters.get("count_padding", True)
    return long_sum(entries, application.shown) / (geometry.taps if counted else len(entries))


# --- softmax, cross-entropy, attention -----------------------------------------------------------


def _along(application: Application, index: Index) -> list[Expression]:
    """Return the entries of the input along the axis of a softmax."""
    x = application.operand(0)
    axis = application.parameters.get("axis", -1) % len(index)
    return [x.entry((*index[:axis], k, *index[axis + 1 :])) for k in range(x.shape[axis])]


def _powers(scores: list[Expression], shown: int | None) -> Expression | None:
    """Return the sum of e to the scores, or None where that is no number."""
    if not all(abs(score.value) < SAFE_POWER for score in scores):
        return None
    return long_sum([call("exp", score) for score in scores], shown)


def _softmax(application: Application, index: Index) -> Expression | None:
    whole = _powers(_along(application, index), application.shown)
    return None if whole is None else call("exp", application.operand(0).entry(index)) / whole


def _log_softmax(application: Application, index: Index) -> Expression | None:
    whole = _powers(_along(application, index), application.shown)
    return None if whole is None else application.operand(0).entry(index) - call("log", whole)


def _logsumexp(application: Application, index: Index) -> Expression | None:
    whole = _powers(_reduced(application, index), application.shown)
    return None if whole is None else call("log", whole)


def _masked_softmax(application: Application, index: Index) -> Expression | None:
    mask = np.broadcast_to(application.operand(1).array, application.shape)
    if not mask[index]:
        return _ZERO
    axis = application.parameters.get("axis", -1) % len(index)
    line = np.moveaxis(mask, axis, -1)[(*index[:axis], *index[axis + 1 :])]
    shown = [x for x, seen in zip(_along(application, index), line, strict=True) if seen]
    whole = _powers(shown, application.shown)
    return None if whole is None else call("exp", application.operand(0).at(index)) / whole


def _class_of(application: Application, index: Index) -> int | None:
    """Return the class of an example; None where the targets are probabilities."""
    labels = np.asarray(application.operand(1).array)
    return None if np.issubdtype(labels.dtype, np.floating) else int(labels[index])


def _cross_entropy(application: Application, index: Index) -> Expression | None:
    z, t = application.operand(0), application.operand(1)
    whole = _powers([z.entry((*index, k)) for k in range(z.shape[-1])], application.shown)
    if whole is None:
        return None
    label = _class_of(application, index)
    if label is None:
        weighed = [
            t.entry((*index, k)) * (call("log", whole) - z.entry((*index, k)))
            for k in range(z.shape[-1])
        ]
        return long_sum(weighed, application.shown)
    return call("log", whole) - z.entry((*index, label)) if 0 <= label < z.shape[-1] else None


def _kl(application: Application, index: Index) -> Expression:
    p, q = application.operand(0), application.operand(1)
    pairs = [(p.entry((*index, k)), q.entry((*index, k))) for k in range(p.shape[-1])]
    return long_sum([a * call("log", a / b) for a, b in pairs if a.value > 0], application.shown)


def _attend(application: Application, index: Index) -> Expression | None:
    if application.output == 0:
        value = application.operand(2)
        places = range(value.shape[-2])
        left = _leading(value, index[:-2])
        terms = [
            application.result(1, (*index[:-1], s)) * value.entry((*left, s, index[-1]))
            for s in places
        ]
        return long_sum(terms, application.shown)
    query, key = application.operand(0), application.operand(1)
    scale, causal = (
        application.parameters.get("scale", 1.0),
        application.parameters.get("causal", False),
    )
    mask = application.inputs[3] if len(application.inputs) > 3 else None
    seen = np.ones(application.shape[-2:], bool) if mask is None else mask.array
    seen = np.broadcast_to(seen, application.shape)[index[:-1]]
    rows = query.array[(*_leading(query, index[:-2]), index[-2])]
    columns = np.asarray(key.array[_leading(key, index[:-2])], np.float64)
    scores = scale * (columns @ np.asarray(rows, np.float64))
    last = index[-2] + key.shape[-2] - query.shape[-2] if causal else key.shape[-2]
    shown = {s: Symbol(f"s[{s}]", float(scores[s])) for s in range(len(scores)) if seen[s]}
    shown = {s: score for s, score in shown.items() if s <= last}
    if index[-1] not in shown:
        return _ZERO
    whole = _powers(list(shown.values()), application.shown)
    return None if whole is None else call("exp", shown[index[-1]]) / whole


# --- normalization -------------------------------------------------------------------------------


def _normalized(application: Application, index: Index, axes: tuple[int, ...]) -> Expression:
    x, named = application.operand(0), application.parameters
    line: Any = tuple(slice(None) if a in axes else i for a, i in enumerate(index))
    entries = np.asarray(x.array[line], np.float64)
    mean, variance = Symbol("mean", float(entries.mean())), Symbol("var", float(entries.var()))
    root = call("sqrt", variance + named.get("epsilon", 1e-5))
    scale, shift = application.inputs[1:3]
    y = (x.entry(index) - mean) / root
    y = y if scale is None else scale.at(index) * y
    return y if shift is None else y + shift.at(index)


def _layer_norm(application: Application, index: Index) -> Expression:
    axis = application.parameters.get("axis", -1)
    given = (axis,) if isinstance(axis, int) else axis
    return _normalized(application, index, tuple(a % len(index) for a in given))


def _batch_norm(application: Application, index: Index) -> Expression:
    if application.output == 0:
        return _normalized(application, index, tuple(range(len(index) - 1)))
    x = application.operand(0)
    places = itertools.product(*map(range, x.shape[:-1]))
    terms = [x.entry((*place, *index)) for place in places]
    if application.output == 1:
        return long_sum(terms, application.shown) / len(terms)
    mean = Symbol("mean", math.fsum(t.value for t in terms) / len(terms))
    return long_sum([(t - mean) ** 2 for t in terms], application.shown) / len(terms)


# --- the table -----------------------------------------------------------------------------------

FORWARD: dict[str, Row] = {
    "add": _each(lambda x, y: x + y),
    "subtract": _each(lambda x, y: x - y),
    "multiply": _each(lambda x, y: x * y),
    "divide": _each(lambda x, y: x / y),
    "power": _each(lambda x, y: x**y),
    "negative": _each(lambda x: -x),
    "square": _each(lambda x: x**2),
    "reciprocal": _each(lambda x: 1 / x),
    "rsqrt": _each(lambda x: 1 / call("sqrt", x)),
    "log1p": _each(lambda x: call("log", 1 + x)),
    "expm1": _each(lambda x: call("exp", x) - 1),
    **{
        name: _each(lambda x, name=name: call(name, x))
        for name in ("exp", "log", "sqrt", "sin", "cos", "erf", "abs", "sigmoid", "tanh", "relu")
    },
    "maximum": _each(lambda x, y: call("max", x, y)),
    "minimum": _each(lambda x, y: call("min", x, y)),
    "clip": _each(_clipped),
    "where": _chosen,
    "dropout": _dropped,
    "leaky_relu": _each(lambda x, slope=0.01: x if x.value > 0 else slope * x),
    "elu": _each(lambda x, alpha=1.0: x if x.value > 0 else alpha * (call("exp", x) - 1)),
    "gelu": _each(_gelu),
    "gelu_tanh": _each(_gelu_tanh),
    "silu": _each(lambda x: x * call("sigmoid", x)),
    "softplus": _each(_softplus),
    "squared_error": _each(lambda y, t: (y - t) ** 2 / 2),
    "sigmoid_binary_cross_entropy": _each(_sigmoid_cross_entropy),
    "log_loss": _each(_log_loss),
    "hinge": _each(lambda z, t: call("max", 0, 1 - t * z)),
    "sum": _sum,
    "mean": _mean,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "prod": lambda application, index: product(_reduced(application, index)),
    "var": _variance,
    "std": lambda application, index: call("sqrt", _variance(application, index)),
    "cumsum": _running,
    "logsumexp": _logsumexp,
    "matmul": _matmul,
    "einsum": _einsum,
    "outer_sum": _outer_sum,
    "convolution": _convolution,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "masked_softmax": _masked_softmax,
    "softmax_cross_entropy": _cross_entropy,
    "kl_divergence": _kl,
    "attend": _attend,
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
}
"""What an operation computed, by its name."""

OPAQUE: dict[str, tuple[int, ...]] = {
    "var": (),
    "std": (),
    "logsumexp": (),
    "masked_softmax": (),
    "kl_divergence": (),
    "attend": (2,),
    "layer_norm": (1, 2),
    "batch_norm": (1, 2),
    "erf": (),
}
"""Operations whose formula holds means and the like, and for which inputs it can be derived."""

Local: TypeAlias = Callable[[Application, Index, int, Index], Expression | None]


def _local_squared_error(a: Application, index: Index, i: int, at: Index) -> Expression:
    y, t = a.operand(0).at(index), a.operand(1).at(index)
    return y - t if i == 0 else t - y


def _local_sigmoid_loss(a: Application, index: Index, i: int, at: Index) -> Expression | None:
    z, t = a.operand(0).at(index), a.operand(1).at(index)
    return call("sigmoid", z) - t if i == 0 else None


def _local_softmax(a: Application, index: Index, i: int, at: Index) -> Expression:
    axis = a.parameters.get("axis", -1) % len(index)
    y, other = a.result(0, index), a.result(0, at)
    return y * (1 - y) if index[axis] == at[axis] else -(y * other)


def _local_log_softmax(a: Application, index: Index, i: int, at: Index) -> Expression:
    share = call("exp", a.result(0, at))
    return 1 - share if index == at else -share


def _local_cross_entropy(a: Application, index: Index, i: int, at: Index) -> Expression | None:
    label = _class_of(a, index)
    if i != 0 or label is None:
        return None
    z = a.operand(0)
    whole = _powers([z.entry((*index, k)) for k in range(z.shape[-1])], a.shown)
    if whole is None:
        return None
    share = call("exp", z.entry(at)) / whole
    return share - 1 if at[-1] == label else share


LOCAL: dict[str, Local] = {
    "squared_error": _local_squared_error,
    "sigmoid_binary_cross_entropy": _local_sigmoid_loss,
    "softmax": _local_softmax,
    "log_softmax": _local_log_softmax,
    "softmax_cross_entropy": _local_cross_entropy,
    "softplus": lambda a, index, i, at: call("sigmoid", a.operand(0).entry(at)),
    "gelu": lambda a, index, i, at: None,
    "gelu_tanh": lambda a, index, i, at: None,
}
"""Local derivatives that have a shorter form than the derived one, or none worth showing."""

"""The case table: ways to call every operation with a rule on random inputs.

A case is a function of a `Draw` that returns (function, inputs): the function takes the floating
inputs alone and calls the operation on them. It is written once and checked by test_rules.py at
first and second order against finite differences and against `jax.grad`. Files named
``cases_*.py`` beside this one add theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from clearprop import ops
from clearprop.autodiff import OPERATIONS

Made = tuple[Callable[..., Any], list[np.ndarray]]


@dataclass(frozen=True)
class Draw:
    """Draws shapes by Hypothesis, and numbers by a seed that Hypothesis draws."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    random: np.random.Generator

    @classmethod
    def of(cls, data: st.DataObject) -> Draw:
        return cls(data.draw, np.random.default_rng(data.draw(st.integers(0, 10_000))))

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def choice(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def shape(self, low: int = 0, high: int = 3, side: int = 3) -> tuple[int, ...]:
        return tuple(self.draw(st.lists(st.integers(1, side), min_size=low, max_size=high)))

    def array(self, shape: Sequence[int], low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """Draw distinct numbers with gaps, so that no step of a difference crosses a kink."""
        size = int(np.prod(shape))
        places = (np.arange(size) + self.random.uniform(0.55, 0.95)) / max(size, 1)
        return (low + (high - low) * self.random.permutation(places)).reshape(tuple(shape))

    def axis(self, shape: Sequence[int]) -> Any:
        """Draw the ``axis`` of a reduction: None, one axis, or two."""
        rank = len(shape)
        choices: list[Any] = [None, *range(-rank, rank)]
        if rank > 1:
            choices.append((0, -1))
        return self.choice(*choices)

    def broadcastable(self, count: int) -> list[tuple[int, ...]]:
        """Draw shapes that broadcast: some have fewer axes, some have axes of size 1."""
        whole = self.shape()
        shapes = []
        for _ in range(count):
            kept = whole[self.integer(0, len(whole)) :]
            shapes.append(tuple(self.choice(1, n) for n in kept))
        return shapes


CASES: dict[str, list[Callable[[Draw], Made]]] = {}
"""The cases by operation; other modules add theirs with `case`."""


def case(*names: str) -> Callable[[Callable[[Draw], Made]], Callable[[Draw], Made]]:
    """Add a case to the named operations."""

    def add(make: Callable[[Draw], Made]) -> Callable[[Draw], Made]:
        for name in names:
            CASES.setdefault(name, []).append(make)
        return make

    return add


# --- elementwise ---------------------------------------------------------------------------------


def unary(name: str, low: float = -2.0, high: float = 2.0, **parameters: Any) -> None:
    @case(name)
    def _(d: Draw) -> Made:
        return lambda x: OPERATIONS[name](x, **parameters), [d.array(d.shape(), low, high)]


def binary(name: str, low: float = -2.0, high: float = 2.0) -> None:
    @case(name)
    def _(d: Draw) -> Made:
        return OPERATIONS[name], [d.array(s, low, high) for s in d.broadcastable(2)]


for _name in ("abs", "erf", "erfc", "exp", "expm1", "identity", "negative", "square"):
    unary(_name)
for _name in ("arcsinh", "arctan", "cos", "cosh", "sin", "sinh"):
    unary(_name)
for _name in ("arccos", "arcsin", "arctanh"):
    unary(_name, -0.8, 0.8)
unary("tan", -1.2, 1.2)
unary("arccosh", 1.3, 3.0)
for _name in (
    "celu",
    "elu",
    "gelu",
    "gelu_tanh",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
):
    unary(_name)
for _name in ("log", "log1p", "reciprocal", "rsqrt", "sqrt"):
    unary(_name, 0.3, 2.0)
for _name in ("hard_sigmoid", "hard_swish", "hard_tanh"):
    unary(_name, -4.1, 4.1)
unary("celu", alpha=0.5)
unary("gelu", approximate=True)
unary("leaky_relu", slope=0.2)
unary("elu", alpha=0.5)
for _name in ("add", "subtract", "multiply", "maximum", "minimum", "logaddexp", "prelu"):
    binary(_name)
binary("arctan2", 0.3, 2.0)
binary("divide", 0.5, 2.0)
binary("xlogy", 0.5, 2.0)
binary("power", 0.5, 2.0)


@case("power")
def _(d: Draw) -> Made:
    exponent = d.choice(-1, 0, 1, 2, 3, 2.0, 0.5)
    low = 0.3 if exponent in (-1, 0.5) else -2.0
    return lambda x: x**exponent, [d.array(d.shape(), low)]


@case("power")
def _(d: Draw) -> Made:
    return lambda y: 1.5**y, [d.array(d.shape())]


@case("remainder")
def _(d: Draw) -> Made:
    x, y = d.broadcastable(2)
    # Between two multiples of the divisor, so that no step of a difference crosses a jump.
    quotient = d.random.integers(-3, 3, np.broadcast_shapes(x, y)) + d.array((), 0.2, 0.8)
    divisor = d.array(y, 0.5, 2.0)
    return lambda q, y: ops.remainder(q * y, y), [quotient, divisor]


@case("glu")
def _(d: Draw) -> Made:
    shape = (*d.shape(0, 2), 2 * d.integer(1, 2))
    axis = d.choice(-1, len(shape) - 1)
    return lambda x: ops.glu(x, axis=axis), [d.array(shape)]


@case("clip")
def _(d: Draw) -> Made:
    low, high = d.choice((-1.0, 1.0), (None, 0.5), (-0.5, None))
    return lambda x: ops.clip(x, low, high), [d.array(d.shape())]


@case("where")
def _(d: Draw) -> Made:
    mask, x, y = d.broadcastable(3)
    condition = d.random.random(mask) < 0.5
    return lambda x, y: ops.where(condition, x, y), [d.array(x), d.array(y)]


@case("dropout")
def _(d: Draw) -> Made:
    shape = d.shape()
    keep = d.random.random(shape) < 0.5
    return lambda x: ops.dropout(x, keep, rate=0.5), [d.array(shape)]


@case("barrier", "astype")
def _(d: Draw) -> Made:
    barrier, astype = OPERATIONS["barrier"], OPERATIONS["astype"]
    return lambda x: astype(barrier(x), dtype=x.dtype), [d.array(d.shape())]


# --- reductions ----------------------------------------------------------------------------------


def reduction(name: str, **parameters: Any) -> None:
    @case(name)
    def _(d: Draw) -> Made:
        shape = d.shape(side=4)
        axis, keepdims = d.axis(shape), d.choice(True, False)
        return (
            lambda x: OPERATIONS[name](x, axis=axis, keepdims=keepdims, **parameters),
            [d.array(shape)],
        )


for _name in ("sum", "mean", "max", "min", "var", "prod", "logsumexp"):
    reduction(_name)


@case("var", "std")
def _(d: Draw) -> Made:
    # A single number has no deviation, and the root has no slope at 0.
    shape = (d.integer(2, 4), d.integer(2, 4))
    axis, ddof = d.axis(shape), d.choice(0, 1)
    return (
        lambda x: ops.std(x, axis=axis, ddof=ddof) + ops.var(x, axis=axis, ddof=ddof),
        [d.array(shape)],
    )


@case("prod")
def _(d: Draw) -> Made:
    x = d.array((3, 4))
    x[0, :2] = x[1, 1] = 0.0
    axis = d.choice(0, 1)
    return lambda x: ops.prod(x, axis=axis), [x]


@case("cumsum", "flip")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.integer(-len(shape), len(shape) - 1)
    every = d.choice(None, axis, tuple(range(len(shape))))
    return lambda x: ops.flip(ops.cumsum(x, axis=axis), axis=every), [d.array(shape)]


# --- shapes --------------------------------------------------------------------------------------


@case("reshape")
def _(d: Draw) -> Made:
    shape = d.shape()
    new = d.choice(-1, (-1, *shape), shape[::-1])
    return lambda x: ops.reshape(x, new), [d.array(shape)]


@case("transpose")
def _(d: Draw) -> Made:
    shape = d.shape()
    axes = d.draw(st.permutations(range(len(shape))))
    order = d.choice(None, tuple(axes), tuple(a - len(shape) for a in axes))
    return lambda x: ops.transpose(x, order), [d.array(shape)]


@case("broadcast_to")
def _(d: Draw) -> Made:
    x, y = d.broadcastable(2)
    whole = np.broadcast_shapes(x, y)
    return lambda x: ops.broadcast_to(x, whole), [d.array(x)]


@case("concatenate", "stack")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.integer(-len(shape), len(shape) - 1)
    inputs = [d.array(shape) for _ in range(d.integer(1, 3))]

    def joined(*x: Any) -> Any:
        return ops.concatenate(*x, x[0] * 2, axis=axis), ops.stack(list(x), axis=axis)

    return joined, inputs


@case("split")
def _(d: Draw) -> Made:
    shape = (*d.shape(0, 2), 6)
    sections = d.choice(1, 2, 3, (1, 4), (0, 2))
    return lambda x: ops.split(x, sections, axis=-1), [d.array(shape)]


@case("pad")
def _(d: Draw) -> Made:
    shape = d.shape()
    widths = [(d.integer(-n, 2), d.integer(0, 2)) for n in shape]
    return lambda x: ops.pad(x, widths, value=0.5), [d.array(shape)]


# --- indexing ------------------------------------------------------------------------------------

INDICES: list[Any] = [
    0,
    -1,
    slice(None, None, -1),
    (slice(1, None), None, ..., 2),
    (..., slice(3, 0, -2)),
    (slice(0, 0),),
    (1, 2, 3),
    np.array([1, 1, -1]),
    [0, 1],
    (slice(None), np.array([[0, 2], [2, 2]]), -1),
    (np.array([0, 1]), slice(None), np.array([3, 3])),
    np.array([True, False]),
    (..., np.array([True, False, True, True])),
]


@case("getitem", "place_at")
def _(d: Draw) -> Made:
    index = d.choice(*INDICES)
    return lambda x: x[index] if type(x).__name__ == "Traced" else ops.getitem(x, index), [
        d.array((2, 3, 4))
    ]


@case("place_at")
def _(d: Draw) -> Made:
    rows = np.array([2, 0, 2])
    return lambda x: OPERATIONS["place_at"](x, rows, index=("array",), shape=(4, 3)), [
        d.array((3, 3))
    ]


@case("take")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.integer(-len(shape), len(shape) - 1)
    indices = d.random.integers(-shape[axis], shape[axis], d.shape(0, 2))
    return lambda x: ops.take(x, indices, axis=axis), [d.array(shape)]


@case("take_along_axis")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.integer(-len(shape), len(shape) - 1)
    wanted = list(shape)
    wanted[axis] = d.integer(1, 4)
    indices = d.random.integers(0, shape[axis], wanted)
    return lambda x: ops.take_along_axis(x, indices, axis=axis), [d.array(shape)]


@case("scatter_add")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    indices = d.random.integers(0, shape[0], d.shape(0, 2))
    addend = (*indices.shape, *shape[1:])
    return lambda x, a: ops.scatter_add(x, indices, a), [d.array(shape), d.array(addend)]


# --- products ------------------------------------------------------------------------------------


@case("matmul")
def _(d: Draw) -> Made:
    m, n, p = d.integer(1, 3), d.integer(1, 3), d.integer(1, 3)
    left, right = d.broadcastable(2)
    x = d.choice((n,), (m, n), (*left, m, n), (2, 1, m, n))
    y = d.choice((n,), (n, p), (*right, n, p) if x[:-2] == left else (n, p))
    return ops.matmul, [d.array(x), d.array(y)]


@case("matmul")
def _(d: Draw) -> Made:
    left, right = d.choice(((3,), (2, 3, 2)), ((2, 3), (4, 3, 2)), ((3,), (3,)), ((2, 3), (3,)))
    return ops.matmul, [d.array(left), d.array(right)]


EINSUMS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]),
    ("i,j->ij", [(2,), (3,)]),
    ("ij->", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("ij->ji", [(2, 3)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("iji,j->i", [(2, 3, 2), (3,)]),
    ("i,ij,j->", [(2,), (2, 3), (3,)]),
    ("ij,k->i", [(2, 3), (4,)]),
    ("...ij,...jk->...ik", [(2, 1, 2, 3), (3, 3, 2)]),
    ("...i,i->...", [(2, 3, 4), (4,)]),
    ("...i,...i", [(2, 3, 4), (4,)]),
    ("bthd,bshd->bhts", [(1, 2, 2, 3), (1, 3, 2, 3)]),
    ("ij,ij->ij", [(1, 3), (2, 1)]),
    ("ij,j->i", [(2, 1), (3,)]),
    ("ij,jk->ik", [(2, 3), (1, 4)]),
    ("ij,ij->", [(2, 1), (1, 3)]),
    ("ij,jk,k->i", [(2, 3), (1, 4), (1,)]),
    ("iij->j", [(3, 3, 2)]),
    ("iii->", [(2, 2, 2)]),
    ("ijij->ij", [(2, 3, 2, 3)]),
]


@case("einsum")
def _(d: Draw) -> Made:
    subscripts, shapes = d.choice(*EINSUMS)
    return lambda *x: ops.einsum(subscripts, *x), [d.array(shape) for shape in shapes]


# --- softmax, losses, normalization, attention ---------------------------------------------------


@case("softmax", "log_softmax")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    axis = d.integer(-len(shape), len(shape) - 1)
    return lambda x: (ops.softmax(x, axis), ops.log_softmax(x, axis=axis)), [d.array(shape)]


@case("softmax_cross_entropy")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    labels = d.random.integers(0, shape[-1], shape[:-1])
    return lambda z: ops.softmax_cross_entropy(z, labels), [d.array(shape)]


@case("softmax_cross_entropy")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    return ops.softmax_cross_entropy, [d.array(shape), d.array(shape, 0.1, 0.9)]


@case("sigmoid_binary_cross_entropy", "squared_error")
def _(d: Draw) -> Made:
    shape = d.shape()
    return (
        lambda z, t: (ops.sigmoid_binary_cross_entropy(z, t), ops.squared_error(z, t)),
        [d.array(shape), d.array(shape, 0.1, 0.9)],
    )


@case("log_loss")
def _(d: Draw) -> Made:
    shape = d.shape()
    return ops.log_loss, [d.array(shape, 0.1, 0.9), d.array(shape, 0.1, 0.9)]


@case("kl_divergence")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    return ops.kl_divergence, [d.array(shape, 0.1, 0.9), d.array(shape, 0.1, 0.9)]


@case("hinge")
def _(d: Draw) -> Made:
    shape = d.shape()
    signs = d.random.choice([-1, 1], shape)
    return lambda z: ops.hinge(z, signs), [d.array(shape)]


@case("hinge")
def _(d: Draw) -> Made:
    shape = d.shape()
    return ops.hinge, [d.array(shape, 0.1, 0.9), d.array(shape, -0.9, 0.9)]


@case("layer_norm")
def _(d: Draw) -> Made:
    shape = (*d.shape(0, 1), d.integer(2, 3), d.integer(2, 3))
    axis = d.choice(-1, (-2, -1))
    sizes = shape[-1:] if axis == -1 else shape[-2:]
    parameters = [d.array(sizes)] * d.integer(0, 2)
    return (
        lambda x, *p: ops.layer_norm(x, *p, axis=axis, epsilon=1e-2),
        [d.array(shape), *parameters],
    )


@case("batch_norm")
def _(d: Draw) -> Made:
    shape = (d.integer(2, 3), *d.shape(0, 1), d.integer(1, 3))
    parameters = [d.array(shape[-1:])] * d.integer(0, 2)
    return lambda x, *p: ops.batch_norm(x, *p, epsilon=1e-2), [d.array(shape), *parameters]


@case("group_norm")
def _(d: Draw) -> Made:
    groups = d.integer(1, 2)
    shape = (d.integer(1, 2), *d.shape(0, 2), groups * d.integer(1, 2))
    parameters = [d.array(shape[-1:])] * d.integer(0, 2)
    return (
        lambda x, *p: ops.group_norm(x, *p, groups=groups, epsilon=1e-2),
        [d.array(shape), *parameters],
    )


@case("outer_sum")
def _(d: Draw) -> Made:
    rows = d.shape(0, 2)
    return ops.outer_sum, [d.array((*rows, d.integer(1, 3))), d.array((*rows, d.integer(1, 3)))]


@case("masked_softmax")
def _(d: Draw) -> Made:
    shape = d.shape(1)
    mask = d.random.random(shape) < 0.6
    return lambda x: ops.masked_softmax(x, mask), [d.array(shape)]


@case("attend")
def _(d: Draw) -> Made:
    heads, T, S = d.integer(1, 2), d.integer(1, 3), d.integer(1, 3)
    causal, scale = d.choice(True, False), d.choice(None, 1.0)
    return (
        lambda q, k, v: ops.attention(q, k, v, causal=causal, scale=scale),
        [d.array((heads, T, 2)), d.array((heads, S, 2)), d.array((heads, S, 3))],
    )


@case("attend")
def _(d: Draw) -> Made:
    T, S = d.integer(1, 3), d.integer(1, 3)
    mask = d.random.random((T, S)) < 0.6
    return (
        lambda q, k, v: ops.attend(q, k, v, mask, None, 0.5),
        [d.array((2, T, 2)), d.array((1, S, 2)), d.array((S, 3))],
    )


@case("attend")
def _(d: Draw) -> Made:
    T, S, causal = d.integer(1, 3), d.integer(1, 3), d.choice(True, False)
    return (
        lambda q, k, v, bias: (
            ops.attention(q, k, v, bias=bias, causal=causal),
            ops.attention_weights(q, k, bias=bias, causal=causal),
        ),
        [d.array((2, T, 2)), d.array((2, S, 2)), d.array((2, S, 3)), d.array((T, S))],
    )

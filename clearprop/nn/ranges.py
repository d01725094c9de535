"""Where the values of a recorded pass can lie, as far as its operations tell it.

A sigmoid gives 0 to 1, whatever it is given. What follows an operation moves its range: ``4 *
tanh(x)`` lies from -4 to 4, and a reshape, a sum of two ranges or a mean over an axis are followed
in the same way. No value is computed, so the tape of an abstract pass is enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from clearprop import ops
from clearprop.autodiff import Node
from clearprop.autodiff.sweep import Place
from clearprop.nn.definitions import ENDS
from clearprop.ops.loop import LoopRow

INFINITE = math.inf

SAME_ENTRIES = (
    "reshape",
    "transpose",
    "broadcast_to",
    "astype",
    "flip",
    "identity",
    "roll",
    "sort",
)
"""Operations that keep every entry, and bring none of another value in."""

MOVES = (
    *SAME_ENTRIES,
    "getitem",
    "dynamic_slice",
    "take",
    "take_along_axis",
    "stack",
    "concatenate",
)
"""Operations that move or pick entries and change none."""

SOFTMAXES = ("softmax", "masked_softmax")

SHIFTS = ("add", "subtract", "multiply", "divide", "negative")
"""Operations that move a range as a whole, where the other value is a constant."""

WEIGHTED = ("matmul", "convolution")
"""Products of an input with a weight, the second one."""


@dataclass(frozen=True)
class ValueRange:
    """Where the entries of a value lie.

    Attributes:
        low: no entry is below; minus infinity where there is no such number.
        high: no entry is above.
        operation: what limits them, such as "tanh"; a weighted sum where nothing does; "" for a
            constant.
        layer: path of the layer that applies it.
        takes_ends: whether entries are exactly at a finite end again and again, as at the 0 of
            relu. A sigmoid only comes close to its ends.
        moved: whether sums or products with constants follow that operation.
        exact: whether weights are known to exist that bring entries to both ends, or as close as
            one likes. The others are outer bounds: nothing lies outside, and perhaps less inside.
    """

    low: float
    high: float
    operation: str = ""
    layer: str = ""
    takes_ends: bool = False
    moved: bool = False
    exact: bool = False

    @property
    def limited(self) -> bool:
        """Whether there is any number that the entries cannot be."""
        return self.low > -INFINITE or self.high < INFINITE


Known = ValueRange | None
"""The range of a value; None where nothing is known, which is less than "any number"."""


def ranges(nodes: Sequence[Node]) -> dict[Place, ValueRange]:
    """Return the ranges of the values on a tape by (node, output), as far as they are known.

    Weights can be any number, so a product with weights, a convolution and a normalization can be
    any number too. Of an operation that is not in the table of this file nothing is known.

    A range is exact where it is that of a linear layer or a convolution, or of one activation of
    it, and only moves and sums or products with constants follow. Two values together can depend on
    each other, as the two sides of ``p + q - p * q`` do, so their range is an outer bound alone.

    Args:
        nodes: of the tape, in the order of computation.
    """
    found: dict[Place, ValueRange] = {}
    for number, node in enumerate(nodes):
        if isinstance(node.operation, LoopRow):
            of_outputs = _of_loop(node.operation)
        else:
            of_outputs = [_of_node(node, nodes, found)] * len(node.outputs)
        found |= {(number, k): x for k, x in enumerate(of_outputs) if x is not None}
    return found


def _of_node(node: Node, nodes: Sequence[Node], found: Mapping[Place, ValueRange]) -> Known:
    rule = _RULES.get(node.operation.name) if node.operation is not None else None
    if rule is None:
        return None
    inputs = [
        _constant(value) if parent is None else found.get(parent)
        for value, parent in zip(node.inputs, node.parents, strict=True)
    ]
    made = rule(node, inputs)
    return None if made is None else replace(made, exact=_is_exact(node, nodes, found))


def _is_exact(node: Node, nodes: Sequence[Node], found: Mapping[Place, ValueRange]) -> bool:
    """Say whether weights exist that bring the result of a node to both ends of its range."""
    assert node.operation is not None
    name = node.operation.name
    given = [parent is not None and nodes[parent[0]].operation is None for parent in node.parents]
    if name in WEIGHTED:
        return len(given) > 1 and given[1]
    computed = [
        parent
        for parent, is_given in zip(node.parents, given, strict=True)
        if parent is not None and not is_given
    ]
    if len(computed) != 1:
        return False
    before = found.get(computed[0])
    if before is None or not before.exact:
        return False
    if name in SHIFTS:
        constant = [
            parent is None and not isinstance(value, jax.core.Tracer)
            for value, parent in zip(node.inputs, node.parents, strict=True)
        ]
        return sum(constant) + sum(given) == len(constant) - 1
    return name in SAME_ENTRIES or (name in ops.ACTIVATIONS and not before.limited)


def _of_loop(row: LoopRow) -> list[Known]:
    """Return the ranges of the last carry and of the outputs of all steps.

    They are those of one step, where they do not depend on the step before. So an LSTM's output,
    sigmoid times tanh, is known; that of a GRU, which keeps a part of the state before, is not.
    """
    body = row.derivation.skeleton
    found = ranges(body.nodes)
    places = (*body.new_places, *body.ys_places)
    known = [None if place is None else found.get(place) for place in places]
    return [None if x is None else replace(x, exact=False) for x in known]


def _constant(value: Any) -> Known:
    """Return the range of a plain number or array; None where its entries are not known yet."""
    if value is None or isinstance(value, jax.core.Tracer):
        return None
    entries = np.asarray(value)
    if not entries.size or entries.dtype.kind not in "biuf":
        return None
    return ValueRange(float(entries.min()), float(entries.max()), takes_ends=True)


def _made(node: Node, low: float, high: float, takes_ends: bool = False) -> ValueRange:
    """Return a range that this node makes."""
    assert node.operation is not None
    return ValueRange(low, high, node.operation.name, node.layer, takes_ends)


Rule = Callable[[Node, "list[Known]"], Known]


def _any_number(node: Node, inputs: list[Known]) -> Known:
    return _made(node, -INFINITE, INFINITE)


def _same(node: Node, inputs: list[Known]) -> Known:
    """Of an operation that moves, picks or averages the entries of its first input."""
    return inputs[0]


def _monotone(function: Callable[[float], float], takes_ends: bool = False) -> Rule:
    """Return the rule of a function that never falls: its ends come from those of its input.

    Args:
        function: of the lowest and of the highest input, which may be infinite.
        takes_ends: whether many inputs give exactly its lowest value.
    """

    def rule(node: Node, inputs: list[Known]) -> Known:
        x = inputs[0]
        low, high = (-INFINITE, INFINITE) if x is None else (x.low, x.high)
        with np.errstate(all="ignore"):
            ends = float(function(low)), float(function(high))
        return _made(node, *ends, takes_ends or (x is not None and x.takes_ends))

    return rule


def _fixed(low: float, high: float, takes_ends: bool = False) -> Rule:
    return lambda node, inputs: _made(node, low, high, takes_ends)


def _softmax(node: Node, inputs: list[Known]) -> Known:
    alone = node.outputs[0].shape[softmax_axis(node)] == 1
    return _made(node, 1.0 if alone else 0.0, 1.0)


def softmax_axis(node: Node) -> int:
    """Return the axis over which a softmax sums, of its first input and counted from the first."""
    axis = node.parameters.get("axis", -1)
    assert isinstance(axis, int)
    return axis % len(node.inputs[0].shape)


def _clip(node: Node, inputs: list[Known]) -> Known:
    low, high = (node.parameters.get(name) for name in ("low", "high"))
    x = inputs[0] or _made(node, -INFINITE, INFINITE)
    ends = [x.low, x.high]
    for limit, choose in ((low, max), (high, min)):
        number = None if limit is None else _constant(limit)
        if number is not None and number.low == number.high:
            ends = [choose(end, number.low) for end in ends]
    return _made(node, ends[0], ends[1], True)


def _elu(node: Node, inputs: list[Known]) -> Known:
    alpha = node.parameters.get("alpha", 1.0)
    assert isinstance(alpha, int | float)
    return _made(node, -float(alpha), INFINITE)


def _leaky_relu(node: Node, inputs: list[Known]) -> Known:
    slope, x = node.parameters.get("slope", 0.01), inputs[0]
    assert isinstance(slope, int | float)
    if x is None or slope < 0:
        return _any_number(node, inputs) if slope > 0 else None
    ends = [end if end > 0 else slope * end if end else 0.0 for end in (x.low, x.high)]
    return replace(x, low=ends[0], high=ends[1])


def _union(node: Node, inputs: list[Known]) -> Known:
    """Of an operation each of whose entries is an entry of one of its inputs."""
    known = [x for x in inputs if x is not None]
    if len(known) < len(inputs) or not known:
        return None
    ends = min(x.low for x in known), max(x.high for x in known)
    return _joined(node, known, ends, any(x.takes_ends for x in known))


def _chosen(choose: Callable[[float, float], float]) -> Rule:
    """Return the rule of the larger (max) or of the smaller one (min) of two values."""

    def rule(node: Node, inputs: list[Known]) -> Known:
        x, y = (one or ValueRange(-INFINITE, INFINITE) for one in inputs)
        ends = choose(x.low, y.low), choose(x.high, y.high)
        return _joined(node, [one for one in (x, y) if one.limited], ends, True)

    return rule


def _where(node: Node, inputs: list[Known]) -> Known:
    return _union(node, inputs[1:])


def _dropout(node: Node, inputs: list[Known]) -> Known:
    rate, x = node.parameters.get("rate", 0.0), inputs[0]
    if x is None or not isinstance(rate, int | float) or not rate < 1:
        return None
    low, high = min(0.0, x.low / (1 - rate)), max(0.0, x.high / (1 - rate))
    return replace(x, low=low, high=high, takes_ends=True)


def _pooled(node: Node, inputs: list[Known]) -> Known:
    """Of averages over windows: what is outside the picture counts as 0."""
    x = inputs[0]
    return None if x is None else replace(x, low=min(x.low, 0.0), high=max(x.high, 0.0))


def _sum(node: Node, inputs: list[Known]) -> Known:
    x = inputs[0]
    if x is None:
        return None
    terms = math.prod(node.inputs[0].shape) // max(1, math.prod(node.outputs[0].shape))
    low, high = _product(x.low, terms), _product(x.high, terms)
    return replace(x, low=low, high=high, moved=True)


def _add(node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    for one in (x, y):
        # A weighted sum can be any number, and stays so whatever is added to it.
        if one is not None and not one.limited:
            return one
    if x is None or y is None:
        return None
    return _joined(node, [x, y], (x.low + y.low, x.high + y.high), x.takes_ends and y.takes_ends)


def _subtract(node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    turned = None if y is None else replace(y, low=-y.high, high=-y.low)
    return _add(node, [x, turned])


def _multiply(node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    if x is None or y is None:
        return None
    ends = [_product(a, b) for a in (x.low, x.high) for b in (y.low, y.high)]
    return _joined(node, [x, y], (min(ends), max(ends)), x.takes_ends and y.takes_ends)


def _divide(node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    if x is None or y is None or y.low <= 0 <= y.high:
        return None
    ends = sorted((1 / y.low, 1 / y.high))
    return _multiply(node, [x, replace(y, low=ends[0], high=ends[1])])


def _power(node: Node, inputs: list[Known]) -> Known:
    exponent = inputs[1]
    if exponent is None or exponent.low != exponent.high or exponent.low % 2 or exponent.low <= 0:
        return None
    return _made(node, 0.0, INFINITE)


def _negative(node: Node, inputs: list[Known]) -> Known:
    x = inputs[0]
    return None if x is None else replace(x, low=-x.high, high=-x.low, moved=True)


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _joined(
    node: Node, known: list[ValueRange], ends: tuple[float, float], takes_ends: bool
) -> ValueRange:
    """Return a range made of others, named after the only one that is no constant, if it is so."""
    makers = {(x.operation, x.layer) for x in known if x.operation}
    if len(makers) != 1:
        return _made(node, *ends, takes_ends)
    return ValueRange(*ends, *makers.pop(), takes_ends, moved=True)


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


_RULES: dict[str, Rule] = {
    **{name: _fixed(low, INFINITE if high is None else high) for name, (low, high) in ENDS.items()},
    **dict.fromkeys(
        ("matmul", "einsum", "convolution", "batch_norm", "layer_norm", "group_norm"),
        _any_number,
    ),
    **dict.fromkeys((*MOVES, "split", "max", "min", "mean", "max_pool"), _same),
    **dict.fromkeys(("stack", "concatenate"), _union),
    "maximum": _chosen(max),
    "minimum": _chosen(min),
    **dict.fromkeys(("sin", "cos"), _fixed(-1.0, 1.0)),
    **dict.fromkeys(("square", "abs"), _fixed(0.0, INFINITE)),
    **dict.fromkeys(SOFTMAXES, _softmax),
    **dict.fromkeys(("gelu", "gelu_tanh"), _fixed(-0.171, INFINITE)),
    "sigmoid": _monotone(_logistic),
    "tanh": _monotone(math.tanh),
    "relu": _monotone(lambda x: max(x, 0.0), takes_ends=True),
    "softplus": _monotone(lambda x: float(np.logaddexp(0.0, x))),
    "exp": _monotone(lambda x: float(np.exp(x))),
    "erf": _monotone(math.erf),
    "log": _monotone(lambda x: float(np.log(x)) if x > 0 else -INFINITE),
    "sqrt": _monotone(lambda x: math.sqrt(max(x, 0.0))),
    "log_softmax": _fixed(-INFINITE, 0.0),
    "silu": _fixed(-0.279, INFINITE),
    "mish": _fixed(-0.309, INFINITE),
    "hard_swish": _fixed(-0.375, INFINITE, takes_ends=True),
    "hard_sigmoid": _fixed(0.0, 1.0, takes_ends=True),
    "softsign": _fixed(-1.0, 1.0),
    "log_sigmoid": _fixed(-INFINITE, 0.0),
    "arctan": _monotone(math.atan),
    "elu": _elu,
    "leaky_relu": _leaky_relu,
    "clip": _clip,
    "where": _where,
    "dropout": _dropout,
    "average_pool": _pooled,
    "sum": _sum,
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "power": _power,
    "negative": _negative,
}
"""The range of each operation's output, from the node and the ranges of its inputs."""

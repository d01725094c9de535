"""Where the values of a recorded pass can lie, as far as its operations tell it.

A sigmoid gives 0 to 1, whatever it is given. What follows an operation moves its range: ``4 *
tanh(x)`` lies from -4 to 4, and a reshape, a sum of two ranges or a mean over an axis are followed
in the same way. No value is computed, so the tape of an abstract pass is enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from clearprop.autodiff import Node
from clearprop.nn.definitions import ENDS

INFINITE = math.inf


@dataclass(frozen=True)
class ValueRange:
    """Where the entries of a value lie.

    Attributes:
        low: no entry is below; minus infinity where there is no such number.
        high: no entry is above.
        node: the number of the node on the tape that limits them, such as that of a tanh; a
            weighted sum where nothing limits them.
        takes_ends: whether entries are exactly at a finite end again and again, as at the 0 of
            relu. A sigmoid only comes close to its ends.
    """

    low: float
    high: float
    node: int
    takes_ends: bool = False

    @property
    def limited(self) -> bool:
        """Whether there is any number that the entries cannot be."""
        return self.low > -INFINITE or self.high < INFINITE

    def contains(self, low: float, high: float) -> bool:
        """Say whether an interval lies inside."""
        return self.low <= low and high <= self.high


Known = ValueRange | None
"""The range of a value; None where nothing is known, which is less than "any number"."""


def ranges(nodes: Sequence[Node]) -> list[Known]:
    """Return the range of each node's first output.

    Weights can be any number, so a product with weights, a convolution and a normalization can be
    any number too. Of an operation that is not in the tables of this file nothing is known.

    Args:
        nodes: of a tape, in the order of computation.
    """
    found: list[Known] = []
    for number, node in enumerate(nodes):
        rule = _RULES.get(node.operation.name) if node.operation is not None else None
        if rule is None:
            found.append(None)
            continue
        inputs = [
            _constant(value, number) if parent is None else found[parent[0]]
            for value, parent in zip(node.inputs, node.parents, strict=True)
        ]
        found.append(rule(number, node, inputs))
    return found


def _constant(value: Any, number: int) -> Known:
    """Return the range of a plain number or array; None where its entries are not known yet."""
    if value is None or isinstance(value, jax.core.Tracer):
        return None
    entries = np.asarray(value)
    if not entries.size or entries.dtype.kind not in "biuf":
        return None
    return ValueRange(float(entries.min()), float(entries.max()), number, True)


Rule = Callable[[int, Node, "list[Known]"], Known]


def _any_number(number: int, node: Node, inputs: list[Known]) -> Known:
    return ValueRange(-INFINITE, INFINITE, number)


def _same(number: int, node: Node, inputs: list[Known]) -> Known:
    """Of an operation that moves, picks or averages the entries of its first input."""
    return inputs[0]


def _monotone(function: Callable[[float], float], takes_ends: bool = False) -> Rule:
    """Return the rule of a function that never falls: its ends come from those of its input.

    Args:
        function: of the lowest and of the highest input, which may be infinite.
        takes_ends: whether many inputs give exactly its lowest value.
    """

    def rule(number: int, node: Node, inputs: list[Known]) -> Known:
        x = inputs[0]
        low, high = (-INFINITE, INFINITE) if x is None else (x.low, x.high)
        with np.errstate(all="ignore"):
            ends = float(function(low)), float(function(high))
        return ValueRange(*ends, number, takes_ends or (x is not None and x.takes_ends))

    return rule


def _fixed(low: float, high: float, takes_ends: bool = False) -> Rule:
    return lambda number, node, inputs: ValueRange(low, high, number, takes_ends)


def _softmax(number: int, node: Node, inputs: list[Known]) -> Known:
    alone = node.outputs[0].shape[softmax_axis(node)] == 1
    return ValueRange(1.0 if alone else 0.0, 1.0, number)


def softmax_axis(node: Node) -> int:
    """Return the axis over which the node of a softmax sums, counted from the first."""
    axis = node.parameters.get("axis", -1)
    assert isinstance(axis, int)
    return axis % len(node.outputs[0].shape)


def _clip(number: int, node: Node, inputs: list[Known]) -> Known:
    low, high = (node.parameters.get(name) for name in ("low", "high"))
    x = inputs[0] or ValueRange(-INFINITE, INFINITE, number)
    ends = [x.low, x.high]
    for limit, choose in ((low, max), (high, min)):
        if isinstance(limit, int | float):
            ends = [choose(end, float(limit)) for end in ends]
    return ValueRange(ends[0], ends[1], number, True)


def _elu(number: int, node: Node, inputs: list[Known]) -> Known:
    alpha = node.parameters.get("alpha", 1.0)
    assert isinstance(alpha, int | float)
    return ValueRange(-float(alpha), INFINITE, number)


def _leaky_relu(number: int, node: Node, inputs: list[Known]) -> Known:
    slope, x = node.parameters.get("slope", 0.01), inputs[0]
    assert isinstance(slope, int | float)
    if x is None or slope < 0:
        return _any_number(number, node, inputs) if slope > 0 else None
    ends = [end if end > 0 else slope * end if end else 0.0 for end in (x.low, x.high)]
    return replace(x, low=ends[0], high=ends[1])


def _union(number: int, node: Node, inputs: list[Known]) -> Known:
    """Of an operation each of whose entries is an entry of one of its inputs."""
    known = [x for x in inputs if x is not None]
    if len(known) < len(inputs) or not known:
        return None
    low, high = min(x.low for x in known), max(x.high for x in known)
    return ValueRange(low, high, _maker(number, node, known), any(x.takes_ends for x in known))


def _where(number: int, node: Node, inputs: list[Known]) -> Known:
    return _union(number, node, inputs[1:])


def _dropout(number: int, node: Node, inputs: list[Known]) -> Known:
    rate, x = node.parameters.get("rate", 0.0), inputs[0]
    if x is None or not isinstance(rate, int | float) or not rate < 1:
        return None
    low, high = min(0.0, x.low / (1 - rate)), max(0.0, x.high / (1 - rate))
    return replace(x, low=low, high=high, takes_ends=True)


def _pooled(number: int, node: Node, inputs: list[Known]) -> Known:
    """Of averages over windows: what is outside the picture counts as 0."""
    x = inputs[0]
    return None if x is None else replace(x, low=min(x.low, 0.0), high=max(x.high, 0.0))


def _sum(number: int, node: Node, inputs: list[Known]) -> Known:
    x = inputs[0]
    if x is None:
        return None
    terms = math.prod(node.inputs[0].shape) // max(1, math.prod(node.outputs[0].shape))
    return replace(x, low=x.low * terms if x.low else 0.0, high=x.high * terms if x.high else 0.0)


def _add(number: int, node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    for one in (x, y):
        # A weighted sum can be any number, and stays so whatever is added to it.
        if one is not None and not one.limited:
            return one
    if x is None or y is None:
        return None
    return _joined(number, node, x, y, (x.low + y.low, x.high + y.high))


def _subtract(number: int, node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    turned = None if y is None else replace(y, low=-y.high, high=-y.low)
    return _add(number, node, [x, turned])


def _multiply(number: int, node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    if x is None or y is None:
        return None
    ends = [_product(a, b) for a in (x.low, x.high) for b in (y.low, y.high)]
    return _joined(number, node, x, y, (min(ends), max(ends)))


def _divide(number: int, node: Node, inputs: list[Known]) -> Known:
    x, y = inputs
    if x is None or y is None or y.low <= 0 <= y.high:
        return None
    ends = sorted((1 / y.low, 1 / y.high))
    return _multiply(number, node, [x, replace(y, low=ends[0], high=ends[1])])


def _power(number: int, node: Node, inputs: list[Known]) -> Known:
    exponent = inputs[1]
    if exponent is None or exponent.low != exponent.high or exponent.low % 2 or exponent.low <= 0:
        return None
    return ValueRange(0.0, INFINITE, number)


def _negative(number: int, node: Node, inputs: list[Known]) -> Known:
    x = inputs[0]
    return None if x is None else replace(x, low=-x.high, high=-x.low)


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _joined(
    number: int, node: Node, x: ValueRange, y: ValueRange, ends: tuple[float, float]
) -> ValueRange:
    made = _maker(number, node, [x, y])
    return ValueRange(*ends, made, x.takes_ends and y.takes_ends)


def _maker(number: int, node: Node, known: list[ValueRange]) -> int:
    """Return the node to name: that of the one input which is no constant, else this one."""
    makers = {x.node for x in known if x.node != number}
    return makers.pop() if len(makers) == 1 else number


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


_RULES: dict[str, Rule] = {
    **{name: _fixed(low, INFINITE if high is None else high) for name, (low, high) in ENDS.items()},
    **dict.fromkeys(
        ("matmul", "einsum", "convolution", "batch_norm", "layer_norm"),
        _any_number,
    ),
    **dict.fromkeys(
        (
            "identity",
            "reshape",
            "transpose",
            "broadcast_to",
            "astype",
            "getitem",
            "take",
            "take_along_axis",
            "flip",
            "split",
            "max",
            "min",
            "mean",
            "max_pool",
        ),
        _same,
    ),
    **dict.fromkeys(("stack", "concatenate", "maximum", "minimum"), _union),
    **dict.fromkeys(("sin", "cos"), _fixed(-1.0, 1.0)),
    **dict.fromkeys(("square", "abs"), _fixed(0.0, INFINITE)),
    **dict.fromkeys(("softmax", "masked_softmax"), _softmax),
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
"""The range of each operation's output: (number of the node, node, ranges of the inputs)."""

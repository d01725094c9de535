"""What a loss does with the outputs of a model, read from the nodes of its tape.

Shape letters: B examples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from clearprop.autodiff import Node
from clearprop.autodiff.sweep import Place
from clearprop.nn.ranges import MOVES, SAME_ENTRIES, SOFTMAXES, Known, ValueRange, softmax_axis

PAIRS = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum")
"""Operations on two values that are broadcast against each other."""

APPLIED_BEFORE = {
    "softmax_cross_entropy": SOFTMAXES,
    "log_softmax": SOFTMAXES,
    **dict.fromkeys(SOFTMAXES, SOFTMAXES),
    "sigmoid_binary_cross_entropy": ("sigmoid",),
}
"""Operations that apply softmax or sigmoid themselves, and what cannot be meant before them."""

OF_A_DIFFERENCE = ("square", "abs", "power", "multiply", "mean", "sum", "reshape")
"""What a loss applies to a difference of outputs and targets that is to become 0 everywhere."""

OF_A_LOSS = (
    *OF_A_DIFFERENCE,
    *SAME_ENTRIES,
    *("divide", "add", "subtract", "negative", "sqrt", "log", "log1p", "exp"),
)
"""What a loss applies to its own values without leaving any of them out."""


class Broadcast(NamedTuple):
    """Two values that a loss combines, with another number of axes each.

    Attributes:
        outputs: shape of the one that comes from the outputs.
        other: shape of the other one, such as the targets.
        made: shape of the result.
    """

    outputs: tuple[int, ...]
    other: tuple[int, ...]
    made: tuple[int, ...]


def name_of(node: Node) -> str:
    """Return the name of an operation; "" for a variable."""
    return node.operation.name if node.operation is not None else ""


def first_uses(nodes: Sequence[Node], output: Place, end: int) -> list[int]:
    """Return the numbers of the operations that a loss applies to the outputs first."""
    same, uses = {output}, []
    for number in range(end, len(nodes)):
        node = nodes[number]
        if node.operation is None or not any(parent in same for parent in node.parents):
            continue
        if node.operation.name in MOVES:
            same.add((number, 0))
        else:
            uses.append(number)
    return uses


def is_to_be_zero(nodes: Sequence[Node], number: int) -> bool:
    """Say whether a difference goes straight into what has its least value at 0."""
    if name_of(nodes[number]) == "squared_error":
        return True
    uses = [node for node in nodes[number + 1 :] if (number, 0) in node.parents]
    return bool(uses) and all(
        name_of(node) in OF_A_DIFFERENCE
        # e * e is a square, and e times something else is none.
        and (name_of(node) != "multiply" or set(node.parents) == {(number, 0)})
        for node in uses
    )


def all_count(nodes: Sequence[Node], number: int, through: tuple[str, ...] = ()) -> bool:
    """Say whether every value of an operation counts in what a loss makes of it.

    A mask, a condition or a weight of each example can leave some out, and another value of the
    model can weigh them.

    Args:
        nodes: of the tape.
        number: of the operation.
        through: operations that may follow besides those of `OF_A_LOSS`.
    """
    made = {number}
    for later in range(number + 1, len(nodes)):
        node = nodes[later]
        mine = [parent is not None and parent[0] in made for parent in node.parents]
        if not any(mine):
            continue
        if name_of(node) not in (*OF_A_LOSS, *through) and not _same_entries(node):
            return False
        for value, parent, is_mine in zip(node.inputs, node.parents, mine, strict=True):
            if is_mine:
                continue
            if isinstance(value, jax.core.Tracer) and parent is None:
                return False
            if name_of(node) in ("multiply", "divide", "power") and not (
                parent is None and bool((np.asarray(value) != 0).all())
            ):
                return False
        made.add(later)
    return True


def _same_entries(node: Node) -> bool:
    """Say whether an index leaves nothing out, such as the 0 of an axis of one entry."""
    alone = name_of(node) == "getitem" and len(node.inputs) == 1
    return alone and math.prod(node.inputs[0].shape) == math.prod(node.outputs[0].shape)


def twice(nodes: Sequence[Node], end: int) -> str:
    """Return softmax or sigmoid where the loss applies it to what it gives to a loss with its own.

    The one of the model itself is found by its range.
    """
    for node in nodes[end:]:
        before = APPLIED_BEFORE.get(name_of(node), ())
        parent = node.parents[0] if node.parents else None
        if parent is None or parent[0] < end or name_of(nodes[parent[0]]) not in before:
            continue
        inner = nodes[parent[0]]
        if name_of(inner) == "sigmoid" or softmax_axis(inner) == softmax_axis(node):
            return name_of(inner)
    return ""


def find_broadcast(nodes: Sequence[Node], output: tuple[int, ...], y: Any) -> Broadcast | None:
    """Return where a loss meets every output with every target instead of each with its own."""
    B = len(y)
    for node in nodes:
        if node.operation is None or node.operation.name not in PAIRS or len(node.inputs) != 2:
            continue
        traced = [parent is not None for parent in node.parents]
        if all(traced):
            continue
        other = node.inputs[traced.index(False)]
        pair = Broadcast(
            tuple(node.inputs[traced.index(True)].shape),
            tuple(getattr(other, "shape", ())),
            tuple(node.outputs[0].shape),
        )
        # The examples of the one stand along another axis than those of the other. With as many
        # axes it is written so, as where every output is compared with every target.
        crossed = pair.made.count(B) > max(pair.outputs.count(B), pair.other.count(B))
        meant = len(pair.outputs) == len(pair.other) or (
            pair.outputs.count(B) > 1 and pair.outputs != output
        )
        if (
            B > 1
            and B in pair.other
            and not meant
            and (crossed or (other is y and _is_short(pair, output)))
        ):
            return pair
    return None


def _is_short(pair: Broadcast, output: tuple[int, ...]) -> bool:
    """Say whether one side has an axis less than the other, so that the last axes meet."""
    if len(pair.outputs) < len(pair.other):
        return pair.outputs == output
    return 0 < len(pair.other) < len(pair.outputs)


def find_logarithm(nodes: Sequence[Node], found: Mapping[Place, ValueRange]) -> Known:
    """Return what a loss takes the logarithm of, where weights make that 0 or negative."""
    for node in nodes:
        if node.operation is None or node.operation.name != "log" or node.parents[0] is None:
            continue
        x = found.get(node.parents[0])
        if x is not None and x.exact and (x.low < 0 or (x.low == 0 and x.takes_ends)):
            return x
    return None

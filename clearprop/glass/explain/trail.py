"""The path of an error signal from E back to a node, operation by operation.

Shape letters: none; a reach has the shape of its value.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from clearprop.glass.nodes.array_summary import ArraySummary
from clearprop.glass.nodes.jacobian import product_of
from clearprop.glass.nodes.node import GlassNode

Array = jax.Array


@dataclass(frozen=True, eq=False)
class Hop:
    """One operation on the path: what arrived at its output, and what it passed to one input.

    Attributes:
        node: the operation's output; of several outputs the one with the largest error signal.
        input: the number of the input on the path.
        arrived: norm of the error signals of the operation's outputs.
        passed: norm of what it passed to the input.
        before, after: by how much the entries of the input and of the output change with the
            chosen entry: the product of the local derivatives so far; None for the whole node.
    """

    node: GlassNode
    input: int
    arrived: float
    passed: float
    before: Array | None = None
    after: Array | None = None

    @property
    def factor(self) -> float:
        """The norm passed on divided by the norm that arrived; 0 if nothing arrived."""
        if math.isinf(self.arrived):
            return 1.0 if math.isinf(self.passed) else 0.0
        return self.passed / self.arrived if self.arrived else 0.0

    @property
    def blocks(self) -> bool:
        """Whether an error signal arrived and nothing was passed on."""
        return self.arrived > 0 and self.passed == 0

    @property
    def source(self) -> GlassNode:
        """The node that is the input."""
        found = self.node.inputs[self.input]
        assert isinstance(found, GlassNode)
        return found


def trail(node: GlassNode, start: Array | None = None) -> list[Hop]:
    """Return the path along which most of the error signal came, from E back to the node.

    If no error signal came, the path leads through an operation that got one but passed nothing.

    Args:
        node: where the path ends.
        start: a change of the node's value that is 0 except at the chosen entry; None for all
            entries.
    """
    path = _blocked(node, start) if norm(node.error, start) == 0 else []
    # From an operation that blocks to E, the path follows the error signal of all entries.
    at, reach = (path[-1].node, None) if path else (node, start)
    while hops := [*_hops(at, reach)]:
        path.append(max(hops, key=lambda hop: (hop.passed, hop.arrived)))
        at, reach = path[-1].node, path[-1].after
    return path[::-1]


def norm(error: ArrayLike | None, reach: ArrayLike | None = None) -> float:
    """Return the norm of an error signal, or of its entries where a reach is not 0.

    It is infinite if an entry is infinite or NaN.

    >>> norm(np.array([3.0, 4.0, 5.0]), np.array([1, 1, 0])), norm(np.array([np.nan]))
    (5.0, inf)
    """
    if error is None:
        return 0.0
    numbers = np.asarray(error, np.float64)
    if reach is not None:
        numbers = np.where(np.asarray(reach) != 0, numbers, 0)
    largest = float(np.max(np.abs(numbers), initial=0))
    if not math.isfinite(largest):
        return math.inf
    if not largest:
        return 0.0
    return float(np.sqrt(np.sum(np.square(numbers / largest)))) * largest


def _whole(summary: ArraySummary) -> float:
    return math.inf if summary.nonfinite else summary.norm


def _blocked(node: GlassNode, start: Array | None) -> list[Hop]:
    """Return the path from a node with an error signal of 0 to the operation that blocks most."""
    seen = {node.index}
    open_paths: deque[tuple[GlassNode, Array | None, list[Hop]]] = deque([(node, start, [])])
    blocked: list[list[Hop]] = []
    while open_paths:
        at, reach, path = open_paths.popleft()
        for hop in _hops(at, reach):
            if hop.blocks:
                blocked.append([*path, hop])
            elif hop.passed == 0 and hop.node.index not in seen:
                seen.add(hop.node.index)
                open_paths.append((hop.node, hop.after, [*path, hop]))
    return max(blocked, key=lambda path: path[-1].arrived, default=[])


def _hops(node: GlassNode, reach: Array | None) -> Iterator[Hop]:
    """Yield every operation that reads a node and can pass an error to it."""
    for user in node.users:
        if user.output:
            continue
        for i, source in enumerate(user.sources):
            if source != node.index or not user.passes(i):
                continue
            if reach is None:
                errors = [s.error_summary for s in user.siblings]
                norms = [0.0 if e is None else _whole(e) for e in errors]
                most = int(np.argmax(norms))
                passed = _whole(user.passed_summary(i))
                yield Hop(user.siblings[most], i, math.hypot(*norms), passed)
            else:
                yield _restricted(user, i, reach)


def _restricted(user: GlassNode, i: int, reach: Array) -> Hop:
    values = user.glass.values
    after = [
        product_of(values, s.spec, i, reach, transposed=True) if s.carries_error else None
        for s in user.siblings
    ]
    # If no output depends on the entry, all of the error signal at the operation is counted.
    moves = any(a is not None and bool(jnp.any(a != 0)) for a in after)
    norms = [norm(s.error, a if moves else None) for s, a in zip(user.siblings, after, strict=True)]
    most = int(np.argmax(norms))
    passed = norm(user.passed(i), reach)
    return Hop(user.siblings[most], i, math.hypot(*norms), passed, reach, after[most])

"""Where the nodes of a pass stand in a drawing: columns from left to right, rows from the top.

An operation stands right of its inputs, a given number directly left of its first user. The rows
are those of a tree from the result back to the given numbers: each operation stands in the middle
of its inputs, and nodes of one column keep their distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

DISTANCE = 1.0
"""The smallest distance of two nodes of one column, in rows."""


def columns(inputs: Sequence[Sequence[int]]) -> list[int]:
    """Return the column of each node.

    Args:
        inputs: of each node, the nodes that it is computed from; a given number has none. Nodes
            come after their inputs.

    >>> columns([[], [], [0, 1], [], [2, 3]])
    [0, 0, 1, 1, 2]
    """
    found = [0] * len(inputs)
    for node, sources in enumerate(inputs):
        found[node] = 1 + max((found[i] for i in sources), default=-1)
    first_user: dict[int, int] = {}
    for node, sources in enumerate(inputs):
        for source in sources:
            first_user[source] = min(found[node], first_user.get(source, found[node]))
    for node, sources in enumerate(inputs):
        if not sources:
            found[node] = max(0, first_user.get(node, 1) - 1)
    return found


def rows(inputs: Sequence[Sequence[int]], of: Sequence[int], result: int) -> list[float]:
    """Return the row of each node, from 0.

    Args:
        inputs: of each node.
        of: the column of each node.
        result: the node from which the tree is followed back.

    >>> rows([[], [], [0, 1]], [0, 0, 1], 2)
    [0.0, 1.0, 0.5]
    """
    wished: dict[int, float] = {}
    free = 0.0
    waiting = [(result, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            wished[node] = _middle(inputs[node], wished)
        elif node not in wished and inputs[node]:
            wished[node] = 0.0  # a place until its inputs have theirs
            waiting.append((node, True))
            waiting += [(source, False) for source in reversed(inputs[node])]
        elif node not in wished:
            wished[node] = free
            free += DISTANCE
    for node in range(len(inputs)):
        wished.setdefault(node, free)
    return _apart(wished, of)


def centered(counts: Mapping[int, int]) -> dict[int, list[float]]:
    """Return evenly spaced rows for each column of a drawing, all columns around one middle.

    >>> centered({0: 2, 1: 3})
    {0: [0.5, 1.5], 1: [0.0, 1.0, 2.0]}
    """
    tallest = max(counts.values(), default=0)
    return {
        column: [(tallest - count) / 2 + i for i in range(count)]
        for column, count in counts.items()
    }


def _middle(sources: Sequence[int], wished: Mapping[int, float]) -> float:
    return float(np.mean([wished[i] for i in sources]))


def _apart(wished: Mapping[int, float], of: Sequence[int]) -> list[float]:
    """Move the nodes of each column as little as needed to keep their distance."""
    placed = [0.0] * len(of)
    for column in set(of):
        nodes = sorted((i for i in range(len(of)) if of[i] == column), key=lambda i: wished[i])
        for node, row in zip(nodes, _spread([wished[i] for i in nodes]), strict=True):
            placed[node] = row
    top = min(placed, default=0.0)
    return [row - top for row in placed]


def _spread(wished: Sequence[float]) -> list[float]:
    """Return numbers with a smallest distance whose squared changes are least.

    Groups that touch are merged, each around the mean of what its members wished.

    >>> _spread([0.0, 0.0, 5.0])
    [-0.5, 0.5, 5.0]
    """
    groups: list[list[float]] = []  # each holds the wishes less the distance within the group
    for number, wish in enumerate(wished):
        groups.append([wish - number * DISTANCE])
        while len(groups) > 1 and float(np.mean(groups[-2])) > float(np.mean(groups[-1])):
            last = groups.pop()
            groups[-1] += last
    starts = [float(np.mean(group)) for group in groups for _ in group]
    return [start + number * DISTANCE for number, start in enumerate(starts)]

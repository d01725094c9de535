"""Rules about the order of layers: two products with weights, and nothing between them.

Shape letters: none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import jax

from clearprop import nn, tree
from clearprop.autodiff import Node
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, named
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import rule
from clearprop.glass.diagnosis.signals import Signals
from clearprop.nn.recording import recorded

PRODUCTS = ("matmul", "einsum", "convolution")
"""Operations that multiply by weights."""

LINEAR = (
    "add", "subtract", "multiply", "divide", "reshape", "transpose", "broadcast_to", "astype",
    "getitem", "flip", "identity", "mean", "sum", "average_pool", "pad",
    "roll", "tril", "triu", "dynamic_slice",
)  # fmt: skip
"""Operations that are linear in one input, where the others do not depend on the examples."""

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers behind which a nonlinearity is expected."""


@rule
def missing_nonlinearity(facts: Facts, model: nn.Module, signals: Signals) -> Finding | None:
    """Two layers with weights in a row, so that one of them could do the work of both."""
    if facts.part is None or not isinstance(model, nn.Module):
        return None
    rows = linear_pairs(model, facts.batch(facts.part, 2)[0])
    layers = nn.modules(model)
    found = [(first, second) for first, second in rows if not _is_narrow(layers, first, second)]
    if not found:
        return None
    first, second = found[0]
    every = [path for path, layer in layers.items() if isinstance(layer, WEIGHTED)]
    whole = len(rows) == len(every) - 1
    said = f"{second} gets the outputs of {first} without a nonlinearity between them."
    if len(found) > 1:
        said += f" So it is at {len(found)} places."
    if whole:
        said += " No layer has a nonlinearity: the whole network is one linear layer."
    lines = [
        f'model = cp.nn.replace_layer(model, "{path}", '
        f'cp.nn.Sequential([cp.nn.layer_at(model, "{path}"), "relu"]))'
        for path, _ in found
    ]
    return Finding(
        named(f"{a} and {b}" for a, b in found),
        {"places": float(len(found)), "layers": float(len(every))},
        said,
        "\n".join([*lines, fix.fit_line(facts)]),
        0.7 if whole else 0.6,
        "fault" if whole and len(found) == len(rows) else facts.grade,
    )


def linear_pairs(model: nn.Module, x: Any) -> list[tuple[str, str]]:
    """Return the pairs of layers whose weights could be multiplied into one, in their order.

    One abstract pass is recorded, so it makes no difference whether an activation is a layer or a
    line in the ``__call__`` of a model. The outputs of the first layer must go nowhere else.

    Args:
        model: with values.
        x: some examples as the model takes them; only shapes and types are read.

    >>> import numpy as np
    >>> layers = [nn.Linear(2, 3), nn.Linear(3, 3), "relu", nn.Linear(3, 1)]
    >>> linear_pairs(nn.Sequential(layers).init(0), np.ones((4, 2), np.float32))
    [('layers.0', 'layers.1')]
    """
    found: list[tuple[str, str]] = []

    def look(model: nn.Module, x: Any) -> None:
        with recorded() as recording:
            given = nn.parameters(model)
            boxed = recording.variables(given)
            inputs = recording.variables(x)
            places = [recording.place(leaf) for leaf in jax.tree.leaves(inputs)]
            learned = tree.replace(model, {path: boxed[path] for path in given})
            nn.apply(learned, inputs, hook=recording)
        sources = {place[0] for place in places if place is not None}
        found.extend(_pairs(recording.tape.nodes, sources, nn.modules(model)))

    jax.eval_shape(look, model, x)
    return found


def _pairs(
    nodes: Sequence[Node], sources: set[int], layers: dict[str, nn.Module]
) -> list[tuple[str, str]]:
    depends: set[int] = set(sources)
    users: Counter[int] = Counter()
    for i, node in enumerate(nodes):
        parents = {p[0] for p in node.parents if p is not None}
        users.update(parents)
        # Tokens are no variables: the rows of an embedding stand for them.
        if parents & depends or (node.operation is not None and node.operation.name == "take"):
            depends.add(i)
    pairs = []
    for i, node in enumerate(nodes):
        before = _input(nodes, i, depends) if _is_weighted(node, layers) else None
        while before is not None and users[before] == 1:
            other = nodes[before]
            if _is_weighted(other, layers) and _input(nodes, before, depends) is not None:
                if other.layer != node.layer:
                    pairs.append((other.layer, node.layer))
                break
            name = other.operation.name if other.operation is not None else ""
            before = _input(nodes, before, depends) if name in LINEAR else None
    return pairs


def _is_weighted(node: Node, layers: dict[str, nn.Module]) -> bool:
    is_product = node.operation is not None and node.operation.name in PRODUCTS
    return is_product and isinstance(layers.get(node.layer), WEIGHTED)


def _input(nodes: Sequence[Node], i: int, depends: set[int]) -> int | None:
    """Return the only input of an operation that depends on the examples; None for several."""
    found = [p[0] for p in nodes[i].parents if p is not None and p[0] in depends]
    return found[0] if len(found) == 1 else None


def _is_narrow(layers: dict[str, nn.Module], first: str, second: str) -> bool:
    """Whether the first layer has fewer units than inputs, and than the second has units.

    Such a product of two small matrices in place of a large one is often meant.
    """
    before, after = layers[first], layers[second]
    if not isinstance(before, nn.Linear) or not isinstance(after, nn.Linear):
        return False
    return before.out_features < min(before.in_features, after.out_features)

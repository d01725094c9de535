"""The graph that folds by the paths of layers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from clearprop import models, nn, ops
from clearprop.nn.fields import Array
from clearprop.studio.models.graph import network_graph, traced
from clearprop.studio.models.messages import NetworkGraph
from clearprop.studio.models.sources import Offer, Sources
from tests.studio.models.conftest import Seen, viewed


class Twice(nn.Module):
    """A layer that is called twice in a row, and once more after another one."""

    inner: nn.Linear
    other: nn.Linear

    def __init__(self) -> None:
        self.inner = nn.Linear(3, 3)
        self.other = nn.Linear(3, 3)

    def __call__(self, x: Array) -> Array:
        y = self.inner(self.inner(x))
        return self.inner(self.other(y)) + ops.relu(y)


def graph_of(model: nn.Module, shape: tuple[int, ...], loss: str = "cross_entropy") -> NetworkGraph:
    x, y = np.zeros((2, *shape), np.float32), np.zeros(2, np.int32)
    seen = viewed(Offer("network", model, loss, data=(x, y)))
    return seen.viewer.graph(seen.source)


def ancestors(graph: NetworkGraph, group: int) -> list[int]:
    found = []
    while group >= 0:
        found.append(group)
        group = graph.groups[group].parent
    return found


def check(graph: NetworkGraph) -> None:
    """Every node is in one group, groups are intervals, and folding makes no circle."""
    assert [g.parent for g in graph.groups].count(-1) == 1
    inside: Counter[int] = Counter()
    members: dict[int, list[int]] = {}
    for number, node in enumerate(graph.nodes):
        assert 0 <= node.group < len(graph.groups)
        if node.operation != "parameter":
            for group in ancestors(graph, node.group):
                inside[group] += 1
                members.setdefault(group, []).append(number)
        assert all(given < number for given in node.inputs)
    for number, group in enumerate(graph.groups):
        assert group.parent < number
        assert group.nodes == inside[number] > 0
        assert members[number] == list(range(members[number][0], members[number][-1] + 1))
        assert group.output == members[number][-1]
    assert inside[0] == sum(node.operation != "parameter" for node in graph.nodes)
    learned = sum(int(np.prod(node.shape)) for node in graph.nodes if node.operation == "parameter")
    assert graph.groups[0].parameters == learned


def test_lenet(lenet: Seen) -> None:
    graph = lenet.viewer.graph(lenet.source)
    check(graph)
    assert [group.title for group in graph.groups[1:4]] == ["conv1", "activation #1", "pool1"]
    assert graph.groups[0].parameters == 61_706
    assert (graph.picture_shape, graph.takes) == ((28, 28, 1), ("example", "picture"))
    assert graph.classes == tuple("0123456789")
    assert graph.about["max_pool"].startswith("Take the largest entry")
    assert lenet.viewer.graph(lenet.source) is graph


def test_operations_and_parameters_are_those_of_the_summary(lenet: Seen, gpt: Seen) -> None:
    for network, shape, dtype in ((lenet, (28, 28, 1), "float32"), (gpt, (7,), "int32")):
        graph = network.viewer.graph(network.source)
        model = network.viewer.opened(network.source).model
        rows = {row.path: row for row in nn.summary(model, shape, dtype=dtype).layers}
        leaves = {group.parent for group in graph.groups}
        for number, group in enumerate(graph.groups):
            if number in leaves or group.path in ("", "loss"):
                continue
            calls = [g for g in graph.groups if g.path == group.path]
            assert sum(g.operations for g in calls) == rows[group.path].operations
        check(graph)


def test_a_layer_that_is_called_again_is_a_group_for_each_call() -> None:
    graph = graph_of(Twice(), (3,))
    check(graph)
    titles = [group.title for group in graph.groups]
    assert titles == [
        "the whole pass",
        "inner #1",
        "inner #2",
        "other",
        "inner #3",
        "loss",
    ]


def test_resnet_50_folds_into_stages_and_blocks() -> None:
    sources = Sources(Path("no-such-folder"))
    opened = sources.open("network:resnet50")
    graph = network_graph(opened)
    check(graph)
    assert not nn.is_initialized(opened.subject.model)  # no weight was computed
    top = [group.title for group in graph.groups if group.parent == 0]
    assert top == [
        *("conv", "norm", "activation", "pool"),
        *(f"stages.{k}" for k in range(4)),
        *("mean", "output", "loss"),
    ]
    stages = [k for k, g in enumerate(graph.groups) if g.path.startswith("stages") and not g.parent]
    blocks = [sum(g.parent == stage for g in graph.groups) for stage in stages]
    assert blocks == [3, 4, 6, 3]
    assert graph.groups[0].parameters == 25_557_032
    assert len(msgspec.json.encode(graph)) < 300_000


@pytest.mark.parametrize("name", ["gpt", "lstm", "gru", "transformer", "resnet20", "mlp"])
def test_the_bundled_networks(name: str) -> None:
    check(network_graph(Sources(Path("no-such-folder")).open(f"network:{name}")))


def test_the_graph_and_the_passes_share_one_trace(lenet: Seen) -> None:
    opened = lenet.viewer.opened(lenet.source)
    program = traced(opened)
    assert lenet.seen(example=0).glass.values.program is program
    names = [node.name for node in lenet.viewer.graph(lenet.source).nodes]
    assert names == [spec.name for spec in program.graph.nodes]


def test_models_with_layers_outside_of_modules() -> None:
    check(graph_of(nn.Sequential([nn.Flatten(), models.MLP((6, 5, 4))]), (2, 3)))

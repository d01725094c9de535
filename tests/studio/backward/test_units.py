"""The drawing as neurons: circles, and weights on the links between them."""

from __future__ import annotations

from typing import Any

import pytest

from clearprop import nn, ops
from clearprop.glass.equations import lecture, worked_solution
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.messages import PassTrace
from clearprop.studio.backward.trace import traced


def drawn(model: nn.Module, x: list[float], t: Any = 0.3, loss: str = "squared_error") -> PassTrace:
    return traced(Flow.of(worked_solution(model, x, t, 0.1, loss)))


def test_the_2_2_1_network_is_three_neurons() -> None:
    trace = traced(Flow.of(lecture("2-2-1")))
    names = [one.name for one in trace.nodes]
    circles = [(u.kind, [names[i] for i in u.nodes], u.column) for u in trace.units]
    assert circles == [
        ("input", ["A"], 0),
        ("input", ["B"], 0),
        ("target", ["t"], 2),
        ("neuron", ["z1", "h1"], 1),
        ("neuron", ["z2", "h2"], 1),
        ("neuron", ["z3", "y"], 2),
        ("loss", ["E"], 3),
    ]
    weights = {
        (circles[w.source][1][-1], circles[w.user][1][-1]): names[w.weight]
        for w in trace.wires
        if w.weight is not None
    }
    assert weights == {
        ("A", "h1"): "w3", ("A", "h2"): "w5", ("B", "h1"): "w4", ("B", "h2"): "w6",
        ("h1", "y"): "w1", ("h2", "y"): "w2",
    }  # fmt: skip


def test_every_link_but_those_of_biases_and_within_circles_is_on_a_wire() -> None:
    model = nn.Sequential([nn.Linear(2, 3), "tanh", nn.Linear(3, 2)]).init(0)
    trace = drawn(model, [0.5, -0.5], [0.1, 0.2])
    biases = {unit.bias for unit in trace.units}
    home = {i: number for number, unit in enumerate(trace.units) for i in unit.nodes}
    outer = {
        number
        for number, link in enumerate(trace.links)
        if link.source not in biases
        and (link.source not in home or home[link.source] != home[link.user])
    }
    on_wires = [number for wire in trace.wires for number in wire.links]
    assert set(on_wires) == outer
    assert len(on_wires) == len(set(on_wires))
    neurons = [unit for unit in trace.units if unit.kind == "neuron"]
    assert len(neurons) == 5
    assert all(unit.bias is not None for unit in neurons)


def test_a_loss_of_several_operations_is_one_circle() -> None:
    model = nn.Sequential([nn.Linear(2, 2), "tanh", nn.Linear(2, 2)]).init(0)
    trace = drawn(model, [0.5, -0.5], [0.1, 0.2])
    (loss,) = (unit for unit in trace.units if unit.kind == "loss")
    assert len(loss.nodes) > 1
    assert loss.nodes[-1] == trace.result


class Residual(nn.Module):
    inner: nn.Linear

    def __init__(self) -> None:
        self.inner = nn.Linear(2, 2)

    def __call__(self, x: Any) -> Any:
        return x + ops.tanh(self.inner(x))


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential([Residual(), nn.Linear(2, 1)]),
        nn.Sequential([nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 1)]),
    ],
)
def test_another_network_has_no_circles_but_its_steps(model: nn.Sequential) -> None:
    trace = drawn(model.init(0), [0.5, -0.5])
    assert trace.units == ()
    assert trace.wires == ()
    assert len(trace.steps) > 4

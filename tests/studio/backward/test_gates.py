"""A pass in elementary operations has the numbers of the network's own pass."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import pytest

from clearprop import nn
from clearprop.glass.equations import exercise, worked_solution
from clearprop.ops.activations import ACTIVATIONS
from clearprop.studio.backward import gates
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.gates import Elementary, elementary


def network(activation: str, loss: str, outputs: int, target: Any) -> Flow:
    model = nn.Sequential([nn.Linear(2, 3), activation, nn.Linear(3, outputs)]).init(3)
    return Flow.of(worked_solution(model, [0.5, -1.5], target, 0.1, loss), "gates")


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_is_split_or_the_reason_is_told(activation: str) -> None:
    flow = network(activation, "squared_error", 1, 0.3)
    assert (flow.detail == "gates") == (flow.without == "")
    if activation in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "softplus", "gelu"):
        assert flow.detail == "gates"


@pytest.mark.parametrize(
    ("loss", "outputs", "target"),
    [
        ("squared_error", 1, 0.3),
        ("squared_error", 2, [0.3, -0.2]),
        ("binary_cross_entropy", 1, 1.0),
        ("hinge", 1, -1.0),
        ("cross_entropy", 3, jnp.array([2])),
    ],
)
def test_every_loss_is_split(loss: str, outputs: int, target: Any) -> None:
    flow = network("tanh", loss, outputs, target)
    assert flow.detail == "gates", flow.without
    assert all(len(flow.arriving[place]) > 0 for place in flow.scalars if _counts(flow, place))


def _counts(flow: Flow, place: Any) -> bool:
    return place != flow.result and place not in flow.targets


def test_names_and_numbers_stay() -> None:
    whole = exercise("2-2-1", 3).step.first
    split = elementary(whole)
    assert isinstance(split, Elementary)
    found = {split.written.names[s.place]: s for s in split.written.scalars}
    for scalar in whole.scalars:
        other = found[whole.names[scalar.place]]
        assert other.value == pytest.approx(scalar.value, rel=1e-12)
        if scalar.place not in whole.scalars.targets:
            assert other.error == pytest.approx(scalar.error, rel=1e-9)
    assert len(found) > len(whole.scalars.all)
    assert set(split.written.given.learned.values()) == set(whole.given.learned.values())


def test_a_formula_that_gives_other_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = exercise("2-2-1", 3).step.first
    monkeypatch.setitem(gates._OF_TWO, "*", lambda x, y: x + y)
    assert elementary(whole) == "The formulas do not give the numbers that the network computed."


def test_a_large_pass_is_refused() -> None:
    model = nn.Sequential([nn.Linear(14, 12), "tanh", nn.Linear(12, 1)]).init(0)
    flow = Flow.of(worked_solution(model, [0.1] * 14, 0.3, 0.1), "gates")
    assert flow.detail == "neurons"
    assert "up to 400 are drawn" in flow.without
    assert flow.details == ("neurons",)


def test_gates_with_names_of_their_own_avoid_those_of_the_network() -> None:
    model = nn.Sequential([nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 1)]).init(0)
    flow = Flow.of(worked_solution(model, [0.1, 0.7], 0.3, 0.1), "gates")
    assert len(set(flow.run.names.values())) == len(flow.run.names)

"""The flow of a pass: its links, the order of the sweep, and what every link hands back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clearprop as cp
from clearprop import nn, ops
from clearprop.autodiff import Tape, sweep
from clearprop.glass.equations import WorkedSolution, exercise, lecture, worked_solution
from clearprop.studio.backward.flow import Flow


def error_of(flow: Flow, name: str) -> float:
    (place,) = (place for place, known in flow.run.names.items() if known == name)
    return flow.scalars[place].error


def names(flow: Flow) -> list[str]:
    return [flow.name(visit.user) for visit in flow.visits]


# --- the lectures --------------------------------------------------------------------------------


def test_the_gate_page_has_the_numbers_of_the_lecture() -> None:
    flow = Flow.of(lecture("gate"))
    known = {"w0": -0.20, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.20}
    known |= {"g7": -0.53, "g6": -0.53, "g5": -0.20, "g4": 0.20, "f": 1.0}
    for name, error in known.items():
        assert error_of(flow, name) == pytest.approx(error, abs=0.005), name
    values = {flow.name(place): scalar.value for place, scalar in flow.scalars.items()}
    assert values["g4"] == 1.0
    assert values["f"] == pytest.approx(0.73, abs=0.005)


def test_the_2_2_1_page_has_the_numbers_of_the_lecture() -> None:
    flow = Flow.of(lecture("2-2-1"))
    values = {flow.name(place): scalar.value for place, scalar in flow.scalars.items()}
    for name, value in {"h1": 0.680267, "h2": 0.663739, "y": 0.690283}.items():
        assert values[name] == pytest.approx(value, abs=5e-7), name
    lines = {line.name: line.value for line in flow.sheet().lines()}
    new = {"w1'": 0.272326, "w2'": 0.872998, "w3'": 0.099071, "w4'": 0.797611}
    new |= {"w5'": 0.397140, "w6'": 0.592646}
    for name, value in new.items():
        assert lines[name] == pytest.approx(value, abs=5e-7), name


def test_a_second_pass_begins_with_the_new_weights() -> None:
    flow = Flow.of(lecture("2-2-1").step.repeat())
    values = {flow.name(place): scalar.value for place, scalar in flow.scalars.items()}
    assert values["w1"] == pytest.approx(0.272326, abs=5e-7)
    assert values["y"] == pytest.approx(0.682019, abs=5e-7)


# --- the order of the sweep ----------------------------------------------------------------------


def swept_nodes(function: Callable[..., Any], values: dict[str, float]) -> list[int]:
    """Return the nodes in the order in which the sweep applied their rules."""
    tape = Tape()
    boxes = {name: tape.variable(jnp.asarray(value)) for name, value in values.items()}
    result = function(**boxes)
    passed: dict[tuple[int, int], Any] = {}
    sweep(tape, [(result, jnp.ones(()))], passed=passed)
    return list(dict.fromkeys(node for node, _ in passed))


def branching(x: Any, y: Any) -> Any:
    q = x * y
    return ops.tanh(q + x) * ops.exp(q) + y / x


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (branching, {"x": 0.5, "y": -0.7}),
        (lambda a, b, c: (a + b) * c + ops.sigmoid(a * c), {"a": 1.0, "b": 2.0, "c": -0.5}),
    ],
)
def test_the_order_of_the_steps_is_that_of_the_sweep(
    function: Callable[..., Any], values: dict[str, float]
) -> None:
    flow = Flow.of(worked_solution(function, values))
    assert [visit.user[0] for visit in flow.visits] == swept_nodes(function, values)


def test_an_error_signal_is_complete_before_it_is_handed_on() -> None:
    for detail in ("neurons", "gates"):
        flow = Flow.of(exercise("2-3-1", 4), detail)
        complete = {flow.result}
        for visit in flow.visits:
            assert visit.user in complete
            complete.update(visit.complete)
        without = {place for place in flow.scalars if place in flow.targets}
        assert complete == set(flow.scalars) - without


def test_each_number_is_complete_once_and_after_its_last_part() -> None:
    flow = Flow.of(worked_solution(branching, {"x": 0.5, "y": -0.7}))
    done = [place for visit in flow.visits for place in visit.complete]
    assert len(done) == len(set(done))
    for visit in flow.visits:
        for place in visit.complete:
            assert flow.arriving[place][-1] in visit.links


# --- sums ----------------------------------------------------------------------------------------


def check_sums(flow: Flow) -> None:
    """Check that the parts that arrive at each number add up to its error signal."""
    for place, scalar in flow.scalars.items():
        if place == flow.result or place in flow.targets:
            continue
        parts = [flow.passed(flow.links[number]) for number in flow.arriving[place]]
        assert math.fsum(parts) == pytest.approx(scalar.error, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("detail", ["neurons", "gates"])
@pytest.mark.parametrize("name", ["2-2-1", "3-2-1", "network", "4-4"])
def test_the_parts_of_every_error_signal_add_up_to_it(name: str, detail: str) -> None:
    for seed in range(3):
        check_sums(Flow.of(exercise(name, seed), detail))  # type: ignore[arg-type]


def test_a_value_that_is_used_by_two_gates_gets_a_sum() -> None:
    flow = Flow.of(worked_solution(branching, {"x": 0.5, "y": -0.7}))
    (x,) = (place for place, name in flow.run.given.inputs.items() if name == "x")
    assert len(flow.arriving[x]) == 3
    check_sums(flow)
    slope = cp.grad(lambda x: branching(x, -0.7))(0.5)
    assert flow.scalars[x].error == pytest.approx(float(slope), rel=1e-5)


# --- any function --------------------------------------------------------------------------------

UNARY: dict[str, Callable[..., Any]] = {
    "exp": ops.exp,
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
    "sin": ops.sin,
    "relu": ops.relu,
    "square": ops.square,
    "minus": lambda x: -x,
    "plus one": lambda x: x + 1.0,
    "half": lambda x: x / 2.0,
}
BINARY: dict[str, Callable[..., Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "max": ops.maximum,
}


@st.composite
def programs(draw: st.DrawFn) -> tuple[Callable[..., Any], dict[str, float]]:
    """Draw a function of named numbers as a list of operations, and the numbers."""
    number = st.floats(-1.5, 1.5).filter(lambda x: abs(x) > 1e-3)
    values = {name: draw(number) for name in ("a", "b", "c")[: draw(st.integers(1, 3))]}
    steps: list[tuple[Callable[..., Any], tuple[int, ...]]] = []
    for count in range(draw(st.integers(2, 8))):
        place = st.integers(0, len(values) + count - 1)
        if draw(st.booleans()):
            steps.append((UNARY[draw(st.sampled_from(sorted(UNARY)))], (draw(place),)))
        else:
            name = draw(st.sampled_from(sorted(BINARY)))
            steps.append((BINARY[name], (draw(place), draw(place))))

    def function(**given: Any) -> Any:
        known = list(given.values())
        for operation, places in steps:
            known.append(operation(*(known[i] for i in places)))
        # Every input counts, and the result is no input.
        return sum(known[1:], start=1.0 * known[0])

    return function, values


@given(programs())
def test_every_error_signal_is_the_gradient(
    drawn: tuple[Callable[..., Any], dict[str, float]],
) -> None:
    function, values = drawn
    flow = Flow.of(worked_solution(function, values))
    check_sums(flow)
    # Where two arguments of max are equal, finite differences and rules differ.
    expected = cp.grad(lambda given: function(**given))(
        {name: jnp.asarray(value) for name, value in values.items()}
    )
    for place, name in flow.run.given.inputs.items():
        if place in flow.scalars:
            size = max(1.0, abs(float(expected[name])))
            assert flow.scalars[place].error == pytest.approx(
                float(expected[name]), abs=2e-4 * size
            )


ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "softplus", "gelu")


@given(
    st.lists(st.integers(1, 3), min_size=2, max_size=4),
    st.sampled_from(ACTIVATIONS),
    st.integers(0, 1000),
    st.sampled_from(["neurons", "gates"]),
)
def test_every_gradient_of_a_model_is_that_of_grad(
    sizes: list[int], activation: str, seed: int, detail: Any
) -> None:
    layers: list[Any] = []
    for number, (before, after) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.Linear(before, after), *([activation] if number < len(sizes) - 2 else [])]
    model = nn.Sequential(layers).init(seed)
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (1, sizes[0])).astype(np.float32)
    t = random.uniform(-1, 1, (1, sizes[-1])).astype(np.float32)
    solution: WorkedSolution = worked_solution(model, x, t, 0.1)
    flow = Flow.of(solution, detail)
    assert flow.detail == detail
    check_sums(flow)

    loss = nn.find_loss("squared_error")
    gradients = nn.parameters(cp.grad(lambda m: loss(m(jnp.asarray(x)), jnp.asarray(t)))(model))
    for place, path in flow.run.given.learned.items():
        if place not in flow.scalars:
            continue
        name, _, index = path.partition("[")
        at = tuple(int(i) for i in index.rstrip("]").split(","))
        assert flow.scalars[place].error == pytest.approx(
            float(gradients[name][at]), rel=1e-3, abs=1e-5
        )


# --- what can be asked ---------------------------------------------------------------------------


def test_questions_stand_in_the_order_of_the_steps() -> None:
    flow = Flow.of(lecture("gate"))
    asked = [line.name for line in flow.sheet().lines() if line.gap]
    forward, backward = asked[:8], asked[8:]
    assert forward == ["g1", "g2", "g3", "g4", "g5", "g6", "g7", "f"]
    assert backward[:5] == ["df/dg7", "df/dg6", "df/dg5", "df/dg4", "df/dg3"]
    assert set(backward[5:]) == {
        "df/dw2",
        "df/dg1",
        "df/dg2",
        "df/dw0",
        "df/dx0",
        "df/dw1",
        "df/dx1",
    }


def test_a_value_with_two_users_is_asked_for_part_by_part() -> None:
    flow = Flow.of(lecture("2-2-1"))
    lines = {line.name: line.value for line in flow.sheet().lines()}
    parts = lines["dE/dA through z1"], lines["dE/dA through z2"]
    assert sum(parts) == pytest.approx(lines["dE/dA"], rel=1e-12)


def test_a_target_gets_no_error_signal() -> None:
    for detail in ("neurons", "gates"):
        flow = Flow.of(lecture("2-2-1"), detail)
        (target,) = flow.targets
        links = [link for link in flow.links if link.source == target]
        assert links
        assert all(link.slope is None for link in links)
        assert "dE/dt" not in {line.name for line in flow.sheet().lines()}


def test_a_function_without_a_learning_rate_changes_nothing() -> None:
    assert Flow.of(lecture("gate")).changing == frozenset()
    rated = worked_solution(lambda w: w * w, {"w": 2.0}, None, 0.1)
    assert len(Flow.of(rated).changing) == 1


def test_names_of_the_visits_are_those_of_the_sheet() -> None:
    assert names(Flow.of(lecture("2-2-1"))) == ["E", "y", "z3", "h1", "h2", "z1", "z2"]

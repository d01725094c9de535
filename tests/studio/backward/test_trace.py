"""The trace that the page draws: numbers as written, equations, questions, and the update."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import msgspec
import pytest

from clearprop import nn, ops
from clearprop.glass.equations import lecture, worked_solution
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.messages import Detail, PassNode, PassTrace, WrittenEquation
from clearprop.studio.backward.trace import traced


def node(trace: PassTrace, name: str) -> PassNode:
    (found,) = (node for node in trace.nodes if node.name == name)
    return found


def equations(trace: PassTrace) -> list[WrittenEquation]:
    found = [e for n in trace.nodes for e in (n.forward, n.total)]
    found += [e for link in trace.links for e in (link.local, link.backward)]
    return [e for e in (*found, *(change.equation for change in trace.changes)) if e is not None]


def test_the_gate_is_written_as_in_the_lecture() -> None:
    trace = traced(Flow.of(lecture("gate", 2)))
    errors = {name: node(trace, name).error for name in ("w0", "x0", "w1", "x1", "w2", "g7")}
    assert {name: e.text for name, e in errors.items() if e is not None} == {
        "w0": "-0.20", "x0": "0.39", "w1": "-0.39", "x1": "-0.59", "w2": "0.20", "g7": "-0.53",
    }  # fmt: skip
    assert node(trace, "f").value.text == "0.73"
    signs = [one.sign for one in trace.nodes if one.operation]
    assert signs == ["×", "×", "+", "+", "×−1", "exp", "+1", "1/x"]


def test_the_output_before_and_after_the_step() -> None:
    trace = traced(Flow.of(lecture("2-2-1", 6)))
    y, error = trace.outputs
    assert (y.name, y.before.text, y.after.text) == ("y", "0.690283", "0.682019")
    assert error.name == "E"
    assert [change.equation.result.text for change in trace.changes] == [
        "0.0990709", "0.397140", "0.797611", "0.592646", "0.272326", "0.872998",
    ]  # fmt: skip


def test_steps_go_forward_to_the_loss_and_back_to_the_update() -> None:
    trace = traced(Flow.of(lecture("2-2-1")))
    phases = [step.phase for step in trace.steps]
    assert phases == [
        "start", *["forward"] * 6, "loss", "seed", *["backward"] * 7, "update",
    ]  # fmt: skip
    tapes = [trace.nodes[s.node].tape for s in trace.steps if s.phase == "backward" and s.node]
    assert tapes == sorted(tapes, reverse=True)


def test_every_equation_is_well_formed_mathml_and_holds_as_text() -> None:
    for name, detail in (("gate", None), ("2-2-1", "neurons"), ("2-2-1", "gates")):
        trace = traced(Flow.of(lecture(name, 12), detail))  # type: ignore[arg-type]
        for equation in equations(trace):
            parts = [
                equation.name,
                *equation.symbols,
                equation.numbers or "",
                equation.result.mathml,
            ]
            for part in parts:
                ElementTree.fromstring(f"<math>{part}</math>")
            assert equation.text.startswith(equation.question)
            assert equation.text.endswith(equation.result.text)
            if equation.numbers is not None:
                numbers = re.split(" = ", equation.text)[-2]
                assert computed(numbers) == pytest.approx(float(equation.result.text), rel=1e-8)


def computed(text: str) -> float:
    """Return the value of a formula of numbers, read by the parser of the grader."""
    from clearprop.glass.equations.parsing import parse

    known: dict[str, float] = {}
    return parse(text, known.__getitem__).value


def test_the_chain_rule_of_a_link_shows_its_factors() -> None:
    trace = traced(Flow.of(lecture("2-2-1")))
    names = [one.name for one in trace.nodes]
    (link,) = (k for k in trace.links if names[k.source] == "h1" and names[k.user] == "z3")
    assert link.backward is not None
    assert link.backward.text == "dE/dh1 = dE/dz3 * dz3/dh1 = dE/dz3 * w1 = 0.04068 * 0.3 = 0.01220"
    assert link.local is not None
    assert link.local.text == "dz3/dh1 = w1 = 0.3"


def test_a_local_derivative_of_1_is_shown_as_a_factor() -> None:
    trace = traced(Flow.of(lecture("gate")))
    (link,) = (k for k in trace.links if trace.nodes[k.user].name == "g7")
    assert link.backward is not None
    assert link.backward.text.endswith("df/dg7 * 1 = -0.5344 * 1 = -0.5344")


def test_two_users_give_a_sum_and_parts() -> None:
    trace = traced(Flow.of(lecture("2-2-1")))
    total = node(trace, "A").total
    assert total is not None
    assert total.text == (
        "dE/dA = dE/dz1 * dz1/dA + dE/dz2 * dz2/dA = 0.0002654 + 0.003269 = 0.003534"
    )
    backward = [step for step in trace.steps if step.phase == "backward"]
    (last,) = (step for step in backward if trace.nodes[step.node or 0].name == "z2")
    assert "A is used twice" in last.sentence
    assert [q.name for q in last.questions] == [
        "dE/dA through z2", "dE/dA", "dE/dw5", "dE/dB through z2", "dE/dB", "dE/dw6",
    ]  # fmt: skip


def test_numbers_that_are_not_finite_are_sent_as_null_and_text() -> None:
    trace = traced(Flow.of(worked_solution(lambda x: ops.exp(x * x) - 1, {"x": 40.0})))
    assert node(trace, "g2").value == msgspec.structs.replace(
        node(trace, "g2").value, value=None, text="inf"
    )
    msgspec.json.decode(msgspec.json.encode(trace))


def test_names_of_features_replace_those_of_inputs() -> None:
    trace = traced(Flow.of(lecture("2-2-1")), features=("x1^2", "<b>"))
    assert [node(trace, name).about for name in ("A", "B")] == ["x1^2", "<b>"]


def test_given_numbers_stand_left_of_their_users() -> None:
    for name in ("gate", "2-2-1"):
        trace = traced(Flow.of(lecture(name), "gates"))
        for link in trace.links:
            assert trace.nodes[link.source].column < trace.nodes[link.user].column
        places = [(one.column, one.row) for one in trace.nodes]
        for i, (column, row) in enumerate(places):
            for other_column, other_row in places[:i]:
                assert column != other_column or abs(row - other_row) > 0.999


@pytest.mark.parametrize("detail", ["neurons", "gates"])
def test_weights_before_a_step_function_are_none_of_the_pass(detail: Detail) -> None:
    model = nn.Sequential(nn.Linear(2, 2), "binary_step", nn.Linear(2, 1)).init(0)
    solution = worked_solution(model, [0.5, 0.2], 1.0, 0.1, loss="squared_error")
    trace = traced(Flow.of(solution, detail))
    changed = {trace.nodes[change.node].name for change in trace.changes}
    assert changed == {"b1"}  # both steps are at 0 here, so that the weights behind them do nothing

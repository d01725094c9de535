"""The signs and sentences of gates."""

from __future__ import annotations

import pytest

from clearprop import ops
from clearprop.glass.equations import worked_solution
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.gate_words import GateWords, gate_words


def words(function: object, **values: float) -> GateWords:
    flow = Flow.of(worked_solution(function, values))  # type: ignore[arg-type]
    return gate_words(
        flow.scalars[flow.result],
        "q",
        [flow.name(link.source) for link in flow.links if link.user == flow.result],
    )


@pytest.mark.parametrize(
    ("function", "sign"),
    [
        (lambda x: x + 1, "+1"),
        (lambda x: x - 1.5, "−1.5"),
        (lambda x: 1 - x, "1−x"),
        (lambda x: 3 * x, "×3"),
        (lambda x: x / 2, "÷2"),
        (lambda x: 1 / x, "1/x"),
        (lambda x: x**2, "x²"),
        (lambda x: x**3, "x³"),
        (lambda x: x * x, "×"),
        (ops.exp, "exp"),
        (ops.relu, "ReLU"),
        (lambda x: -x, "×−1"),
    ],
)
def test_the_sign_of_a_gate(function: object, sign: str) -> None:
    assert words(function, x=2.0).sign == sign


def test_the_sentence_of_a_sum_is_that_of_the_lecture() -> None:
    said = words(lambda x, y: x + y, x=1.0, y=2.0)
    assert said.forward == "The gate adds x and y."
    assert said.backward == (
        "The error signal at the sum is handed to both inputs unchanged: the local derivative of "
        "+ is 1."
    )


def test_a_relu_says_whether_it_is_on() -> None:
    assert "is 1" in words(ops.relu, x=2.0).backward
    assert "is 0" in words(ops.relu, x=-2.0).backward


def test_a_difference_names_both_sides() -> None:
    said = words(lambda y, t: y - t, y=0.7, t=0.5)
    assert said.forward == "The gate subtracts t from y."
    assert said.backward.startswith("y gets the error signal unchanged")


def test_an_operation_without_a_sentence_is_named() -> None:
    said = words(ops.erf, x=0.5)
    assert said.forward == "q is computed from x: erf."

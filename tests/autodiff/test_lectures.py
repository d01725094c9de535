"""The worked examples of the lectures, number by number."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import pytest

from clearprop import ops
from clearprop.autodiff import Tape, grad, sweep, value_and_grad


def test_a_product() -> None:
    value, gradient = value_and_grad(lambda x, y: x * y, argnums=(0, 1))(4.0, -3.0)
    assert (float(value), *map(float, gradient)) == (-12.0, -3.0, 4.0)


def test_a_square_times_a_number() -> None:
    gradient = grad(lambda x, y: x**2 * y, argnums=(0, 1))(0.5, 0.5)
    assert [float(g) for g in gradient] == [0.5, 0.25]


def test_a_parabola() -> None:
    assert float(grad(lambda x: x**2 + 3)(5.0)) == 10.0


def errors_by_gate(tape: Tape, output: Any) -> list[tuple[str, float, float]]:
    """Return (gate, value, error signal) of every node in the order of computation."""
    errors = sweep(tape, [(output, jnp.ones(()))], keep=None)
    return [
        (node.operation.name if node.operation else "input", float(node.outputs[0]), float(e))
        for (index, _), e in sorted(errors.items())
        for node in [tape.nodes[index]]
    ]


def test_the_gates_of_a_sum_times_a_number() -> None:
    tape = Tape()
    x, y, z = (tape.variable(jnp.asarray(v)) for v in (-2.0, 5.0, -4.0))
    gates = errors_by_gate(tape, (x + y) * z)
    assert gates == [
        ("input", -2.0, -4.0),
        ("input", 5.0, -4.0),
        ("input", -4.0, 3.0),
        ("add", 3.0, -4.0),
        ("multiply", -12.0, 1.0),
    ]


def test_the_sigmoid_gate_by_gate() -> None:
    """f = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))) with every error signal that the lecture prints."""
    tape = Tape()
    w0, x0, w1, x1, w2 = (tape.variable(jnp.asarray(v)) for v in (2.0, -1.0, -3.0, -2.0, -3.0))
    z = w0 * x0 + w1 * x1 + w2
    f = ops.reciprocal(ops.exp(ops.multiply(z, -1.0)) + 1.0)
    gates = errors_by_gate(tape, f)

    def rounded(name: str) -> list[tuple[float, float]]:
        return [(round(v, 2), round(e, 2)) for gate, v, e in gates if gate == name]

    inputs = [round(e, 2) for gate, _, e in gates if gate == "input"]
    assert inputs == pytest.approx([-0.20, 0.39, -0.39, -0.59, 0.20])
    assert rounded("reciprocal") == [(0.73, 1.0)]
    assert rounded("exp") == [(0.37, -0.53)]  # the error signal behind the +1 gate
    names = [gate for gate, _, _ in gates]
    assert names[-3:] == ["exp", "add", "reciprocal"]
    through_reciprocal, through_exp = gates[-2], gates[-4]
    assert through_reciprocal[0] == "add"
    assert round(through_reciprocal[2], 2) == -0.53
    assert through_exp[0] == "multiply"
    assert (round(through_exp[1], 2), round(through_exp[2], 2)) == (-1.0, -0.20)
    sums = [g for g in gates if g[0] == "add"][:2]
    assert [round(value, 2) for _, value, _ in sums] == [4.0, 1.0]
    assert [round(error, 2) for _, _, error in sums] == [0.20, 0.20]


def test_the_network_of_two_hidden_units() -> None:
    """The lecture prints '?' for four of the new weights, and rounds while computing the others."""
    x, target = jnp.array([0.35, 0.9]), 0.5
    hidden = jnp.array([[0.1, 0.8], [0.4, 0.6]])  # one row for each unit
    output = jnp.array([0.3, 0.9])

    def network(hidden: Any, output: Any) -> tuple[Any, Any]:
        h = ops.sigmoid(hidden @ x)
        return h, ops.sigmoid(output @ h)

    def loss(hidden: Any, output: Any) -> Any:
        return 0.5 * (network(hidden, output)[1] - target) ** 2

    h, y = network(hidden, output)
    assert [*map(float, h), float(y)] == pytest.approx([0.680267, 0.663739, 0.690283], abs=1e-6)
    in_hidden, in_output = grad(loss, argnums=(0, 1))(hidden, output)
    hidden, output = hidden - in_hidden, output - in_output
    assert [float(w) for w in output] == pytest.approx([0.272326, 0.872998], abs=1e-6)
    assert [float(w) for w in hidden.ravel()] == pytest.approx(
        [0.099071, 0.797611, 0.397140, 0.592646], abs=1e-6
    )
    assert float(network(hidden, output)[1]) == pytest.approx(0.682019, abs=1e-6)


def test_finite_differences_agree_with_the_tape_in_gradient_descent() -> None:
    """Both gradients of f(x, y) = (x - 1)^2 + 10 (y - x^2)^2 give the same path of descent."""

    def f(p: Any) -> Any:
        return (p[0] - 1) ** 2 + 10 * (p[1] - p[0] ** 2) ** 2

    def by_differences(p: Any, h: float = 1e-2) -> Any:
        unit = jnp.eye(2) * h
        return jnp.array([(f(p + u) - f(p - u)) / (2 * h) for u in unit])

    ours = theirs = jnp.array([-0.5, 0.5])
    for _ in range(30):
        ours, theirs = ours - 0.01 * grad(f)(ours), theirs - 0.01 * by_differences(theirs)
    assert jnp.allclose(ours, theirs, atol=1e-3)
    assert f(ours) < 0.5 * f(jnp.array([-0.5, 0.5]))

"""Every formula gives the values of its operation, and its derivative equals the gradient rule."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import ops
from clearprop.autodiff import OPERATIONS, Node, Tape
from clearprop.autodiff.sweep import errors_of_inputs
from clearprop.autodiff.transforms import Variables
from clearprop.glass.equations.application import Application, Operand
from clearprop.glass.equations.expression import Symbol
from clearprop.glass.equations.moved import MOVING
from clearprop.glass.equations.templates import FORWARD, formula, local_formula
from tests.ops.cases import CASES, Draw

ENTRIES = 2


def application(node: Node, output: int, shown: int | None = None) -> Application:
    def operand(i: int, x: Any) -> Operand | None:
        if x is None:
            return None
        array = np.asarray(x)
        return Operand(array, lambda at: Symbol(f"x{i}{at}", float(array[at]), (i, at)))

    def result(k: int, at: Any) -> Symbol:
        return Symbol(f"y{k}{at}", float(np.asarray(node.outputs[k])[at]), ("y", k, at))

    inputs = tuple(operand(i, x) for i, x in enumerate(node.inputs))
    shape = np.shape(node.outputs[output])
    assert node.operation is not None
    return Application(node.operation.name, node.parameters, inputs, output, shape, result, shown)


@pytest.mark.parametrize("name", sorted((FORWARD.keys() | MOVING) & CASES.keys()))
@settings(max_examples=1)
@given(data=st.data())
def test_a_formula_gives_what_was_computed(name: str, data: st.DataObject) -> None:
    draw = Draw.of(data)
    for make in CASES[name]:
        function, inputs = make(draw)
        tape = Tape()
        boxed = Variables(tape, [jnp.asarray(x, jnp.float32) for x in inputs])
        function(*boxed.tree)
        for node in tape.nodes:
            if node.operation is not None and node.operation.name == name:
                check(node, draw)


def check(node: Node, draw: Draw) -> None:
    for k, output in enumerate(node.outputs):
        if np.size(output) == 0:
            continue
        use = application(node, k)
        for at in some(np.shape(output), draw):
            written = formula(use, at)
            if written is None:
                continue
            computed = float(np.asarray(output)[at])
            assert written.value == pytest.approx(computed, rel=1e-4, abs=1e-5)
            shortened = formula(application(node, k, shown=2), at)
            assert shortened is not None
            if node.operation and node.operation.name != "prod":
                assert shortened.value == pytest.approx(computed, rel=1e-4, abs=1e-5)
            check_local(node, use, k, at)


def check_local(node: Node, use: Application, k: int, at: Any) -> None:
    errors: list[Any] = [None] * len(node.outputs)
    errors[k] = jnp.zeros(use.shape, node.outputs[k].dtype).at[at].set(1.0)
    for i, slope in enumerate(errors_of_inputs(node, errors)):
        if slope is None or use.inputs[i] is None:
            continue
        slopes = np.asarray(slope)
        place = tuple(int(n) for n in np.unravel_index(np.abs(slopes).argmax(), slopes.shape))
        written = local_formula(use, at, i, place)
        if written is not None:
            assert written.value == pytest.approx(float(slopes[place]), rel=1e-3, abs=1e-4)


def some(shape: tuple[int, ...], draw: Draw) -> list[tuple[int, ...]]:
    places = list(itertools.product(*map(range, shape)))
    return [places[int(draw.random.integers(len(places)))] for _ in range(ENTRIES)]


def test_the_common_operations_have_a_formula() -> None:
    common = {
        "add", "subtract", "multiply", "divide", "negative", "power", "exp", "log", "sigmoid",
        "tanh", "relu", "gelu", "softmax", "matmul", "convolution", "sum", "mean", "max",
        "softmax_cross_entropy", "sigmoid_binary_cross_entropy", "squared_error", "log_loss",
        "batch_norm", "layer_norm", "attend",
    }  # fmt: skip
    assert sorted(common - FORWARD.keys()) == []


def test_every_operation_entry_by_entry_has_a_formula() -> None:
    entrywise = {name for name in ops.__all__ if name in OPERATIONS and OPERATIONS[name].stacks}
    truth_values = {"isfinite", "isinf", "isnan"}
    assert entrywise - FORWARD.keys() - MOVING == truth_values


@pytest.mark.parametrize(
    ("y", "x"), [(1.0, 2.0), (1.0, -2.0), (-1.0, -2.0), (-1.0, 2.0), (0.0, -2.0), (-0.0, -2.0)]
)
def test_the_formula_of_an_angle_knows_the_quadrant(y: float, x: float) -> None:
    tape = Tape()
    boxed = Variables(tape, [jnp.float32(y), jnp.float32(x)])
    OPERATIONS["arctan2"](*boxed.tree)
    written = formula(application(tape.nodes[-1], 0), ())
    assert written is not None
    assert written.value == pytest.approx(math.atan2(y, x), rel=1e-6)


def test_a_sorted_entry_is_the_one_that_came_there() -> None:
    x = jnp.array([[3.0, 1.0, 2.0], [5.0, 5.0, 4.0]])
    for options, places in (
        ({}, [[1, 2, 0], [2, 0, 1]]),
        ({"descending": True}, [[0, 2, 1], [0, 1, 2]]),
    ):
        tape = Tape()
        boxed = Variables(tape, [x])
        OPERATIONS["sort"](*boxed.tree, **options)
        use = application(tape.nodes[-1], 0)
        for at in np.ndindex(2, 3):
            written = formula(use, at)
            assert isinstance(written, Symbol)
            assert written.key == (0, (at[0], places[at[0]][at[1]]))


def test_a_bounded_logarithm_has_no_formula_without_the_bound() -> None:
    """At a probability of 0 the formula's logarithm would be infinite, the operation's is not."""
    for name, inputs in (
        ("log_loss", ([0.0], [1.0])),
        ("log_loss", ([1.0], [0.5])),
        ("kl_divergence", ([0.5, 0.5], [0.0, 1.0])),
    ):
        tape = Tape()
        boxed = Variables(tape, [jnp.array(x) for x in inputs])
        OPERATIONS[name](*boxed.tree)
        use = application(tape.nodes[-1], 0)
        at = (0,) if name == "log_loss" else ()
        assert np.isfinite(np.asarray(tape.nodes[-1].outputs[0])).all()
        assert formula(use, at) is None

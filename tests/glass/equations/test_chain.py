"""The equations of a node hold as they are printed, and contain the numbers of the pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.glass.equations import Equations, equations
from clearprop.glass.explain import Glass, explain
from tests.glass.equations.reading import evaluate, holds, last_unit, right_sides

random = np.random.default_rng(3)


def normal(*shape: int) -> Any:
    return jnp.asarray(random.normal(size=shape), jnp.float32)


def mlp() -> Glass:
    model = nn.Sequential([nn.Linear(4, 5), "sigmoid", nn.Linear(5, 3)]).init(0)
    return explain(model, normal(6, 4), jnp.array([0, 1, 2, 0, 1, 2]))


def two_two_one() -> Glass:
    layers = [nn.Linear(2, 2, bias=False), "sigmoid", nn.Linear(2, 1, bias=False), "sigmoid"]
    model = nn.Sequential(layers).init(0)
    weights = {"0": [[0.1, 0.4], [0.8, 0.6]], "2": [[0.3], [0.9]]}
    for place, weight in weights.items():
        layer = model.layers[int(place)].replace(weight=jnp.array(weight))
        inner = [*model.layers[: int(place)], layer, *model.layers[int(place) + 1 :]]
        model = model.replace(layers=type(model.layers)(inner))
    return explain(model, jnp.array([[0.35, 0.9]]), jnp.array([[0.5]]), "squared_error")


class Gate(nn.Module):
    """The lecture's neuron, gate by gate."""

    weight: Any

    def __init__(self) -> None:
        self.weight = nn.Parameter((3,), nn.initializers.zeros)

    def __call__(self, x: Any) -> Any:
        w = self.weight
        net = w[0] * x[:, 0] + w[1] * x[:, 1] + w[2]
        return 1 / (ops.exp(-net) + 1)


def gate() -> Glass:
    model = Gate().init(0).replace(weight=jnp.array([2.0, -3.0, -3.0]))
    return explain(model, jnp.array([[-1.0, -2.0]]), jnp.array([0.0]), lambda y, t: y - t)


def convolutional() -> Glass:
    layers = [nn.Conv2d(1, 2, 3, padding=1), "relu", nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)]
    return explain(nn.Sequential(layers).init(1), normal(2, 4, 4, 1), jnp.array([0, 2]))


def normalized() -> Glass:
    model = nn.Sequential([nn.Linear(3, 4), nn.BatchNorm(4), "gelu", nn.Linear(4, 1)]).init(0)
    y = jnp.array([1.0, 0.0, 1.0, 0.0, 1.0])
    return explain(model, normal(5, 3), y, "binary_cross_entropy", training=True)


def attention() -> Glass:
    model = nn.TransformerBlock(4, 2, 8).init(0)
    return explain(model, normal(1, 3, 4), normal(1, 3, 4), "squared_error")


NETWORKS = [mlp, two_two_one, gate, convolutional, normalized, attention]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_equation_holds_as_printed(network: Callable[[], Glass]) -> None:
    glass = network()
    for node in glass:
        shown = equations(node)
        forward, backward = right_sides(shown.text)
        given = node.operation in ("parameter", "input")
        assert given or len(forward) > 1, f"{node.name} has no formula"
        for sides in (forward, backward):
            if len(sides) > 1 and not is_one_symbol(sides[-2]):
                assert holds(sides), (node.name, sides)
        at = entry_of(shown)
        for sides, array in ((forward, node.value), (backward, node.error)):
            computed = float(np.asarray(array)[at])
            rounding = 0.5001 * last_unit(sides[-1]) + 1e-7 * abs(computed)
            assert abs(float(sides[-1]) - computed) <= rounding


def is_one_symbol(side: str) -> bool:
    """Say whether an entry is only passed on, so that the number is the result itself."""
    return re.fullmatch(r"-?[A-Za-z]\w*(\[[\d,]*\])?(/d\w+(\[[\d,]*\])?)?", side) is not None


def entry_of(shown: Equations) -> tuple[int, ...]:
    digits = re.search(r"\[([\d,]*)\]$", shown.title)
    return tuple(int(i) for i in digits[1].split(",")) if digits else ()


@pytest.mark.parametrize("network", [mlp, two_two_one, gate])
def test_the_printed_error_signals_are_those_of_small_steps(network: Callable[[], Glass]) -> None:
    for node in network():
        shown = equations(node)
        check = node.check(entry_of(shown))
        printed = right_sides(shown.text)[1][-1]
        assert abs(float(printed) - check.numeric) <= 0.5 * last_unit(printed) + 1e-5


def test_the_entry_with_the_largest_error_signal_is_shown() -> None:
    node = mlp()["layers.1"]
    largest = np.abs(np.asarray(node.error)).argmax()
    assert entry_of(equations(node)) == np.unravel_index(largest, node.shape)


def test_an_entry_that_is_asked_for() -> None:
    node = mlp()["layers.1/sigmoid"]
    shown = equations(node, (2, -1))
    assert shown.title == "layers.1/sigmoid[2,4]"
    assert "y[2,4] = sigmoid(x[2,4])" in shown.text
    assert "* u[" not in shown.text.split("backward")[0]


def test_many_terms_are_eight_and_the_rest() -> None:
    model = nn.Linear(30, 1).init(0)
    shown = equations(explain(model, normal(2, 30), normal(2, 1), "squared_error")["model/matmul"])
    numbers = right_sides(shown.text)[0][-2]
    assert numbers.count(" * ") == 8
    assert "rest22: the other 22 terms, as one number" in shown.text


def test_what_is_not_a_number_is_shown_as_such() -> None:
    model = nn.Sequential([nn.Linear(2, 2), "sigmoid", nn.Linear(2, 1)]).init(0)
    x = jnp.array([[jnp.nan, 1.0]])
    for node in explain(model, x, jnp.array([[0.0]]), "squared_error"):
        assert str(equations(node))
    shown = equations(explain(model, x, jnp.array([[0.0]]), "squared_error")["layers.0/matmul"])
    assert right_sides(shown.text)[0][-1] == "nan"
    assert r"\mathrm{NaN}" in shown.latex
    infinite = explain(model, jnp.array([[jnp.inf, 1.0]]), jnp.array([[0.0]]), "squared_error")
    assert "inf" in str(equations(infinite["layers.0/matmul"]))


def test_the_three_forms_say_the_same() -> None:
    shown = equations(two_two_one()["layers.3"])
    assert str(shown) == shown.text
    assert shown._repr_latex_() == shown.latex
    assert shown._repr_markdown_() == shown.markdown
    assert r"\sigma\left(x_{0,0}\right)" in shown.latex
    assert r"\frac{\partial E}{\partial u_{0,0}} \cdot" in shown.latex
    assert shown.markdown.count("$$") == 4
    for text in (shown.text, shown.latex, shown.markdown):
        assert "0.690283" in text
    assert shown.latex.count("{") == shown.latex.count("}")


def test_the_rule_of_the_sigmoid_is_the_lectures() -> None:
    sides = right_sides(equations(two_two_one()["layers.2/matmul"]).text)[1]
    assert sides[1] == "dE/du[0,0] * u[0,0] * (1 - u[0,0])"
    assert sides[-1] == "0.0406811"


@pytest.mark.parametrize("index", [(0,), (0, 9), (-7, 0), 3, ("a", 0), 1.5])
def test_an_entry_that_is_not_there(index: Any) -> None:
    with pytest.raises(ShapeError, match="no such entry"):
        equations(mlp()["layers.1"], index)


def test_a_node_that_is_not_there() -> None:
    glass = mlp()
    with pytest.raises(ConfigurationError, match=r"did you mean 'layers\.1/sigmoid'"):
        glass.equations("layers.1/sigmod")
    with pytest.raises(ConfigurationError, match="which is 2 nodes"):
        glass.equations("*/matmul")
    assert str(glass.equations("layers.1")) == str(equations(glass["layers.1"]))


def test_the_reader_of_equations_reads() -> None:
    assert evaluate("2 * (-3)^2 - exp(0) / 4") == 17.75
    assert holds(["x", "0.5 * 0.5", "0.25"])
    assert not holds(["x", "0.5 * 0.5", "0.26"])
    with pytest.raises(AssertionError, match="no arithmetic"):
        evaluate("().__class__")

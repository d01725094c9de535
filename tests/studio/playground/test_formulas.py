"""The formulas hold as they are printed, and their results are the numbers of the pass."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from clearprop import nn
from clearprop.glass.equations.expression import Symbol
from clearprop.studio.playground.formulas import FEATURE_FORMULAS, Explainer
from clearprop.studio.playground.loss_formulas import LOSS_ROWS
from clearprop.studio.playground.messages import Formula, LayerSettings, Settings
from clearprop.studio.playground.network import OUTPUTS
from clearprop.studio.playground.point_set import FEATURES
from clearprop.studio.playground.probe import ExampleNumbers
from tests.glass.equations.reading import evaluate, holds, right_sides
from tests.studio.playground.test_probe import (
    EVERY_ACTIVATION,
    EVERY_LOSS,
    Prepared,
    probed,
    ready,
    with_loss,
)

Explained = tuple[tuple[Formula, ...], tuple[Formula, ...]]


class Pass:
    """The pass of one example through a network of some settings."""

    def __init__(self, settings: Settings) -> None:
        self.found, self.model = ready(settings)
        own = nn.parameters(self.model)
        self.weights = [
            (np.asarray(own[one.weight]), np.asarray(own[one.bias])) for one in self.found.layers
        ]

    def numbers(self, example: int) -> ExampleNumbers:
        return probed(self.found, self.model, example)

    def explained(self, layer: int, unit: int, example: int = 0) -> Explained:
        found: Prepared = self.found
        target = float(np.ravel(found.example(example)[1])[0])
        explainer = Explainer(
            found.settings.features, found.layers, found.settings.loss, found.output
        )
        place = found.points.places[example]
        return explainer.explained(layer, unit, place, target, self.weights, self.numbers(example))


def result(formula: Formula) -> float:
    return evaluate(right_sides(formula.text)[0][-1])


def checked(formulas: tuple[Formula, ...]) -> dict[str, float]:
    """Return the result of each formula by the name of its quantity, after a look at its form."""
    found = {}
    for formula in formulas:
        sides = right_sides(formula.text)[0]
        if len(sides) > 2:  # of two the first is a symbol alone, whose number is the result
            assert holds(sides), formula.text
        tree = ElementTree.fromstring(formula.mathml)
        assert tree.tag == "math"
        assert [part.text for part in tree.findall("./mrow/mo")] == ["="] * len(sides)
        assert formula.title[0].islower()
        found[formula.text.partition(" = ")[0]] = result(formula)
    return found


def near(found: float, wanted: object, digits: float = 2e-4) -> bool:
    return bool(np.isclose(found, np.asarray(wanted, np.float64), rtol=digits, atol=1e-6))


def check_unit(passed: Pass, layer: int, unit: int, example: int) -> None:
    numbers = passed.numbers(example)
    own = numbers.layers[layer]
    forward, backward = map(checked, passed.explained(layer, unit, example))
    several = layer == len(passed.weights) - 1 and passed.found.output.units > 1
    mark = str(unit + 1) if several else ""
    assert near(forward[f"z{mark}"], own.preactivation[unit])
    if f"y{mark}" in forward:
        assert near(forward[f"y{mark}"], own.value[unit])
        assert near(backward[f"dE/dy{mark}"], own.error[unit])
    assert near(backward[f"dE/dz{mark}"], own.delta[unit])
    for i, gradient in enumerate(own.weight_gradient[:, unit]):
        if f"dE/dw{i + 1}" in backward:
            assert near(backward[f"dE/dw{i + 1}"], gradient)
    assert near(backward["dE/db"], own.bias_gradient[unit])
    if layer == len(passed.weights) - 1:
        assert near(forward["E"], numbers.loss)


def test_every_activation() -> None:
    passed = Pass(EVERY_ACTIVATION)
    for layer, of_layer in enumerate(passed.found.layers):
        for unit in range(of_layer.units):
            check_unit(passed, layer, unit, example=4)


@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_every_loss(loss: str) -> None:
    passed = Pass(with_loss(loss, EVERY_LOSS[loss]))
    for example in (0, 5, 11, 19):
        for unit in range(passed.found.output.units):
            check_unit(passed, 1, unit, example)
        check_unit(passed, 0, 2, example)


def test_the_rows_are_those_of_the_losses() -> None:
    assert set(LOSS_ROWS) == set(OUTPUTS)
    assert set(FEATURE_FORMULAS) == set(FEATURES)


def test_features_are_written_as_formulas_of_the_place() -> None:
    passed = Pass(EVERY_ACTIVATION)
    (total, _), backward = passed.explained(0, 0)
    assert total.text.startswith(
        "z = w1 * x1 + w2 * x2 + w3 * x1^2 + w4 * x2^2 + w5 * x1 * x2 + w6 * sin(x1)"
    )
    assert any(formula.text.startswith("dE/dw6 = dE/dz * sin(x1)") for formula in backward)
    x = Symbol("x1", -1.5), Symbol("x2", 2.5)
    for name, (_, compute) in FEATURES.items():
        plain = compute(np.array([-1.5], np.float32), np.array([2.5], np.float32))
        assert near(FEATURE_FORMULAS[name](*x).value, plain[0])


def test_long_sums_end_with_the_rest() -> None:
    layers = (LayerSettings(20), LayerSettings(11, "sigmoid"))
    passed = Pass(Settings(layers=layers))
    (total, *_), backward = passed.explained(1, 3)
    assert total.text.count("*") == 2 * 8
    assert "+ rest12 + b" in total.text
    assert "rest12: the other 12 terms, as one number" in total.title
    assert sum(formula.text.startswith("dE/dw") for formula in backward) == 8
    (_, *_), back = passed.explained(0, 0)
    assert "rest3" in back[0].text
    check_unit(passed, 1, 3, 0)
    check_unit(passed, 0, 0, 0)


def test_the_output_of_a_sum_that_overflows_says_so() -> None:
    passed = Pass(with_loss("cross_entropy", "several classes"))
    weight, bias = passed.weights[-1]
    passed.model = passed.model.replace(
        layers=(
            *passed.model.layers[:-1],  # type: ignore[attr-defined]
            passed.model.layers[-1].replace(bias=np.float32([900, 0, -900])),  # type: ignore[attr-defined]
        )
    )
    passed.weights[-1] = weight, np.float32([900, 0, -900]) + 0 * bias
    forward, backward = passed.explained(1, 0)
    loss = next(formula for formula in forward if formula.text.startswith("E = "))
    assert "would overflow" in loss.title
    assert near(result(loss), passed.numbers(0).loss)
    assert "would overflow" in backward[0].title


@pytest.mark.parametrize("loss", OUTPUTS)
def test_the_formula_of_the_loss_has_symbols_alone(loss: str) -> None:
    for task in OUTPUTS[loss]:
        found, _ = ready(with_loss(loss, task))
        explainer = Explainer(("x1",), found.layers, loss, found.output)
        tree = ElementTree.fromstring(explainer.of_loss())
        letters = {part.text for part in tree.iter("mi")}
        last = "y" if found.layers[-1].activation != "identity" else "z"
        assert {"E", last, "t"} <= letters
        numbers = {part.text for part in tree.iter("mn")}
        assert numbers <= {"0", "1", "2", "3"}, numbers
    assert re.search("<math>", explainer.of_loss())

"""The page's dense engine writes formulas as the library does."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from clearprop.glass.equations.equation import Equation
from clearprop.glass.equations.expression import Apply, Expression, Number, Symbol
from clearprop.glass.equations.notation import MATHML, TEXT
from clearprop.studio.playground.formulas import Explainer
from clearprop.studio.playground.messages import DenseLayer, Formula
from clearprop.studio.playground.network import HIDDEN_ACTIVATIONS, OUTPUTS, output_of
from clearprop.studio.playground.point_set import FEATURES
from clearprop.studio.playground.probe import ExampleNumbers, LayerNumbers
from tests.studio import dense

OTHER_LOSSES = {"nll"}
"""What the library's playground has and the engine of the page does not."""

NUMBER = re.compile(r"-?[0-9.]+(?:e-?[0-9]+)?|nan|inf")

NOISE = 1e-9
"""Where a sum cancels to less, its digits depend on the last bits of erf and exp."""


def formulas(random: np.random.Generator, depth: int) -> Expression:
    """Return a random formula."""
    if depth == 0 or random.random() < 0.2:
        size = 10.0 ** random.integers(-6, 9) if random.random() < 0.3 else 1.0
        value = float(np.round(random.normal() * size, 7))
        if random.random() < 0.3:
            return Number(float(random.integers(-3, 4)))
        return Symbol(str(random.choice(["x1", "w2", "y[0,2]", "h1'", "dE/dz1", "dE/dh2'"])), value)
    operation = str(
        random.choice(["+", "*", "neg", "/", "^", "exp", "sigmoid", "abs", "sqrt", "max", "tanh"])
    )
    several = {"+": 3, "*": 3, "/": 2, "max": 2}.get(operation, 1)
    inner = tuple(formulas(random, depth - 1) for _ in range(several))
    return Apply(operation, (*inner, Number(2.0)) if operation == "^" else inner)


def plain(x: Expression) -> dict[str, Any]:
    match x:
        case Number(number):
            return {"kind": "number", "value": number}
        case Symbol(name, amount):
            return {"kind": "symbol", "name": name, "value": amount}
        case Apply(operation, arguments):
            return {"kind": "apply", "operation": operation, "of": [plain(a) for a in arguments]}
    raise TypeError(x)


def test_formulas_are_written_as_by_the_library() -> None:
    random = np.random.default_rng(0)
    chosen = []
    while len(chosen) < 300:
        one = formulas(random, int(random.integers(1, 4)))
        if np.isfinite(one.value) and abs(one.value) < 1e12:
            chosen.append(one)
    cases = [{"kind": "formula", "formula": plain(x), "value": x.value} for x in chosen]
    for x, found in zip(chosen, dense.computed(cases), strict=True):
        expected = Equation("y", (x,), x.value)
        assert found["text"] == expected.sides(TEXT)
        assert found["mathml"] == expected.sides(MATHML)


# --- the formulas of a unit ----------------------------------------------------------------------


def unit_case(random: np.random.Generator, loss: str, task: str, hidden: list[str]) -> Any:
    """Return a network with an example."""
    features = sorted(random.choice(list(FEATURES), random.integers(1, 8), replace=False).tolist())
    classes = {"two classes": 2, "several classes": 4}.get(task, 0)
    output = output_of(loss, task, classes)
    units = [*random.integers(1, 11, len(hidden)).tolist(), output.units]
    activations = [*hidden, output.activation]
    sizes = [len(features), *units]
    count = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    target = float(random.normal()) if task == "regression" else float(random.integers(classes))
    if output.coding == "signs":
        target = 2 * target - 1
    return {
        "kind": "explained",
        "features": features,
        "shapes": [{"units": n, "activation": f} for n, f in zip(units, activations, strict=True)],
        "loss": loss,
        "task": task,
        "parameters": random.normal(0, 0.8, count).tolist(),
        "place": random.uniform(-6, 6, 2).tolist(),
        "target": target,
    }


def by_library(case: Any, found: Any) -> tuple[Explainer, list[list[Any]]]:
    """Return the library's formulas of all units, written from the same numbers."""
    layers = tuple(DenseLayer(s["units"], s["activation"], "", "") for s in case["shapes"])
    classes = {"two classes": 2, "several classes": 4}.get(case["task"], 0)
    output = output_of(case["loss"], case["task"], classes)
    explainer = Explainer(tuple(case["features"]), layers, case["loss"], output)
    made, weights, before = [], [], len(case["features"])
    for one in found["layers"]:
        array = {name: np.array(x) for name, x in one.items() if name != "units"}
        shape = (before, len(one["value"]))
        weights.append((array["weight"].reshape(shape), array["bias"]))
        made.append(
            LayerNumbers(
                preactivation=array["preactivation"],
                value=array["value"],
                error=array["error"],
                delta=array["delta"],
                weight_gradient=array["weightGradient"].reshape(shape),
                bias_gradient=array["biasGradient"],
                slope=array["slope"],
            )
        )
        before = shape[1]
    numbers = ExampleNumbers(
        np.array(found["objective"]),
        np.array(found["input"]),
        np.array(found["inputError"]),
        tuple(made),
    )
    place = np.array(case["place"])
    return explainer, [
        [
            explainer.explained(k, u, place, case["target"], weights, numbers)
            for u in range(layer.units)
        ]
        for k, layer in enumerate(layers)
    ]


def test_the_table_of_outputs_is_that_of_the_library() -> None:
    (names,) = dense.computed([{"kind": "names"}])
    known = {
        loss: {task: list(entry) for task, entry in tasks.items()}
        for loss, tasks in OUTPUTS.items()
        if loss not in OTHER_LOSSES
    }
    found = {
        loss: {task: [entry["coding"], entry["activation"]] for task, entry in tasks.items()}
        for loss, tasks in names["outputs"].items()
    }
    assert found == known


def test_units_are_explained_as_by_the_library() -> None:
    random = np.random.default_rng(1)
    cases = [
        unit_case(random, loss, task, random.choice(HIDDEN_ACTIVATIONS, 2).tolist())
        for loss, tasks in OUTPUTS.items()
        if loss not in OTHER_LOSSES
        for task in tasks
    ]
    every = ("two classes", "binary_cross_entropy")
    cases += [unit_case(random, every[1], every[0], [name]) for name in HIDDEN_ACTIVATIONS]
    compared = 0
    for case, found in zip(cases, dense.computed(cases), strict=True):
        explainer, expected = by_library(case, found)
        assert found["ofLoss"] == explainer.of_loss()
        for layer, units in zip(found["layers"], expected, strict=True):
            for one, (forward, backward) in zip(layer["units"], units, strict=True):
                for written, known in ((one["forward"], forward), (one["backward"], backward)):
                    for a, b in zip(written, known, strict=True):
                        if abs(float(NUMBER.findall(b.text)[-1])) < NOISE:
                            assert a["title"] == b.title
                            continue
                        assert a["text"] == b.text
                        assert Formula(**a) == b
                        compared += 1
    assert compared > 1000

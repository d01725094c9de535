"""The page's dense engine writes formulas as the library does."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.glass.equations.equation import Equation
from clearprop.glass.equations.expression import Apply, Expression, Number, Symbol
from clearprop.glass.equations.notation import MATHML, TEXT
from tests.studio import dense


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

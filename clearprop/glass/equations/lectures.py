"""The two worked examples of the lectures, by name: the 2-2-1 network and the sigmoid gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from clearprop import nn, ops, tree
from clearprop.errors import unknown_name
from clearprop.glass.equations.sheet import LECTURE_DIGITS
from clearprop.glass.equations.solution import WorkedSolution, worked_solution


def gate(digits: int = LECTURE_DIGITS) -> WorkedSolution:
    """Work out f = 1 / (1 + e^-(w0 x0 + w1 x1 + w2)) at w = (2, -3, -3), x = (-1, -2).

    >>> print(f"{gate().values['df/dw0']:.2f}")
    -0.20
    """

    def f(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
        return 1 / (ops.exp(-(w0 * x0 + w1 * x1 + w2)) + 1)

    at = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
    solution = worked_solution(f, at, digits=digits, title="The sigmoid gate")
    return _with(
        solution,
        "f = 1 / (1 + e^-(w0 x0 + w1 x1 + w2)), a neuron with two inputs, as a graph of gates. "
        "Each gate has a value and local derivatives; its error signal comes from its users.",
        "The lecture continues with the rounded error signal 0.2 and therefore writes 0.4 for x0; "
        "the unrounded value is 0.3932. Its other numbers, rounded to two digits, are 0.73, -0.53, "
        "-0.53, -0.20, 0.20, and -0.20, -0.39, -0.59 and 0.20 at w0, w1, x1 and w2.",
    )


def two_two_one(digits: int = LECTURE_DIGITS) -> WorkedSolution:
    """Work out a step of the lectures' network: two inputs, two hidden neurons and one output.

    >>> solution = two_two_one()
    >>> print(*(f"{solution.values[name]:.6f}" for name in ("h1", "h2", "y", "w1'", "w3'")))
    0.680267 0.663739 0.690283 0.272326 0.099071
    """
    layers: list[Any] = [nn.Linear(2, 2, bias=False), "sigmoid", nn.Linear(2, 1, bias=False)]
    weights = {
        "layers.0.weight": jnp.array([[0.1, 0.4], [0.8, 0.6]]),
        "layers.2.weight": jnp.array([[0.3], [0.9]]),
    }
    model = tree.replace(nn.Sequential([*layers, "sigmoid"]).init(0), weights)
    solution = worked_solution(
        model,
        [0.35, 0.9],
        0.5,
        1.0,
        digits=digits,
        title="The 2-2-1 network",
        names={
            "x1": "A", "x2": "B",
            "w1": "w3", "w2": "w5", "w3": "w4", "w4": "w6", "w5": "w1", "w6": "w2",
        },
    )  # fmt: skip
    return _with(
        solution,
        "Two inputs A and B, two hidden sigmoid neurons h1 and h2, one sigmoid output y, no "
        "biases; E = (y - t)^2 / 2. w1 and w2 lead from h1 and h2 to y, w3 and w4 from A and B to "
        "h1, w5 and w6 from A and B to h2.",
        "The lecture continues with the rounded h1 = 0.68 and y = 0.69 and therefore prints "
        "0.272392 for w1' and 0.87305 for w2'; without intermediate rounding they are 0.272326 and "
        "0.872998. The values that it leaves as question marks are w3' = 0.099071, "
        "w4' = 0.797611, w5' = 0.397140 and w6' = 0.592646, and the next y is 0.682019.",
    )


def _with(solution: WorkedSolution, intro: str, note: str) -> WorkedSolution:
    sheet = solution.sheet
    notes = (("Where the lecture rounds", note),)
    return replace(solution, sheet=replace(sheet, intro=(intro, *sheet.intro), notes=notes))


LECTURES: dict[str, Callable[..., WorkedSolution]] = {"2-2-1": two_two_one, "gate": gate}
"""The worked examples by name."""


def lecture(name: str, digits: int = LECTURE_DIGITS) -> WorkedSolution:
    """Return a worked example of the lectures; its footer shows the command that makes it.

    Raises:
        ConfigurationError: no example has that name.

    >>> lecture("gate").sheet.title
    'The sigmoid gate'
    """
    if name not in LECTURES:
        raise unknown_name("worked example", name, LECTURES)
    solution = LECTURES[name](digits=digits)
    footer = f"Made by `clearprop worked {name} --output {name}.md`; `--blank` makes an exercise."
    return replace(solution, sheet=replace(solution.sheet, footer=footer))

"""Exercises with numbers drawn from a seed: a small network, or one neuron as a graph of gates."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import jax.numpy as jnp

from clearprop import nn, ops, tree
from clearprop.errors import ConfigurationError, ModelError, unknown_name
from clearprop.glass.equations.numbers import SMALLEST
from clearprop.glass.equations.sheet import LECTURE_DIGITS
from clearprop.glass.equations.solution import WorkedSolution, worked_solution

T = TypeVar("T")

EXERCISES = {
    "network": "one step of a network of 2-2-1, 3-2-1 or 2-3-1 units",
    "gate": "one neuron with one or two inputs, gate by gate",
}
"""The exercises by name; sizes such as 2-2-1 are a name too."""

SIZES = ("2-2-1", "3-2-1", "2-3-1")
MOST_UNITS, MOST_WEIGHTS = 4, 16
"""Of a layer, and of a network, for a calculation by hand."""

ACTIVATIONS = ("sigmoid", "tanh", "relu")
RATES = (0.2, 0.5)
SMALLEST_ERROR = 0.05
"""The smallest |dE/dy| of an exercise: below it the weights hardly change."""

MOST_DRAWS = 200

_SIZES = re.compile(r"[1-9](?:-[1-9]){1,9}")


class Draw:
    """Random choices that are the same in every version of Python.

    >>> Draw("a").of((1, 2, 3)) == Draw("a").of((1, 2, 3))
    True
    """

    def __init__(self, key: str) -> None:
        # Of the random module, only random() promises the same numbers in every version.
        self._uniform = random.Random(hashlib.sha256(key.encode()).digest()).random

    def of(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self._uniform() * len(choices))]

    def tenths(self, least: int, most: int) -> float:
        """Return a number of tenths, of either sign."""
        return self.of((-1, 1)) * self.of(range(least, most + 1)) / 10


def exercise(
    name: str, seed: int, student: str = "", *, digits: int = LECTURE_DIGITS
) -> WorkedSolution:
    """Return the solution of an exercise whose numbers, sizes and activation are drawn.

    The same name, seed and student give the same numbers. `WorkedSolution.blank` is the exercise.
    All given numbers have one decimal; no weight is zero, and no number is so small that it would
    be written with a power of ten.

    Args:
        name: "network", "gate", or sizes such as "2-2-1", for which only numbers and the
            activation are drawn.
        seed: a whole number from 0 up.
        student: each student of a class has other numbers.
        digits: significant digits that are shown, 2 to 12.

    Raises:
        ConfigurationError: the name is unknown, or the sizes are too large for a hand calculation.

    >>> solution = exercise("2-2-1", 7, "Ada")
    >>> solution.values == exercise("2-2-1", 7, "Ada").values
    True
    >>> solution.values == exercise("2-2-1", 7, "Alan").values
    False
    """
    check_exercise(name)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigurationError(
            "a seed is a whole number from 0 up", given=repr(seed), expected="such as 7"
        )
    draw = Draw(f"{name}\n{seed}\n{student}")
    if name == "gate":
        return _first_fit(_gate(draw, draw.of((1, 2)), draw.of(("sigmoid", "tanh")), digits))
    sizes = draw.of(SIZES) if name == "network" else name
    units = [int(size) for size in sizes.split("-")]
    hidden = draw.of(ACTIVATIONS) if len(units) > 2 else ""
    output = draw.of(("sigmoid", "")) if hidden else draw.of(("sigmoid", "tanh"))
    return _first_fit(_network(draw, units, hidden, output, digits))


def check_exercise(name: str) -> None:
    """Check the name of an exercise.

    Raises:
        ConfigurationError: it is unknown, or its sizes are too large for a hand calculation.
    """
    if name in EXERCISES:
        return
    if _SIZES.fullmatch(name) is None:
        raise unknown_name("exercise", name, [*EXERCISES, *SIZES])
    units = [int(size) for size in name.split("-")]
    weights = sum(a * b for a, b in itertools.pairwise(units))
    if max(units) > MOST_UNITS or weights > MOST_WEIGHTS:
        raise ConfigurationError(
            "the network is too large for a calculation by hand",
            given=f"{name}, with {weights} weights",
            expected=f"at most {MOST_UNITS} units in a layer and {MOST_WEIGHTS} weights",
        )


def _first_fit(attempt: Callable[[], WorkedSolution]) -> WorkedSolution:
    """Return the first drawn exercise whose numbers can be calculated by hand."""
    for _ in range(MOST_DRAWS):
        solution = attempt()
        if _is_suitable(solution.values):
            return solution
    raise ModelError("no suitable numbers were found", given=f"{MOST_DRAWS} draws")


def _is_suitable(values: dict[str, float]) -> bool:
    """Return whether the numbers need no power of ten, and the step changes the weights."""
    if not all(math.isfinite(v) and (v == 0 or abs(v) >= SMALLEST) for v in values.values()):
        return False
    nets = [abs(v) for name, v in values.items() if re.fullmatch(r"z\d+'?", name)]
    # Where all hidden units are off, every error signal is zero.
    moved = any(abs(v) > 0 for name, v in values.items() if name.startswith("dE/dw"))
    large = [abs(v) for name, v in values.items() if re.fullmatch(r"dE/dy\d*", name)]
    if not nets:
        return True
    clear = all(z >= SMALLEST_ERROR for z in nets)
    return clear and moved and min(large, default=0.0) >= SMALLEST_ERROR


def _network(
    draw: Draw, units: Sequence[int], hidden: str, output: str, digits: int
) -> Callable[[], WorkedSolution]:
    layers: list[Any] = []
    for i, (inputs, outputs) in enumerate(itertools.pairwise(units)):
        layers.append(nn.Linear(inputs, outputs, bias=False))
        activation = output if i == len(units) - 2 else hidden
        layers += [activation] if activation else []
    empty = nn.Sequential(layers).init(0)
    sizes = "-".join(map(str, units))

    def attempt() -> WorkedSolution:
        weights = {
            path: jnp.asarray(_distinct(draw, leaf.size)).reshape(leaf.shape)
            for path, leaf in nn.parameters(empty).items()
        }
        x = [draw.tenths(2, 9) for _ in range(units[0])]
        target = [draw.of(range(1, 10)) / 10 for _ in range(units[-1])]
        solution = worked_solution(
            tree.replace(empty, weights),
            x,
            target[0] if len(target) == 1 else target,
            draw.of(RATES),
            digits=digits,
            title=f"A {sizes} network",
        )
        return _introduced(solution, _network_intro(units, hidden, output))

    return attempt


def _distinct(draw: Draw, number: int) -> list[float]:
    """Return different weights, so that a wrong answer shows which one was taken instead.

    Up to nine differ in size too: otherwise a wrong weight may look like a wrong sign.
    """
    drawn: list[float] = []
    while len(drawn) < number:
        weight = draw.tenths(1, 9)
        taken = {*drawn, *(-w for w in drawn)} if number <= 9 else {*drawn}
        drawn += [weight] if weight not in taken else []
    return drawn


def _network_intro(units: Sequence[int], hidden: str, output: str) -> str:
    names = {"sigmoid": "sigmoid(z)", "tanh": "tanh(z)", "relu": "relu(z) = max(z, 0)", "": "z"}
    between = ""
    if hidden:
        counts = " and ".join(map(str, units[1:-1]))
        noun = "unit" if counts == "1" else "units"
        between = f" {counts} hidden {noun} with h = {names[hidden]},"
    error = "E = (y - t)^2 / 2" if units[-1] == 1 else "E is the sum of all (y - t)^2 / 2"
    return (
        f"{_counted(units[0], 'input')},{between} {_counted(units[-1], 'output')} with "
        f"y = {names[output]}, no biases; {error}. The step is gradient descent."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _gate(draw: Draw, inputs: int, function: str, digits: int) -> Callable[[], WorkedSolution]:
    sums = "w0 x0 + w1" if inputs == 1 else "w0 x0 + w1 x1 + w2"
    whole = f"1 / (1 + e^-({sums}))" if function == "sigmoid" else f"tanh({sums})"

    def neuron(**given: Any) -> Any:
        net = given["w0"] * given["x0"]
        net = net + given["w1"] * given["x1"] if inputs == 2 else net
        net = net + given[f"w{inputs}"]
        return 1 / (ops.exp(-net) + 1) if function == "sigmoid" else ops.tanh(net)

    def attempt() -> WorkedSolution:
        names = ("w0", "x0", "w1") if inputs == 1 else ("w0", "x0", "w1", "x1", "w2")
        at = {name: float(draw.of((-3, -2, -1, 1, 2, 3))) for name in names}
        net = at["w0"] * at["x0"] + at["w1"] * at.get("x1", 1.0) + at.get("w2", 0.0)
        if not 1 <= abs(net) <= 3:
            return attempt()
        solution = worked_solution(neuron, at, digits=digits, title="A neuron, gate by gate")
        plural = "one input" if inputs == 1 else "two inputs"
        return _introduced(solution, f"f = {whole}, a neuron with {plural}, as a graph of gates.")

    return attempt


def _introduced(solution: WorkedSolution, intro: str) -> WorkedSolution:
    sheet = solution.sheet
    return replace(solution, sheet=replace(sheet, intro=(intro, *sheet.intro)))

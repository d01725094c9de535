"""A pass of a network written with elementary operations, so that every gate can be followed.

The formulas of the pass are computed once more on a tape, with sums, products and functions of
single numbers. The sweep then gives the error signal of every one of them.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from clearprop import ops
from clearprop.autodiff import OPERATIONS, Tape
from clearprop.errors import ShapeError
from clearprop.glass.equations.expression import Apply, Expression, Symbol, symbols
from clearprop.glass.equations.naming import Given
from clearprop.glass.equations.passes import Pass
from clearprop.glass.equations.scalars import Place, Scalar, Scalars, on_tape, place_of
from clearprop.ops.activations import ACTIVATIONS

MOST_NODES = 400
"""The most numbers of a pass that is drawn gate by gate."""


@dataclass(frozen=True)
class Elementary:
    """A pass in elementary operations.

    Attributes:
        written: the pass.
        targets: the places of the targets.
        outputs: the places of the network's outputs.
    """

    written: Pass
    targets: frozenset[Place]
    outputs: tuple[Place, ...]


def elementary(whole: Pass) -> Elementary | str:
    """Return the pass of a network in elementary operations, or a sentence why there is none.

    Numbers that the network's own pass has keep their names. Their values and error signals are
    compared with those of the network's own pass.
    """
    for scalar in whole.scalars:
        if scalar.operation and not _is_written(scalar):
            return f"The operation {scalar.operation} has no formula of elementary operations."
    size = sum(_gates_of(s.formula) if s.formula else 1 for s in whole.scalars)
    if size > MOST_NODES:
        return f"Gate by gate the pass has {size} numbers; up to {MOST_NODES} are drawn."
    made: dict[Place, Any] = {}

    def compute(tape: Tape) -> tuple[Any, Any]:
        for scalar in whole.scalars:
            if scalar.formula is None:
                made[scalar.place] = tape.variable(jnp.asarray(scalar.value, jnp.float64))
            else:
                made[scalar.place] = _from_formula(scalar, scalar.formula, made)
        return made[whole.scalars.result], ()

    try:
        scalars = on_tape(compute)
    except ShapeError:  # more numbers than are written out
        return f"Gate by gate the pass has more than {MOST_NODES} numbers."
    places: dict[Place, Place] = {old: (box.node, box.output, ()) for old, box in made.items()}
    if not _agrees(whole, scalars, places):
        return "The formulas do not give the numbers that the network computed."
    return Elementary(
        _named(whole, scalars, places),
        frozenset(places[place] for place in whole.scalars.targets),
        tuple(places[place] for place in whole.scalars.outputs),
    )


def _is_written(scalar: Scalar) -> bool:
    """Return whether the formula of a value says how to compute it from others."""
    formula = scalar.formula
    if isinstance(formula, Symbol):
        return scalar.operation in ACTIVATIONS
    return isinstance(formula, Apply) and any(True for _ in symbols(formula))


def _gates_of(formula: Expression) -> int:
    if not isinstance(formula, Apply):
        return 0
    return 1 + sum(map(_gates_of, formula.arguments))


def _from_formula(scalar: Scalar, formula: Expression, made: dict[Place, Any]) -> Any:
    """Compute a value; an activation that hands its input on, as leaky ReLU may, stays a gate."""
    found = _computed(formula, made)
    return OPERATIONS[scalar.operation](found) if isinstance(formula, Symbol) else found


def _computed(formula: Expression, made: dict[Place, Any]) -> Any:
    """Compute a formula with operations that the tape records."""
    if isinstance(formula, Symbol):
        return made[place_of(formula)]
    if not any(True for _ in symbols(formula)):
        return formula.value
    assert isinstance(formula, Apply)
    match formula.operation, formula.arguments:
        case "+", (x, Apply("neg", (y,))):
            return ops.subtract(_computed(x, made), _computed(y, made))
    values = [_computed(argument, made) for argument in formula.arguments]
    match formula.operation:
        case "+" if len(values) > 2:
            return ops.sum(ops.stack([jnp.asarray(v) if _is_plain(v) else v for v in values]))
        case name if name in _OF_TWO:
            return functools.reduce(_OF_TWO[name], values)
        case name:
            return OPERATIONS[_OTHERWISE.get(name, name)](*values)


def _is_plain(value: object) -> bool:
    return isinstance(value, float)


_OTHERWISE = {"neg": "negative"}
"""The names of operations that formulas write otherwise."""

_OF_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "+": ops.add,
    "*": ops.multiply,
    "/": ops.divide,
    "^": ops.power,
    "max": ops.maximum,
    "min": ops.minimum,
}


def _agrees(whole: Pass, scalars: Scalars, places: dict[Place, Place]) -> bool:
    """Return whether both passes have the same values and error signals."""
    found = {scalar.place: scalar for scalar in scalars}

    def same(one: Scalar) -> bool:
        other = found.get(places[one.place])
        if other is None:
            return one.place in whole.scalars.targets or one.error == 0
        is_target = one.place in whole.scalars.targets
        return _close(one.value, other.value) and (is_target or _close(one.error, other.error))

    return all(same(scalar) for scalar in whole.scalars)


def _close(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(x) and math.isnan(y))


def _named(whole: Pass, scalars: Scalars, places: dict[Place, Place]) -> Pass:
    names = {places[place]: name for place, name in whole.names.items() if place in places}
    taken = set(names.values())
    letter = next(c for c in ("g", "q", "v", "gate") if not any(_begins(n, c) for n in taken))
    numbers = itertools.count(1)
    for scalar in scalars:
        if scalar.place not in names:
            names[scalar.place] = f"{letter}{next(numbers)}"
    given = Given(
        {places[place]: path for place, path in whole.given.learned.items() if place in places},
        {places[place]: name for place, name in whole.given.inputs.items() if place in places},
    )
    return Pass(scalars, names, given, whole.result)


def _begins(name: str, letter: str) -> bool:
    return name.startswith(letter) and name[len(letter) :].isdigit()

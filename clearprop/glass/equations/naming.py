"""Short names for the numbers of a small pass: x for inputs, w for weights, h and y for units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clearprop.errors import ConfigurationError, unknown_name
from clearprop.glass.equations.expression import FUNCTIONS
from clearprop.glass.equations.scalars import Place, Scalar, Scalars
from clearprop.ops.activations import ACTIVATIONS

RATE = "eta"
"""The name of the learning rate."""

_LETTERS = {"weight": "w", "kernel": "w", "bias": "b", "scale": "g", "shift": "b"}
_NETS = {"add", "convolution", "einsum", "matmul", "subtract"}


@dataclass(frozen=True)
class Given:
    """Where the given numbers of a pass come from.

    Attributes:
        learned: the path of each parameter's entry, such as ``layers.0.weight[0,1]``.
        inputs: the name or path of each entry of the input.
    """

    learned: Mapping[Place, str]
    inputs: Mapping[Place, str]


def name_model(scalars: Scalars, given: Given, renamed: Mapping[str, str]) -> dict[Place, str]:
    """Name the numbers of a model's pass.

    Raises:
        ConfigurationError: a quantity to rename does not exist, or its new name is not allowed.
    """
    numbered: dict[str, list[Place]] = {}
    for scalar in scalars:
        numbered.setdefault(_letter(scalar, scalars, given), []).append(scalar.place)
    names: dict[Place, str] = {}
    for letter, places in numbered.items():
        alone = len(places) == 1 and letter in ("E", "t", "y")
        for number, place in enumerate(places, start=1):
            names[place] = letter if alone else f"{letter}{number}"
    return _renamed(names, renamed)


def _letter(scalar: Scalar, scalars: Scalars, given: Given) -> str:
    place = scalar.place
    if place == scalars.result:
        return "E"
    if place in scalars.outputs:
        return "y"
    if place in given.learned:
        field = given.learned[place].partition("[")[0].rpartition(".")[2]
        return _LETTERS.get(field, "p")
    if place in given.inputs:
        return "x"
    if place in scalars.targets:
        return "t"
    if scalars.outputs and place[0] > max(output[0] for output in scalars.outputs):
        return "l"
    if scalar.operation in ACTIVATIONS:
        return "h"
    return "z" if scalar.operation in _NETS else "g"


def name_function(
    scalars: Scalars, given: Given, result: str, renamed: Mapping[str, str]
) -> dict[Place, str]:
    """Name the numbers of a function of named numbers: its gates are g1, g2 and so on."""
    names = dict(given.inputs)
    taken = " ".join(names.values())
    letter = next(c for c in ("g", "q", "v", "gate") if not re.search(rf"\b{c}\d+\b", taken))
    gates = [s.place for s in scalars if s.operation and s.place != scalars.result]
    names |= {place: f"{letter}{number}" for number, place in enumerate(gates, start=1)}
    names.setdefault(scalars.result, result if result not in given.inputs.values() else "E")
    return _renamed({s.place: names[s.place] for s in scalars}, renamed)


def check_names(names: Iterable[str]) -> None:
    """Check that names can be used in a formula.

    Raises:
        ConfigurationError: a name is not a letter with letters and digits after it, or is the
            name of a function or of the learning rate.
    """
    for name in names:
        fits = isinstance(name, str) and re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII)
        if not fits or name in FUNCTIONS or name in (RATE, "nan", "inf"):
            raise ConfigurationError(
                "a quantity cannot have this name",
                given=repr(name),
                expected="a letter, then letters and digits, such as w0; no name of a function",
            )


def _renamed(names: dict[Place, str], renamed: Mapping[str, str]) -> dict[Place, str]:
    known = set(names.values())
    for name in renamed:
        if name not in known:
            raise unknown_name("quantity", name, known)
    check_names(renamed.values())
    changed = {place: renamed.get(name, name) for place, name in names.items()}
    name, count = Counter(changed.values()).most_common(1)[0]
    if count > 1:
        raise ConfigurationError("two quantities have one name", given=name)
    return changed

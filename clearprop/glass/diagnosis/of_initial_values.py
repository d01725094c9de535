"""Rules about first values: equal, of the wrong size, of one sign, or of gates that are closed."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, named
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.wording import count, number, percent
from clearprop.nn.initializers import fans
from clearprop.nn.recurrent.layer import Recurrent
from clearprop.training.initial_values import Change

ALIKE = 1e-5
"""Columns that differ by less than this fraction of their size are equal: rounding makes as much
difference."""

MANY_ALIKE = 0.5
"""Fraction of a layer's units. With random initial values no unit is equal to another one."""

TOO_LARGE, TOO_SMALL = 4.0, 1 / 10
"""A layer's standard deviation divided by that of any common initializer. Glorot's, He's and
LeCun's are within a factor of two of each other. Above four, units saturate or the signal becomes
four times larger in each layer; below a tenth, nothing is left of it after a few layers."""

ONE_SIDED = 1.2
"""The mean of first weights in units of their deviation, where they also have all the same sign. Of
initializers it is near 0, and that of uniform numbers from 0 to 1 is 1.7."""

CLOSED, OPEN = -4.0, 8.0
"""First biases of a gate, sigmoid(b): below 0.02 it is closed, above 0.9997 it never closes. A
forget gate that is to remember T steps may begin with log(T)."""

FEW_WEIGHTS = 16
"""The standard deviation of so few random numbers may be far from that of the initializer."""

NORMALIZING = (nn.BatchNorm, nn.LayerNorm, nn.RMSNorm, nn.WeightNorm)
"""With these layers the size of the weights does not matter."""


@rule
def symmetric_weights(facts: Facts, model: nn.Module) -> Finding | None:
    """Units of a hidden layer with the same weights, or first values that are all one number.

    Before training, the weights of the next layer must be equal too: otherwise the first step
    makes the units different. A number other than zero is found in any layer, also the last.
    """
    found: list[tuple[float, str, int]] = []
    if equal := _equal_first_values(facts, model):
        return _of_equal_values(facts, model, equal)
    every = _matrices(model)
    last = _last_path(facts, [path for path, _ in every])
    for place, (path, w) in enumerate(every):
        fraction = _alike(w.reshape(-1, w.shape[-1]).T)
        if fraction <= MANY_ALIKE or path == last:
            continue
        if facts.run is None and place + 1 < len(every):
            above = every[place + 1][1]
            same_units = above.shape[-2] == w.shape[-1]
            rows = np.moveaxis(above, -2, 0).reshape(above.shape[-2], -1)
            if not (_alike(rows) > MANY_ALIKE if same_units else above.std() == 0):
                continue
        found.append((fraction, path, w.shape[-1]))
    if not found:
        return None
    found.sort(reverse=True)
    fraction, path, units = found[0]
    paths = [p for _, p, _ in found]
    return Finding(
        named(paths),
        {"fraction": fraction, "units": units},
        f"{percent(fraction)} of the {units} units of {path} have the same weights as another "
        "unit.",
        fix.new_weights("glorot_uniform", paths),
        strength(fraction, MANY_ALIKE, 1.0),
    )


def _equal_first_values(facts: Facts, model: nn.Module) -> dict[str, float]:
    """Return the weights whose first values were all the same number other than zero, by path."""
    found = {}
    for path, w in _matrices(model, least_units=1):
        if facts.run is None:
            first, spread = float(w.flat[0]), float(w.std())
        elif path in facts.changes and not facts.is_fork:
            first, spread = _first_entry(facts, path), facts.changes[path].deviation
        else:
            continue
        if w.size >= FEW_WEIGHTS and first and spread <= ALIKE * abs(first):
            found[path] = first
    return found


def _of_equal_values(facts: Facts, model: nn.Module, equal: dict[str, float]) -> Finding:
    path, value = next(iter(equal.items()))
    size, units = nn.parameters(model)[path].size, nn.parameters(model)[path].shape[-1]
    others = f" So it is in {count(len(equal) - 1, 'other')}." if len(equal) > 1 else ""
    alone = len(_matrices(model, least_units=1)) == 1  # the descent of one layer is convex
    return Finding(
        named(equal),
        {"fraction": 1.0, "units": units, "value": value},
        f"All {size:,} first values of {path} {'were' if facts.run is not None else 'are'} "
        f"{number(value)}.{others}",
        fix.new_weights("glorot_uniform", equal),
        1.0 if units > 1 else 0.7,
        "note" if alone else "fault",  # no initializer does this on purpose
    )


def _first_entry(facts: Facts, path: str) -> float:
    """Return the first entry of a parameter that a run has noted; 0 where there is none."""
    noted = _first_entries(facts, path)
    return float(noted[0]) if len(noted) else 0.0


def _first_entries(facts: Facts, path: str) -> NDArray[np.float64]:
    """Return the first values of some entries of a parameter that a run has noted."""
    noted = str(facts.config["initial_values"][path]["entries"])
    return np.array([float(text) for text in noted.split()])


@rule
def initial_scale(facts: Facts, model: nn.Module, beginning: dict[str, Change]) -> Finding | None:
    """Initial weights of another size than initializers give, and gates that begin closed."""
    if (gates := _of_gates(facts, model, beginning)) is not None:
        return gates
    if (positive := _of_one_sign(facts, model, beginning)) is not None:
        return positive
    if any(isinstance(m, NORMALIZING) for m in nn.modules(model).values()):
        return None
    worst: list[tuple[float, float, str]] = []
    for path, w in _matrices(model):
        if facts.run is None:
            deviation = float(w.std()) or abs(float(w.flat[0]))
        elif path in beginning and path not in facts.frozen:
            deviation = beginning[path].deviation or abs(_first_entry(facts, path))
        else:
            continue
        if deviation == 0 or w.size < FEW_WEIGHTS:
            continue
        ratio = _against_rules(deviation, w.shape)
        if ratio >= TOO_LARGE or ratio <= TOO_SMALL:
            worst.append((abs(math.log(ratio)), ratio, path))
    if not worst:
        return None
    worst.sort(reverse=True)
    _, ratio, path = worst[0]
    if ratio > 1:
        how, limit, certain = f"{number(ratio, 2)} times too large", TOO_LARGE, 10 * TOO_LARGE
    else:
        how, limit, certain = f"{number(1 / ratio, 2)} times too small", TOO_SMALL, TOO_SMALL / 100
    when = "were" if facts.run is not None else "are"
    others = f" So {when} those of {count(len(worst) - 1, 'other')}." if len(worst) > 1 else ""
    return Finding(
        named(p for *_, p in worst),
        {"ratio": ratio, "layers": len(worst)},
        f"The initial values of {path} {when} {how}, compared with Glorot's, He's and LeCun's "
        f"initializers for this shape.{others}",
        f"{_usual_weights(model)}\n"
        f"{fix.fit_line(facts, **fix.restart(facts)) if facts.run is not None else ''}".strip(),
        strength(ratio, limit, certain),
        # With huge first weights a network knows its training examples by heart, and only these.
        "fault" if ratio > 1 and facts.is_worse_than_simple else facts.grade,
    )


def _of_one_sign(facts: Facts, model: nn.Module, beginning: dict[str, Change]) -> Finding | None:
    """Find first weights that are all positive, as uniform numbers from 0 to 1."""
    found: list[tuple[float, str, float]] = []
    for path, w in _matrices(model):
        if facts.run is None:
            first, deviation = w.reshape(-1).astype(np.float64), float(w.std())
        elif path in beginning and path not in facts.frozen:
            first, deviation = _first_entries(facts, path), beginning[path].deviation
        else:
            continue
        fan_in, _ = fans(w.shape)
        if w.size < FEW_WEIGHTS or not len(first) or not deviation:
            continue
        mean = float(first.mean())
        one_sided = bool((first > 0).all() or (first < 0).all())
        # A sum of fan_in products with weights of one sign grows with fan_in, not with its root.
        grown = abs(mean) * fan_in
        if one_sided and abs(mean) > ONE_SIDED * deviation and grown > TOO_LARGE:
            found.append((grown, path, mean))
    if not found:
        return None
    grown, path, mean = max(found)
    when = "were" if facts.run is not None else "are"
    line = fix.fit_line(facts, **fix.restart(facts)) if facts.run is not None else ""
    return Finding(
        named(where for _, where, _ in found),
        {"mean": mean, "growth": grown},
        f"The first values of {path} {when} all {'positive' if mean > 0 else 'negative'}, with a "
        f"mean of {number(mean)}: the products of a unit do not cancel out, and their sum is up to "
        f"{number(grown, 2)} times as large as an input.",
        f"{_usual_weights(model)}\n{line}".strip(),
        strength(grown, TOO_LARGE, 10 * TOO_LARGE),
        facts.grade,
    )


def _of_gates(facts: Facts, model: nn.Module, beginning: dict[str, Change]) -> Finding | None:
    """Find first biases of a recurrent layer with which a gate is always closed, or always open."""
    found = []
    for path, layer in nn.modules(model).items():
        for name, b in nn.parameters(layer).items() if isinstance(layer, Recurrent) else ():
            where = f"{path}.{name}" if path else name
            if b.ndim != 1 or where in facts.frozen or (facts.run and where not in beginning):
                continue
            first = _first_entries(facts, where) if facts.run is not None else np.asarray(b)
            ends = (float(first.min(initial=0.0)), float(first.max(initial=0.0)))
            found += [(where, value) for value in ends if not CLOSED <= value <= OPEN]
    if not found:
        return None
    where, value = found[0]
    opened = 1 / (1 + math.exp(-value))
    began = "began" if facts.run is not None else "begin"
    lines = [fix.without_biases([where])]
    if facts.run is not None:
        lines.append(fix.fit_line(facts, **fix.restart(facts)))
    return Finding(
        named(dict.fromkeys(path for path, _ in found)),
        {"bias": value, "gate": opened},
        f"Biases of {where} {began} at {number(value)}. A gate of a recurrent layer is then "
        f"sigmoid({number(value)}) = {number(opened, 2)}: it is "
        f"{'closed, and passes on next to nothing' if value < 0 else 'open at every step'}.",
        "\n".join(lines),
        0.8,
        facts.grade,
    )


def _usual_weights(model: nn.Module) -> str:
    """Return code for new weights: orthogonal ones for the recurrent weights, Glorot's else."""
    recurrent = [path for path in nn.parameters(model) if path.endswith("recurrent_weight")]
    code = fix.new_weights("glorot_uniform")
    return f"{code}\n{fix.new_weights('orthogonal', recurrent)}" if recurrent else code


def _alike(units: np.ndarray) -> float:
    """Return the fraction of units, (units, weights), that have the weights of another one."""
    if len(units) < 2:
        return 0.0
    size = float(np.median(np.abs(units).max(axis=1))) or float(np.abs(units).max()) or 1.0
    _, counts = np.unique(np.round(units / (size * ALIKE)), axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / len(units))


def _matrices(model: nn.Module, least_units: int = 2) -> list[tuple[str, np.ndarray]]:
    """Return the finite weights between units by path, of layers with so many units."""
    layers = nn.modules(model)
    return [
        (path, np.asarray(w.astype(jnp.float32), np.float64))
        for path, w in nn.parameters(model).items()
        if w.ndim >= 2 and w.shape[-1] >= least_units and jnp.isfinite(w).all()
        and not isinstance(layers.get(path.rpartition(".")[0]), nn.Embedding | nn.LearnedPositions)
    ]  # fmt: skip


def _last_path(facts: Facts, paths: list[str]) -> str:
    """Return the path of the output layer's weights, which may start at zero."""
    if facts.signals is not None and facts.signals.weighted:
        layer = facts.signals.weighted[-1].path
        return next((p for p in reversed(paths) if p.rpartition(".")[0] == layer), "")
    return paths[-1] if paths else ""


def _against_rules(deviation: float, shape: tuple[int, ...]) -> float:
    """Return a standard deviation divided by the nearest one of an initializer; 1 between them."""
    fan_in, fan_out = fans(shape)
    known = [math.sqrt(2 / (fan_in + fan_out)), math.sqrt(2 / fan_in), math.sqrt(1 / fan_in)]
    return max(1.0, deviation / max(known)) * min(1.0, deviation / min(known))

"""Rules about the weights: not finite, alike, of the wrong size, unmoved, or too coarse to move."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, named
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import found, rule, strength
from clearprop.glass.wording import count, number, percent
from clearprop.nn.initializers import fans

ALIKE = 1e-5
"""Columns that differ by less, relative to their size, are one column: rounding makes as much."""

MANY_ALIKE = 0.5
"""Of a layer's units; drawn at random, not one would be like another."""

TOO_LARGE, TOO_SMALL = 4.0, 1 / 10
"""A layer's deviation over what any of the rules in use would give it. The rules of Glorot, He and
LeCun lie within a factor of two of each other; beyond four, units saturate or the signal doubles
twice a layer; below a tenth nothing is left of it after a few layers."""

NORMALIZING = (nn.BatchNorm, nn.LayerNorm, nn.RMSNorm, nn.WeightNorm)
"""After these the size of a layer's weights no longer matters."""

BROKEN = 0.95
"""There is no doubt about it; still, a cause that is as sure stands before it."""

HALF_SPACING = 2.0**-9
"""A number of 8 significant bits is at least this part of itself away from the middle to the next:
what is added and is smaller is rounded away."""

MOSTLY_LOST = 0.5


@rule("non_finite")
def non_finite(facts: Facts) -> Finding | None:
    """A loss, a gradient or a weight that is infinite or not a number."""
    told = facts.run.non_finite if facts.run is not None else None
    if told is None and not facts.broken:
        return None
    changed = {"learning_rate": fix.lower_rate(facts)} if fix.rate_of(facts) else {}
    line = fix.fit_line(facts, **changed) if facts.run is not None else (
        "model = model.init(0)  # of the model as it was built, without values"
    )  # fmt: skip
    if told is not None:
        return found(
            "non_finite",
            told.place,
            {"step": told.step, "epoch": told.epoch},
            f"In step {told.step:,}, epoch {told.epoch}, at {told.place}: {told.cause}.",
            line,
            BROKEN,
        )
    assert facts.model is not None
    arrays = nn.parameters(facts.model)
    bad = sum(int((~jnp.isfinite(arrays[path])).sum()) for path in facts.broken)
    return found(
        "non_finite",
        named(facts.broken),
        {"entries": bad, "parameters": len(facts.broken)},
        f"{count(bad, 'weight')} in {named(facts.broken)} {'is' if bad == 1 else 'are'} infinite "
        "or not a number.",
        line,
        BROKEN,
    )


@rule("symmetric_weights", "model")
def symmetric_weights(facts: Facts) -> Finding | None:
    """Units of a hidden layer with the same weights.

    Before training those above must be alike too: else the first step tells the units apart.
    """
    found_alike: list[tuple[float, str, int]] = []
    every = _matrices(facts)
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
        found_alike.append((fraction, path, w.shape[-1]))
    if not found_alike:
        return None
    found_alike.sort(reverse=True)
    fraction, path, units = found_alike[0]
    paths = [p for _, p, _ in found_alike]
    return found(
        "symmetric_weights",
        named(paths),
        {"fraction": fraction, "units": units},
        f"Of the {units} units of {path} {percent(fraction)} have the weights of another unit.",
        fix.new_weights("glorot_uniform", paths),
        strength(fraction, MANY_ALIKE, 1.0),
    )


@rule("initial_scale", "model")
def initial_scale(facts: Facts) -> Finding | None:
    """First weights far from any of the rules that keep the size of the signal."""
    assert facts.model is not None
    if any(isinstance(m, NORMALIZING) for m in nn.modules(facts.model).values()):
        return None
    worst: list[tuple[float, float, str]] = []
    for path, w in _matrices(facts):
        if facts.run is not None:
            if path not in facts.changes or path in facts.frozen:
                continue
            deviation = facts.changes[path].deviation
        else:
            deviation = float(w.std())
        if deviation == 0 or w.size < FEW_WEIGHTS:
            continue
        ratio = _against_rules(deviation, w.shape)
        if ratio >= TOO_LARGE or ratio <= TOO_SMALL:
            worst.append((abs(math.log(ratio)), ratio, path))
    if not worst:
        return None
    worst.sort(reverse=True)
    _, ratio, path = worst[0]
    limit = TOO_LARGE if ratio > 1 else TOO_SMALL
    certain = 10 * limit if ratio > 1 else limit / 100
    how = f"{number(ratio, 2)} times too large" if ratio > 1 else (
        f"{number(1 / ratio, 2)} times too small")  # fmt: skip
    when = "were" if facts.run is not None else "are"
    return found(
        "initial_scale",
        named(p for *_, p in worst),
        {"ratio": ratio, "layers": len(worst)},
        f"The initial values of {path} {when} {how} beside what Glorot's, He's and LeCun's rules "
        f"give a layer of this shape{_others(len(worst))}.",
        fix.new_weights("glorot_uniform"),
        strength(ratio, limit, certain),
        "note" if facts.learned else "fault",
    )


FEW_WEIGHTS = 16
"""So few numbers have a deviation of their own that may be far from that of the rule."""


@rule("never_moved", "model")
def never_moved(facts: Facts) -> Finding | None:
    """Parameters that training left as they were, or that get no gradient."""
    steps = facts.run.stopped.step if facts.run is not None and facts.run.stopped else 1
    same = [path for path, change in facts.changes.items() if change.same]
    if facts.run is not None and facts.changes and steps:
        stuck = [path for path in same if path not in facts.frozen]
        if len(stuck) == len(facts.changes):
            return None  # then it is the learning rate, or the run ended before it began
        why = f"have not changed a bit in {count(steps, 'step')}"
    else:
        gradients = facts.signals.gradients if facts.signals is not None else {}
        stuck = [path for path, g in gradients.items() if g.size and not g.any()]
        if len(stuck) == len(gradients):
            return None
        why = "get a gradient of exactly zero from every example"
    asked = sorted(facts.frozen)
    if not stuck and not asked:
        return None
    layers = list(dict.fromkeys(path.rpartition(".")[0] or path for path in stuck or asked))
    if not stuck:
        return found(
            "never_moved",
            named(layers),
            {"parameters": len(asked)},
            f"{named(asked)} kept {'its' if len(asked) == 1 else 'their'} initial values, as "
            "freeze asked for.",
            fix.fit_line(facts, freeze=None),
            0.5,
            "note",
        )
    assert facts.model is not None
    of_weights = any(nn.parameters(facts.model)[path].ndim >= 2 for path in stuck)
    return found(
        "never_moved",
        named(layers),
        {"parameters": len(stuck), "steps": steps},
        f"{named(stuck)} {why}.",
        f'seen = cp.glass.capture(model, x, y, "{facts.loss_name or "cross_entropy"}")\n'
        f"for layer in seen:  # look for the last layer on the way back that an error reaches\n"
        f"    print(layer.name, None if layer.error is None else abs(layer.error).max())",
        0.8 if of_weights else 0.6,
        "fault" if of_weights else "note",
    )


@rule("bfloat16_underflow", "model")
def bfloat16_underflow(facts: Facts) -> Finding | None:
    """Weights kept in bfloat16 whose steps are rounded away."""
    assert facts.model is not None
    narrow = {p: w for p, w in nn.parameters(facts.model).items() if w.dtype == jnp.bfloat16}
    if not narrow:
        return None
    lost, how = _lost(facts, narrow)
    line = fix.fit_line(facts, precision="bfloat16")
    return found(
        "bfloat16_underflow",
        named(narrow),
        {"fraction": lost, "parameters": len(narrow)},
        f"The weights are kept in bfloat16. {percent(lost)} of {how}.",
        "import jax, jax.numpy as jnp\nmodel = jax.tree.map(\n"
        "    lambda w: w.astype(jnp.float32) if w.dtype == jnp.bfloat16 else w, model)\n"
        f"{line}",
        strength(max(lost, 1e-3), MOSTLY_LOST, 0.95),
        "fault" if lost >= MOSTLY_LOST else "note",
    )


def _lost(facts: Facts, narrow: dict[str, Any]) -> tuple[float, str]:
    """Return the fraction of steps that are rounded away, and of what it is the fraction."""
    if facts.changes:
        sizes = np.array([facts.changes[p].size for p in narrow if p in facts.changes], float)
        still = np.array([facts.changes[p].still for p in narrow if p in facts.changes])
        return float((sizes * still).sum() / sizes.sum()), "them have their initial values still"
    rate = fix.rate_of(facts) or 0.001
    flat = np.concatenate([np.abs(np.asarray(w, np.float64)).ravel() for w in narrow.values()])
    fraction = float((rate < flat * HALF_SPACING).mean())
    return fraction, f"them are so large that a step of {number(rate)} is rounded away"


def _alike(units: np.ndarray) -> float:
    """Return the fraction of units, (units, weights), that have the weights of another one."""
    if len(units) < 2:
        return 0.0
    size = float(np.median(np.abs(units).max(axis=1))) or float(np.abs(units).max()) or 1.0
    _, counts = np.unique(np.round(units / (size * ALIKE)), axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / len(units))


def _matrices(facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return the weights between units by path."""
    assert facts.model is not None
    layers = nn.modules(facts.model)
    every = []
    for path, w in nn.parameters(facts.model).items():
        owner = layers.get(path.rpartition(".")[0])
        if w.ndim < 2 or w.shape[-1] < 2 or isinstance(owner, nn.Embedding | nn.LearnedPositions):
            continue
        if not jnp.isfinite(w).all():
            continue
        every.append((path, np.asarray(w.astype(jnp.float32), np.float64)))
    return every


def _last_path(facts: Facts, paths: list[str]) -> str:
    """Return the weights of the layer that gives the answers: these may begin at zero."""
    if facts.signals is not None and facts.signals.weighted:
        of = facts.signals.weighted[-1].path
        return next((p for p in reversed(paths) if p.rpartition(".")[0] == of), "")
    return paths[-1] if paths else ""


def _against_rules(deviation: float, shape: tuple[int, ...]) -> float:
    """Return how far outside the rules a deviation is: 1 within them."""
    fan_in, fan_out = fans(shape)
    known = [math.sqrt(2 / (fan_in + fan_out)), math.sqrt(2 / fan_in), math.sqrt(1 / fan_in)]
    return float(deviation / max(known) if deviation > max(known) else
                 min(1.0, deviation / min(known)))  # fmt: skip


def _others(layers: int) -> str:
    return "" if layers == 1 else f", and so of {count(layers - 1, 'other')}"

"""Rules about the outputs of layers and their error signals: dead units, vanishing, exploding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.capture import LayerSignal, Numbers
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, named
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.diagnosis.signals import Signals
from clearprop.glass.wording import count, number, percent
from clearprop.nn import definitions
from clearprop.nn.recurrent.layer import Recurrent

MANY_DEAD, SOME_DEAD = 0.5, 0.3
"""Fractions of a layer's units. Training at a good rate kills fewer than half: in the healthy
networks of the benchmark no layer of eight units or more has so many. A third is worth a note."""

SQUASHING = ("sigmoid", "tanh", "hard_tanh")
"""Activations of hidden layers that learn little where they are saturated."""

MOSTLY_SATURATED = 0.6
"""Fraction of a layer's outputs. Networks that have learned well have up to 0.4."""

PROBABILITIES = ("softmax", "log_softmax")
"""Activations of which an output that is 0 for every example is no dead unit."""

USUAL = 0.001
"""The learning rate of Adam with clipped gradients."""

FEWEST_LAYERS, FEWEST_STEPS = 3, 5

FEWEST_UNITS, ALL = 4, 0.99
"""Of fewer units, some are often dead or saturated by chance: then all of them have to be."""

Ends = tuple[LayerSignal, LayerSignal, float]

LARGE_BIAS, BEGAN_SO = 3.0, 0.3
"""Root mean square of biases divided by that of what the weights add, and of how far they went
divided by their own. With usual first values biases are zero."""

CUT = 1e-20
"""An error signal that shrinks to zero passes such sizes before, as float32 ends at 1e-38."""


@rule
def dead_units(facts: Facts, signals: Signals) -> Finding | None:
    """Units that are exactly zero for every example."""
    dead = [
        (definitions.is_dead(signal.value), signal)
        for signal in _calls(signals, nn.Activation) if signal.kind not in PROBABILITIES
    ]  # fmt: skip
    worst = _worst(dead, SOME_DEAD)
    if not worst:
        return None
    fraction, signal = worst[0]
    units = signal.value.shape[-1]
    said, change = _by_biases(facts, signals, [s for _, s in worst])
    if not change:
        layers = fix.other_activation([s.path for _, s in worst], "leaky_relu")
        change = f"{layers}\n{_slower(facts)}".strip()
    return Finding(
        named(s.label for _, s in worst),
        {"fraction": fraction, "units": units, "examples": signals.examples},
        f"In {signal.label}, the output of {round(fraction * units)} of {units} units is zero for "
        f"all {signals.examples} examples.{said}",
        change,
        strength(fraction, SOME_DEAD, 1.0),
        facts.grade if fraction >= MANY_DEAD else "note",
    )


def died(facts: Facts, signals: Signals) -> bool:
    """Whether most units of a layer are dead, and not by their first biases."""
    dead = [(definitions.is_dead(s.value), s) for s in _calls(signals, nn.Activation)
            if s.kind not in PROBABILITIES]  # fmt: skip
    worst = _worst(dead, MANY_DEAD)
    return bool(worst) and not _by_biases(facts, signals, [s for _, s in worst])[1]


@rule
def saturated_units(facts: Facts, signals: Signals) -> Finding | None:
    """Sigmoid and tanh units whose outputs are at the ends of their range."""
    worst = _saturated(facts, signals)
    if not worst:
        return None
    fraction, signal = worst[0]
    said, change = _by_biases(facts, signals, [s for _, s in worst])
    return Finding(
        named(s.label for _, s in worst),
        {"fraction": fraction},
        f"{percent(fraction)} of the outputs of {signal.label} ({signal.kind}) are at an end of "
        f"their range, where the derivative is almost zero.{said}",
        change or f"{fix.new_weights('glorot_uniform')}\n{_slower(facts)}".strip(),
        strength(fraction, MOSTLY_SATURATED, 0.98),
        facts.grade,
    )


def _saturated(facts: Facts, signals: Signals) -> list[tuple[float, LayerSignal]]:
    at_end = []
    # The outputs of a network that is right may well be at an end: then it is no finding.
    calls = _calls(signals, nn.Activation, nn.RNN)
    for signal in calls[:-1] if facts.learned and calls and _is_last(signals, calls[-1]) else calls:
        kind = "tanh" if isinstance(signal.module, nn.RNN) else signal.kind
        if kind in SQUASHING and (ends := definitions.is_saturated(kind, signal.value)) is not None:
            at_end.append((ends, signal))
    return _worst(at_end, MOSTLY_SATURATED)


def became_saturated(facts: Facts, signals: Signals) -> bool:
    """Whether most outputs of a layer are at an end of their range, and not by first biases."""
    worst = _saturated(facts, signals)
    return bool(worst) and not _by_biases(facts, signals, [s for _, s in worst])[1]


@rule
def vanishing_by_depth(facts: Facts, signals: Signals) -> Finding | None:
    """The first layer's error signal is a thousand times smaller than the last one's."""
    ends = _ends(signals)
    if ends is None or not ends[2] >= definitions.VANISHES:
        return None
    sizes = [s.error_size for s in signals.weighted if s.error_size > 0]
    if math.isinf(ends[2]) and min(sizes) > CUT:
        return None  # it is not small and then zero, but cut off: `never_moved` says where
    flat = [s.path for s in _calls(signals, nn.Activation)
            if s.kind in SQUASHING and not _is_last(signals, s)]  # fmt: skip
    change = f"{fix.other_activation(flat, 'relu')}\n{fix.new_weights('he_normal')}".strip()
    return _by_depth(facts, ends, definitions.VANISHES, change)


@rule
def exploding_by_depth(facts: Facts, signals: Signals) -> Finding | None:
    """The first layer's error signal is a thousand times larger, or no longer finite."""
    overflown = [s for s in signals.weighted if s.error is not None and not _is_finite(s)]
    if overflown:
        return _overflown(facts, overflown[-1], len(overflown) - 1)
    ends = _ends(signals)
    if ends is None or not 0 < ends[2] <= 1 / definitions.EXPLODES:
        return None
    change = f"{fix.new_weights('glorot_uniform')}\n{_clipped(facts)}"
    return _by_depth(facts, ends, definitions.EXPLODES, change)


def _by_depth(facts: Facts, ends: Ends, threshold: float, change: str) -> Finding:
    first, last, factor = ends
    how = f"{number(factor, 2)} times smaller" if math.isfinite(factor) else "exactly zero"
    if factor < 1:
        factor = 1 / factor
        how = f"{number(factor, 2)} times larger"
    return Finding(
        f"{last.label} to {first.label}",
        {"factor": factor, "first": first.error_size, "last": last.error_size},
        f"The size of the error signal is {number(last.error_size)} at {last.label} and "
        f"{number(first.error_size)} at {first.label}, the first layer: there it is {how}.",
        change,
        strength(factor, threshold, 1e6),
        facts.grade,
    )


def _overflown(facts: Facts, signal: LayerSignal, below: int) -> Finding:
    """Return the finding of the last layer with weights whose error signal is not finite."""
    assert signal.error is not None
    bad = int((~np.isfinite(signal.error)).sum())
    also = f" The same is seen in {count(below, 'layer')} before it." if below else ""
    return Finding(
        signal.label,
        {"entries": bad, "layers": below + 1},
        f"{count(bad, 'entry', 'entries')} of the error signal of {signal.label} "
        f"{'is' if bad == 1 else 'are'} infinite or not a number.{also}",
        f"{_asked_why(signal.path)}\n{fix.new_weights('glorot_uniform')}\n{_clipped(facts)}",
        1.0,
    )


def _asked_why(path: str) -> str:
    return f'# cp.explain(model, x, y).why("{path}") names the operation that made it so'


def _clipped(facts: Facts, rate: float = 0.0) -> str:
    """Return a call of `fit` with clipped gradients, by default with a low learning rate.

    A tiny rate was what kept the run finite: clipped gradients do not need it.
    """
    given = fix.rate_of(facts) or USUAL
    rate = rate or (given if USUAL / fix.FAR_BELOW < given < USUAL else USUAL)
    clipped = f"cp.optim.chain(cp.optim.clip_by_global_norm(1.0), cp.optim.adam({rate:.3g}))"
    return fix.fit_line(facts, optimizer=fix.Code(clipped), learning_rate=None)


@rule
def vanishing_through_time(facts: Facts, by_step: list[tuple[str, Numbers]]) -> Finding | None:
    """The error signal of a sequence's first step is ten thousand times smaller than the last's.

    Where every step has a target, each gets an error signal of its own, and near steps are enough
    for most tasks. Then it must be as small a few steps before the loss that is followed.
    """
    for label, sizes in by_step:
        if len(sizes) < FEWEST_STEPS or not sizes[-1] > 0 or not np.isfinite(sizes).all():
            continue
        factor = float(sizes[-1] / sizes[0]) if sizes[0] > 0 else math.inf
        near = sizes[-FEWEST_STEPS] if facts.has_target_at_every_step else sizes[0]
        if near * definitions.VANISHES_THROUGH_TIME <= sizes[-1]:
            weight = strength(factor, definitions.VANISHES_THROUGH_TIME, 1e8)
            change = _better_memory(facts, label)
            return _through_time(facts, label, len(sizes), factor, "smaller", change, weight)
    return None


@rule
def exploding_through_time(facts: Facts, by_step: list[tuple[str, Numbers]]) -> Finding | None:
    """The error signal of a sequence's first step is a hundred times larger than the last's."""
    weights = _recurrent_weights(facts)
    for label, sizes in by_step:
        bad = np.flatnonzero(~np.isfinite(sizes))
        if len(bad):
            return Finding(
                label,
                {"steps": len(sizes), "steps not finite": len(bad)},
                f"The error signal at the input of {label} is infinite or not a number at "
                f"{len(bad)} of {count(len(sizes), 'step')}; the last one is step "
                f"{int(bad[-1]) + 1}.",
                f"{_asked_why(label.partition(' ')[0])}\n{weights}\n{_clipped(facts)}",
                1.0,
            )
        if len(sizes) < FEWEST_STEPS or not sizes[-1] > 0:
            continue
        factor = float(sizes[0] / sizes[-1])
        if factor >= definitions.EXPLODES_THROUGH_TIME:
            weight = strength(factor, definitions.EXPLODES_THROUGH_TIME, 1e6)
            change = f"{weights}\n{_clipped(facts, 0.001)}".strip()
            return _through_time(facts, label, len(sizes), factor, "larger", change, weight)
    return None


def _through_time(
    facts: Facts, label: str, steps: int, factor: float, how: str, change: str, weight: float
) -> Finding:
    per_step = float(factor ** (1 / (steps - 1)))
    followed = ""
    if facts.has_target_at_every_step:
        followed = (
            f" This is the error signal of the loss of step {steps} alone; each other step has a "
            "target and an error signal of its own."
        )
    return Finding(
        label,
        {"factor": factor, "steps": steps, "per step": per_step},
        f"At the input of {label}, the error signal of step 1 is {number(factor, 2)} times {how} "
        f"than that of step {steps}: a factor of {number(per_step)} for each step.{followed}",
        change,
        weight,
        facts.grade,
    )


def _by_biases(facts: Facts, signals: Signals, blocked: Sequence[LayerSignal]) -> tuple[str, str]:
    """Return a sentence and a fix, where large first biases block units; else "" and "".

    A bias is large if it is far above what the weights add to it, and it began so.
    """
    arrays = nn.parameters(facts.model) if facts.model is not None else {}
    found: list[tuple[str, float, float]] = []
    for signal in blocked:
        before = signals.layers[: signals.layers.index(signal)]
        layer = next((s for s in reversed(before) if s in signals.weighted), None)
        path = f"{layer.path}.bias" if layer is not None else ""
        if layer is None or path not in arrays or path in (p for p, *_ in found):
            continue
        bias = np.asarray(arrays[path], np.float64)
        size = float(np.sqrt(np.mean(np.square(bias))))
        added = float(np.sqrt(np.mean(np.square(layer.value - bias))))
        change = facts.changes.get(path)
        began_so = change is None or change.distance < BEGAN_SO * size
        if size > max(LARGE_BIAS * added, 1.0) and began_so:
            found.append((path, size, added))
    if not found:
        return "", ""
    path, size, added = found[0]
    said = (f" The root mean square of {path} is {number(size)}, and that of what the weights add "
            f"to it {number(added)}: it was so from the beginning.")  # fmt: skip
    code = fix.without_biases(p for p, *_ in found)
    return said, f"{code}\n{fix.fit_line(facts, **fix.restart(facts))}"


def _calls(signals: Signals, *kinds: type[nn.Module]) -> list[LayerSignal]:
    """Return the calls of layers of some kinds, the last layer of the model included."""
    return [s for s in signals.layers if isinstance(s.module, kinds) and s.value.ndim >= 2]


def _is_last(signals: Signals, signal: LayerSignal) -> bool:
    return signal is signals.layers[-1]


def _worst(
    marked: list[tuple[NDArray[np.bool_], LayerSignal]], least: float
) -> list[tuple[float, LayerSignal]]:
    """Return the layers where at least a fraction of the units is marked, the worst one first.

    Of layers with fewer than four units, all have to be.
    """
    found = [
        (float(marks.mean()), signal)
        for marks, signal in marked
        if marks.size and marks.mean() >= (least if marks.shape[-1] >= FEWEST_UNITS else ALL)
    ]
    return sorted(found, key=lambda one: -one[0])


def _is_finite(signal: LayerSignal) -> bool:
    return math.isfinite(signal.error_size)


def _ends(signals: Signals) -> Ends | None:
    """Return the first and the last layer with weights, and how many times smaller the first's is.

    None where one of the two error signals is not finite, because then there is no factor.
    """
    layers = [s for s in signals.weighted
              if s.error is not None and not isinstance(s.module, Recurrent)]  # fmt: skip
    if len(layers) < FEWEST_LAYERS or not layers[-1].error_size > 0:
        return None
    first, last = layers[0], layers[-1]
    if not (_is_finite(first) and _is_finite(last)):
        return None
    return first, last, last.error_size / first.error_size if first.error_size > 0 else math.inf


def _slower(facts: Facts) -> str:
    if fix.rate_of(facts) is None:
        return ""
    return fix.fit_line(facts, learning_rate=fix.lower_rate(facts))


def _recurrent_weights(facts: Facts) -> str:
    assert facts.model is not None
    paths = [p for p in nn.parameters(facts.model) if p.endswith("recurrent_weight")]
    return fix.new_weights("orthogonal", paths) if paths else ""


def _better_memory(facts: Facts, label: str) -> str:
    assert facts.model is not None
    layer = nn.modules(facts.model).get(label)
    if not isinstance(layer, nn.RNN) or len(layer.cells) > 1 or layer.backward_cells is not None:
        return _recurrent_weights(facts)
    inputs, units = nn.parameters(layer)["cells.0.weight"].shape
    return (f'model = cp.nn.replace_layer(model, "{label}", '
            f"cp.nn.LSTM({inputs}, {units})).init(0)")  # fmt: skip

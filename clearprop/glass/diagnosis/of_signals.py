"""Rules about what goes through the layers: dead and saturated units, error signals that fade."""

from __future__ import annotations

import numpy as np

from clearprop import nn
from clearprop.glass.capture import LayerSignal
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, named
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import found, rule, strength
from clearprop.glass.wording import count, number, percent
from clearprop.nn.definitions import (
    EXPLODES,
    EXPLODES_THROUGH_TIME,
    VANISHES,
    VANISHES_THROUGH_TIME,
    is_dead,
    is_saturated,
)
from clearprop.nn.recurrent.layer import Recurrent

MANY_DEAD, SOME_DEAD = 0.5, 0.3
"""Half of a layer's units: more than training at a good rate kills. Of healthy networks in the
benchmark no layer of eight units or more has so many; a third is worth a note."""

SQUASHING = ("sigmoid", "tanh", "hard_tanh")
"""Activations of hidden layers that learn little where they are saturated."""

MOSTLY_SATURATED = 0.6
"""Of a layer's outputs. Trained networks that answer well have up to two fifths."""

FEWEST_LAYERS, FEWEST_STEPS, FEWEST_UNITS = 3, 5, 4


@rule("dead_units", "signals")
def dead_units(facts: Facts) -> Finding | None:
    """Units that are exactly zero for every example."""
    worst: list[tuple[float, int, LayerSignal]] = []
    for signal in _hidden(facts, (nn.Activation,)):
        dead = is_dead(signal.value)
        if len(dead) >= FEWEST_UNITS and dead.mean() >= SOME_DEAD:
            worst.append((float(dead.mean()), len(dead), signal))
    if not worst:
        return None
    worst.sort(key=lambda one: -one[0])
    fraction, units, signal = worst[0]
    assert facts.signals is not None
    fault = fraction >= MANY_DEAD and not facts.learned
    lower = _slower(facts)
    change = fix.other_activation([s.path for *_, s in worst], "leaky_relu")
    return found(
        "dead_units",
        named(s.label for *_, s in worst),
        {"fraction": fraction, "units": units, "examples": facts.signals.examples},
        f"{round(fraction * units)} of {units} units of {signal.label} are zero for each of "
        f"{facts.signals.examples} examples.",
        f"{change}\n{lower}".strip(),
        strength(fraction, SOME_DEAD, 1.0),
        "fault" if fault else "note",
    )


@rule("saturated_units", "signals")
def saturated_units(facts: Facts) -> Finding | None:
    """Sigmoid and tanh units that sit at the ends of their curves."""
    worst: list[tuple[float, LayerSignal]] = []
    for signal in _hidden(facts, (nn.Activation, nn.RNN)):
        kind = "tanh" if isinstance(signal.module, nn.RNN) else signal.kind
        at_end = is_saturated(kind, signal.value) if kind in SQUASHING else None
        if at_end is None or not at_end.size or at_end.shape[-1] < FEWEST_UNITS:
            continue
        fraction = float(at_end.mean())
        if fraction >= MOSTLY_SATURATED:
            worst.append((fraction, signal))
    if not worst:
        return None
    worst.sort(key=lambda one: -one[0])
    fraction, signal = worst[0]
    return found(
        "saturated_units",
        named(s.label for _, s in worst),
        {"fraction": fraction},
        f"{percent(fraction)} of the outputs of {signal.label} ({signal.kind}) are at the ends of "
        "the curve, where it is almost flat.",
        f"{fix.new_weights('glorot_uniform')}\n{_slower(facts)}".strip(),
        strength(fraction, MOSTLY_SATURATED, 0.98),
        "note" if facts.learned else "fault",
    )


@rule("vanishing_by_depth", "signals")
def vanishing_by_depth(facts: Facts) -> Finding | None:
    """The first layer's error signal is a thousand times smaller than the last one's."""
    ends = _ends(facts)
    if ends is None or not ends[2] >= VANISHES:
        return None
    first, last, factor = ends
    assert facts.signals is not None
    activations = {s.path: s.kind for s in _hidden(facts, (nn.Activation,))}
    flat = [path for path, kind in activations.items() if kind in SQUASHING]
    change = fix.other_activation(flat, "relu")
    size = "nothing of it arrives" if not np.isfinite(factor) else f"{number(factor, 2)} times less"
    return found(
        "vanishing_by_depth",
        f"{last.label} to {first.label}",
        {"factor": factor, "first": first.error_size, "last": last.error_size},
        f"On the way from {last.label} ({number(last.error_size)}) back to {first.label} "
        f"({number(first.error_size)}) the error signal fades: {size}.",
        f"{change}\n{fix.new_weights('he_normal')}".strip(),
        strength(factor, VANISHES, 1e6),
        "note" if facts.learned else "fault",
    )


@rule("exploding_by_depth", "signals")
def exploding_by_depth(facts: Facts) -> Finding | None:
    """The first layer's error signal is a thousand times larger, or no longer finite."""
    if (overflown := _overflown(facts)) is not None:
        return overflown
    ends = _ends(facts)
    if ends is None or not 0 < ends[2] <= 1 / EXPLODES:
        return None
    first, last, factor = ends
    return found(
        "exploding_by_depth",
        f"{last.label} to {first.label}",
        {"factor": 1 / factor, "first": first.error_size, "last": last.error_size},
        f"On the way from {last.label} ({number(last.error_size)}) back to {first.label} "
        f"({number(first.error_size)}) the error signal grows {number(1 / factor, 2)} times.",
        f"{fix.new_weights('glorot_uniform')}\n{_clipped(facts)}",
        strength(1 / factor, EXPLODES, 1e6),
        "note" if facts.learned else "fault",
    )


def _overflown(facts: Facts) -> Finding | None:
    """Return the finding of the last layer with weights whose error signal is not finite."""
    assert facts.signals is not None
    layers = [s for s in facts.signals.weighted if s.error is not None]
    layers = [s for s in layers if not np.isfinite(s.error_size)]
    if not layers:
        return None
    signal = layers[-1]
    assert signal.error is not None
    bad = int((~np.isfinite(signal.error)).sum())
    return found(
        "exploding_by_depth",
        signal.label,
        {"entries": bad, "layers": len(layers)},
        f"{count(bad, 'entry', 'entries')} of the error signal at {signal.label} "
        f"{'is' if bad == 1 else 'are'} infinite or not a number"
        f"{_and_below(len(layers) - 1)}.",
        f"{_asked_why(signal.path)}\n{fix.new_weights('glorot_uniform')}\n{_clipped(facts)}",
        1.0,
    )


def _asked_why(path: str) -> str:
    return f'# cp.explain(model, x, y).why("{path}") names the operation that made it so'


def _and_below(layers: int) -> str:
    return f", and so it is at {count(layers, 'layer')} below" if layers else ""


def _clipped(facts: Facts) -> str:
    """Return a call of `fit` with clipped gradients and a cautious rate."""
    rate = fix.rate_of(facts) or 0.001
    clipped = fix.Code(f"cp.optim.chain(cp.optim.clip_by_global_norm(1.0), "
                        f"cp.optim.adam({min(rate, 0.001):.3g}))")  # fmt: skip
    return fix.fit_line(facts, optimizer=clipped, learning_rate=None)


@rule("vanishing_through_time", "signals")
def vanishing_through_time(facts: Facts) -> Finding | None:
    """What the first step of a sequence gets is ten thousand times less than the last."""
    for label, sizes in facts.by_step:
        if len(sizes) < FEWEST_STEPS or not sizes[-1] > 0 or not np.isfinite(sizes).all():
            continue
        factor = float(sizes[-1] / sizes[0]) if sizes[0] > 0 else float("inf")
        if factor >= VANISHES_THROUGH_TIME:
            return found(
                "vanishing_through_time",
                label,
                {"factor": factor, "steps": len(sizes), "per step": _per_step(factor, sizes)},
                f"From step {len(sizes)} back to step 1 of the input of {label} the error signal "
                f"becomes {number(factor, 2)} times smaller, by {number(_per_step(factor, sizes))} "
                "a step.",
                _better_memory(facts, label),
                strength(factor, VANISHES_THROUGH_TIME, 1e8),
                "note" if facts.learned else "fault",
            )
    return None


@rule("exploding_through_time", "signals")
def exploding_through_time(facts: Facts) -> Finding | None:
    """What the first step of a sequence gets is a hundred times more than the last."""
    for label, sizes in facts.by_step:
        if not np.isfinite(sizes).all():
            return _overflown_through_time(facts, label, sizes)
        if len(sizes) < FEWEST_STEPS or not sizes[-1] > 0:
            continue
        factor = float(sizes[0] / sizes[-1])
        if factor >= EXPLODES_THROUGH_TIME:
            clipped = fix.Code("cp.optim.chain(cp.optim.clip_by_global_norm(1.0), "
                                "cp.optim.adam(0.001))")  # fmt: skip
            line = fix.fit_line(facts, optimizer=clipped, learning_rate=None)
            return found(
                "exploding_through_time",
                label,
                {"factor": factor, "steps": len(sizes), "per step": _per_step(factor, sizes)},
                f"From step {len(sizes)} back to step 1 of the input of {label} the error signal "
                f"becomes {number(factor, 2)} times larger, by {number(_per_step(factor, sizes))} "
                "a step.",
                f"{_recurrent_weights(facts)}\n{line}".strip(),
                strength(factor, EXPLODES_THROUGH_TIME, 1e6),
                "note" if facts.learned else "fault",
            )
    return None


def _overflown_through_time(facts: Facts, label: str, sizes: np.ndarray) -> Finding:
    """Return the finding of a recurrent layer some of whose steps get what is not finite."""
    bad = np.flatnonzero(~np.isfinite(sizes))
    return found(
        "exploding_through_time",
        label,
        {"steps": len(sizes), "steps not finite": len(bad)},
        f"The error signal that reaches the input of {label} is infinite or not a number at "
        f"{len(bad)} of {count(len(sizes), 'step')}, the last of them step {int(bad[-1]) + 1}.",
        "\n".join(filter(None, [_asked_why(label.partition(" ")[0]), _recurrent_weights(facts),
                                _clipped(facts)])),
        1.0,
    )  # fmt: skip


def _hidden(facts: Facts, kinds: tuple[type[nn.Module], ...]) -> list[LayerSignal]:
    """Return the calls of layers of some kinds, but what the model itself answers with."""
    assert facts.signals is not None
    layers = facts.signals.layers[:-1]
    return [s for s in layers if isinstance(s.module, kinds) and s.value.ndim >= 2]


def _ends(facts: Facts) -> tuple[LayerSignal, LayerSignal, float] | None:
    """Return first and last layer with weights, and the last's error signal over the first's.

    None where one of them is not finite: that neither fades nor grows by a factor.
    """
    assert facts.signals is not None
    layers = [s for s in facts.signals.weighted if s.error is not None]
    layers = [s for s in layers if not isinstance(s.module, Recurrent)]
    if len(layers) < FEWEST_LAYERS or not layers[-1].error_size > 0:
        return None
    first, last = layers[0], layers[-1]
    size = first.error_size
    if not (np.isfinite(size) and np.isfinite(last.error_size)):
        return None
    return first, last, last.error_size / size if size > 0 else float("inf")


def _slower(facts: Facts) -> str:
    if fix.rate_of(facts) is None:
        return ""
    return fix.fit_line(facts, learning_rate=fix.lower_rate(facts))


def _per_step(factor: float, sizes: np.ndarray) -> float:
    return float(factor ** (1 / (len(sizes) - 1)))


def _recurrent_weights(facts: Facts) -> str:
    paths = [p for p in nn.parameters(facts.model) if p.endswith("recurrent_weight")] \
        if facts.model is not None else []  # fmt: skip
    return fix.new_weights("orthogonal", paths) if paths else ""


def _better_memory(facts: Facts, label: str) -> str:
    layers = nn.modules(facts.model) if facts.model is not None else {}
    layer = layers.get(label)
    if isinstance(layer, nn.RNN) and len(layer.cells) == 1 and layer.backward_cells is None:
        shape = nn.parameters(layer)["cells.0.weight"].shape
        return (
            f'model = cp.nn.replace_layer(model, "{label}", '
            f"cp.nn.LSTM({shape[0]}, {shape[1]})).init(0)"
        )
    return _recurrent_weights(facts)

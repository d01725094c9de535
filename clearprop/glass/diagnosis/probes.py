"""Where in a network something is lost: compared before and behind every layer.

Shape letters: N examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from clearprop import nn, ops
from clearprop.glass.capture import Capture, LayerSignal, compiled_capture, inner_layers, plain
from clearprop.glass.diagnosis.facts import Facts, Numbers
from clearprop.glass.diagnosis.reference import constant_error, linear
from clearprop.glass.diagnosis.signals import PASS, PASSES

DIFFERENT = 1e-3
"""Difference of two outputs, in units of the largest one. Rounding makes about 1e-6."""

KEPT = 0.5
"""A layer loses what predicts the targets if, behind it, a linear model comes less than half as far
from the best constant prediction as before it."""

SURE = 6.0
"""Standard deviations from chance, from which the error of a linear model is worth comparing."""

NORMALIZING = (nn.LayerNorm, nn.BatchNorm)

UNREAD = 0.5
"""So many steps of a sequence may not be read before it is told."""

FEWEST_PLACES = 3
"""Of each axis. Two steps or pixels may well be a set."""

MOST_LAYERS = 6
"""Layers whose inputs and outputs are predicted from; each takes up to a fifth of a second."""


@dataclass(frozen=True, eq=False)
class LossyLayer:
    """A layer behind which a linear model no longer predicts the targets.

    Attributes:
        layer: its output predicts worse.
        before: the error of a linear model of the layer's input.
        behind: the error of a linear model of its output.
        is_shaped_alike: whether input and output have the same shape.
    """

    layer: LayerSignal
    before: float
    behind: float
    is_shaped_alike: bool


def lossy_layer(facts: Facts) -> LossyLayer | None:
    """Return the first layer of the user that loses what predicts the targets.

    A linear model predicts the targets from the layer's input, then from its output. Only layers
    without weights and activations that are not clearprop's are looked at: weights are learned, and
    behind a relu whose units are dead nothing is left either. In a model with branches the input of
    a layer is not known.

    Source: Alain and Bengio (2016), *Understanding intermediate layers using linear classifier
    probes*.
    """
    seen, part = facts.signals, facts.part
    y = facts.targets(part) if part is not None else None
    if seen is None or seen.input is None or part is None or y is None or not facts.is_chain:
        return None
    targets = y[facts.rows(part, PASS * PASSES)[: seen.examples]]
    baseline = constant_error(targets, facts.classifies)
    values = [seen.input.value, *(layer.value for layer in seen.layers)]
    own = [place for place, layer in enumerate(seen.layers) if _is_own(layer)]
    for place in own[:MOST_LAYERS]:
        given, made = values[place], values[place + 1]
        if len(given) != seen.examples or len(made) != seen.examples:
            continue
        before = linear(_flat(given), targets, facts.classifies)
        behind = linear(_flat(made), targets, facts.classifies)
        if before is None or behind is None or before.strength < SURE:
            continue
        if baseline - behind.error < KEPT * (baseline - before.error):
            error = min(behind.error, baseline)
            alike = given.shape == made.shape
            return LossyLayer(seen.layers[place], before.error, error, alike)
    return None


def mixing_layer(facts: Facts) -> tuple[LayerSignal | None, float, bool] | None:
    """Return the first layer that computes an example's output from other examples as well.

    The examples pass through the model in inference, then again with other examples in the place
    of the second half, and of the first half. If each output depends on its own example alone, the
    outputs of the half that stayed are the same. Both are needed: a network that reads the examples
    one after the other shows only what comes before.

    Returns:
        The layer, None where it is the model itself; the largest difference of an output, in units
        of the largest output; and whether the layer's input has the shape of its output. None
        where no example depends on another one.
    """
    model, part, loss = facts.model, facts.part, facts.loss
    if model is None or part is None or loss is None or facts.signals is None:
        return None
    x, y = facts.batch(part, PASS)
    half = len(jax.tree.leaves(y)[0]) // 2
    first = compiled_capture(model, x, y, loss)
    if not hasattr(first.output, "shape") or not half:
        return None
    for kept in (slice(0, half), slice(half, 2 * half)):
        again = compiled_capture(model, *(_repeated(kept, half, tree) for tree in (x, y)), loss)
        if (found := _mixes(facts, model, first, again, kept)) is not None:
            return found
    return None


def _mixes(
    facts: Facts, model: nn.Module, first: Capture, again: Capture, kept: slice
) -> tuple[LayerSignal | None, float, bool] | None:
    """Compare the examples that stayed, in the outputs and then in every layer."""
    output, changed = plain(first.output), plain(again.output)
    if output.ndim > 1 and output.shape[1] == len(output):  # such as similarities of the examples
        output, changed = output[:, kept], changed[:, kept]
    away = _difference(kept, output, changed)
    is_dead = bool((output == output[:1]).all())  # it shows nothing, so the layers are looked at
    if away <= DIFFERENT and not is_dead:
        return None
    before = plain(first.input.value) if hasattr(first.input.value, "shape") else None
    pairs = zip(inner_layers(model, first), inner_layers(model, again), strict=True)
    for one, other in pairs:
        inside = _difference(kept, one.value, other.value)
        if inside > DIFFERENT:
            away = max(away, inside) if is_dead else away
            alike = facts.is_chain and before is not None and before.shape == one.value.shape
            return one, away, alike
        before = one.value
    return (None, away, False) if away > DIFFERENT else None


def constant_layer(facts: Facts) -> LayerSignal | None:
    """Return the first normalization whose outputs are the same for all examples.

    Over a single number it subtracts the number from itself: nothing is left. None where there is
    none, or where its inputs are the same too.
    """
    seen = facts.signals
    if seen is None or seen.input is None:
        return None
    before = seen.input
    for layer in seen.layers:
        if isinstance(layer.module, NORMALIZING) and _is_constant(layer.value):
            return None if _is_constant(before.value) else layer
        before = layer
    return None


def ignored_places(facts: Facts) -> str:
    """Return what may change places without a change of the outputs: "pixels", "steps" or "".

    The places of all examples are exchanged in the same way. A network of which the outputs stay
    the same cannot know where something is.
    """
    model, part, loss = facts.model, facts.part, facts.loss
    if model is None or part is None or loss is None or facts.signals is None:
        return ""
    x, y = facts.batch(part, PASS)
    if not hasattr(x, "ndim") or x.ndim not in (3, 4) or x.dtype.kind != "f":
        return ""
    if min(x.shape[1 : x.ndim - 1]) < FEWEST_PLACES:
        return ""
    places = x.reshape(len(x), -1, x.shape[-1])
    order = np.random.default_rng(0).permutation(places.shape[1])
    first = plain(compiled_capture(model, x, y, loss).output)
    again = plain(compiled_capture(model, places[:, order].reshape(x.shape), y, loss).output)
    if first.ndim > 2 or (first == first[:1]).all():
        return ""
    size = float(np.abs(first - first.mean(axis=0)).max())
    if np.abs(first - again).max() > DIFFERENT * size:
        return ""
    return "pixels" if x.ndim == 4 else "steps"


def unread_steps(facts: Facts) -> tuple[int, int] | None:
    """Return how many steps of a sequence reach the loss, and of how many; None where all do.

    A step whose error signal is exactly zero for every example changes no output. Steps at which
    all examples are equal, such as padding, do not count.
    """
    seen = facts.signals
    if seen is None:
        return None
    first = seen.input
    if first is None or first.error is None or first.value.ndim != 3:
        first = next((s for s in seen.layers if isinstance(s.module, nn.Embedding)), None)
    if first is None or first.error is None or first.value.ndim != 3:
        return None
    value, error = first.value, first.error
    varied = (value != value[:1]).any(axis=(0, 2))
    read = error.any(axis=(0, 2)) & varied
    steps = int(varied.sum())
    return (int(read.sum()), steps) if 0 < read.sum() <= UNREAD * steps else None


def is_of_the_package(layer: LayerSignal) -> bool:
    """Whether a layer is one of clearprop's; an activation may be a function of your own."""
    module = layer.module
    if isinstance(module, nn.Activation):
        return module.function in ops.ACTIVATIONS.values()
    return type(module).__module__.startswith("clearprop.nn.")


def without_layer(layer: LayerSignal, is_shaped_alike: bool) -> str:
    """Return code that replaces a layer by the identity; "" where that would not fit.

    It fits where the layer has no weights, and does not change the shape of its input.
    """
    if not is_shaped_alike or layer.module is None or not layer.path:
        return ""
    if nn.parameters(layer.module):
        return ""
    return f'model = cp.nn.replace_layer(model, "{layer.path}", cp.nn.Activation("identity"))\n'


def _is_own(layer: LayerSignal) -> bool:
    if layer.module is None or is_of_the_package(layer):
        return False
    return not nn.parameters(layer.module)


def _is_constant(value: Numbers) -> bool:
    return len(value) > 1 and bool((value == value[:1]).all())


def _difference(kept: slice, first: Numbers, again: Numbers) -> float:
    """Return how far the outputs of some examples differ, in units of the largest output.

    Values without an axis of examples are not compared.
    """
    if first.ndim == 0 or first.dtype.kind != "f" or len(first) < kept.stop:
        return 0.0
    away = float(np.abs(first[kept] - again[kept]).max(initial=0.0))
    return away / (float(np.abs(first).max(initial=0.0)) or 1.0)


def _repeated(kept: slice, half: int, tree: Any) -> Any:
    """Return arrays with one half of the examples in place of the other half too."""
    other = slice(half, 2 * half) if kept.start == 0 else slice(0, half)
    return jax.tree.map(lambda a: a.at[other].set(a[kept]), tree)


def _flat(value: Numbers) -> Numbers:
    return np.asarray(value, np.float64).reshape(len(value), -1)

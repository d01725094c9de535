"""Rules about the outputs: whether they fit loss and targets, and beat a linear model.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import math

import numpy as np

from clearprop.data.baseline import persistence
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import DEVIATIONS, Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.outputs import Outputs
from clearprop.glass.diagnosis.probes import (
    constant_layer,
    ignored_places,
    is_of_the_package,
    lossy_layer,
    mixing_layer,
    unread_steps,
    without_layer,
)
from clearprop.glass.diagnosis.reference import Reference
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.diagnosis.shapes import STILL_FALLS, fall_of_a_pass
from clearprop.glass.diagnosis.signals import PASS, PASSES, Signals
from clearprop.glass.wording import count, number, percent
from clearprop.training import History
from clearprop.training.seam import Mismatch
from clearprop.training.seam.last_operation import seam_of
from clearprop.training.seam.scale import OF_LOSSES, Scale
from clearprop.training.training_data import Split

OF_LAST_OPERATION = (
    "one_softmax_unit", "softmax_over_batch", "logarithm", "applied_twice", "one_sided_scores",
    "no_probabilities", "targets_out_of_reach", "limited_scores",
)  # fmt: skip
"""Kinds of mismatch that the last operation causes, the surest first."""

SURE, UNSURE = 0.92, 0.6
"""Weights of a mismatch that cannot be meant, and of one that can."""

SUMS_TO_ONE = 1e-3
"""How far rows of a softmax in float32 are from 1 at most."""

AT_END = 0.05
"""How near to the end of a range an output must come before it is taken for a limit."""

MANY_ZEROS = 0.02
"""Fraction of outputs that are exactly 0. The outputs of a linear layer never are."""

MOST_BEYOND = 0.5
"""Fraction of the targets that are beyond all outputs."""

WORSE = 1.3
"""The training error divided by that of a linear model on examples that it has not seen."""

GOOD_ENOUGH = 0.9
"""A network that has come so far from the best constant prediction is not held against a line."""


@rule
def last_layer(facts: Facts, mismatches: list[Mismatch]) -> Finding | None:
    """A last operation whose outputs the loss cannot use, or that cannot reach the targets."""
    by_kind = {found.kind: found for found in reversed(mismatches)}
    for kind in OF_LAST_OPERATION:
        if kind in by_kind:
            found, sure = by_kind[kind], by_kind[kind].severity == "error"
            return Finding(
                found.where or "the last operation",
                found.evidence or {"examples": float(PASS * PASSES)},
                f"{found.sentence[0].upper()}{found.sentence[1:]}.",
                fix.of_mismatch(facts, found),
                SURE if sure else UNSURE,
                "fault" if sure else facts.grade,
            )
    seen = facts.outputs
    if seen is None or facts.run is None or _can_be_any_number(facts):
        return None
    return _by_numbers(facts, seen)


def _can_be_any_number(facts: Facts) -> bool:
    """Whether the last operation is known and limits nothing, such as a linear layer.

    What the outputs of such a model have in common is chance, or comes from too few steps.
    """
    if facts.part is None or facts.model is None or facts.loss is None:
        return False
    seam = seam_of(facts.model, facts.loss, *facts.batch(facts.part, PASS))
    return seam is not None and seam.reach is not None and not seam.reach.limited


def _by_numbers(facts: Facts, seen: Outputs) -> Finding | None:
    """Return what the numbers of the outputs show, where the last operation is not known."""
    y = np.asarray(seen.values[: PASS * PASSES], np.float64)
    t = np.asarray(seen.targets[: PASS * PASSES], np.float64)
    low, high, zeros = float(y.min()), float(y.max()), float((y == 0).mean())
    scale = OF_LOSSES.get(facts.loss_name, Scale.UNKNOWN)
    # A target at the end of a range is one that outputs come near to, such as 1 of tanh.
    beyond = float(((t > high + AT_END) | (t < low - AT_END)).mean())
    at_one, at_minus_one = 1 - AT_END < high <= 1, -1 <= low < AT_END - 1
    said = ""
    if scale in (Scale.SOFTMAX, Scale.SIGMOID, Scale.SCORE):
        is_wide = y.ndim > 1 and y.shape[-1] > 1
        if is_wide and low >= 0 and np.abs(y.sum(axis=-1) - 1).max() < SUMS_TO_ONE:
            said = "The outputs of each example sum to 1 like those of softmax"
        elif low >= 0 and at_one:
            said = f"All outputs are between 0 and 1 ({number(low)} to {number(high)})"
        elif at_one and at_minus_one:
            said = f"All outputs are between -1 and 1 ({number(low)} to {number(high)})"
        elif low == 0 and zeros > MANY_ZEROS:
            said = f"No output is below 0, and {percent(zeros)} are exactly 0, as behind relu"
        said = f"{said}, but the loss takes any number and applies its own." if said else ""
    limited = (at_one and (low >= 0 or at_minus_one)) or (low == 0 and zeros > MANY_ZEROS)
    if scale is Scale.VALUE and beyond > MOST_BEYOND and limited:
        said = (f"{percent(beyond)} of the targets are beyond all outputs, which go from "
                f"{number(low)} to {number(high)}.")  # fmt: skip
    if not said or facts.learned:
        return None
    return Finding(
        "the last operation",
        {"lowest output": low, "highest output": high, "zeros": zeros, "targets beyond": beyond},
        said,
        "# return the outputs of the last layer as they are, without an activation\n"
        f"{fix.without_last_activation(facts)}{fix.fit_line(facts)}",
        0.7,
    )


@rule
def mixed_examples(facts: Facts, signals: Signals) -> Finding | None:
    """Outputs of an example that depend on the other examples of the batch."""
    found = mixing_layer(facts)
    if found is None:
        return None
    layer, away, is_shaped_alike = found
    where = "the model" if layer is None else layer.label
    if layer is not None and is_of_the_package(layer):
        where = f"the code before {where}"
    change = without_layer(layer, is_shaped_alike) if layer is not None else ""
    return Finding(
        where,
        {"difference": away},
        "With other examples in half of the batch, the outputs of the other half change by up to "
        f"{percent(away)} of the largest output. The first place where an example gets numbers of "
        f"other examples is {where}.",
        f"# in {where}, look at every reshape, transpose, flip, mean and softmax: axis 0 has the "
        f"examples\n{change}{fix.fit_line(facts)}",
        0.9,
    )


@rule
def lost_information(facts: Facts, signals: Signals) -> Finding | None:
    """A layer that loses what predicts the targets, or a network that does not see places."""
    lost = lossy_layer(facts)
    if lost is None:
        return _of_one_number(facts) or _of_steps(facts) or _of_places(facts)
    where, now = lost.layer.label, facts.error_text(lost.behind)
    return Finding(
        where,
        {"error before": lost.before, "error behind": lost.behind},
        f"From the input of {where}, a linear model predicts the targets of examples that it has "
        f"not seen with an error of {facts.error_text(lost.before)}; from its output, with an "
        f"error of {now}.",
        f"# what does {where} do with the numbers of one example?\n"
        f"{without_layer(lost.layer, lost.is_shaped_alike)}{fix.fit_line(facts)}",
        0.8,
        # A mean or the last step of a sequence is often meant; a layer that keeps the shape is not
        # there to leave something out.
        facts.grade if lost.is_shaped_alike else "note",
    )


def _of_one_number(facts: Facts) -> Finding | None:
    """Find a normalization that leaves nothing, as over a single number."""
    layer = constant_layer(facts)
    if layer is None:
        return None
    name, shape = type(layer.module).__name__, layer.value.shape
    change = fix.fit_line(facts)
    if layer.path:
        change = (f'model = cp.nn.replace_layer(model, "{layer.path}", '
                  f'cp.nn.Activation("identity"))\n{change}')  # fmt: skip
    return Finding(
        layer.label,
        {"numbers": shape[-1]},
        f"The outputs of {layer.label} are the same for every example, though its inputs differ. "
        f"{name} subtracts the mean, and over {count(shape[-1], 'number')} nothing is left.",
        change,
        0.9,
        facts.grade,
    )


def _of_steps(facts: Facts) -> Finding | None:
    """Find a network whose outputs depend on few of the steps of its inputs."""
    found = unread_steps(facts) if not facts.learned else None
    if found is None:
        return None
    read, steps = found
    better = facts.train is not None and simple_prediction(facts, facts.train) is not None
    return Finding(
        "the model",
        {"steps": steps, "steps that are read": read},
        f"Of {count(steps, 'step')} of the inputs only {read} change the outputs: the error signal "
        "of the others is exactly zero for every example.",
        "# the last output of a recurrent layer, y[:, -1], knows all steps; y[:, 0] knows one\n"
        f"{fix.fit_line(facts)}",
        0.85,
        "fault" if better else "note",
    )


def _of_places(facts: Facts) -> Finding | None:
    """Find a network for which it makes no difference where something is."""
    places = ignored_places(facts) if not facts.learned else ""
    if not places:
        return None
    mend = {
        "pixels": "# nn.Conv2d(channels, filters, 3) sees neighbors; "
        "nn.Flatten() instead of a mean over the picture keeps the places",
        "steps": "# a recurrent layer, a convolution or positions, such as nn.LearnedPositions, "
        "tell the order",
    }[places]
    better = facts.train is not None and simple_prediction(facts, facts.train) is not None
    return Finding(
        "the model",
        {"change": 0.0},
        f"If all {places} of the inputs change their places, the outputs stay the same: no layer "
        f"looks at the places of the {places}, and what they say is lost.",
        f"{mend}\n{fix.fit_line(facts)}",
        0.8,
        "fault" if better else "note",
    )


@rule
def below_linear_model(facts: Facts, history: History, train: Split) -> Finding | None:
    """An error above that of a linear model on examples that it has not seen."""
    known, error = simple_prediction(facts, train), compared_error(facts)
    if known is None or error is None or facts.baseline is None:
        return None
    name, repeated = "A linear model", known is not facts.linear
    if repeated:
        name = "Repeating the last value of a window"
    by = "has" if repeated else "predicts examples that it has not seen with"
    of = "development" if is_compared_by_development(facts) else "its own training"
    where, more, change = "", "", fix.usual_call(facts)
    if facts.bottleneck is not None:
        where, units = facts.bottleneck
        more = f" All that the network knows of an example passes {count(units, 'unit')} there."
        change = fix.larger(facts)
    return Finding(
        where,
        {"error": error, "error of the simple prediction": known.error},
        f"{name} {by} an error of {facts.error_text(known.error)}. The network's error on "
        f"{of} examples is {facts.error_text(error)}, and that of the best constant prediction "
        f"{facts.error_text(facts.baseline)}.{more}",
        change,
        0.5 + 0.2 * (strength(error / max(known.error, 1e-9), WORSE, 10) - 0.5),
        "note" if fall_of_a_pass(history.objective) >= STILL_FALLS else "fault",
    )


def compared_error(facts: Facts) -> float | None:
    """Return the error of the network that is held against simple predictions.

    It is that of its own training examples, which is low for a network that knows them by heart.
    Where everything passes through a few units, it is that of the development examples.
    """
    errors = facts.development_error
    if errors is None or not is_compared_by_development(facts):
        return facts.training_error
    return float(errors[np.isfinite(errors)][-1])


def is_compared_by_development(facts: Facts) -> bool:
    """Whether it is the development error that is held against simple predictions."""
    return facts.bottleneck is not None and facts.development_error is not None


def simple_prediction(facts: Facts, train: Split) -> Reference | None:
    """Return the linear model or the persistence that beats the network; None where none does."""
    error = compared_error(facts)
    if error is None or not facts.baseline or 1 - error / facts.baseline > GOOD_ENOUGH:
        return None
    every = [one for one in (_persistence(facts, train), facts.linear) if one is not None]
    known = min(every, key=lambda one: one.error, default=None)
    if known is None or known.strength < 2 * DEVIATIONS:
        return None
    noise = 0.02 * facts.baseline
    if facts.classifies:
        noise = math.sqrt(max(error * (1 - error) + known.error * (1 - known.error), 0.0)
                          / known.examples)  # fmt: skip
    margin = max((WORSE - 1) * known.error, DEVIATIONS * noise, 1e-9)
    return known if error - known.error >= margin else None


def _persistence(facts: Facts, train: Split) -> Reference | None:
    """Return how well the last value of each window predicts its targets; None for other data."""
    is_series = train.dataset is not None and train.dataset.noun == "window"
    y = facts.targets(train)
    if facts.classifies or not is_series or y is None:
        return None
    windows = np.asarray(train.inputs, np.float64)
    windows = windows.reshape(len(windows), -1)
    near = persistence(windows, y.shape[1])
    error = float(np.sqrt(np.mean(np.square(y - near))))
    return Reference(error, math.inf, len(y))

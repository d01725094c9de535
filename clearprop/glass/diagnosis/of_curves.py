"""Rules about the three learning curves: the learning rate, overfitting, underfitting."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.diagnosis import fix, shapes
from clearprop.glass.diagnosis.facts import (
    DEVIATIONS,
    PERCEPTRON,
    Facts,
)
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.of_outputs import simple_prediction
from clearprop.glass.diagnosis.of_signals import became_saturated, died
from clearprop.glass.diagnosis.rules import EVERY, rule, rule_of, strength
from clearprop.glass.diagnosis.trained import Trained
from clearprop.glass.wording import count, number, percent
from clearprop.training import History
from clearprop.training.initial_values import Change

PEAK = 3.0
"""The mean loss of some steps divided by that of the first steps. Gradient descent does not climb
to three times its start; batches of healthy runs stay below twice."""

PEAK_STEPS, STEADY_BATCH = 5, 16
"""Number of steps of such a mean, and the batch size from which the loss of one step is steady.
With smaller batches the mean is over a tenth of an epoch if that is more, also at the start."""

ROUGH = 0.5
"""The sum of the rises in the worst ten epochs divided by the whole fall. The noise that is left in
the mean of an epoch is below a tenth of the fall."""

SATURATING = 100.0
"""A rate so many times the default of the optimizer is the cause of saturated units."""

ROSE = 1.1
"""The last objective divided by the first one. A task without any pattern rises by less."""

FORKS_ROSE = 1.5
"""For a fork, whose first objective is near the lowest one already."""

NEARLY_RIGHT = 0.95
"""So much of the way to no error is enough: more epochs do not matter."""

HARDLY_WENT = 0.05
"""The distance of all weights from their initial values, divided by the standard deviation of
these. In runs that learn it is 0.2 or more."""

LITTLE_SKILL = 0.5
"""Half of the way from the error of the best constant prediction to no error."""

LIKE_NEIGHBOURS = 1.5
"""The training error divided by that of the nearest neighbors, which need no training at all."""

WIDE_GAP = 0.1
"""The development error minus the training error, divided by the error of the best constant
prediction."""

WIDE_LOSS = 0.3
"""The same difference for a loss of your own, divided by the objective of the first epoch."""

BEATEN_BY_SIMPLE = 1.15
"""The same for regression, from which it is worth a note if the training error is far lower."""

MUCH_DROPOUT = 0.5
"""The rate of dropout from which it may be what keeps the training error high."""

FIRST_EPOCHS = 5
"""In so few epochs the gap between two errors is no sign, as long as both fall."""

WIDE_RATIO, REGRESSION_RISE = 1.5, 1.2
"""For regression: the development error divided by the training error, and by its own lowest
value."""

BY_HEART, LITTLE_LEARNED, RISEN_A_LITTLE = 0.1, 0.5, 1.05
"""For regression: a training error of less than a tenth of the development error, where this is
more than half of the error of the best constant prediction, means that noise was learned by heart.
A small rise of the development error is then enough."""

AS_GOOD = 1.1
"""The lowest development error divided by that of a simple prediction, for a network that came as
far as the data allows."""

LASTING = 3
"""Epochs for which a development error has to be above its lowest value."""

FEW_STEPS, SLOWLY = 150, 0.005
"""In so few steps no usual rate gets far; the objective still falls by this much with a pass."""

ROUGHLY = 0.04
"""Half the width of an interval. Most changes of a network improve the error by less."""


@rule
def rate_too_high(facts: Facts, run: Trained) -> Finding | None:
    """The objective rose, climbed far above its start, or goes up and down."""
    if facts.loss_name == PERCEPTRON:
        return None
    history, failure, rate = facts.history, run.non_finite, fix.rate_of(facts)
    steady = (facts.settings.get("batch_size") or STEADY_BATCH) >= STEADY_BATCH
    steps = PEAK_STEPS
    if history is not None and not steady:
        steps = max(PEAK_STEPS, int(history.step[0]) // 10)
    first, highest = shapes.peak(run.losses, steps, first=1 if steady else None)
    steps = min(steps, max(1, len(run.losses) // 2))
    climbed = highest / first if first > 0 else math.nan
    objective = history.objective if history is not None else np.zeros(0)
    rough = shapes.roughness(objective) if len(objective) >= 4 else 0.0
    shape = shapes.objective_shape(objective)
    limit = PEAK * _noise_of_a_batch(facts) if steady else PEAK
    signs = {"climb": climbed / limit if climbed == climbed else 0.0, "roughness": rough / ROUGH}
    if facts.is_fork:  # it may begin where the losses are lowest, so that only a rise tells
        signs = dict.fromkeys(signs, 0.0)
    if shape == "rose" and objective[0] > 0:
        rise = float(objective[-1] / objective[0])
        signs["rise"] = rise / (FORKS_ROSE if facts.is_fork else ROSE)
    sign = max(signs, key=lambda name: signs[name])
    seen, (killed, how) = signs[sign] >= 1, _killed(facts, rate)
    if not seen and not killed and (failure is None or failure.blames_operation):
        return None
    said = f"The learning rate was {number(rate)}. " if rate else ""
    if killed and not seen:
        said += f"It is {number(killed)} times the default of the optimizer, and units {how}."
    elif failure is not None and not seen:
        said += f"After {count(failure.step, 'step')} a number was no longer finite."
    elif sign == "climb":
        start = "loss of the first step" if steady else f"mean loss of the first {steps} steps"
        said += (f"The {start} was {number(first)}; later the mean loss of {steps} steps reached "
                 f"{number(highest)}, {number(climbed, 2)} times as much.")  # fmt: skip
    elif sign == "rise":
        said += (f"The objective rose from {number(float(objective[0]))} in the first epoch to "
                 f"{number(float(objective[-1]))} in the last.")  # fmt: skip
    elif history is not None:
        said += _unrest(history, rough)
    return Finding(
        "",
        {**({"learning rate": rate} if rate else {}), "climb": climbed, "roughness": rough},
        said,
        fix.fit_line(facts, learning_rate=fix.lower_rate(facts)),
        strength(signs[sign], 1, 10) if seen else 0.7,
        "note" if failure is None and shape != "rose" and _came_far(facts) else "fault",
    )


def _noise_of_a_batch(facts: Facts) -> float:
    """Return how much the loss of one batch may be below the mean: 1 for a loss of classes.

    A mean of n squares of normal numbers has a relative deviation of sqrt(2 / n).
    """
    n = facts.settings.get("batch_size") or STEADY_BATCH
    return 1.0 if facts.classifies else 1 + DEVIATIONS * math.sqrt(2 / n)


def _killed(facts: Facts, rate: float | None) -> tuple[float, str]:
    """Return how many times the default a rate is that has left units useless, and how; else 0.

    Units that were so from the beginning by their biases are no sign of the rate.
    """
    default, signals = fix.default_rate(facts.config.get("optimizer") or {}), facts.signals
    times = rate / default if rate and default else 0.0
    if times < fix.FAR_ABOVE or facts.learned or signals is None:
        return 0.0, ""
    if died(facts, signals):
        return times, "have died"
    # Hard tasks saturate units at smaller rates too.
    if times >= SATURATING and became_saturated(facts, signals):
        return times, "are saturated"
    return 0.0, ""


def _came_far(facts: Facts) -> bool:
    """Whether a network has learned, or its development error was as low as data allows."""
    if facts.learned_steadily:
        return True
    errors = facts.development_error
    return errors is not None and float(np.nanmin(errors)) <= AS_GOOD * facts.simple_error


def _unrest(history: History, rough: float) -> str:
    """Return a sentence about how the objective went up and down from epoch to epoch."""
    if math.isfinite(rough):
        return ("The rises of the objective from epoch to epoch, within ten epochs, add up to "
                f"{number(rough, 2)} times its whole fall.")  # fmt: skip
    objective = np.where(np.isfinite(history.objective), history.objective, np.nan)
    highest = int(np.nanargmax(objective))
    first, top, last = (number(float(objective[i])) for i in (0, highest, -1))
    return (f"The objective never fell below that of the first epoch, {first}: it rose to {top} in "
            f"epoch {int(history.epoch[highest])} and was {last} at the end.")  # fmt: skip


@rule
def rate_too_low(facts: Facts, history: History, beginning: dict[str, Change]) -> Finding | None:
    """The weights are still close to their initial values, and little was learned."""
    if facts.skill is not None and facts.skill > LITTLE_SKILL:
        return None
    moved = [c for p, c in beginning.items() if c.deviation > 0 and p not in facts.frozen]
    if not moved or facts.without_gradient:
        return None  # with a gradient of exactly zero no rate moves a weight
    sizes = np.array([c.size for c in moved], float)
    went = math.sqrt(float((sizes * [c.distance**2 for c in moved]).sum()))
    began = math.sqrt(float((sizes * [c.deviation**2 for c in moved]).sum()))
    ratio = went / began
    if not ratio < HARDLY_WENT:
        return None
    rate, steps = fix.rate_of(facts), int(history.step[-1])
    larger = fix.higher_rate(facts, 0.5 / max(ratio, 1e-9))
    said = f" with a learning rate of {number(rate)}" if rate else ""
    first, last = (number(float(history.objective[i])) for i in (0, -1))
    went_to = f"The objective went from {first} to {last}."
    if len(history) == 1:
        went_to = f"The objective of the only epoch is {last}."
    return Finding(
        "",
        {"distance": ratio, "steps": steps, **({"learning rate": rate} if rate else {})},
        f"In {count(steps, 'step')}{said}, the weights moved by {percent(ratio)} of the "
        f"standard deviation of their initial values. {went_to}",
        fix.fit_line(facts, **{"learning_rate": larger, **fix.enough_epochs(facts)}),
        0.5 + 0.4 * (strength(ratio, HARDLY_WENT, HARDLY_WENT / 100) - 0.5) if ratio else 0.9,
    )


@rule
def overfitting(
    facts: Facts, run: Trained, history: History, development_error: NDArray[np.floating]
) -> Finding | None:
    """The development error is far above the training error, or has risen since its best."""
    if (places := shapes.best_of(history, run.stopped, facts.settings.get("monitor"))) is None:
        return None
    best, end = places
    at_best, last = (float(development_error[i]) for i in places)
    training = float(history.training_error[end])
    n = facts.held_out if facts.classifies else 0
    training_at_best = float(history.training_error[best])
    state = shapes.gap(
        training, last, at_best, end - best, shapes.chance(last, n), training_at_best
    )
    if state in ("none", "unknown"):
        return None
    if facts.classifies:
        wide = max(
            WIDE_GAP * (facts.baseline or 1.0), DEVIATIONS * shapes.chance_deviation(last, n)
        )
        far, certain = (last - training) / wide, 4.0
        harms = _harms(facts, last, at_best, n)
    else:
        scale = facts.baseline or float(history.objective[0])
        harms = last - training > (WIDE_GAP if facts.baseline else WIDE_LOSS) * abs(scale)
        wide = last / max(training, 1e-12) / WIDE_RATIO
        # A single epoch may be far off, such as one of few examples: a rise has to last.
        lasting = float(np.nanmin(development_error[-LASTING:]))
        risen = lasting / max(at_best, 1e-12) / REGRESSION_RISE
        far, certain = min(wide, risen), 3.0
        by_heart = training < BY_HEART * last and last > LITTLE_LEARNED * scale
        if by_heart and lasting > RISEN_A_LITTLE * at_best:
            far = max(far, 1.0)
    simple = facts.simple_error
    beaten = not facts.classifies and wide >= 1 and last > BEATEN_BY_SIMPLE * simple
    if far < 1 and state != "grown" and not beaten:
        return None
    # While the development error still falls with the objective, to stop earlier would be wrong.
    falls = last <= float(np.nanmin(development_error)) and (
        len(history) <= FIRST_EPOCHS or shapes.objective_shape(history.objective) == "falling"
    )
    # The run has stopped at its best, or returned it, as the fix says.
    mended = bool(facts.settings.get("patience") or facts.settings.get("keep_best"))
    # A smaller network would do worse where a line generalizes better than a few units do.
    narrow = (facts.bottleneck is not None and facts.train is not None
              and simple_prediction(facts, facts.train) is not None)  # fmt: skip
    now, was = facts.error_text(last), facts.error_text(at_best)
    before = f" It was {was} after epoch {int(history.epoch[best])}." if was != now else ""
    if beaten:
        before += (" Nearest neighbors or a linear model predict examples that they have not seen "
                   f"with an error of {facts.error_text(simple)}.")  # fmt: skip
    return Finding(
        "",
        {"training error": training, "development error": last, "at best": at_best},
        f"At the end the training error is {facts.error_text(training)} and the development error "
        f"{now}.{before}",
        _with_decay(facts),
        strength(max(far, 1.0), 1, certain),
        "fault" if far >= 1 and harms and not falls and not narrow and not mended else "note",
    )  # fmt: skip


def _with_decay(facts: Facts) -> str:
    """Return the call of `fit` with weight decay and early stopping."""
    patience = max(3, facts.settings.get("epochs", 10) // 10)
    decay = fix.Code(f"cp.optim.adamw({(fix.rate_of(facts) or 0.001):.3g}, weight_decay=0.1)")
    return fix.fit_line(
        facts, {"weight_decay": 0.1, "patience": patience},
        patience=patience, optimizer=decay, learning_rate=None,
    )  # fmt: skip


def _harms(facts: Facts, last: float, at_best: float, n: int) -> bool:
    """Whether a development error has clearly risen, or is above that of a simple prediction.

    A network that knows its training examples by heart may still be the best that the data allows.
    """
    noise = DEVIATIONS * shapes.chance_deviation(max(at_best, 1.0 / max(n, 1)), n)
    if last - at_best > max(noise, WIDE_GAP / 2 * (facts.baseline or 1.0)):
        return True
    return facts.simple is None or facts.is_worse_than_simple


@rule
def underfitting(facts: Facts, history: History) -> Finding | None:
    """The objective has leveled off, and nearest neighbors predict better than the network."""
    shape, skill = shapes.objective_shape(history.objective), facts.skill
    if skill is None or shape in ("rose", "broken", "none"):
        return None
    training, reference = facts.training_error, facts.reference
    falling = shape in ("falling", "one")
    if training is None:
        return None
    # Where all targets are equal, a constant prediction has no error.
    if reference is None or not facts.baseline:
        if skill > LITTLE_SKILL / 2 or falling or training == 0:
            return None
        return Finding(
            "", {"training error": training},
            "The objective no longer falls, but the training error is still "
            f"{facts.error_text(training)}.",
            fix.larger(facts), 0.5, "note",
        )  # fmt: skip
    possible = 1 - reference.error / facts.baseline
    noise = math.sqrt(max(training * (1 - training), 0) / reference.examples) \
        if facts.classifies else 0.02 * facts.baseline  # fmt: skip
    margin = max((LIKE_NEIGHBOURS - 1) * reference.error, DEVIATIONS * noise, 1e-9)
    missed = (training - reference.error) / margin
    if missed < 1 or reference.strength < 2 * DEVIATIONS or skill > 0.8 * possible:
        return None
    if facts.train is not None and simple_prediction(facts, facts.train) and not _is_limited(facts):
        return None  # more units are not what is missing: not even what a line can do was learned
    falls = falling and shapes.fall_of_a_pass(history.objective) >= shapes.STILL_FALLS
    well = falling and skill > LITTLE_SKILL and not _is_limited(facts)
    return Finding(
        "",
        {"training error": training, "neighbors' error": reference.error},
        f"The training error is {facts.error_text(training)} at the end. Predicting each example "
        "from its five nearest training examples has an error of "
        f"{facts.error_text(reference.error)}, the best constant prediction one of "
        f"{facts.error_text(facts.baseline)}: the data allows a lower error than the network has"
        f"{', and the objective is still falling.' if falling else '.'}",
        fix.fit_line(facts, epochs=3 * int(facts.settings.get("epochs", 10)))
        if falling and facts.bottleneck is None else fix.larger(facts),
        0.5 + 0.3 * (strength(missed, 1, 10) - 0.5),
        "note" if shape == "one" or falls or well else "fault",
    )  # fmt: skip


@rule
def too_few_epochs(facts: Facts, history: History) -> Finding | None:
    """A run that ended while the objective still fell and the development error was at its best."""
    made = len(history)
    if made == 1:
        return Finding(
            "epoch 1", {"epochs": 1},
            "After one pass through the examples each curve is a single point, which says little "
            "of underfitting, of overfitting and of the learning rate.",
            fix.fit_line(facts, epochs=max(10, int(facts.settings.get("epochs", 1)))),
            0.5, "note",
        )  # fmt: skip
    falls, errors = shapes.fall_of_a_pass(history.objective), facts.development_error
    enough = facts.skill is not None and facts.skill > NEARLY_RIGHT
    finished = facts.run is not None and facts.run.stopped is not None
    if finished and not enough and (hurried := _few_steps(facts, history)) is not None:
        return hurried
    if falls < shapes.STILL_FALLS or enough or not finished:
        return None
    said = f"At the end the objective was still falling by {percent(falls)} with every pass"
    if errors is not None:
        known = errors[np.isfinite(errors)]
        if known[-1] > known.min():
            return None
        said += ", and the development error was at its lowest"
    epochs = int(facts.settings.get("epochs", made))
    return Finding(
        f"epoch {made}", {"fall of a pass": falls, "epochs": made}, f"{said}: go on.",
        fix.fit_line(facts, epochs=3 * epochs), 0.98, "note",
    )  # fmt: skip


def _few_steps(facts: Facts, history: History) -> Finding | None:
    """Return the finding of so few steps that a linear model is better; None for other runs."""
    steps, rate = int(history.step[-1]), fix.rate_of(facts)
    usual = fix.default_rate(facts.config.get("optimizer") or {})
    falls = shapes.fall_of_a_pass(history.objective) >= SLOWLY
    if steps >= FEW_STEPS or facts.train is None or not falls:
        return None
    if (rate and usual and rate < usual / 2) or simple_prediction(facts, facts.train) is None:
        return None
    each, examples = int(history.step[0]), len(facts.train)
    size = int(facts.settings.get("batch_size") or fix.USUAL_BATCH)
    changed = dict(fix.enough_epochs(facts))
    if size > fix.USUAL_BATCH:
        epochs = int(facts.settings.get("epochs", len(history)))
        made = -(-examples // fix.USUAL_BATCH) * epochs
        changed = {"batch_size": fix.USUAL_BATCH, **(changed if made < FEW_STEPS else {})}
    whole = "Smaller batches make more steps of an epoch. " if each == 1 and examples > 1 else ""
    return Finding(
        f"epoch {len(history)}",
        {"steps": steps, "steps of an epoch": each},
        f"The run had {count(steps, 'step')}: {each} in each epoch, as a step takes {size} of "
        f"{count(examples, 'example')}. {whole}The objective was still falling, from "
        f"{number(float(history.objective[0]))} to {number(float(history.objective[-1]))}.",
        fix.fit_line(facts, **changed),
        0.7,
    )


@rule
def development_noise(
    facts: Facts, history: History, development_error: NDArray[np.floating]
) -> Finding | None:
    """So few development examples that their error is inaccurate."""
    n = facts.held_out
    if not n or not facts.classifies:
        return None
    end = np.flatnonzero(np.isfinite(development_error))[-1]
    error = float(development_error[end])
    said = (
        f"After epoch {int(history.epoch[end])}, {percent(error)} of "
        f"{count(n, 'development example')} are predicted wrongly."
    )
    low, high = interval(error, n)
    if facts.loss is not None and facts.loss.skips_negative:
        rates = facts.dev_outputs.error_rates if facts.dev_outputs is not None else None
        if rates is None or len(rates) < 2:
            return None  # how much the sequences differ is not known
        error, spread = float(rates.mean()), float(rates.std(ddof=1))
        half = 1.96 * spread / math.sqrt(n)
        low, high = max(0.0, error - half), min(1.0, error + half)
        said = (
            f"Of an example of the development part, {percent(error)} of the places are predicted "
            f"wrongly on average, with a standard deviation of {percent(spread)} between "
            f"{count(n, 'example')}."
        )
    half = (high - low) / 2
    if half < ROUGHLY:
        return None
    return Finding(
        "development examples",
        {"examples": n, "low": low, "high": high, "error": error},
        f"{said} With a confidence of 95 %, the error on new examples is between {percent(low)} "
        f"and {percent(high)}.",
        "# hold out more examples, or take the mean of several seeds\n"
        f"for seed in range(5):\n    {fix.fit_line(facts, seed=fix.Code('seed'))}",
        strength(half, ROUGHLY, 0.25),
        "note",
    )


@rule_of(EVERY)
def unfinished(facts: Facts, run: Trained) -> Finding | None:
    """A run that was interrupted, by its own function too, or cut off."""
    stopped = run.stopped
    if stopped is not None and stopped.reason != "interrupted":
        return None
    made = stopped.epoch if stopped is not None else len(run.history)
    wanted = int(facts.settings.get("epochs", 0))
    how = "was stopped" if stopped is not None else "still goes on or was cut off"
    return Finding(
        f"epoch {made}",
        {"epochs made": made, "epochs wanted": wanted},
        f"The run {how} after {made} of {count(wanted, 'epoch')}.",
        fix.fit_line(facts, folder=fix.Code("folder"), resume=True),
        0.4,
        "note",
    )


def interval(fraction: float, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a fraction of n examples, by Wilson (1927).

    >>> low, high = interval(0.1, 20)
    >>> print(f"{low:.3f} {high:.3f}")
    0.028 0.301
    """
    z = 1.96
    middle = (fraction + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _is_limited(facts: Facts) -> bool:
    """Whether a network has fewer hidden units than outputs, much dropout, or a penalty."""
    layers = nn.modules(facts.model).values() if facts.model is not None else []
    drops = any(isinstance(m, nn.Dropout) and m.rate >= MUCH_DROPOUT for m in layers)
    penalties = fix.penalties(facts.config.get("optimizer") or {})
    return facts.bottleneck is not None or drops or any(True for _ in penalties)

"""Rules about the three learning curves: the learning rate, overfitting, underfitting."""

from __future__ import annotations

import math

import numpy as np

from clearprop import nn
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import PERCEPTRON, Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import found, rule, strength
from clearprop.glass.diagnosis.shapes import (
    best_of,
    chance,
    chance_deviation,
    gap,
    objective_shape,
    peak,
    roughness,
)
from clearprop.glass.wording import count, number, percent
from clearprop.training import History

PEAK = 3.0
"""The mean loss of some steps over that of the first: descent does not climb to three times of
where it began; batches of healthy runs stay below twice."""

PEAK_STEPS, STEADY_BATCH = 5, 16
"""Steps of such a mean. The loss of a batch of sixteen is a mean already, and where the rate is too
high, the loss of the first step alone is that of the initial values. The first losses of smaller
batches are luck, so the first mean is of as many steps as the later ones, or a tenth of an epoch if
that is more."""

ROUGH = 0.5
"""All rises of the objective over its whole fall. What is left of batch noise in a pass's mean is
below a tenth of the fall."""

HARDLY_WENT = 0.05
"""How far all weights went over the deviation of their initial values. Runs that learn go a fifth
of it or further."""

LITTLE_SKILL = 0.5
"""Half of the way from one answer for all to none wrong."""

LIKE_NEIGHBOURS = 1.5
"""The training error over that of asking the nearest neighbors, which needs no training at all."""

DEVIATIONS = 3.0
"""Of the binomial distribution: chance alone does that once in seven hundred times."""

WIDE_GAP = 0.1
"""Development less training error, of the error of one answer for all: a tenth of the task."""

WIDE_RATIO, REGRESSION_RISE = 1.5, 1.2
"""For numbers: development over training error, and over its own lowest value."""

ROUGHLY = 0.04
"""Half an interval of four hundredths: the most that most changes of a network bring."""


@rule("rate_too_high", "run")
def rate_too_high(facts: Facts) -> Finding | None:
    """The objective rose, climbed far above its beginning, or goes up and down."""
    assert facts.run is not None
    if facts.loss_name == PERCEPTRON:
        return None
    history = facts.history
    first, highest, steps = _climb(facts)
    climbed = highest / first if first > 0 else math.nan
    objective = history.objective if history is not None else np.zeros(0)
    rough = roughness(objective) if len(objective) >= 4 else 0.0
    shape = objective_shape(objective)
    failure = facts.run.non_finite
    signs = {"climb": climbed / PEAK if climbed == climbed else 0.0, "roughness": rough / ROUGH}
    if shape == "rose":
        signs["rise"] = float(objective[-1] / np.nanmin(objective))
    sign = max(signs, key=lambda name: signs[name])
    if not signs[sign] >= 1 and failure is None:
        return None
    rate = fix.rate_of(facts)
    said = f"The learning rate was {number(rate)}. " if rate else ""
    if failure is not None and not signs[sign] >= 1:
        said += f"Within {count(failure.step, 'step')} a number was no longer finite."
    elif sign == "climb":
        said += (f"{_first_losses(facts, steps)} {number(first)}; later the mean of {steps} steps "
                 f"was {number(highest)}, {number(climbed, 2)} times as much.")  # fmt: skip
    elif sign == "rise":
        said += (f"The objective rose from {number(float(objective[0]))} in the first epoch to "
                 f"{number(float(objective[-1]))} in the last.")  # fmt: skip
    else:
        assert history is not None
        said += _unrest(history, rough)
    learned = facts.learned and failure is None and shape != "rose"
    return found(
        "rate_too_high",
        "",
        {**({"learning rate": rate} if rate else {}), "climb": climbed, "roughness": rough},
        said,
        fix.fit_line(facts, learning_rate=fix.lower_rate(facts)),
        0.7 if failure is not None and signs[sign] < 1 else strength(signs[sign], 1, 10),
        "note" if learned else "fault",
    )


def _unrest(history: History, rough: float) -> str:
    """Say how the objective went up and down from epoch to epoch."""
    if math.isfinite(rough):
        much = number(rough, 2)
        return f"From epoch to epoch the objective rose by {much} times as much in all as it fell."
    objective = np.where(np.isfinite(history.objective), history.objective, np.nan)
    highest = int(np.nanargmax(objective))
    first, top, last = (number(float(objective[i])) for i in (0, highest, -1))
    return (f"No epoch brought the objective below that of the first, {first}: it rose to {top} in "
            f"epoch {int(history.epoch[highest])} and was {last} at the end.")  # fmt: skip


def _climb(facts: Facts) -> tuple[float, float, int]:
    """Return the loss of the first steps, the highest later, and how many steps it is a mean of."""
    assert facts.run is not None
    losses, history = facts.run.losses, facts.history
    half = max(1, len(losses) // 2)
    if _steady(facts):
        return *peak(losses, PEAK_STEPS, first=1), min(PEAK_STEPS, half)
    steps = max(PEAK_STEPS, int(history.step[0]) // 10 if history is not None else 0)
    return *peak(losses, steps), min(steps, half)


def _steady(facts: Facts) -> bool:
    return int(facts.settings.get("batch_size") or STEADY_BATCH) >= STEADY_BATCH


def _first_losses(facts: Facts, steps: int) -> str:
    if _steady(facts):
        return "The loss of the first step was"
    return f"The mean loss of the first {steps} steps was"


@rule("rate_too_low", "history")
def rate_too_low(facts: Facts) -> Finding | None:
    """The weights have hardly left their initial values, and little is learned."""
    history = facts.history
    assert history is not None
    if facts.skill is not None and facts.skill > LITTLE_SKILL:
        return None
    moved = [c for p, c in facts.changes.items() if c.deviation > 0 and p not in facts.frozen]
    if not moved:
        return None
    sizes = np.array([c.size for c in moved], float)
    went = math.sqrt(float((sizes * [c.distance**2 for c in moved]).sum()))
    began = math.sqrt(float((sizes * [c.deviation**2 for c in moved]).sum()))
    ratio = went / began
    if not ratio < HARDLY_WENT:
        return None
    rate, steps = fix.rate_of(facts), int(history.step[-1])
    larger = min((rate or 0.001) * min(max(0.5 / max(ratio, 1e-6), 10), 1000), 1.0)
    said = f"with a learning rate of {number(rate)}" if rate else "in all"
    return found(
        "rate_too_low",
        "",
        {"distance": ratio, "steps": steps, **({"learning rate": rate} if rate else {})},
        f"In {count(steps, 'step')} {said} the weights went {percent(ratio)} of the deviation of "
        f"their initial values, and the objective from {number(float(history.objective[0]))} to "
        f"{number(float(history.objective[-1]))}.",
        fix.fit_line(facts, learning_rate=larger),
        0.5 + 0.4 * (strength(ratio, HARDLY_WENT, HARDLY_WENT / 100) - 0.5) if ratio else 0.9,
    )


@rule("overfitting", "history", "judged")
def overfitting(facts: Facts) -> Finding | None:
    """The development error is far above the training error, or has risen since its best."""
    history = facts.history
    assert history is not None
    assert facts.run is not None
    if (places := best_of(history, facts.run.stopped)) is None:
        return None
    best, end = places
    at_best, last = (float(history.development_error[i]) for i in places)
    training = float(history.training_error[end])
    waited = end - best
    n = int(facts.config.get("data", {}).get("development_examples") or 0)
    noise = chance_deviation(last, n) if facts.task == "classification" else 0.0
    rise = chance(last, n) if facts.task == "classification" else 0.0
    state = gap(training, last, at_best, waited, rise, float(history.training_error[best]))
    if state in ("none", "unknown"):
        return None
    if facts.task == "classification":
        wide = max(WIDE_GAP * (facts.baseline or 1.0), DEVIATIONS * noise)
        far, certain = (last - training) / wide, 4.0
    else:
        wide = last / max(training, 1e-12) / WIDE_RATIO
        risen = last / max(at_best, 1e-12) / REGRESSION_RISE
        far, certain = min(wide, risen), 3.0
    if far < 1 and state != "grown":
        return None
    text = percent if facts.task == "classification" else number
    was = text(at_best) if waited else text(last)
    risen_text = (
        f" It was {was} after epoch {int(history.epoch[best])}." if was != text(last) else ""
    )
    decay = fix.Code(f"cp.optim.adamw({(fix.rate_of(facts) or 0.001):.3g}, weight_decay=0.1)")
    patient = fix.fit_line(
        facts, patience=max(3, int(facts.settings.get("epochs", 10)) // 10), optimizer=decay,
        learning_rate=None,
    )  # fmt: skip
    return found(
        "overfitting",
        "",
        {"training error": training, "development error": last, "at best": at_best},
        f"At the end the training error is {text(training)} and the development error "
        f"{text(last)}.{risen_text}",
        patient,
        strength(max(far, 1.0), 1, certain),
        "fault" if far >= 1 else "note",
    )


@rule("underfitting", "history")
def underfitting(facts: Facts) -> Finding | None:
    """The objective has leveled off, and like examples tell more of each other than the network."""
    history = facts.history
    assert history is not None
    shape, skill = objective_shape(history.objective), facts.skill
    if skill is None or shape in ("rose", "broken", "none"):
        return None
    training, reference = float(history.training_error[-1]), facts.reference
    text = percent if facts.task == "classification" else number
    # Where all targets are equal, one prediction is right for all: its error is 0.
    if reference is None or not facts.baseline:
        if skill > LITTLE_SKILL / 2 or shape in ("one", "falling") or training == 0:
            return None
        return found(
            "underfitting", "", {"training error": training},
            f"The objective has leveled off, and the training error is {text(training)} still.",
            _larger(facts), 0.5, "note",
        )  # fmt: skip
    possible = 1 - reference.error / facts.baseline
    noise = math.sqrt(max(training * (1 - training), 0) / reference.examples) \
        if facts.task == "classification" else 0.02 * facts.baseline  # fmt: skip
    margin = max((LIKE_NEIGHBOURS - 1) * reference.error, DEVIATIONS * noise, 1e-9)
    missed = (training - reference.error) / margin
    if missed < 1 or reference.strength < 2 * DEVIATIONS or skill > 0.8 * possible:
        return None
    falling = shape in ("falling", "one")
    return found(
        "underfitting",
        "",
        {"training error": training, "neighbors' error": reference.error},
        f"The training error is {text(training)} at the end, where asking the five nearest "
        f"training examples errs by {text(reference.error)} (and one answer for all by "
        f"{text(facts.baseline)}): the data holds more than the network has taken from it"
        f"{', and the objective is falling still.' if falling else '.'}",
        fix.fit_line(facts, epochs=3 * int(facts.settings.get("epochs", 10)))
        if falling else _larger(facts),
        0.5 + 0.3 * (strength(missed, 1, 10) - 0.5),
        "note" if falling and skill > LITTLE_SKILL else "fault",
    )  # fmt: skip


@rule("development_noise", "history", "judged")
def development_noise(facts: Facts) -> Finding | None:
    """So few development examples that their error says little."""
    history = facts.history
    assert history is not None
    n = int(facts.config.get("data", {}).get("development_examples") or 0)
    errors = history.development_error[np.isfinite(history.development_error)]
    if not n or not len(errors) or facts.task != "classification":
        return None
    low, high = interval(float(errors[-1]), n)
    half = (high - low) / 2
    if half < ROUGHLY:
        return None
    return found(
        "development_noise",
        "development examples",
        {"examples": n, "low": low, "high": high, "error": float(errors[-1])},
        f"Of {count(n, 'development example')} {percent(float(errors[-1]))} are wrong: nineteen "
        f"times in twenty the true fraction lies between {percent(low)} and {percent(high)}.",
        "# hold out more, or take the mean of several seeds\n"
        "splits = dataset.split(dev=0.2)\n"
        f'runs = [cp.fit(model, data, "{facts.loss_name}", seed=seed) for seed in range(5)]',
        strength(half, ROUGHLY, 0.25),
        "note",
    )


@rule("unfinished", "run")
def unfinished(facts: Facts) -> Finding | None:
    """A run that was interrupted, or cut off."""
    assert facts.run is not None
    stopped = facts.run.stopped
    if stopped is not None and stopped.reason != "interrupted":
        return None
    made = stopped.epoch if stopped is not None else len(facts.run.history)
    wanted = int(facts.settings.get("epochs", 0))
    how = "was interrupted" if stopped is not None else "goes on, or was cut off"
    return found(
        "unfinished",
        f"epoch {made}",
        {"epochs made": made, "epochs wanted": wanted},
        f"The run {how} after {made} of {count(wanted, 'epoch')}.",
        fix.fit_line(facts, folder=fix.Code("folder"), resume=True),
        0.4,
        "note",
    )


def interval(fraction: float, n: int) -> tuple[float, float]:
    """Return between which fractions the true one lies nineteen times in twenty, by Wilson (1927).

    >>> low, high = interval(0.1, 20)
    >>> print(f"{low:.3f} {high:.3f}")
    0.028 0.301
    """
    z = 1.96
    middle = (fraction + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _larger(facts: Facts) -> str:
    """Return code with more room to learn: less that holds back, or more units."""
    layers = nn.modules(facts.model) if facts.model is not None else {}
    drops = [p for p, m in layers.items() if isinstance(m, nn.Dropout) and m.rate > 0]
    lines = [f'model = cp.nn.replace_layer(model, "{path}", cp.nn.Dropout(0.0))' for path in drops]
    if "decay" in str(facts.config.get("optimizer")):
        line = fix.fit_line(facts, optimizer=fix.Code('"adam"'),
                             learning_rate=fix.rate_of(facts))  # fmt: skip
        return "\n".join([*lines, line])
    if not lines:
        lines = [_wider(facts, [m for m in layers.values() if isinstance(m, nn.Linear)])]
    return "\n".join([*lines, fix.fit_line(facts)])


def _wider(facts: Facts, layers: list[nn.Linear]) -> str:
    """Return code that makes a wider network, where it is one of fully connected layers alone."""
    own = "# give the layers of your own model more units"
    given = facts.signals.input if facts.signals is not None else None
    if not layers or given is None or math.prod(given.value.shape[1:]) != layers[0].in_features:
        return own
    width = 4 * max([16, *(layer.out_features for layer in layers[:-1])])
    sizes = (layers[0].in_features, width, width, layers[-1].out_features)
    return f"model = cp.models.MLP({sizes})\n{own}"

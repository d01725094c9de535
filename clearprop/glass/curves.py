"""The three learning curves of a run: drawn, and described in words.

Shape letters: E epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from clearprop.data.sources import evenly_spaced
from clearprop.glass.chart import Chart
from clearprop.glass.diagnosis.shapes import WAITED, best_of, chance, end_of, gap, objective_shape
from clearprop.glass.subject import Subject
from clearprop.glass.wording import count, number, percent

MARKED_POINTS = 40
BINS = 200
LOG_RANGE = 20.0
FEW = 30
"""With fewer held-out examples, their error is only a hint."""


@dataclass(frozen=True)
class CurvesSection:
    """The part of the report about the learning curves.

    Attributes:
        objective: the chart of the loss; "" where it would be a single point.
        error: the chart of training and development error; "" after a single epoch.
        reading: what the shapes of the curves say, sentence by sentence.
        rows: the numbers of some epochs, (epoch, objective, training, development) as text.
        has_development: whether there are development examples.
        descends: whether the objective falls while the model learns.
        error_name: of the loss.
        epochs: of the run.
        measured_at: the epochs whose measures are shown.
        measures: what the algorithm itself measured: a name, and its value after each of these
            epochs, as text.
    """

    objective: Markup
    error: Markup
    reading: tuple[str, ...]
    rows: tuple[tuple[str, str, str, str], ...]
    has_development: bool
    descends: bool
    error_name: str
    epochs: int
    measured_at: tuple[int, ...]
    measures: tuple[tuple[str, tuple[str, ...]], ...]


def curves_section(subject: Subject, faults: Sequence[str] = ()) -> CurvesSection | None:
    """Return the curves of a run, or None where no epoch was finished.

    Args:
        subject: the run.
        faults: the kinds that its diagnosis has found.
    """
    if not len(subject.history):
        return None
    single = len(subject.history) == 1
    has_batches = bool(len(_spread_of_batches(subject)[0]))
    return CurvesSection(
        objective=_objective_chart(subject) if has_batches or not single else Markup(""),
        error=_error_chart(subject) if not single else Markup(""),
        reading=tuple(reading(subject, faults)),
        rows=tuple(_rows(subject)),
        has_development=bool(np.isfinite(subject.history.development_error).any()),
        descends=descends(subject),
        error_name=subject.loss.error_name,
        epochs=len(subject.history),
        measured_at=tuple(int(subject.history.epoch[i]) for i in _measured_rows(subject)),
        measures=tuple(_measures(subject)),
    )


def measures_itself(subject: Subject) -> bool:
    """Say whether the metrics of a run are what its algorithm measures, and not asked for."""
    return isinstance(subject.config.get("algorithm"), Mapping)


def _measured_rows(subject: Subject) -> list[int]:
    return list(_thinned(len(subject.history), 4))


def _measures(subject: Subject) -> Iterator[tuple[str, tuple[str, ...]]]:
    if not measures_itself(subject):
        return
    for name, column in subject.history.metrics.items():
        values = (float(column[row]) for row in _measured_rows(subject))
        yield name, tuple(number(x) if np.isfinite(x) else "not defined" for x in values)


def best_epoch(subject: Subject) -> int | None:
    """Return the epoch with the lowest development error; of equal ones, the lowest objective."""
    places = _best(subject) if descends(subject) else None
    return int(subject.history.epoch[places[0]]) if places is not None else None


def _best(subject: Subject) -> tuple[int, int] | None:
    monitor = (subject.config.get("settings") or {}).get("monitor")
    return best_of(subject.history, subject.stopped, monitor)


def descends(subject: Subject) -> bool:
    """Say whether the objective of a run falls while its model learns; in a game it need not."""
    noted = subject.config.get("algorithm")
    return not isinstance(noted, Mapping) or bool(noted.get("descends", True))


def error_text(subject: Subject, value: float) -> str:
    """Return an error as text: percent where it is a fraction of wrong predictions."""
    return percent(value) if subject.loss.task == "classification" else number(value)


def _objective_chart(subject: Subject) -> Markup:
    history = subject.history
    places, low, high = _spread_of_batches(subject)
    span, log = _range([history.objective, history.development_objective, low, high])
    last = int(history.epoch[-1])
    chart = Chart(
        (0.0, float(last)),
        span,
        f"Objective over {count(last, 'epoch')}: {number(history.objective[0])} at first, "
        f"{number(history.objective[-1])} at last",
        log,
        right=110,
    )
    chart.axes("epoch", f"objective ({subject.loss.name.replace('_', ' ')})")
    if len(places):
        chart.band(places, low, high, "batches")
    _draw(chart, history.epoch, history.objective, history.development_objective)
    return chart.svg


def _error_chart(subject: Subject) -> Markup:
    history = subject.history
    is_fraction = subject.loss.task == "classification"
    factor = 100.0 if is_fraction else 1.0
    training, development = history.training_error * factor, history.development_error * factor
    span, log = _range([training, development], from_zero=is_fraction)
    last = int(history.epoch[-1])
    title = f"Training and development {subject.loss.error_name} over {count(last, 'epoch')}"
    chart = Chart((0.0, float(last)), span, title, log, right=110)
    chart.axes("epoch", subject.loss.error_name, unit=" %" if is_fraction else "")
    best = best_epoch(subject)
    lowest = development[history.epoch == best]
    if best is not None and np.isfinite(lowest).any():
        px, py = float(chart.px(best)), float(chart.py(lowest[0]))
        bottom = chart.height - chart.bottom
        chart.parts.append(f'<path class="best" d="M{px:.1f} {chart.top:g}V{bottom:g}"/>')
        chart.point(px, py, "ring", f"best epoch: {best}", 7)
        side, anchor = (-7, "end") if px > chart.width * 0.6 else (7, "start")
        chart.text(px + side, chart.top + 9, f"best: epoch {best}", "name best-name", anchor)
    _draw(chart, history.epoch, training, development)
    return chart.svg


def _draw(
    chart: Chart,
    epochs: NDArray[np.integer],
    training: NDArray[np.floating],
    development: NDArray[np.floating],
) -> None:
    """Draw both curves, each with its name at its end."""
    ends = []
    # Training values are measured during an epoch, so they are drawn at its middle.
    for name, values, back in (("training", training, 0.5), ("development", development, 0.0)):
        finite = values[np.isfinite(values)]
        if not len(finite):
            continue
        keep = _thinned(len(epochs))
        marks = None
        if len(keep) <= MARKED_POINTS:
            marks = [
                f"{name}, epoch {epoch}: {number(value, 4)}"
                for epoch, value in zip(epochs[keep], values[keep], strict=True)
            ]
        chart.line(epochs[keep] - back, values[keep], name, marks)
        ends.append((float(finite[-1]), name, name))
    chart.end_labels(ends)


def _thinned(n: int, most: int = 400) -> NDArray[np.intp]:
    return evenly_spaced(np.arange(n), most).astype(np.intp)


def _spread_of_batches(
    subject: Subject,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return for bins of batches the middle epoch, and between which losses most batches are."""
    losses = np.asarray(subject.losses, np.float64)
    history = subject.history
    n = min(len(losses), int(history.step[-1]))
    # A band needs two bins of four batches.
    if n < max(8, 4 * len(history)) or not np.isfinite(losses[:n]).all():
        return np.zeros(0), np.zeros(0), np.zeros(0)
    bins = np.array_split(losses[:n], min(BINS, n // 4))
    sizes = np.array([len(b) for b in bins])
    middles = (np.cumsum(sizes) - sizes / 2) * history.epoch[-1] / history.step[-1]
    low, high = (np.array([np.quantile(b, q) for b in bins]) for q in (0.1, 0.9))
    return middles, low, high


def _range(
    many: Sequence[NDArray[np.floating]], from_zero: bool = False
) -> tuple[tuple[float, float], bool]:
    """Return the limits of an axis for some curves, and whether it is logarithmic."""
    values = np.concatenate([v[np.isfinite(v)] for v in many])
    if not len(values):
        return (0.0, 1.0), False
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > LOG_RANGE and not from_zero:
        return (low * 0.9, high * 1.1), True
    if from_zero or 0 <= low < 0.5 * high:
        return (0.0, high * 1.08 or 1.0), False
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return (low - room, high + room), False


def _rows(subject: Subject) -> list[tuple[str, str, str, str]]:
    history = subject.history
    return [
        (
            str(history.epoch[i]),
            number(float(history.objective[i]), 4),
            error_text(subject, float(history.training_error[i])),
            error_text(subject, float(history.development_error[i]))
            if not math.isnan(history.development_error[i])
            else "",
        )
        for i in _thinned(len(history), 12)
    ]


def reading(subject: Subject, faults: Sequence[str] = ()) -> list[str]:
    """Return what the shapes of the curves say, sentence by sentence.

    Where a diagnosis has found faults, no advice is given here: for a network with dead units more
    epochs do not help.
    """
    if subject.loss.name == "perceptron":
        return _of_corrections(subject)
    if not descends(subject):
        first, last = subject.history.objective[[0, -1]].tolist()
        return [
            f"The objective went from {number(first)} in the first epoch to "
            f"{number(last)} in the last. In this kind of learning it does not have to "
            "fall, and a lower one is not always better: the measures of the epochs say how well "
            "the model has learned."
        ]
    held_out = int(subject.config.get("data", {}).get("development_examples") or FEW)
    remark = ""
    if not np.isfinite(subject.history.development_error).any():
        remark = (
            "No examples were held out, so the curves cannot show whether the network learned "
            "the rule or memorized the examples."
        )
    elif held_out == 1:
        remark = (
            f"The development part is a single {subject.noun}: its error says nothing about "
            "others, and nothing about overfitting. Hold out more."
        )
    if remark:
        return [_of_objective(subject.history.objective, "more epochs may help", faults), remark]
    few = (
        f"The development part has only {count(held_out, subject.noun)}: others might give "
        "another result, so take this as a hint."
    )
    if len(subject.history) == 1:
        error = error_text(subject, float(subject.history.development_error[0]))
        said = [_of_objective(subject.history.objective, "", faults),
                f"The development error after it is {error}."]  # fmt: skip
        return [*said, few] if held_out < FEW else said
    best, end = _best(subject) or (0, 0)
    waited = end - best
    hope = "more epochs may help" if not waited else "but the development error no longer follows"
    objective = _of_objective(subject.history.objective, hope, faults)
    said = [objective, *_of_errors(subject, waited, faults)]
    return [*said, few] if held_out < FEW else said


def _of_corrections(subject: Subject) -> list[str]:
    """Return what the training error of Rosenblatt's rule says.

    The rule does not descend a gradient, so no learning rate is too high or too low for it.
    """
    errors = subject.history.training_error
    wrong = np.flatnonzero(~(errors == 0))
    settled = int(subject.history.epoch[wrong[-1]]) + 1 if len(wrong) else 1
    if not len(wrong) or wrong[-1] < len(errors) - 1:
        return [
            f"From epoch {settled} on no training example is wrong: a linear boundary separates "
            "the classes, and Rosenblatt's rule no longer changes the weights."
        ]
    return [
        f"The training error of the last epoch is {error_text(subject, float(errors[-1]))}. As "
        "long as an example is wrong, Rosenblatt's rule corrects the weights, and the curves rise "
        "and fall. "
        "They cannot show whether a linear boundary separates the classes; if one does, more "
        "epochs find it. Another learning rate changes no prediction: it only scales the weights."
    ]


def _of_objective(objective: NDArray[np.float64], hope: str, faults: Sequence[str]) -> str:
    first, last = float(objective[0]), float(objective[-1])
    went = f"from {number(first)} in the first epoch to {number(last)} in the last"
    match objective_shape(objective):
        case "one":
            said = f"After its only epoch the objective is {number(last)}"
            return f"{said}; a curve needs more of them."
        case "broken":
            return f"The objective went {went}."
        case "rose" if faults and "rate_too_high" not in faults:
            return f"The objective rose {went}."
        case "rose":
            return f"The objective rose {went}: the learning rate is probably too high."
        case "still":
            fix = "The diagnosis says why." if faults else (
                "Look at the error signals below, and try another learning rate.")  # fmt: skip
            return f"The objective hardly moved, {went}: the network is not learning. {fix}"
        case "falling":
            end = "and was still falling at the end"
            return f"The objective fell {went}, {end}{'' if faults else f': {hope}'}."
        case _:
            tail = end_of(objective)
            share = float(tail[0] - tail[-1]) / (first - last)
            epochs = "last epoch" if len(tail) == 2 else f"last {len(tail) - 1} epochs"
            of_end = f"{percent(share)} of this in the {epochs}"
            return f"The objective fell {went}, {of_end if share > 0 else f'not in the {epochs}'}."


def _of_errors(subject: Subject, waited: int, faults: Sequence[str]) -> list[str]:
    """Return what the errors say, where `waited` epochs have passed since the best one."""
    history = subject.history
    best, end = _best(subject) or (0, 0)
    at_best, last = history.development_error[[best, end]].tolist()
    training_at_best, last_training = history.training_error[[best, end]].tolist()
    lowest = (
        f"The development error is lowest after epoch {int(history.epoch[best])}, at "
        f"{error_text(subject, at_best)}."
    )
    n = int(subject.config.get("data", {}).get("development_examples") or 0)
    noise = chance(last, n) if subject.loss.task == "classification" else 0.0
    between = gap(last_training, last, at_best, waited, noise, training_at_best)
    if between == "grown":
        return [
            lowest,
            f"It has risen to {error_text(subject, last)} in the {count(waited, 'epoch')} since, "
            "while the training error went on falling: the network begins to overfit. Early "
            "stopping, dropout, weight decay or more data help.",
        ]
    if between == "none":
        more = "a larger network" if waited >= WAITED else "a larger network or more epochs"
        return [
            lowest,
            "The training error is no lower, within a tenth: there is no overfitting yet"
            + ("." if faults else f", so {more} may still gain."),
        ]
    return [
        lowest,
        f"At the end the training error is {error_text(subject, last_training)}, {between} below "
        "it: the gap comes from what the network has learned about its training examples alone.",
    ]

"""The typed events of a run, and their lines in ``events.jsonl``.

`fit` is a loop over them; the progress bar and the run folder read them. `StepsDone` has no line:
``losses.f32`` holds the losses. Short epochs share one line, whose values are lists.

Shape letters: E epochs.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.training.nonfinite_mends import TOO_FAR


@dataclass(frozen=True)
class RunStarted:
    """A run begins, or goes on after it was interrupted.

    Attributes:
        step: training steps already made; more than 0 when a run is resumed.
        epochs: how many will be trained in all.
        steps_per_epoch: training steps of one epoch.
        batch_size: examples of one step.
        examples: training examples.
        development_examples: examples of the development set; 0 where there is none.
        parameters: numbers that are trained.
        devices: how many there are in the mesh of the run.
        task: "classification" (errors are fractions of wrong predictions), else "regression"
            (errors are root mean squares).
        error: what the error of an epoch is called; another algorithm than supervised learning has
            a name of its own, such as "reconstruction error".
    """

    step: int
    epochs: int
    steps_per_epoch: int
    batch_size: int
    examples: int
    development_examples: int
    parameters: int
    devices: int
    task: str
    error: str = "error"


@dataclass(frozen=True)
class StepsDone:
    """Some steps of one epoch have been taken.

    Attributes:
        step: training steps made so far.
        epoch: to which they belong, from 1.
        objective: mean loss over the steps of the call.
        seconds: how long they took; the steps of one compiled call share its time evenly.
        losses: mean loss of each step's batch, float32 (steps,); kept out of the line of
            ``events.jsonl``, as ``losses.f32`` has them.
    """

    step: int
    epoch: int
    objective: float
    seconds: float
    losses: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(0, np.float32), compare=False, repr=False
    )


@dataclass(frozen=True)
class EpochDone:
    """One epoch has ended: a point on each of the three curves.

    Attributes:
        epoch: which, from 1.
        step: training steps made so far.
        objective: mean training loss over the epoch, as the steps measured it.
        training_error: fraction of wrong predictions in the epoch (root mean square error for
            regression), as the steps saw it: with dropout on, and while the weights moved.
        development_error: the same of the development examples, after the epoch; None without any.
        development_objective: their mean loss; None without any.
        learning_rate: of the update to come.
        seconds: how long the epoch took, its evaluation included.
        examples_per_second: training examples by that time.
        metrics: of the development examples, by name; empty unless they were asked for.
    """

    epoch: int
    step: int
    objective: float
    training_error: float
    development_error: float | None
    development_objective: float | None
    learning_rate: float
    seconds: float
    examples_per_second: float
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class EpochsDone:
    """Some short epochs, as one line of the log has them.

    Attributes:
        columns: for each name of `EpochDone` its values in these epochs, (E,); the values of a
            metric have the name ``metrics.NAME``.
    """

    columns: Mapping[str, Sequence[Any]]

    @property
    def step(self) -> int:
        """Training steps made after the last of them."""
        return int(self.columns["step"][-1])

    def until(self, step: int) -> EpochsDone | None:
        """Return those that ended at a step or before it; None where none did."""
        count = bisect.bisect_right(self.columns["step"], step)
        if not count:
            return None
        return EpochsDone({name: values[:count] for name, values in self.columns.items()})


@dataclass(frozen=True)
class Checkpointed:
    """The state of the run is whole on the disk.

    Attributes:
        step: training steps made so far.
        file: name below ``checkpoints/``.
    """

    step: int
    file: str


@dataclass(frozen=True)
class NonFinite:
    """A loss or a gradient became infinite or not a number; the weights are those before it.

    Attributes:
        step: the step (from 1) in which it began.
        epoch: to which it belongs.
        place: the first layer, operation or parameter with such a value, as far as a replay of
            the step could tell.
        cause: what was found there, in words.
        mend: what to do about it; "" where that is not known.
    """

    step: int
    epoch: int
    place: str
    cause: str
    mend: str = ""

    @property
    def blames_operation(self) -> bool:
        """Whether an operation or its inputs broke, so that a lower learning rate mends nothing."""
        return self.mend not in ("", TOO_FAR)


@dataclass(frozen=True)
class Stopped:
    """The run has ended.

    Attributes:
        reason: "finished", "early" (no better epoch for long), "interrupted", or "non-finite".
        step: training steps made.
        epoch: number of whole epochs.
        best_epoch: the epoch whose weights the model has, where the best were kept; else None.
    """

    reason: str
    step: int
    epoch: int
    best_epoch: int | None


Event = RunStarted | StepsDone | EpochDone | Checkpointed | NonFinite | Stopped


def scalars_of(event: Event) -> dict[str, float]:
    """Return the numbers of an event that curves are drawn of, by name; for logs of other programs.

    >>> scalars_of(StepsDone(20, 1, 0.5, 0.1))
    {'objective/steps': 0.5}
    """
    if isinstance(event, StepsDone):
        return {"objective/steps": event.objective}
    if not isinstance(event, EpochDone):
        return {}
    found = {
        "objective/training": event.objective,
        "objective/development": event.development_objective,
        "error/training": event.training_error,
        "error/development": event.development_error,
        "learning_rate": event.learning_rate,
        "examples_per_second": event.examples_per_second,
    }
    found |= {f"metrics/{name}": value for name, value in event.metrics.items()}
    return {name: value for name, value in found.items() if value is not None}


Logged = Event | EpochsDone
"""What a line of ``events.jsonl`` holds."""

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}
_METRIC = "metrics."
_COUNTS = ("epoch", "step")
_OF_EPOCH = tuple(one.name for one in dataclasses.fields(EpochDone) if one.name != "metrics")


def to_line(event: Event) -> str:
    """Return an event as one line of JSON; numbers that are not finite are written as text.

    >>> to_line(Checkpointed(step=30, file="step-30.safetensors"))
    '{"event": "Checkpointed", "step": 30, "file": "step-30.safetensors"}'
    """
    values = {
        f.name: _plain(getattr(event, f.name))
        for f in dataclasses.fields(event)
        if f.name != "losses" and (f.name != "metrics" or getattr(event, f.name))
    }
    return json.dumps({"event": type(event).__name__, **values}, allow_nan=False)


def to_lines(events: Sequence[Event]) -> str:
    r"""Return events as lines of the log; epochs that follow each other share one.

    >>> epochs = [EpochDone(e, 10 * e, 0.5, 0.25, None, None, 0.1, 2.0, 50.0) for e in (1, 2)]
    >>> to_lines([*epochs, Checkpointed(20, "step-20")]).split("\n")[0][:58]
    '{"event": "EpochsDone", "epoch": [1, 2], "step": [10, 20],'
    """
    lines: list[str] = []
    for _, group in itertools.groupby(events, _kind_and_metrics):
        together = list(group)
        epochs = [event for event in together if isinstance(event, EpochDone)]
        lines += [_epochs_line(epochs)] if len(epochs) > 1 else map(to_line, together)
    return "".join(f"{line}\n" for line in lines)


def _epochs_line(epochs: Sequence[EpochDone]) -> str:
    """Return a line of lists; a list of the same value is that value."""
    columns = {name: [_plain(getattr(one, name)) for one in epochs] for name in _OF_EPOCH}
    for name in epochs[0].metrics:
        columns[_METRIC + name] = [_plain(one.metrics[name]) for one in epochs]
    line: dict[str, Any] = {"event": "EpochsDone"}
    for name, values in columns.items():
        is_constant = name not in _COUNTS and values.count(values[0]) == len(values)
        line[name] = values[0] if is_constant else values
    return json.dumps(line, allow_nan=False)


def _kind_and_metrics(event: Event) -> tuple[type, tuple[str, ...]]:
    return type(event), tuple(event.metrics) if isinstance(event, EpochDone) else ()


def from_line(line: str) -> Logged | None:
    """Return the event of a line; None for a kind or a field that this version does not know.

    Raises:
        ValueError: the line is no JSON, or its values are of the wrong kinds.
    """
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("not an event")
    name = data.pop("event", "")
    if name == "EpochsDone":
        return _epochs(data)
    kind = _KINDS.get(name)
    if kind is None:
        return None
    values = {key: _number(value, key) for key, value in data.items()}
    try:
        event: Event = kind(**values)
    except TypeError:
        return None
    for one in dataclasses.fields(kind):
        if one.name in values and not _KIND_OF_VALUE[str(one.type)](values[one.name]):
            raise ValueError(f"{one.name} is {values[one.name]!r}"[:80])
    return event


def _epochs(line: dict[str, Any]) -> EpochsDone:
    if not set(_OF_EPOCH) <= line.keys() or not isinstance(line["epoch"], list):
        raise ValueError("not a line of epochs")
    count = len(line["epoch"])
    columns = {name: x if isinstance(x, list) else [x] * count for name, x in line.items()}
    if not count or any(len(values) != count for values in columns.values()):
        raise ValueError("not a line of epochs")
    for name, values in columns.items():
        if any(type(x) is str for x in values):
            columns[name] = [_number(x, name) for x in values]
        fits = _is_count if name in _COUNTS else _is_number_or_none
        if not all(map(fits, columns[name])):
            raise ValueError(f"{name} of epochs is of another kind")
    return EpochsDone(columns)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_number(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**1000)


def _is_number_or_none(value: object) -> bool:
    return value is None or _is_number(value)


_KIND_OF_VALUE: dict[str, Callable[[Any], bool]] = {
    "int": _is_count,
    "int | None": lambda value: value is None or _is_count(value),
    "float": _is_number,
    "float | None": _is_number_or_none,
    "str": lambda value: isinstance(value, str),
    "Mapping[str, float]": lambda value: (
        isinstance(value, dict) and all(map(_is_number, value.values()))
    ),
}
"""Whether a value is of the kind of a field of an event."""


def metrics_of(event: EpochsDone) -> dict[str, Sequence[float]]:
    """Return the columns of the metrics, by their names."""
    columns = event.columns.items()
    return {name.removeprefix(_METRIC): x for name, x in columns if name.startswith(_METRIC)}


def read_lines(lines: Iterable[str]) -> Iterator[Logged]:
    """Yield the events of a log; a line that is cut off is passed over."""
    for line in lines:
        if not line.strip():
            continue
        try:
            event = from_line(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if event is not None:
            yield event


def as_it_went(events: Iterable[Logged]) -> list[Logged]:
    """Return the events of a resumed run without those that the resumption took back.

    A killed run may have gone on after its last checkpoint. The resumed one makes these steps
    again and logs them again; only the second account is kept.
    """
    kept: list[Logged] = []
    for event in events:
        if isinstance(event, RunStarted):
            kept = [
                part
                for old in kept
                if not isinstance(old, Stopped | NonFinite)
                and (part := _until(old, event.step)) is not None
            ]
        kept.append(event)
    return kept


def _until(event: Logged, step: int) -> Logged | None:
    if isinstance(event, EpochsDone):
        return event.until(step)
    return event if event.step <= step else None


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _number(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _number(one, name) for key, one in value.items()}
    textual = name in {"file", "place", "cause", "mend", "reason", "task", "error"}
    return float(value) if isinstance(value, str) and not textual else value

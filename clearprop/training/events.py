"""The typed events of a run, each of which is one line of ``events.jsonl``.

`fit` is a loop over them; the progress bar and the run folder read them.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
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
        devices: over how many devices a batch is sharded.
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

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


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


def from_line(line: str) -> Event | None:
    """Return the event of a line; None for a kind or a field that this version does not know.

    Raises:
        ValueError: the line is no JSON, as the torn last line of a killed process is.
    """
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("not an event")
    kind = _KINDS.get(data.pop("event", ""))
    if kind is None:
        return None
    try:
        event: Event = kind(**{name: _number(value, name) for name, value in data.items()})
        return event
    except TypeError:
        return None


def read_lines(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a log; a line that a crash cut off is passed over."""
    for line in lines:
        if not line.strip():
            continue
        try:
            event = from_line(line)
        except ValueError:
            continue
        if event is not None:
            yield event


def as_it_went(events: Iterable[Event]) -> list[Event]:
    """Return the events of a resumed run without those that the resumption took back.

    A killed run may have gone on after its last checkpoint. The resumed one makes these steps
    again and logs them again; only the second account is kept.
    """
    kept: list[Event] = []
    for event in events:
        if isinstance(event, RunStarted):
            kept = [
                old
                for old in kept
                if old.step <= event.step and not isinstance(old, Stopped | NonFinite)
            ]
        kept.append(event)
    return kept


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

"""What may look at a run between its steps, and where in the run it is then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from clearprop.data import Batch
from clearprop.errors import CheckpointError
from clearprop.training.algorithm import Array, TrainState


@dataclass
class Position:
    """Where in a run the training is: a checkpoint keeps this beside the arrays.

    Attributes:
        step: number of training steps taken.
        epoch: number of whole epochs.
        step_in_epoch: steps taken of the current epoch.
        objective: sum over the examples of the current epoch.
        error: likewise, of the errors.
        seconds: the time of the current epoch so far.
        development_error: after the last whole epoch, or what is watched in its place (less is
            better).
        best_step: of the checkpoint with the lowest development error.
        best_error: that error.
        begun_objective: the loss of each step already taken in this epoch, where a call trains
            several epochs.
        begun_error: likewise, of the errors.
    """

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    objective: float = 0.0
    error: float = 0.0
    seconds: float = 0.0
    development_error: float | None = None
    best_step: int | None = None
    best_error: float | None = None
    begun_objective: Sequence[float] = ()
    begun_error: Sequence[float] = ()

    @classmethod
    def of(cls, record: Mapping[str, object], where: str | None = None) -> Position:
        """Return the position that a checkpoint holds as plain data.

        Args:
            record: the data.
            where: the file, for a message.

        Raises:
            CheckpointError: the data are no position.
        """
        strange = [name for name, value in record.items() if not _fits(name, value)]
        missing = [name for name in _COUNTS if name not in record]
        if strange or missing:
            given = [f"{name}={record[name]!r}"[:80] for name in strange[:3]]
            raise CheckpointError(
                "the file does not say where in the run its state was",
                where=where,
                given=", ".join(given or [f"no {name}" for name in missing]),
                fix="it is no checkpoint, or one of another version of clearprop",
            )
        return cls(**cast("dict[str, Any]", dict(record)))

    def sum_begun(self, size: int) -> None:
        """Sum up the numbers of the steps of the current epoch, each of ``size`` examples."""
        if self.begun_objective:
            self.objective = size * float(np.sum(self.begun_objective))
            self.error = float(np.sum(self.begun_error))

    def spread_sums(self, size: int) -> None:
        """Give each step of the current epoch the mean of its sums, where no numbers are known."""
        count = self.step_in_epoch
        if count and not self.begun_objective:
            self.begun_objective = [self.objective / (count * size)] * count
            self.begun_error = [self.error / count] * count


_COUNTS = ("step", "epoch", "step_in_epoch")
_KNOWN = frozenset(one.name for one in fields(Position))


def _fits(name: str, value: object) -> bool:
    """Return whether a value of a position is of its kind."""
    if name not in _KNOWN or isinstance(value, bool):
        return False
    if name in _COUNTS or (name == "best_step" and value is not None):
        return isinstance(value, int) and value >= 0
    if name.startswith("begun_"):
        is_sequence = isinstance(value, list | tuple)
        return is_sequence and all(isinstance(x, int | float) for x in cast("Any", value))
    is_optional = name in ("development_error", "best_step", "best_error")
    return isinstance(value, int | float) or (value is None and is_optional)


class Portion(NamedTuple):
    """The examples of a call; those of its first step are ``order[start : start + size]``.

    Attributes:
        data: the examples, on the devices.
        order: int32, the rows of the data in their order.
        start: where in the order the call begins.
        size: examples of each of its steps.
    """

    data: Batch
    order: Array
    start: int
    size: int


class Callback(Protocol):
    """Looks at the state of a run before some of its steps; compiled calls end there."""

    def next_after(self, step: int) -> int | None:
        """Return the next step, after this one, before which it looks; None where there is none."""

    def before_step(self, state: TrainState, position: Position, upcoming: Portion | None) -> None:
        """Look at the state, if this is such a step; ``upcoming`` is None after the last step."""

"""What stays of a run's events in memory, where no folder keeps them."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from clearprop.training.events import EpochDone, Event, StepsDone, Stopped


class Account:
    """What a run is told from at its end: a few bytes a step and one point a pass.

    Args:
        keep: whether to keep losses and points; False where a folder has them.

    Attributes:
        points: of the curves.
        stopped: why the run ended; None while it goes on.

    >>> account = Account()
    >>> account.add(StepsDone(2, 1, 0.5, 0.1, np.array([0.25, 0.75], np.float32)))
    >>> account.losses
    array([0.25, 0.75], dtype=float32)
    """

    def __init__(self, keep: bool = True) -> None:
        self.keep = keep
        self.points: list[EpochDone] = []
        self.stopped: Stopped | None = None
        self._losses = array("f")

    def add(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case Stopped():
                self.stopped = event
            case EpochDone() if self.keep:
                self.points.append(event)
            case StepsDone() if self.keep:
                self._losses.frombytes(event.losses.astype(np.float32).tobytes())
            case _:
                pass

    @property
    def losses(self) -> NDArray[np.float32]:
        """Mean loss of every step's batch, (steps,)."""
        return np.array(self._losses, np.float32)

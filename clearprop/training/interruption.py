"""Ctrl-C and SIGTERM: the call under way is finished first; a second one ends at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from clearprop.errors import ConfigurationError
from clearprop.training.events import Event


class StopTraining(Exception):  # noqa: N818 - it is no error: the run comes to a good end
    """Raised in a function for ``fit(on_event=...)``: the run stops, as by one Ctrl-C.

    The call under way is finished, and the run can be resumed. Of small data, one call has many
    epochs: ``fit(steps_per_call=...)`` makes it shorter.

    >>> import clearprop as cp
    >>> import numpy as np
    >>> def enough(event):
    ...     if isinstance(event, cp.training.EpochDone) and event.training_error == 0:
    ...         raise cp.training.StopTraining
    >>> gates = (np.eye(4, dtype=np.float32), np.arange(4))
    >>> run = cp.fit(cp.nn.Linear(4, 4), *gates, epochs=500, learning_rate=0.1, on_event=enough,
    ...              steps_per_call=1, progress=False)
    >>> run.stopped.reason, run.stopped.epoch < 100
    ('interrupted', True)
    """


class Interruption:
    """Remembers SIGINT and SIGTERM inside a ``with`` block.

    The first lets the caller come to a good end; the second acts as it would have without this.
    Outside the main thread signals cannot be caught, and nothing is changed.

    >>> with Interruption() as interruption:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interruption.asked
    True
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def asked_by(self, read: Callable[[Event], None]) -> Callable[[Event], None]:
        """Return a reader of events that may ask for the end by `StopTraining`."""

        def reader(event: Event) -> None:
            try:
                read(event)
            except StopTraining:
                self.asked = True
            except StopIteration as error:
                raise ConfigurationError(
                    "a function for events raises StopTraining to end the run",
                    where="on_event",
                    given="StopIteration",
                    fix="raise cp.training.StopTraining",
                ) from error

        return reader

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._take_note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.asked and self._before:
            # A thread that watches the signal has to see that this has answered to it.
            time.sleep(0.02)
        self._restore()

    def _take_note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        for known in self._before:
            signal.signal(known, self._act)

    def _act(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

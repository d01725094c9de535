"""Ctrl-C ends a command, also where other code swallows the exception or does not return."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""

GRACE = 2.0
"""So many seconds a command has to come to its own end."""


threads_may_run = threading.Event()
"""Set by a command whose threads may be inside compiled code when it is interrupted.

Python would wait for some of them, and crash in others that it stops at its end. So the process is
then ended at once.
"""


class Interrupts:
    """Inside a ``with`` block, SIGINT raises KeyboardInterrupt and ends the process if that fails.

    An import or a callback may swallow the exception, and compiled code may run for long before it
    is raised. So a thread, which the system wakes at the signal, ends the process after `GRACE`
    seconds. A command can be ended so at any time: its files are written whole or not at all.

    Where something else answers to the signal, as training does, nothing happens here. Nothing is
    changed outside the main thread, or where the signal is ignored, as in a shell's background.

    Args:
        leave: ends the process; for tests.

    Attributes:
        asked: whether the signal came while nothing else answered to it.
    """

    def __init__(self, leave: Callable[[int], Any] = os._exit) -> None:
        self._leave = leave
        self._handler = self._raise  # one object, so that it can be recognised
        self._before: Any = None
        self.asked = False
        self._pipe: tuple[int, int] | None = None

    def __enter__(self) -> Interrupts:
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            return self
        self._before = signal.signal(signal.SIGINT, self._handler)
        if os.name != "nt":  # there the system wakes sockets only
            self._pipe = os.pipe()
            os.set_blocking(self._pipe[1], False)
            signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            threading.Thread(target=self._watch, args=self._pipe[:1], daemon=True).start()
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._tell_others
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is None:
            return
        sys.unraisablehook = self._unraisable
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            os.close(self._pipe[1])  # ends the thread
        signal.signal(signal.SIGINT, self._before)
        self._before = None

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt

    def _tell_others(self, unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._unraisable(unraisable)

    def _watch(self, pipe: int) -> None:
        while numbers := os.read(pipe, 1):
            is_own = signal.getsignal(signal.SIGINT) is self._handler
            if numbers[0] != signal.SIGINT or not is_own:
                continue
            time.sleep(GRACE)
            if self._before is not None:
                os.write(2, b"interrupted\n")
                self._leave(INTERRUPTED)
        os.close(pipe)

"""A session of one page: a thread that trains, and answers requests between compiled calls."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, Generic, TypeVar

import msgspec

from clearprop.errors import ConfigurationError
from clearprop.studio.pace import Pace
from clearprop.studio.playground.messages import Play, Playing, Speed
from clearprop.studio.problems import problem_of
from clearprop.studio.watched_run import WatchedRun

LONGEST_WAIT = 0.05
"""Seconds for which a run that trains slowly waits for requests at once."""

CLOSING = 60.0
"""Seconds after which `close` no longer waits for a compiled call."""

Send = Callable[[msgspec.Struct | bytes], None]
Asked = TypeVar("Asked", bound=msgspec.Struct)
Run = TypeVar("Run", bound=WatchedRun)


class LiveSession(ABC, Generic[Asked, Run]):
    """Trains for one page, and answers its requests in their order.

    Nothing that is asked for ends it: what is wrong is answered with a `Problem`, and the run is
    then what it was before.

    Args:
        name: of its thread.
        send: takes answers and frames, from the session's thread; it may drop frames.
    """

    replaced: ClassVar[tuple[type[msgspec.Struct], ...]] = ()
    """Requests that the next one of the same kind makes useless."""

    def __init__(self, name: str, send: Send) -> None:
        self._name = name
        self._send = send
        self._asked: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._run: Run | None = None
        self._playing = False
        self._limit: float | None = None
        self._pace = Pace()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def ask(self, request: Asked) -> None:
        """Take a request, and return at once; it is answered by the session's thread."""
        self._asked.put(request)

    def close(self) -> None:
        """End the thread after the call that is under way; what was asked for is not answered."""
        self._asked.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSING)

    # --- what a session is for -------------------------------------------------------------------

    @abstractmethod
    def _do(self, request: Asked) -> None:
        """Answer a request that is none of `Play` and `Speed`."""

    @abstractmethod
    def _show(self, run: Run) -> None:
        """Send what the run is now."""

    def _ended(self) -> None:
        """Give back what the session holds; its thread ends."""

    # --- the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        while (asked := self._taken()) is not None:
            for request in self._worth_doing(asked):
                self._answer(request)
            if self._playing:
                self._guarded(self._play_on, "play")
        self._ended()
        self._run = None

    def _taken(self) -> list[Asked] | None:
        """Return the requests that wait; None where the session ends.

        A run that does not train waits for the first request, one that trains does not.
        """
        found: list[Asked | None] = []
        with contextlib.suppress(queue.Empty):
            if not self._playing:
                found.append(self._asked.get())
            elif (seconds := self._pace.wait(self._limit_in_steps)) > 0:
                found.append(self._asked.get(timeout=min(seconds, LONGEST_WAIT)))
            while True:
                found.append(self._asked.get_nowait())
        requests = [request for request in found if request is not None]
        return None if len(requests) < len(found) else requests

    def _worth_doing(self, asked: list[Asked]) -> Iterable[Asked]:
        """Return requests without those that the next one, of the same kind, makes useless.

        A page that is dragged over a slider or over points asks faster than it can be answered.
        """
        for request, following in itertools.zip_longest(asked, asked[1:]):
            is_replaced = type(request) is type(following) and isinstance(request, self.replaced)
            if not is_replaced:
                yield request

    def _answer(self, request: Asked) -> None:
        tag = str(type(request).__struct_config__.tag)
        self._guarded(lambda: self._begin(request), tag)

    def _guarded(self, work: Callable[[], None], tag: str) -> None:
        """Do something; an error of any kind becomes a `Problem`."""
        try:
            work()
        except Exception as error:
            if tag == "play":
                self._playing = False
            self._send(problem_of(error, tag))
            self._tell_playing()

    def _begin(self, request: Asked) -> None:
        match request:
            case Play():
                self._play()
            case Speed():
                self._limit = request.epochs_per_second
                self._pace.restart()
            case _:
                self._do(request)

    # --- the run ---------------------------------------------------------------------------------

    @property
    def _shown(self) -> Run:
        """The run of the page.

        Raises:
            ConfigurationError: there is none yet.
        """
        if self._run is None:
            raise ConfigurationError(
                "there is no run yet", where=self._name, fix="choose the settings first"
            )
        return self._run

    @property
    def _limit_in_steps(self) -> float | None:
        """How many steps a second may be taken; None for as many as possible."""
        run = self._run
        return None if self._limit is None or run is None else self._limit * run.steps_per_epoch

    def _tell_playing(self, *, compiling: bool = False) -> None:
        run = self._run
        ended, about = run.end if run is not None else (None, None)
        self._send(Playing(self._playing, compiling, ended, about))

    def _follow(self, run: Run) -> None:
        """Take another run as that of the page, paused."""
        self._run, self._playing = run, False
        self._pace = Pace()

    def _pause(self) -> None:
        self._playing = False
        self._tell_playing()

    def _play(self) -> None:
        run = self._shown
        self._playing = run.live.ended is None
        self._pace.restart()
        self._tell_playing(compiling=self._playing and not run.is_warm)

    def _play_on(self) -> None:
        """Train for a moment, and show what came of it."""
        run = self._shown
        steps = self._pace.steps(self._limit_in_steps, run.first_call)
        if not steps:
            return
        was_warm, before = run.is_warm, run.live.step
        seconds = run.advance(steps)
        self._pace.took(run.live.step - before, seconds, was_warm=was_warm)
        self._playing = run.live.ended is None
        self._show(run)
        if not self._playing or not was_warm:
            self._tell_playing()

    def _advance(self, *, to_epoch: bool) -> None:
        """Pause, and take one step of a batch, or all steps to the end of the epoch."""
        run = self._shown
        self._playing = False
        if not run.is_warm:
            self._tell_playing(compiling=True)
        rest = run.steps_per_epoch - run.live.position.step_in_epoch
        run.advance(rest if to_epoch else 1)
        self._show(run)
        self._tell_playing()

    def _back(self, step: int) -> None:
        """Pause, and return to the kept state nearest to a step."""
        run = self._shown
        self._playing = False
        run.back(step)
        self._tell_playing()
        self._show(run)

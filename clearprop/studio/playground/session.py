"""The session of one page: a thread that trains, and answers requests between compiled calls."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from clearprop.backend import make_room_for_programs
from clearprop.errors import ConfigurationError
from clearprop.glass.diagnosis.diagnose import diagnose
from clearprop.glass.diagnosis.finding import Finding as Found
from clearprop.studio.playground import messages as m
from clearprop.studio.playground.prepared import StoredTable, Tables, prepared
from clearprop.studio.playground.shown_run import ShownRun
from clearprop.studio.problems import problem_of

TRAINED = 0.025
"""Seconds of training between two pictures: with the picture itself they are 30 in a second."""

LONGEST_WAIT = 0.05
"""Seconds for which a run that trains slowly waits for requests at once."""

STEADY = 0.3
"""The weight of the newest call in the speed that the next one is planned with."""

GROWTH = 4.0
"""How many times longer than the last a call may be: its speed is not known before."""

CLOSING = 60.0
"""Seconds after which `close` no longer waits for a compiled call."""

LEFT_OUT = ("unfinished", "too_few_epochs")
"""Findings that say only that the run has not ended, which the user sees and decides."""

Send = Callable[[m.Answer | bytes], None]

NO_TABLES: Tables = MappingProxyType({})


class Session:
    """Trains for one page, and answers its requests in their order.

    Nothing that is asked for ends it: what is wrong is answered with a `Problem`, and the run is
    then what it was before.

    Args:
        send: takes answers and frames, from the session's thread; it may drop frames.
        tables: the uploaded tables by name.
    """

    def __init__(self, send: Send, tables: Mapping[str, StoredTable] = NO_TABLES) -> None:
        self._send = send
        self._tables = tables
        self._asked: queue.SimpleQueue[m.Request | None] = queue.SimpleQueue()
        self._run: ShownRun | None = None
        self._runs = 0
        self._playing = False
        self._limit: float | None = None
        self._pace = _Pace()
        self._diagnosed: set[int] = set()
        self._thread = threading.Thread(target=self._work, name="playground", daemon=True)
        self._thread.start()

    def ask(self, request: m.Request) -> None:
        """Take a request, and return at once; it is answered by the session's thread."""
        self._asked.put(request)

    def close(self) -> None:
        """End the thread after the call that is under way; what was asked for is not answered."""
        self._asked.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSING)

    # --- the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        while (asked := self._taken()) is not None:
            for request in _worth_doing(asked):
                self._answer(request)
            if self._playing:
                self._guarded(self._play_on, "play")
        self._run = None

    def _taken(self) -> list[m.Request] | None:
        """Return the requests that wait; None where the session ends.

        A run that does not train waits for the first request, one that trains does not.
        """
        found: list[m.Request | None] = []
        with contextlib.suppress(queue.Empty):
            if not self._playing:
                found.append(self._asked.get())
            elif (seconds := self._pace.wait(self._limit_in_steps)) > 0:
                found.append(self._asked.get(timeout=min(seconds, LONGEST_WAIT)))
            while True:
                found.append(self._asked.get_nowait())
        requests = [request for request in found if request is not None]
        return None if len(requests) < len(found) else requests

    def _answer(self, request: m.Request) -> None:
        tag = str(type(request).__struct_config__.tag)
        self._guarded(lambda: self._do(request), tag)

    def _guarded(self, work: Callable[[], None], tag: str) -> None:
        """Do something; an error of any kind becomes a `Problem`."""
        try:
            work()
        except Exception as error:
            if tag == "play":
                self._playing = False
            self._send(problem_of(error, tag))
            self._tell_playing()

    def _do(self, request: m.Request) -> None:
        match request:
            case m.Configure():
                self._configure(request.settings)
            case m.ForkRun():
                self._fork(request.settings)
            case m.Play():
                self._play()
            case m.Pause():
                self._pause()
                self._show(self._shown)
            case m.Speed():
                self._limit = request.epochs_per_second
                self._pace.restart()
            case m.StepOnce():
                self._step(request.unit)
            case m.Back() | m.Edit():
                self._change(request)
            case m.Choose():
                self._shown.choose(request.example)
                self._show(self._shown)
            case m.Explain():
                self._send(self._shown.explained(request.layer, request.unit))
            case m.Diagnose():
                self._diagnose()
            case m.WriteScript():
                self._send(m.Script(self._shown.script()))

    @property
    def _shown(self) -> ShownRun:
        """The run of the page.

        Raises:
            ConfigurationError: there is none yet.
        """
        if self._run is None:
            raise ConfigurationError(
                "there is no run yet", where="playground", fix="choose the settings first"
            )
        return self._run

    @property
    def _limit_in_steps(self) -> float | None:
        """How many steps a second may be taken; None for as many as possible."""
        run = self._run
        return None if self._limit is None or run is None else self._limit * run.steps_per_epoch

    # --- what the page is told -------------------------------------------------------------------

    def _tell_playing(self, *, compiling: bool = False) -> None:
        ended, about = _end_of(self._run)
        self._send(m.Playing(self._playing, compiling, ended, about))

    def _show(self, run: ShownRun, *, first: bool = False) -> None:
        curves = run.curves.taken()
        if curves is not None:
            self._send(curves)
        self._send(run.picture(first=first))

    def _pause(self) -> None:
        self._playing = False
        self._tell_playing()

    # --- runs ------------------------------------------------------------------------------------

    def _configure(self, settings: m.Settings) -> None:
        make_room_for_programs()
        ready = prepared(settings, self._tables)
        self._tell_playing(compiling=True)
        self._take(ShownRun.begun(self._runs, ready))

    def _fork(self, settings: m.Settings) -> None:
        run = self._shown
        ready = prepared(settings, self._tables)
        self._tell_playing(compiling=True)
        self._take(run.fork(self._runs, ready))

    def _take(self, run: ShownRun) -> None:
        """Show another run from here on."""
        picture = run.picture(first=True)
        self._run, self._runs, self._playing = run, self._runs + 1, False
        self._pace = _Pace()
        self._send(run.configured())
        self._send(picture)
        self._tell_playing()

    def _play(self) -> None:
        run = self._shown
        self._playing = run.live.ended is None
        self._pace.restart()
        self._tell_playing(compiling=self._playing and not run.is_warm)

    def _play_on(self) -> None:
        """Train for a moment, and show what came of it."""
        run = self._shown
        steps = self._pace.steps(self._limit_in_steps, run.steps_per_epoch)
        if not steps:
            return
        was_warm, before = run.is_warm, run.live.step
        seconds = run.advance(steps)
        self._pace.took(run.live.step - before, seconds, was_warm=was_warm)
        self._playing = run.live.ended is None
        self._show(run)
        if not self._playing or not was_warm:
            self._tell_playing()

    def _step(self, unit: m.Unit) -> None:
        run = self._shown
        self._playing = False
        compiling = not (run.is_warm_alone if unit == "example" else run.is_warm)
        if compiling:
            self._tell_playing(compiling=True)
        if unit == "example":
            run.step_with_example()
        else:
            rest = run.steps_per_epoch - run.live.position.step_in_epoch
            run.advance(1 if unit == "batch" else rest)
        self._show(run)
        self._tell_playing()

    def _change(self, request: m.Back | m.Edit) -> None:
        run = self._shown
        self._playing = False
        if isinstance(request, m.Back):
            run.back(request.step)
        else:
            run.edit(request.path, request.index, request.value)
        self._tell_playing()
        self._show(run)

    def _diagnose(self) -> None:
        run = self._shown
        is_new = run.number not in self._diagnosed
        if is_new:
            self._tell_playing(compiling=True)
        ready = run.prepared
        try:
            found = diagnose(run.live.run, ready.train, dev=ready.test)
        finally:
            self._diagnosed.add(run.number)
            if is_new:
                self._tell_playing()
        shown = tuple(_finding(one) for one in found if one.kind not in LEFT_OUT)
        self._send(m.Findings(run.number, run.live.step, shown))


class _Pace:
    """Plans how many steps the next call takes."""

    def __init__(self) -> None:
        self._speed = 0.0
        self._last = 0.0
        self._due = 0.0
        self._since = time.perf_counter()

    def restart(self) -> None:
        """Forget the steps that are due."""
        self._due, self._since = 1.0, time.perf_counter()

    def wait(self, limit: float | None) -> float:
        """Return the seconds until the steps of a call are due; 0 where they are."""
        if limit is None:
            return 0.0
        self._count(limit)
        return max(0.0, (_of_a_call(limit) - self._due) / limit)

    def _count(self, limit: float) -> None:
        now = time.perf_counter()
        # What was not made in time, as the machine is too slow, is not made up for.
        most = _of_a_call(limit) + limit * LONGEST_WAIT
        self._due = min(self._due + (now - self._since) * limit, most)
        self._since = now

    def steps(self, limit: float | None, epoch: int) -> int:
        """Return how many steps the next call takes.

        Args:
            limit: of the steps in a second; None for as many as possible.
            epoch: steps of an epoch, the first guess.
        """
        wished = self._speed * TRAINED if self._speed else float(epoch)
        if self._last:
            wished = min(wished, self._last * GROWTH)
        steps = max(1, int(wished))
        if limit is None:
            return steps
        self._count(limit)
        return min(steps, int(self._due)) if self._due >= _of_a_call(limit) else 0

    def took(self, steps: int, seconds: float, *, was_warm: bool) -> None:
        """Learn from a call; the first one has compiled, and says nothing of the speed."""
        self._due -= steps
        self._last = float(max(1, steps))
        if was_warm and steps and seconds > 0:
            speed = steps / seconds
            self._speed += (speed - self._speed) * (STEADY if self._speed else 1.0)


def _of_a_call(limit: float) -> float:
    """Return the least number of steps of a call: more pictures a second nobody can see."""
    return max(1.0, limit * TRAINED)


def _worth_doing(asked: list[m.Request]) -> Iterable[m.Request]:
    """Return requests without those that the next one, of the same kind, makes useless.

    A page that is dragged over a slider or over points asks faster than it can be answered.
    """
    for request, following in itertools.zip_longest(asked, asked[1:]):
        is_replaced = type(request) is type(following) and isinstance(
            request, m.Configure | m.Choose | m.Diagnose
        )
        if not is_replaced:
            yield request


def _end_of(run: ShownRun | None) -> tuple[str | None, str | None]:
    """Return why a run cannot go on, and a sentence about it."""
    ended = run.live.ended if run is not None else None
    if run is None or ended is None:
        return None, None
    broken = run.live.non_finite
    if broken is None:
        epochs = run.prepared.settings.epochs
        return ended.reason, f"All {epochs:,} epochs are trained; a fork can train more of them."
    place = f"{broken.place}: " if broken.place else ""
    mend = f" Mend: {broken.mend}." if broken.mend else ""
    return (
        ended.reason,
        f"In step {broken.step:,} a number was not finite any more. {place}{broken.cause}.{mend} "
        "The weights are those before this step.",
    )


def _finding(found: Found) -> m.Finding:
    """Return a finding as the page shows it: the last sentence of a reason is what to do."""
    reason, _, mend = found.reason.rpartition(". ")
    if found.follows:
        mend = f"{mend} It may well follow from another finding: {found.cause}."
    return m.Finding(
        found.grade,
        found.title,
        found.where,
        found.sentence,
        f"{reason}." if reason else "",
        mend,
        found.fix,
    )

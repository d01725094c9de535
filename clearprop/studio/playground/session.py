"""The session of one page's playground: it trains, draws, explains, forks and diagnoses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clearprop.glass.diagnosis.diagnose import diagnose
from clearprop.programs import make_room_for_programs
from clearprop.studio.live_session import LiveSession, Send
from clearprop.studio.playground import messages as m
from clearprop.studio.playground.findings import shown_finding
from clearprop.studio.playground.prepared import StoredTable, Tables, prepared
from clearprop.studio.playground.shown_run import ShownRun

LEFT_OUT = ("unfinished", "too_few_epochs")
"""Findings that say only that the run has not ended, which the user sees and decides."""

NO_TABLES: Tables = MappingProxyType({})


class Session(LiveSession[m.Request, ShownRun]):
    """Trains for one page, and answers its requests in their order.

    Args:
        send: takes answers and frames, from the session's thread; it may drop frames.
        tables: the uploaded tables by name.
    """

    replaced = (m.Configure, m.Choose, m.Diagnose)

    def __init__(self, send: Send, tables: Mapping[str, StoredTable] = NO_TABLES) -> None:
        self._tables = tables
        self._runs = 0
        self._diagnosed: set[int] = set()
        super().__init__("playground", send)

    def _do(self, request: m.Request) -> None:
        match request:
            case m.Configure():
                self._configure(request.settings)
            case m.ForkRun():
                self._fork(request.settings)
            case m.Pause():
                self._pause()
                self._show(self._shown)
            case m.StepOnce():
                self._step(request.unit)
            case m.PageBack():
                self._back(request.step)
            case m.Edit():
                self._edit(request)
            case m.Choose():
                self._shown.choose(request.example)
                self._show(self._shown)
            case m.Explain():
                self._send(self._shown.explained(request.layer, request.unit))
            case m.Diagnose():
                self._diagnose()
            case m.WriteScript():
                self._send(m.Script(self._shown.script()))

    # --- what the page is told -------------------------------------------------------------------

    def _show(self, run: ShownRun) -> None:
        curves = run.curves.taken()
        if curves is not None:
            self._send(curves)
        self._send(run.picture())

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
        self._runs += 1
        self._follow(run)
        self._send(run.configured())
        self._send(picture)
        self._tell_playing()

    def _step(self, unit: m.Unit) -> None:
        if unit != "example":
            self._advance(to_epoch=unit == "epoch")
            return
        run = self._shown
        self._playing = False
        if not run.is_warm_alone:
            self._tell_playing(compiling=True)
        run.step_with_example()
        self._show(run)
        self._tell_playing()

    def _edit(self, request: m.Edit) -> None:
        run = self._shown
        self._playing = False
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
        shown = tuple(shown_finding(one) for one in found if one.kind not in LEFT_OUT)
        self._send(m.PageFindings(run.number, run.live.step, shown))

"""What the page asks of the runs: ``/api/runs`` and all below it, and ``/ws/runs``.

A run is given as ``?run=NAME`` and looked up in the listing: a name is never joined to a path.

=========================  =========================================================================
address                    answer
=========================  =========================================================================
``/api/runs``              JSON `RunList`; with ``since=VERSION`` what has changed
``/api/runs/detail``       JSON `RunDetail`
``/api/runs/damage``       JSON: which of the larger files are damaged, in sentences
``/api/runs/curves``       frame "curves"
``/api/runs/compare``      JSON `RunComparison` of several ``run``
``/api/runs/diagnosis``    JSON `RunDiagnosis`; ``data=1`` looks at the examples too
``/api/runs/frame``        a frame of a ``film`` at a ``step``, with ``of``, ``what``, ``example``
``/api/runs/report``       the report, as a page without rights
``/ws/runs``               `RunList`: all runs, then what has changed, within a second
=========================  =========================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from clearprop.studio.answers import json_answer
from clearprop.studio.importing import IMPORTS
from clearprop.studio.problems import RequestError, problem_of

if TYPE_CHECKING:
    from clearprop.studio.runs.messages import RunList
    from clearprop.studio.runs.service import RunService

EVERY = 0.7
"""Seconds from one look at the folder to the next, while a page is open."""

AT_ONCE = 0.05
"""Seconds to the next look while some folders were not read yet."""

LONGEST_NAME = 1_000

SANDBOX = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:"
)
"""A report has scripts of its own; they get no rights on the studio, and reach no other place."""


def routes(folder: Path) -> list[BaseRoute]:
    """Return the routes of the runs below a folder; nothing in it is ever changed.

    Args:
        folder: of the runs, such as ``runs``; it need not exist yet.
    """
    runs = RunEndpoints(folder)
    return [
        Route("/api/runs", runs.changes),
        Route("/api/runs/detail", runs.detail),
        Route("/api/runs/damage", runs.damage),
        Route("/api/runs/curves", runs.curves),
        Route("/api/runs/compare", runs.compare),
        Route("/api/runs/diagnosis", runs.diagnosis),
        Route("/api/runs/frame", runs.frame),
        Route("/api/runs/report", runs.report),
        WebSocketRoute("/ws/runs", runs.watch),
    ]


class RunEndpoints:
    """The endpoints of the runs below a folder.

    They are functions without ``async``: Starlette calls each in a thread.

    Args:
        folder: of the runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: RunService | None = None
        self._lock = threading.Lock()

    @property
    def service(self) -> RunService:
        """What answers; its import brings JAX, so it is made when it is first needed."""
        with self._lock:
            if self._made is None:
                with IMPORTS:
                    from clearprop.studio.runs.service import RunService

                self._made = RunService(self._folder)
            return self._made

    def changes(self, request: Request) -> Response:
        """Answer with the list of runs."""
        return json_answer(self.service.changes(_number(request, "since")))

    def detail(self, request: Request) -> Response:
        """Answer with one run in full."""
        return json_answer(self.service.detail(_name(request)))

    def damage(self, request: Request) -> Response:
        """Answer with what is damaged of the larger files of a run."""
        return json_answer(self.service.damage(_name(request)))

    def curves(self, request: Request) -> Response:
        """Answer with the curves of a run."""
        return _frame_answer(self.service.curves(_name(request)))

    def compare(self, request: Request) -> Response:
        """Answer with several runs side by side."""
        return json_answer(self.service.compare(request.query_params.getlist("run")))

    def diagnosis(self, request: Request) -> Response:
        """Answer with the diagnosis of a run."""
        with_data = request.query_params.get("data") == "1"
        return json_answer(self.service.diagnosis(_name(request), with_data))

    def frame(self, request: Request) -> Response:
        """Answer with a frame of a film."""
        query = request.query_params
        frame = self.service.frame(
            _name(request),
            query.get("film", ""),
            _number(request, "step"),
            query.get("of", ""),
            query.get("what", "value"),
            _number(request, "example"),
        )
        return _frame_answer(frame)

    def report(self, request: Request) -> Response:
        """Answer with the report of a run."""
        path = self.service.report(_name(request))
        headers = {"content-security-policy": SANDBOX, "cache-control": "no-store"}
        return FileResponse(path, headers=headers, media_type="text/html; charset=utf-8")

    async def watch(self, websocket: WebSocket) -> None:
        """Send all runs, then what changes, until the page is closed."""
        await websocket.accept()
        gone = asyncio.create_task(_wait_for_end(websocket))
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            try:
                await self._tell(websocket, gone)
            finally:
                gone.cancel()

    def _changes(self, since: int) -> RunList:
        return self.service.changes(since)

    async def _tell(self, websocket: WebSocket, gone: asyncio.Task[None]) -> None:
        version = 0
        while not gone.done():
            try:
                found = await run_in_threadpool(self._changes, version)
            except Exception as error:
                await websocket.send_text(msgspec.json.encode(problem_of(error)).decode())
                await websocket.close(1011)
                return
            if found.runs or found.gone or found.whole:
                await websocket.send_text(msgspec.json.encode(found).decode())
            version = found.version
            pause = AT_ONCE if found.waiting else EVERY
            await asyncio.wait([gone], timeout=pause)


async def _wait_for_end(websocket: WebSocket) -> None:
    """Read until the page is closed; it has nothing to say here."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def _frame_answer(frame: bytes) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(frame, headers=headers, media_type="application/octet-stream")


def _name(request: Request) -> str:
    name: str = request.query_params.get("run", "")
    if len(name) > LONGEST_NAME:
        raise RequestError(400, "this is no name of a run", given=repr(name[:40]))
    return name


def _number(request: Request, name: str) -> int:
    text: str = request.query_params.get(name, "0")
    if not text.isdecimal() or len(text) > 15:
        raise RequestError(
            400, f"{name} is no number", given=repr(text[:40]), expected="a whole number from 0"
        )
    return int(text)

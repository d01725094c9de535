"""The studio as an application of ASGI: the page, the playground, uploaded tables, and the runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp

from clearprop.studio.answers import RAISED, error_answer, json_answer
from clearprop.studio.connection import Answering, Connections, Send
from clearprop.studio.guard import Guard
from clearprop.studio.importing import IMPORTS
from clearprop.studio.pages import Pages
from clearprop.studio.playground import messages
from clearprop.studio.problems import show_bug
from clearprop.studio.uploads import UploadedTables


class Engine(NamedTuple):
    """What trains the networks of the playground. Its functions import JAX when they are called.

    Attributes:
        open_session: returns a session that sends by a function and can use uploaded tables.
        catalog: what the settings of the playground can be chosen from.
        preload: imports what the others need.
    """

    open_session: Callable[[Send, UploadedTables], Answering[messages.Request]]
    catalog: Callable[[], msgspec.Struct]
    preload: Callable[[], object]


def _open_session(send: Send, tables: UploadedTables) -> Answering[messages.Request]:
    with IMPORTS:
        from clearprop.studio.playground.session import Session

    return Session(send, tables)


def _catalog() -> msgspec.Struct:
    with IMPORTS:
        from clearprop.studio.playground.catalog import catalog

    return catalog()


def _preload() -> None:
    with IMPORTS:
        from clearprop.studio.playground import catalog, session  # noqa: F401 - for their import


ENGINE = Engine(_open_session, _catalog, _preload)


class Studio:
    """What the studio keeps while it runs.

    Args:
        pages: the built page.
        engine: of the playground.
        parts: routes of the other views.
    """

    def __init__(self, pages: Pages, engine: Engine, parts: Sequence[BaseRoute] = ()) -> None:
        self.pages = pages
        self.engine = engine
        self.tables = UploadedTables()
        self._parts = parts
        self._connections = Connections[messages.Request](
            messages.Request, lambda send: engine.open_session(send, self.tables)
        )
        self._preloaded = threading.Event()

    def app(self, hosts: Sequence[str], token: str | None = None) -> ASGIApp:
        """Return the application behind its guard.

        Args:
            hosts: addresses that it answers under.
            token: that it demands; None where only this machine can reach it.
        """
        # Over a network the page is worth packing.
        packing = [Middleware(GZipMiddleware, compresslevel=6)] if token is not None else []
        # The guard stands around everything that Starlette answers by itself.
        return Guard(self.unguarded(packing), hosts, token)

    def unguarded(self, middleware: Sequence[Middleware] = ()) -> ASGIApp:
        """Return the application for those who cannot be strangers, such as a notebook's cell."""
        return Starlette(
            routes=self.routes(),
            middleware=middleware,
            exception_handlers=dict.fromkeys(RAISED, error_answer),
            lifespan=self._lifespan,
        )

    def routes(self) -> list[BaseRoute]:
        """Return what can be asked for."""
        return [
            Route("/", self._index),
            Route("/assets/{name}", self.pages.asset),
            Route("/favicon.ico", _no_icon),
            Route("/api/playground/catalog", self._catalog),
            Route("/api/tables", self.tables.upload, methods=["POST"]),
            WebSocketRoute("/ws/playground", self._connections.serve),
            *self._parts,
        ]

    async def _index(self, request: Request) -> Response:
        answer = await self.pages.index(request)
        self.preload()
        return answer

    async def _catalog(self, request: Request) -> Response:
        del request
        return json_answer(await run_in_threadpool(self.engine.catalog))

    def preload(self) -> None:
        """Begin to import JAX and what needs it, in the background."""
        if not self._preloaded.is_set():
            self._preloaded.set()
            threading.Thread(target=self._preload, name="studio imports", daemon=True).start()

    def _preload(self) -> None:
        try:
            self.engine.preload()
        except Exception as error:  # the page gets it as well, when it asks
            show_bug(error)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Delete the uploaded tables; closing it again does nothing."""
        self.tables.close()

    def wait(self, seconds: float) -> None:
        """Wait until the sessions of closed pages have ended, so long at most."""
        self._connections.wait(seconds)


async def _no_icon(request: Request) -> Response:
    del request
    return Response(status_code=204)


def parts_of(
    runs: Path, files: Iterable[Path] = (), offers: Sequence[object] = ()
) -> list[BaseRoute]:
    """Return the routes of the other views. What they need is imported when it is asked for.

    Args:
        runs: the folder of the runs.
        files: saved models, beside those of the runs.
        offers: models that Python gives, each an `Offer` of `clearprop.studio.models.sources`.
    """
    from clearprop.studio.backward.routes import routes as of_passes
    from clearprop.studio.models.routes import Desk
    from clearprop.studio.runs.routes import routes as of_runs
    from clearprop.studio.vision.routes import VisionParts

    desk = Desk(runs, files, offers)
    return [
        *of_runs(runs),
        Mount("/api/backward", routes=of_passes(runs)),
        Mount("/api/models", routes=desk.routes()),
        *VisionParts(desk).routes(),
    ]

"""The addresses of the view of pictures: the WebSocket of its session, and its choices."""

from __future__ import annotations

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from clearprop.studio.answers import json_answer
from clearprop.studio.connection import Answering, Connections, Send
from clearprop.studio.importing import IMPORTS
from clearprop.studio.models.routes import Desk
from clearprop.studio.vision import messages


class VisionParts:
    """The routes, and the sessions of the open pages.

    Args:
        desk: of the views of any model.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._connections = Connections[messages.Request](messages.Request, self._open)

    def routes(self) -> list[BaseRoute]:
        """Return what can be asked for."""
        return [
            WebSocketRoute("/ws/vision", self._connections.serve),
            Route("/api/vision/choices", _choices),
        ]

    def _open(self, send: Send) -> Answering[messages.Request]:
        with IMPORTS:
            from clearprop.studio.vision.session import VisionSession

        return VisionSession(send, self._desk)


async def _choices(request: Request) -> Response:
    del request
    return json_answer(await run_in_threadpool(_listed))


def _listed() -> msgspec.Struct:
    with IMPORTS:
        from clearprop.studio.vision.choices import choices

    return choices()

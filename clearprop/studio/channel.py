"""The studio over messages, where the page cannot reach the server: in a notebook.

The kernel of a notebook may run on another machine. Its pages reach it by the messages of widgets
alone, so requests and WebSockets of the page travel in them, and are answered here by the same
application. `studio-ui/src/notebook/port_wire.ts` is the other end.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.types import ASGIApp

from clearprop.studio.playground.messages import Problem
from clearprop.studio.problems import show_bug

Sending = Callable[[dict[str, Any], Sequence[bytes]], None]

AHEAD = 4
"""So many frames travel to a page before it has said that the first of them came."""

BEAT = 15.0
"""Every so many seconds a page says that it is there (`studio-ui/src/notebook/port_wire.ts`)."""

SILENT_BEATS = 8
"""A page is gone that has not said so for so many beats of a kernel that could hear it."""


class Asked(msgspec.Struct, tag="ask", frozen=True):
    """A request by HTTP; its body is the first buffer.

    Attributes:
        id: of the request, chosen by the page.
        method: "GET" or "POST".
        path: with its query.
        kind: the media type of the body.
    """

    id: str
    method: str
    path: str
    kind: str = ""


class Connected(msgspec.Struct, tag="connect", frozen=True):
    """A WebSocket is opened.

    Attributes:
        id: of the connection, chosen by the page.
        path: of its address.
    """

    id: str
    path: str


class Said(msgspec.Struct, tag="say", frozen=True):
    """A text of the page for a connection."""

    id: str
    text: str


class Got(msgspec.Struct, tag="got", frozen=True):
    """The page has one frame of a connection."""

    id: str


class Left(msgspec.Struct, tag="leave", frozen=True):
    """The page closes a connection."""

    id: str


class Dropped(msgspec.Struct, tag="drop", frozen=True):
    """Nobody waits for the answer to a request any more."""

    id: str


class Alive(msgspec.Struct, tag="beat", frozen=True):
    """A page is there.

    Attributes:
        ids: of its open connections.
    """

    ids: tuple[str, ...]


Incoming = Asked | Connected | Said | Got | Left | Dropped | Alive

_Event = MutableMapping[str, Any]


class Channel:
    """Answers the messages of pages by an application.

    Args:
        app: of ASGI; it is asked in the name of this machine.
        loop: that runs, in another thread: the application works there.
        send: sends a message with its buffers to the pages; any thread may call it.
    """

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop, send: Sending) -> None:
        self._app = app
        self._loop = loop
        self._send = send
        self._sockets: dict[str, _PageSocket] = {}
        self._requests: dict[str, _Collected] = {}

    def take(self, content: object, buffers: Sequence[bytes | memoryview] = ()) -> None:
        """Take a message of a page, and return at once.

        Raises:
            msgspec.ValidationError: it is no message of a page.
        """
        message: Incoming = msgspec.convert(content, Incoming)
        if self._loop.is_closed():
            self._refuse(message)
        elif isinstance(message, Asked):
            body = bytes(buffers[0]) if buffers else b""
            self._begin(self._answer(message, body))
        else:
            self._loop.call_soon_threadsafe(self._pass_on, message)

    def close(self) -> None:
        """Close all connections."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and they with it
            self._loop.call_soon_threadsafe(self._leave_all)

    def beat(self) -> None:
        """Close the connections of pages that have been silent for long.

        The thread that calls `take` calls this every `BEAT` seconds. While it is busy with
        something else, it hears no page, and none is taken for gone.
        """
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._count_silence)

    def _count_silence(self) -> None:
        for socket in list(self._sockets.values()):
            socket.silence += 1
            if socket.silence > SILENT_BEATS:
                socket.leave()

    def _refuse(self, message: Incoming) -> None:
        """Say that the studio is closed."""
        if isinstance(message, Asked):
            body = msgspec.json.encode(Problem("the studio is closed", fix="run its cell again"))
            told = {"type": "answer", "id": message.id, "status": 503}
            self._send(told | {"kind": "application/json"}, [body])
        elif isinstance(message, Connected):
            self._send({"type": "closed", "id": message.id}, ())

    def _begin(self, work: Any) -> concurrent.futures.Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _leave_all(self) -> None:
        for socket in list(self._sockets.values()):
            socket.leave()

    def _pass_on(self, message: Connected | Said | Got | Left | Dropped | Alive) -> None:
        if isinstance(message, Alive):
            for name in self._sockets.keys() & set(message.ids):
                self._sockets[name].silence = 0
            return
        if isinstance(message, Dropped):
            if message.id in self._requests:
                self._requests[message.id].left.set()
            return
        if isinstance(message, Connected):
            if message.id in self._sockets:
                self._send({"type": "closed", "id": message.id}, ())
                return
            self._sockets[message.id] = _PageSocket(message.id, self._send)
            self._begin(self._serve(message))
            return
        socket = self._sockets.get(message.id)
        if socket is None:
            return
        if isinstance(message, Said):
            socket.incoming.put_nowait({"type": "websocket.receive", "text": message.text})
        elif isinstance(message, Got):
            socket.room.release()
        else:
            socket.leave()

    async def _serve(self, message: Connected) -> None:
        socket = self._sockets[message.id]
        try:
            scope = _scope("websocket", message.path) | {"subprotocols": []}
            await self._app(scope, socket.receive, socket.send)
        except Exception as error:  # nobody waits for the end of this task
            show_bug(error)
        finally:
            del self._sockets[message.id]
            self._send({"type": "closed", "id": message.id}, ())

    async def _answer(self, message: Asked, body: bytes) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        if message.kind:
            headers.append((b"content-type", message.kind.encode("latin-1", "replace")))
        scope = _scope("http", message.path, headers) | {"method": message.method}
        collected = self._requests[message.id] = _Collected(body)
        try:
            await self._app(scope, collected.receive, collected.send)
        except Exception as error:  # likewise
            show_bug(error)
        finally:
            del self._requests[message.id]
            told = {"type": "answer", "id": message.id, "status": collected.status}
            self._send(told | {"kind": collected.kind}, [bytes(collected.body)])


class _Collected:
    """An answer by HTTP, collected; without one it has the status 500."""

    def __init__(self, sent: bytes) -> None:
        self._sent: bytes | None = sent
        self.left = asyncio.Event()
        self.status = 500
        self.kind = ""
        self.body = bytearray()

    async def receive(self) -> _Event:
        """Return the request, and then that nobody waits for its answer any more."""
        if self._sent is None:
            await self.left.wait()
            return {"type": "http.disconnect"}
        sent, self._sent = self._sent, None
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(self, event: _Event) -> None:
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.kind = dict(event["headers"]).get(b"content-type", b"").decode("latin-1")
        else:
            self.body += event.get("body", b"")


class _PageSocket:
    """One connection: the two functions that an application of ASGI is called with."""

    def __init__(self, name: str, send: Sending) -> None:
        self.incoming = asyncio.Queue[_Event]()
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.room = asyncio.Semaphore(AHEAD)
        self.silence = 0
        self._name = name
        self._send = send

    def leave(self) -> None:
        """Tell the application that the page has gone."""
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def receive(self) -> _Event:
        return await self.incoming.get()

    async def send(self, event: _Event) -> None:
        """Send to the page what the application sends; a frame waits until there is room for it."""
        to = {"id": self._name}
        if event["type"] == "websocket.accept":
            self._send({"type": "open"} | to, ())
        elif event["type"] == "websocket.send" and event.get("text") is not None:
            self._send({"type": "text", "text": event["text"]} | to, ())
        elif event["type"] == "websocket.send":
            await self.room.acquire()
            self._send({"type": "frame"} | to, [event["bytes"]])


def _scope(kind: str, address: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> dict[str, Any]:
    """Return what an application of ASGI is told about a request."""
    path, _, query = address.partition("?")
    path = "/" + path.lstrip("/")
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(path),
        "raw_path": path.encode("latin-1", "replace"),
        "root_path": "",
        "query_string": query.encode("latin-1", "replace"),
        "headers": [(b"host", b"notebook"), *headers],
        "client": None,
        "server": None,
        "extensions": {},
    }

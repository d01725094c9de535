"""The WebSocket of a page: its requests go to a session of its own, answers and frames come back.

A page that is closed ends its session; other pages have sessions of their own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from clearprop.errors import ClearpropError
from clearprop.studio.outbox import Outbox
from clearprop.studio.playground.messages import Problem
from clearprop.studio.problems import plain, problem_of

MOST_SESSIONS = 32
"""So many pages can be open at once: each trains in a thread of its own."""

LONGEST_REQUEST = 1 << 20
"""Bytes of a message of a page; 5,000 drawn points take a third of it."""

POLICY_VIOLATED, TRY_LATER = 1008, 1013
LONGEST_TAG = 64

Asked = TypeVar("Asked", contravariant=True)
Made = TypeVar("Made")
Send = Callable[[msgspec.Struct | bytes], None]


class Answering(Protocol[Asked]):
    """What answers the requests of one page, in a thread of its own."""

    def ask(self, request: Asked, /) -> None:
        """Take a request, and return at once."""

    def close(self) -> None:
        """End the thread."""


class _Threads:
    """Threads in which sessions begin and end; they do not keep the process from its end."""

    def __init__(self) -> None:
        self._running: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def start(self, work: Callable[[], object]) -> None:
        """Do something in a thread of its own."""

        def done() -> None:
            try:
                work()
            finally:
                with self._lock:
                    self._running.discard(threading.current_thread())

        thread = threading.Thread(target=done, name="studio session", daemon=True)
        with self._lock:
            self._running.add(thread)
        thread.start()

    def opening(self, work: Callable[[], Made]) -> concurrent.futures.Future[Made]:
        """Make something in a thread of its own."""
        future: concurrent.futures.Future[Made] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()  # it comes to its end also where nobody waits

        def made() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self.start(made)
        return future

    def wait(self, seconds: float) -> None:
        """Wait until all are done, so long at most."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with self._lock:
                running = next(iter(self._running), None)
            if running is None:
                return
            running.join(left)


THREADS = _Threads()
"""Of the connections of all kinds: a program ends once all of them have ended."""


class Connections(Generic[Asked]):
    """The open WebSockets of one kind.

    Args:
        kind: the union of the requests that a page can send.
        open_session: returns the session of a page, which sends answers and frames by a function.
    """

    def __init__(self, kind: Any, open_session: Callable[[Send], Answering[Asked]]) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._open_session = open_session
        self._open = 0
        self._threads = THREADS

    async def serve(self, websocket: WebSocket) -> None:
        """Serve a page until it is closed."""
        await websocket.accept()
        if self._open >= MOST_SESSIONS:
            await _leave(websocket, TRY_LATER, Problem(*_TOO_MANY))
            return
        self._open += 1
        outbox = Outbox(asyncio.get_running_loop())
        try:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self._converse(websocket, outbox)
        finally:
            outbox.close()
            self._open -= 1

    async def _converse(self, websocket: WebSocket, outbox: Outbox) -> None:
        opening = self._threads.opening(lambda: self._open_session(outbox.put))
        try:
            session = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._close_late)
            raise
        except Exception as error:
            await _leave(websocket, TRY_LATER, problem_of(error))
            return
        tasks = [
            asyncio.create_task(self._read(websocket, session, outbox)),
            asyncio.create_task(_write(websocket, outbox)),
            asyncio.create_task(outbox.overfull.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # The session may be in the middle of a compiled call, for whose end nobody waits.
            self._threads.start(session.close)
        if outbox.overfull.is_set():
            await websocket.close(POLICY_VIOLATED)

    def _close_late(self, opening: concurrent.futures.Future[Answering[Asked]]) -> None:
        """Close a session for which nobody waits any more."""
        if opening.exception() is None:
            self._threads.start(opening.result().close)

    def wait(self, seconds: float) -> None:
        """Wait until the sessions of closed pages have ended, so long at most."""
        self._threads.wait(seconds)

    async def _read(self, websocket: WebSocket, session: Answering[Asked], outbox: Outbox) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text: str | None = message.get("text")
            if text is None:
                outbox.put(Problem("a request is a text in JSON, not bytes"))
                continue
            try:
                session.ask(self._decoder.decode(text))
            except (msgspec.DecodeError, RecursionError, ValueError) as error:
                outbox.put(_misunderstood(text, error))
            except Exception as error:
                outbox.put(problem_of(error, _tag(text)))


_TOO_MANY = (
    "too many pages of the studio are open",
    None,
    f"{MOST_SESSIONS} pages",
    None,
    "close some of them, and load this page again",
)


def _misunderstood(text: str, error: Exception) -> Problem:
    if isinstance(error, ClearpropError):
        return problem_of(error, _tag(text))
    return Problem(
        "the studio does not understand this request",
        given=plain(str(error)),
        fix="load the page again: it may be of another version than the studio",
        request=_tag(text),
    )


def _tag(text: str) -> str | None:
    """Return the tag of a request that may be of any form; None where it has none."""
    with contextlib.suppress(msgspec.DecodeError, RecursionError, ValueError):
        found = msgspec.json.decode(text)
        tag = found.get("type") if isinstance(found, Mapping) else None
        return plain(tag[:LONGEST_TAG]) if isinstance(tag, str) else None
    return None


async def _write(websocket: WebSocket, outbox: Outbox) -> None:
    while (content := await outbox.next()) is not None:
        if isinstance(content, bytes):
            await websocket.send_bytes(content)
        else:
            await websocket.send_text(content)


async def _leave(websocket: WebSocket, code: int, problem: Problem) -> None:
    """Say why a page is not served, and close its connection."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(msgspec.json.encode(problem).decode())
        if websocket.application_state == WebSocketState.CONNECTED:
            await websocket.close(code)

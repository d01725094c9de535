"""What the page asks of any model, below ``/api/models``: see `clearprop.studio.models`.

All of it is done by one thread, which imports JAX when it is first needed. A request that the page
has given up is taken out of the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from clearprop.studio.answers import json_answer
from clearprop.studio.importing import IMPORTS
from clearprop.studio.models.headers import What
from clearprop.studio.models.messages import LARGEST_PICTURE, PassRequest
from clearprop.studio.models.worker import Worker
from clearprop.studio.problems import RequestError, plain

T = TypeVar("T")

WRONG, TOO_LARGE, GONE = 400, 413, 499
LARGEST_REQUEST = LARGEST_PICTURE + 100_000
LARGEST_NUMBER = 1 << 31
PAUSE = 0.2
"""Seconds between two looks whether the page still waits."""

KINDS: tuple[What, ...] = ("value", "error", "passed", "local")


def routes(folder: Path, files: Iterable[Path] = (), offers: Sequence[Any] = ()) -> list[BaseRoute]:
    """Return the routes of the views of any model.

    Args:
        folder: of the runs; it need not exist yet.
        files: saved models, beside those in the folder.
        offers: models that Python gives, each an `Offer` of `clearprop.studio.models.sources`.
    """
    return Desk(folder, files, offers).routes()


def _asked() -> Mapping[str, Callable[[Query], Callable[[Any], Any]]]:
    """Return what each GET request asks of the viewer, by its address."""

    def of_pass(name: str, *further: Callable[[Query], Any]) -> Callable[[Query], Any]:
        return lambda q: partial(_call, name, q.text("pass_id"), *(get(q) for get in further))

    def node(q: Query) -> int:
        return q.number("node")

    def given(q: Query) -> int:
        return q.number("input", 0)

    def index(q: Query) -> str:
        return q.text("index", "")

    return {
        "sources": lambda q: partial(_call, "listed"),
        "graph": lambda q: partial(_call, "graph", q.text("source"), q.text("pass_id", "")),
        "examples": lambda q: partial(
            _call,
            "examples",
            q.text("source"),
            q.number("start", 0),
            q.number("count", 12),
            q.number("label") if q.text("label", "") else None,
        ),
        "array": of_pass("array", node, Query.what, given, lambda q: q.number("first", 0)),
        "numbers": of_pass("numbers", node, Query.what, given, index),
        "why": of_pass("why", node, index),
        "equations": of_pass("equations", node, index),
        "cell": of_pass("cell", node, index),
        "back": of_pass("back", node, index),
        "field": of_pass("field", lambda q: q.number("group"), index),
        "maps": of_pass("maps"),
        "sequence": of_pass("sequence"),
    }


def _call(name: str, *given: Any) -> Any:
    *arguments, viewer = given
    return getattr(viewer, name)(*arguments)


class Query:
    """The query of a request, with its values checked."""

    def __init__(self, request: Request) -> None:
        self._values = request.query_params

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text.

        Raises:
            RequestError: it is missing.
        """
        found = self._values.get(name, default)
        if found is None:
            raise RequestError(WRONG, f"{name} is missing")
        return found

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number from 0 on.

        Raises:
            RequestError: it is missing, or no such number.
        """
        text = self.text(name, None if default is None else str(default))
        if not (text.isascii() and text.isdecimal() and len(text) < 12):
            raise RequestError(
                WRONG, f"{name} is no whole number", given=plain(text[:80]), expected="0 or more"
            )
        return min(int(text), LARGEST_NUMBER)

    def what(self) -> What:
        """Return which array is asked for.

        Raises:
            RequestError: there is no such array.
        """
        text = self.text("what", "value")
        for kind in KINDS:
            if kind == text:
                return kind
        raise RequestError(
            WRONG, "there is no such array", given=plain(text[:80]), expected=", ".join(KINDS)
        )


class Desk:
    """Takes requests, has them done by one thread, and writes the answers.

    Args:
        folder: of the runs.
        files: saved models.
        offers: models that Python gives.
    """

    def __init__(
        self, folder: Path, files: Iterable[Path] = (), offers: Iterable[Any] = ()
    ) -> None:
        self._given = (folder, tuple(files), tuple(offers))
        self._worker = Worker("clearprop models")
        self._viewer: Any = None

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        gets = (Route(f"/{name}", self._getter(task)) for name, task in _asked().items())
        return [*gets, Route("/pass", self._post, methods=["POST"])]

    def ask(self, task: Callable[[Any], T]) -> Future[T]:
        """Have something done with the `Viewer` by its thread, such as offering a model.

        Raises:
            RequestError: too many tasks are waiting.
        """
        return self._worker.submit(lambda: task(self._ready()))

    def _getter(
        self, task: Callable[[Query], Callable[[Any], Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a GET request, given what it asks of the viewer."""

        async def get(request: Request) -> Response:
            return await self._done(request, task(Query(request)))

        return get

    async def _post(self, request: Request) -> Response:
        """Make a pass."""
        content = await _body(request)
        try:
            wanted = msgspec.json.decode(content, type=PassRequest)
        except msgspec.DecodeError as error:
            raise RequestError(
                WRONG, "this is no request for a pass", given=plain(str(error))
            ) from error
        return await self._done(request, lambda viewer: viewer.begin(wanted))

    async def _done(self, request: Request, task: Callable[[Any], Any]) -> Response:
        """Return the answer of a task; it is cancelled if the page goes away before it begins."""
        future = self.ask(task)
        waiting = asyncio.wrap_future(future)
        try:
            while not waiting.done():
                await asyncio.wait([waiting], timeout=PAUSE)
                if not waiting.done() and await request.is_disconnected():
                    return Response(status_code=GONE)
        finally:
            future.cancel()
        return _written(waiting.result())

    def _ready(self) -> Any:
        """Return the viewer; the first time JAX is imported for it."""
        if self._viewer is None:
            with IMPORTS:
                from clearprop.studio.models.sources import Sources
                from clearprop.studio.models.viewer import Viewer

            folder, files, offers = self._given
            self._viewer = Viewer(Sources(folder, files, offers))
        return self._viewer


async def _body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        RequestError: it is too large.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_REQUEST:
            raise RequestError(
                TOO_LARGE,
                "the picture is too large",
                expected=f"at most {3 * LARGEST_PICTURE // 4_000_000} MB",
                fix="scale it down first",
            )
    return bytes(content)


def _written(answer: Any) -> Response:
    if isinstance(answer, bytes):
        headers = {"cache-control": "no-store"}
        return Response(answer, headers=headers, media_type="application/octet-stream")
    if isinstance(answer, str):
        return json_answer({"text": answer})
    return json_answer(answer)

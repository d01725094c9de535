"""The addresses of the backward pass below ``/api/backward``.

====================================  =======================================================
``GET pages``                         the pages that have a name
``GET pages/NAME``                    one of them step by step (`PassTrace`)
``GET pages/NAME/sheet``              its exercise as data (`ExerciseSheet`)
``GET pages/NAME/worked``             its worked solution, to print
``GET pages/NAME/blank``              its exercise, to print; with ``format=md`` to fill in
``POST pages/NAME/grade``             the marks of answers by gap (`AnswerMarks`)
``POST trace``, ``POST grade``        the same for any source (`TraceWish`, `MarkWish`)
``GET sheet``, ``worked``, ``blank``  the same for the source in ``source``, as JSON
====================================  =======================================================

All take ``digits``; pages with a name take ``seed``, a trace also ``detail`` and ``pass``.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clearprop.studio.answers import WRONG, json_answer
from clearprop.studio.backward.messages import USUAL_DIGITS, MarkWish, PassSource, TraceWish
from clearprop.studio.importing import IMPORTS
from clearprop.studio.problems import RequestError

Kind = TypeVar("Kind")

LONGEST_BODY = 1 << 18
"""Bytes of a request: a network of 200 parameters takes a fiftieth."""

TOO_LONG = 413
HANDOUT = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "no-store",
}
"""A page to print has its style inside, and no script."""


def routes(runs: Path | None = None) -> list[Route]:
    """Return the routes of the backward pass.

    Args:
        runs: the folder of the runs; None where there is none.
    """
    api = _BackwardApi(runs)
    gets = {
        "/pages": api.pages,
        "/pages/{name}": api.page,
        "/pages/{name}/sheet": api.sheet,
        "/pages/{name}/worked": api.worked,
        "/pages/{name}/blank": api.blank,
        "/sheet": api.sheet,
        "/worked": api.worked,
        "/blank": api.blank,
    }
    posts = {"/trace": api.trace, "/grade": api.grade, "/pages/{name}/grade": api.page_grade}
    return [
        *(Route(path, endpoint, methods=["GET"]) for path, endpoint in gets.items()),
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posts.items()),
    ]


class _BackwardApi:
    """Imports JAX, and what works the passes out, with the first request."""

    def __init__(self, runs: Path | None) -> None:
        self.runs = runs

    async def pages(self, request: Request) -> Response:
        """Answer with the pages that have a name."""
        del request
        return json_answer(await run_in_threadpool(lambda: _module("sources").pages()))

    async def page(self, request: Request) -> Response:
        """Answer with a page step by step."""
        given = {
            "source": _named(request),
            "digits": _whole(request, "digits", USUAL_DIGITS),
            "number": _whole(request, "pass", 1),
            "detail": request.query_params.get("detail"),
        }
        return json_answer(await self._answer("trace_for", _converted(given, TraceWish)))

    async def trace(self, request: Request) -> Response:
        """Answer with any pass step by step."""
        return json_answer(await self._answer("trace_for", await _body(request, TraceWish)))

    async def sheet(self, request: Request) -> Response:
        """Answer with an exercise as data."""
        return json_answer(await self._answer("sheet_for", *_asked(request)))

    async def worked(self, request: Request) -> Response:
        """Answer with a worked solution, to print."""
        text = await self._answer("worked_for", *_asked(request))
        return Response(text, headers=HANDOUT, media_type="text/html")

    async def blank(self, request: Request) -> Response:
        """Answer with an exercise, to print or to fill in."""
        markdown = request.query_params.get("format") == "md"
        text = await self._answer("blank_for", *_asked(request), markdown=markdown)
        kind = "text/markdown" if markdown else "text/html"
        return Response(text, headers=HANDOUT, media_type=kind)

    async def page_grade(self, request: Request) -> Response:
        """Answer with the marks of the answers to a page."""
        given = await _body(request, dict[str, Any])
        wish = _converted({**given, "source": _named(request)}, MarkWish)
        return json_answer(await self._answer("marks_for", wish))

    async def grade(self, request: Request) -> Response:
        """Answer with the marks of answers."""
        return json_answer(await self._answer("marks_for", await _body(request, MarkWish)))

    async def _answer(self, name: str, *asked: object, **options: object) -> Any:
        def work() -> Any:
            return getattr(_module("answers"), name)(*asked, runs=self.runs, **options)

        return await run_in_threadpool(work)


def _module(name: str) -> ModuleType:
    with IMPORTS:
        from clearprop.studio.backward import answers, sources
    return {"answers": answers, "sources": sources}[name]


def _asked(request: Request) -> tuple[PassSource, int]:
    """Return what the address asks for, and with how many digits."""
    text = request.query_params.get("source")
    if "name" in request.path_params or text is None:
        given: object = _named(request)
    else:
        given = _decoded(text.encode(), dict[str, Any])
    wish = _converted(
        {"source": given, "digits": _whole(request, "digits", USUAL_DIGITS)}, TraceWish
    )
    return wish.source, wish.digits


def _named(request: Request) -> dict[str, object]:
    name = request.path_params.get("name", "gate")
    return {"type": "page", "name": name, "seed": _whole(request, "seed", None)}


def _whole(request: Request, name: str, default: int | None) -> int | None:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise RequestError(WRONG, "this is no whole number", where=name, given=text[:40])
    return int(text)


async def _body(request: Request, kind: type[Kind]) -> Kind:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LONGEST_BODY:
            raise RequestError(
                TOO_LONG,
                "the request is too long",
                given=f"more than {LONGEST_BODY:,} bytes",
                expected="a network of at most 200 parameters",
            )
        parts.append(part)
    return _decoded(b"".join(parts), kind)


def _decoded(text: bytes, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _unreadable(error) from None


def _converted(given: object, kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(given, type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> RequestError:
    return RequestError(
        WRONG,
        "the request cannot be read",
        given=str(error)[:200],
        fix="load the page again: it may be older than the studio",
    )

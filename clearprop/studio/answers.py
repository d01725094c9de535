"""Answers over HTTP: JSON, and errors as a `Problem` with a status code."""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from clearprop.errors import ClearpropError
from clearprop.studio.playground.messages import Problem
from clearprop.studio.problems import RequestError, plain, problem_of

WRONG, MISSING, BROKEN, FULL = 400, 404, 500, 503
CLIENT_CLOSED = 499
"""Nobody reads this answer: the client has gone before its request was whole."""


def json_answer(value: object, status: int = 200, **headers: str) -> Response:
    """Return an answer in JSON, which browsers do not keep unless ``cache_control`` allows it.

    Args:
        value: a struct of msgspec, or plain data; numbers that are not finite become null.
        status: the code.
        headers: others, with ``_`` for ``-``.
    """
    named = {"cache-control": "no-store"}
    named |= {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(msgspec.json.encode(value), status, named, "application/json")


def error_answer(connection: HTTPConnection, error: Exception) -> Response:
    """Return the answer to a request that led to an error, as Starlette asks for it.

    The routes of the studio may raise `ClearpropError` wherever they are.
    """
    if isinstance(connection, WebSocket):  # which says itself why it closes
        raise error
    if isinstance(error, ClientDisconnect):
        return Response(status_code=CLIENT_CLOSED)
    if isinstance(error, HTTPException):
        problem = Problem(error.detail)
        if error.status_code == MISSING:
            problem = Problem("the studio has nothing here", where=plain(connection.url.path))
        return json_answer(problem, error.status_code, **(error.headers or {}))
    problem = problem_of(error)
    if isinstance(error, RequestError):
        return json_answer(problem, error.status)
    if isinstance(error, ClearpropError):
        return json_answer(problem, WRONG)
    return json_answer(problem, FULL if isinstance(error, MemoryError) else BROKEN)


RAISED = (HTTPException, ClearpropError, ClientDisconnect, Exception)
"""What `error_answer` answers; the last of them are bugs."""

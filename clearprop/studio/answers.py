"""Answers over HTTP: JSON, and errors as a `Problem` with a status code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from clearprop.errors import ClearpropError
from clearprop.studio.playground.messages import Problem
from clearprop.studio.problems import RequestError, problem_of

Endpoint = Callable[[Request], Awaitable[Response]]

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


def error_answer(error: Exception) -> Response:
    """Return the answer to a request that led to an error."""
    if isinstance(error, HTTPException):
        return json_answer(Problem(error.detail), error.status_code, **(error.headers or {}))
    problem = problem_of(error)
    if isinstance(error, RequestError):
        return json_answer(problem, error.status)
    if isinstance(error, ClearpropError):
        return json_answer(problem, WRONG)
    return json_answer(problem, FULL if isinstance(error, MemoryError) else BROKEN)


def answering(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that answers every error with a `Problem`."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED)
        except Exception as error:
            return error_answer(error)

    return answered

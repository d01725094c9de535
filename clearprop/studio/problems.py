"""What went wrong, as the page gets it: a `Problem` for each error, also for a bug of clearprop."""

from __future__ import annotations

import sys
import threading
import traceback

from clearprop.errors import ClearpropError
from clearprop.files import said
from clearprop.studio.playground.messages import Problem

BUG = "this is a bug in clearprop"
BUG_FIX = "please report what the terminal of the studio shows, and what you did, to the developers"


class RequestError(ClearpropError):
    """Something that was asked for over HTTP cannot be given.

    Args:
        status: the code of the answer, such as 404.
        problem: one sentence that describes the problem.
        where: the place.
        given: the wrong value.
        expected: a right value.
        fix: the most likely solution.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        *,
        where: str | None = None,
        given: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(problem, where=where, given=given, expected=expected, fix=fix)
        self.status = status


def problem_of(error: BaseException, request: str | None = None) -> Problem:
    """Return an error as the page gets it.

    What is not a `ClearpropError` is a bug, or the memory is full; its traceback is written to
    standard error, where the developers can see it.

    Args:
        error: what was raised.
        request: the tag of the request that led to it.

    >>> problem_of(ClearpropError("sizes differ", where="layers.2", given="3"), "configure")
    Problem(message='sizes differ', where='layers.2', given='3', ..., request='configure')
    """
    if isinstance(error, ClearpropError):
        return Problem(
            plain(error.problem) or "",
            where=plain(error.where),
            given=plain(error.given),
            expected=plain(error.expected),
            fix=plain(error.fix),
            request=request,
        )
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):  # as JAX calls it
        return Problem(
            "the memory is full", fix="try it with less data, or a smaller network", request=request
        )
    show_bug(error)
    return Problem(BUG, given=plain(said(error)), fix=BUG_FIX, request=request)


def plain(text: str | None) -> str | None:
    r"""Return a text that can be sent: names of files may hold bytes that are no UTF-8.

    >>> plain("caf\udce9.csv")
    'caf?.csv'
    """
    return None if text is None else str(text).encode("utf-8", "replace").decode("utf-8")


process_ends = threading.Event()
"""Set where the process is about to end: what its threads run into then is no bug."""


def show_bug(error: BaseException) -> None:
    """Write the traceback of an error to standard error."""
    is_ending = process_ends.is_set() or not threading.main_thread().is_alive()
    if sys.stderr is not None and not is_ending:
        sys.stderr.write("".join(traceback.format_exception(error)))
        sys.stderr.write(f"{BUG}: the lines above say where\n")

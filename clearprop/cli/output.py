"""What the commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import os
import sys

from clearprop.errors import RunError

_speaks_for: list[int] = []
"""The number of this process, where it is one of several and not the first."""


def only_complain(process: int) -> None:
    """Let this process, one of several, write no results: the first does."""
    _speaks_for[:] = [process]


def say(text: str = "") -> None:
    """Write a line of a result.

    Raises:
        RunError: standard output is closed, or it cannot be written.
    """
    if not _speaks_for:
        write_out(text + "\n")


def write_out(text: str) -> None:
    """Write a result to standard output as it is.

    Raises:
        RunError: standard output is closed, or it cannot be written.
    """
    if sys.stdout is None:
        raise _unwritable("it is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
        give_up_output()
        raise _unwritable(getattr(error, "strerror", None) or str(error)) from error


def _unwritable(given: str) -> RunError:
    return RunError(
        "standard output cannot be written",
        given=given,
        fix="let it go to a file or a terminal; what was written into files before is whole",
    )


def complain(text: str) -> None:
    """Write a line to standard error, where that is possible."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            who = "".join(f"process {number}: " for number in _speaks_for)
            sys.stderr.write(who + text.rstrip("\n") + "\n")
            sys.stderr.flush()


def give_up_output() -> None:
    """Drop what could not be written: Python would try again at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def open_closed_streams() -> None:
    """Open the null device in place of a standard stream that is closed.

    Otherwise the next file that is opened would get its number, and what a library writes to
    standard error would go into that file.
    """
    with contextlib.suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(number)
    if sys.stderr is None:  # libraries write to it without a question
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends


def warning_line(message: Warning | str, *_: object, **__: object) -> str:
    r"""Return a warning as the commands show it: without the line of Python that warns.

    >>> warning_line(UserWarning("the labels seem to start at 1"))
    'warning: the labels seem to start at 1\n'
    """
    return f"warning: {message}\n"

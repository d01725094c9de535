"""What the commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys


def say(text: str = "") -> None:
    """Write a line of a result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write a line to standard error."""
    sys.stdout.flush()
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()


def warning_line(message: Warning | str, *_: object, **__: object) -> str:
    r"""Return a warning as the commands show it: without the line of Python that warns.

    >>> warning_line(UserWarning("the labels seem to start at 1"))
    'warning: the labels seem to start at 1\n'
    """
    return f"warning: {message}\n"

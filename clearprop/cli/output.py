"""What the commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import re
import sys

DATA_OPTIONS = ("target", "task", "ignore", "categorical", "numeric", "folder", "size", "channels")
FRACTIONS = ("dev", "test")
RECIPE_OPTIONS = ("batch_size", "epochs", "learning_rate", "seed")

_PYTHON_OPTION = re.compile(
    rf"(?<![.\w])(?<!--set )({'|'.join((*DATA_OPTIONS, *FRACTIONS, *RECIPE_OPTIONS))})"
    r"=(\[[^\]]*\]|'[^']*'|[\d.]+)(, (?=\w+=))?"
)


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
    return for_the_shell(f"warning: {message}\n")


def for_the_shell(message: str) -> str:
    r"""Return a message with the options written for the shell instead of Python.

    >>> for_the_shell("which column is the target?\n  fix:      target='price'")
    'which column is the target?\n  fix:      --target price'
    >>> for_the_shell("  fix:      leave it out: ignore=['id']")
    '  fix:      leave it out: --set data.ignore=id'
    >>> for_the_shell("  fix:      batch_size=120 or less")
    '  fix:      --set batch_size=120 or less'
    >>> for_the_shell("  fix:      in Python: cp.fit(..., folder=..., resume=True)")
    '  fix:      in Python: cp.fit(..., folder=..., resume=True)'
    """
    return "\n".join(
        # In a call such as cp.fit(..., folder=...) the options stay as Python writes them.
        _PYTHON_OPTION.sub(_shell_option, line)
        if line.startswith("  fix:") and not re.search(r"\w\(", line)
        else line
        for line in message.split("\n")
    )


def _shell_option(match: re.Match[str]) -> str:
    option, value, more = match[1], match[2], match[3]
    plain = ",".join(part.strip(" '\"") for part in value.strip("[]").split(","))
    plain = f'"{plain}"' if " " in plain else plain
    group = "" if option in RECIPE_OPTIONS else "data."
    text = f"--target {plain}" if option == "target" else f"--set {group}{option}={plain}"
    return f"{text} " if more else text

"""What the commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys

DATA_OPTIONS = (
    *("target", "task", "ignore", "categorical", "numeric", "decimal", "thousands", "dayfirst"),
    *(
        "na_values",
        "encoding",
        "skiprows",
        "folder",
        "size",
        "channels",
        "stream",
        "sequence_length",
        "stride",
        "window",
    ),
    *("horizon", "text", "tags", "limit", "stress", "pronunciations"),
)
FRACTIONS = ("dev", "test")
RECIPE_OPTIONS = ("micro_batch_size", "batch_size", "epochs", "learning_rate", "seed")

_TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_VALUE = rf"\[(?:(?:{_TEXT})(?:, )?)*\]|\([\d, ]+\)|{_TEXT}|True|False|[\d.]*\d"
_PYTHON_OPTION = re.compile(
    rf"(?<![.\w])(?<!--set )({'|'.join((*DATA_OPTIONS, *FRACTIONS, *RECIPE_OPTIONS))})"
    rf"=({_VALUE})(, (?=\w+=))?"
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
        shell_options(line) if line.startswith("  fix:") and not re.search(r"\w\(", line) else line
        for line in message.split("\n")
    )


def shell_options(text: str) -> str:
    """Return a text with its options written for the shell.

    >>> shell_options("size=(8, 8) or ignore=['a b', 'c']")
    "--set data.size=8x8 or --set 'data.ignore=a b,c'"
    """
    return _PYTHON_OPTION.sub(_shell_option, text)


def _shell_option(match: re.Match[str]) -> str:
    option, value, more = match[1], _shell_value(ast.literal_eval(match[2])), match[3]
    if option == "target":
        text = f"--target {shlex.quote(value)}"
    else:
        group = "" if option in RECIPE_OPTIONS else "data."
        text = f"--set {shlex.quote(f'{group}{option}={value}')}"
    return f"{text} " if more else text


def _shell_value(value: object) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, list):
        # A name with a comma or a bracket would be read as several names or as a list.
        is_plain = all(name == name.strip() and not set(name) & set(',[]()"') for name in value)
        return ",".join(value) if is_plain else json.dumps(value, ensure_ascii=False)
    return str(value)

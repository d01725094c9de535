"""The errors of clearprop: the problem, its place, the given and the expected value, the fix."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass


class ClearpropError(Exception):
    """Base of every error that clearprop raises on purpose.

    Args:
        problem: one sentence that describes the problem.
        where: the place, such as a layer path, a file and line, or an option.
        given: the wrong value.
        expected: a right value.
        fix: the most likely solution.
        line: of the user's own code, as ``file:number: source``.

    >>> print(ClearpropError("sizes differ", where="layers.2", given="(3, 4)", fix="use 4 units"))
    layers.2: sizes differ
      given:    (3, 4)
      fix:      use 4 units
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str | None = None,
        given: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
        line: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.given = given
        self.expected = expected
        self.fix = fix
        self.line = line
        self.trail: tuple[str, ...] = ()
        """The layers that ran before the error, with their output shapes (set by the model)."""

    def __str__(self) -> str:
        return self._message(self.fix)

    def for_shell(self) -> str:
        """Return the message with its fix in the syntax of the command line.

        >>> print(DataError("which column is the target?", fix=option("target", "y")).for_shell())
        which column is the target?
          fix:      --target y
        """
        return self._message(None if self.fix is None else for_shell(self.fix))

    def _message(self, fix: str | None) -> str:
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        details = (("given:", self.given), ("expected:", self.expected), ("fix:", fix))
        lines = [head, *(f"  {label:<9} {_indented(text)}" for label, text in details if text)]
        if self.line:
            lines.append(f"  line:     {self.line}")
        if self.trail:
            lines.append(f"  so far:   {' -> '.join(self.trail)}")
        return "\n".join(lines)


def _indented(text: str) -> str:
    return text.replace("\n", "\n            ")


@dataclass(frozen=True)
class Option:
    """An option and its value, as Python and as the command line write it.

    Attributes:
        name: of the keyword argument.
        value: that it should have.
        key: for ``--set``, such as ``data.ignore``; a target and a mesh have words of their own.
    """

    name: str
    value: object
    key: str

    @property
    def python(self) -> str:
        """The keyword argument."""
        return f"{self.name}={self.value!r}"

    @property
    def shell(self) -> str:
        """The words of the command."""
        text = _shell_value(self.value)
        if self.key == "data.target":
            return f"--target {shlex.quote(text)}"
        if self.key == "mesh":
            return f"--mesh {text}"
        return f"--set {shlex.quote(f'{self.key}={text}')}"


@dataclass(frozen=True)
class Spelled:
    """A part of a fix that Python and the command line write in two ways."""

    python: str
    shell: str


class Fix(str):
    """A fix, or a note, that names options: a text in Python's syntax that knows its parts.

    It is the text for Python; `for_shell` returns the text for the command line. Adding it to a
    text, on either side, keeps the parts.

    >>> fix = "leave it out: " + option("ignore", ["id"])
    >>> fix
    "leave it out: ignore=['id']"
    >>> for_shell(fix)
    'leave it out: --set data.ignore=id'
    """

    parts: tuple[str | Option | Spelled, ...]

    def __new__(cls, *parts: str | Option | Spelled) -> Fix:
        flat: list[str | Option | Spelled] = []
        for part in parts:
            flat += part.parts if isinstance(part, Fix) else [part]
        texts = [part if isinstance(part, str) else part.python for part in flat]
        made = super().__new__(cls, "".join(texts))
        made.parts = tuple(flat)
        return made

    def __add__(self, other: str) -> Fix:
        return Fix(self, other)

    def __radd__(self, other: str) -> Fix:
        return Fix(other, self)

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that it names."""
        return tuple(part for part in self.parts if isinstance(part, Option))


def option(name: str, value: object) -> Fix:
    """Return an option of the data, such as ``ignore=['id']`` or ``--set data.ignore=id``.

    >>> option("size", (8, 8)), for_shell(option("size", (8, 8)))
    ('size=(8, 8)', '--set data.size=8x8')
    """
    return Fix(Option(name, value, f"data.{name}"))


def run_option(name: str, value: object) -> Fix:
    """Return an option of training, such as ``batch_size=32`` or ``--set batch_size=32``.

    >>> for_shell(run_option("batch_size", 120) + " or less")
    '--set batch_size=120 or less'
    >>> for_shell(run_option("mesh", {"data": 4, "model": 2}))
    '--mesh data=4,model=2'
    """
    return Fix(Option(name, value, name))


def one_of(fixes: Iterable[str]) -> Fix:
    """Return fixes of which one suffices.

    >>> for_shell(one_of(["correct the cell", option("dayfirst", True)]))
    'correct the cell, or --set data.dayfirst=True'
    """
    parts: list[str] = []
    for fix in fixes:
        parts += [", or ", fix] if parts else [fix]
    return Fix(*parts)


def for_shell(text: str) -> str:
    """Return a fix in the syntax of the command line; a text without options stays as it is.

    >>> for_shell("none: " + option("dev", 0) + ", " + option("test", 0))
    'none: --set data.dev=0 --set data.test=0'
    """
    if not isinstance(text, Fix):
        return text
    parts, said = text.parts, []
    for i, part in enumerate(parts):
        is_comma = part == ", " and 0 < i < len(parts) - 1
        if is_comma and all(isinstance(parts[k], Option) for k in (i - 1, i + 1)):
            said.append(" ")  # words of a command have no comma between them
        else:
            said.append(part if isinstance(part, str) else part.shell)
    return "".join(said)


def _shell_value(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={size}" for name, size in value.items())
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, list):
        # A name with a comma or a bracket would be read as several names or as a list.
        is_plain = all(name == name.strip() and not set(name) & set(',[]()"') for name in value)
        return ",".join(value) if is_plain else json.dumps(value, ensure_ascii=False)
    return str(value)


class ShapeError(ClearpropError, ValueError):
    """Shapes do not fit each other."""


class TracedValueError(ClearpropError, TypeError):
    """A value that is being differentiated was used where its gradient would be lost."""


class DataError(ClearpropError, ValueError):
    """A data set is missing, damaged or does not fit the task."""


class ConfigurationError(ClearpropError, ValueError):
    """An option, a name or a value is unknown or cannot be used."""


class ModelError(ClearpropError, ValueError):
    """A model is not ready, or has the wrong kind for the call."""


class RunError(ClearpropError, RuntimeError):
    """A run folder cannot be created, locked, read or continued."""


class CheckpointError(RunError):
    """A checkpoint is damaged or belongs to another architecture."""


class NonFiniteError(ClearpropError, ArithmeticError):
    """A loss, an error signal or a weight became infinite or not a number."""


MOST_NAMES, SHOWN_NAMES = 24, 6
"""An error lists up to MOST_NAMES known names; of a longer list it shows SHOWN_NAMES."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to ``name``, or None if no name is close.

    A name with the same letters in another order is closest: two letters were swapped.

    >>> nearest("lenet", ["mlp", "lenet5", "xor"])
    'lenet5'
    >>> nearest("adma", ["adam", "adamax"])
    'adam'
    """
    matches = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.5)
    letters = sorted(name.lower())
    swapped = (match for match in matches if sorted(match.lower()) == letters)
    return next(swapped, matches[0] if matches else None)


def kind_of(value: object) -> str:
    """Return the type of a value with its article, for a message.

    >>> kind_of(3), kind_of("x"), kind_of(None)
    ('an int', 'a str', 'None')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def unknown_name(
    kind: str, name: str, known: Iterable[str], where: str | None = None, fix: str | None = None
) -> ConfigurationError:
    """Return the error for an unknown name, with the nearest known name as its fix.

    Args:
        kind: of thing that has the name.
        name: the unknown one.
        known: all names.
        where: the place.
        fix: the right name, where it is known what is meant.

    >>> print(unknown_name("recipe", "lenet", ["mlp", "lenet5"]))
    unknown recipe 'lenet'
      expected: one of lenet5, mlp
      fix:      did you mean 'lenet5'?
    """
    names = sorted(set(known))
    close = nearest(name, names)
    expected = f"one of {', '.join(names)}" if names else f"no {kind} is known here"
    if len(names) > MOST_NAMES:
        # The intended name is probably among the nearest.
        near = difflib.get_close_matches(name.lower(), names, n=SHOWN_NAMES, cutoff=0.3)
        shown = near or names[:SHOWN_NAMES]
        expected = f"one of {len(names)}, such as {', '.join(shown)}"
    return ConfigurationError(
        f"unknown {kind} {name!r}",
        where=where,
        expected=expected,
        fix=repr(fix) if fix in names else fix or (f"did you mean {close!r}?" if close else None),
    )

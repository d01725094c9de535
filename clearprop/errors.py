"""The errors of clearprop: the problem, its place, the given and the expected value, the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        details = (("given:", self.given), ("expected:", self.expected), ("fix:", self.fix))
        lines = [head, *(f"  {label:<9} {_indented(text)}" for label, text in details if text)]
        if self.line:
            lines.append(f"  line:     {self.line}")
        if self.trail:
            lines.append(f"  so far:   {' -> '.join(self.trail)}")
        return "\n".join(lines)


def _indented(text: str) -> str:
    return text.replace("\n", "\n            ")


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

"""The errors of clearprop: what is wrong, where, what was given and expected, and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ClearpropError(Exception):
    """Base of every error that clearprop raises on purpose.

    Args:
        problem: one sentence that says what is wrong.
        where: the place, such as a layer path, a file and line, or an option.
        given: what was found there.
        expected: what would have been right.
        fix: what the reader can most likely do about it.

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
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.given = given
        self.expected = expected
        self.fix = fix
        self.trail: tuple[str, ...] = ()
        """The layers computed before the error, with their output shapes (set by the model)."""

    def __str__(self) -> str:
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        details = (("given:", self.given), ("expected:", self.expected), ("fix:", self.fix))
        lines = [head, *(f"  {label:<9} {text}" for label, text in details if text)]
        if self.trail:
            lines.append(f"  so far:   {' -> '.join(self.trail)}")
        return "\n".join(lines)


class ShapeError(ClearpropError, ValueError):
    """Shapes do not fit together."""


class TracedValueError(ClearpropError, TypeError):
    """A value that is being differentiated was used where its gradient would be lost."""


class DataError(ClearpropError, ValueError):
    """A data set is missing, damaged or not what the task needs."""


class ConfigurationError(ClearpropError, ValueError):
    """An option, a name or a value that clearprop does not know or cannot use."""


class ModelError(ClearpropError, ValueError):
    """A model is not ready, or not of the kind that the call needs."""


class RunError(ClearpropError, RuntimeError):
    """A run folder cannot be created, locked, read or continued."""


class CheckpointError(RunError):
    """A checkpoint is damaged or belongs to another architecture."""


class NonFiniteError(ClearpropError, ArithmeticError):
    """A loss, an error signal or a weight became infinite or not a number."""


MOST_NAMES, SHOWN_NAMES = 24, 6
"""Up to MOST_NAMES known names an error lists all; of more it shows SHOWN_NAMES."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to ``name``, or None where none is close.

    >>> nearest("lenet", ["mlp", "lenet5", "xor"])
    'lenet5'
    """
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


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
    kind: str, name: str, known: Iterable[str], where: str | None = None
) -> ConfigurationError:
    """Return the error for a name that is not among the known ones, with the nearest of them.

    >>> print(unknown_name("recipe", "lenet", ["mlp", "lenet5"]))
    unknown recipe 'lenet'
      expected: one of lenet5, mlp
      fix:      did you mean 'lenet5'?
    """
    names = sorted(set(known))
    close = nearest(name, names)
    expected = f"one of {', '.join(names)}" if names else f"no {kind} is known here"
    if len(names) > MOST_NAMES:
        # The name that was meant is likely among the nearest.
        near = difflib.get_close_matches(name.lower(), names, n=SHOWN_NAMES, cutoff=0.3)
        shown = near or names[:SHOWN_NAMES]
        expected = f"one of {len(names)}, such as {', '.join(shown)}"
    return ConfigurationError(
        f"unknown {kind} {name!r}",
        where=where,
        expected=expected,
        fix=f"did you mean {close!r}?" if close else None,
    )

"""Values of a JSON object that another program may have changed, each checked as it is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from clearprop.errors import SHOWN_NAMES, DataError, kind_of, nearest

Taken = TypeVar("Taken")
Reader: TypeAlias = Callable[[object, str], Taken]
"""Returns a value as what it has to be; the second argument is its place, for the error."""

LONGEST_SHOWN = 60
NO_RECORD = "this is not the record of a preprocessor"
EXPECTED = "the JSON text that clearprop wrote"


@dataclass(frozen=True)
class JsonRecord:
    """A JSON object.

    Args:
        values: the object.
        where: its place, such as ``config.json, columns[3]``.
    """

    values: Mapping[str, object]
    where: str

    @classmethod
    def of(
        cls, value: object, where: str, needed: Collection[str], more: Collection[str] = ()
    ) -> JsonRecord:
        """Return a value as an object with known keys.

        Args:
            value: any value of JSON.
            where: its place.
            needed: the keys that it must have.
            more: those that it may have besides.

        Raises:
            DataError: it is no object, or a key is missing or unknown.
        """
        if not isinstance(value, Mapping):
            raise wrong(where, value, "an object with names")
        missing = [name for name in needed if name not in value]
        if missing:
            raise wrong(where, "an object without " + ", ".join(map(repr, missing)), EXPECTED)
        unknown = [name for name in value if name not in needed and name not in more]
        if unknown:
            close = nearest(str(unknown[0]), [*needed, *more])
            raise wrong(
                where,
                "the unknown names " + ", ".join(repr(name)[:40] for name in unknown[:SHOWN_NAMES]),
                f"{close!r}" if close else EXPECTED,
            )
        return cls(value, where)

    def take(self, name: str, read: Reader[Taken], otherwise: Any = None) -> Taken:
        """Return a value as a reader gives it.

        Args:
            name: of the value.
            read: checks it.
            otherwise: is read where the object has no such value.

        Raises:
            DataError: it is not what the reader takes.
        """
        return read(self.values.get(name, otherwise), f"{self.where}, {name}")


def wrong(where: str, given: object, expected: str) -> DataError:
    """Return an error about a value; a text that begins with an article stands for itself.

    >>> print(wrong("config.json, center", [1], "a number"))
    config.json, center: this is not the record of a preprocessor
      given:    [1]
      expected: a number
    """
    is_said = isinstance(given, str) and given.startswith(("an object ", "the unknown "))
    shown = str(given) if is_said else repr(given)
    return DataError(
        NO_RECORD,
        where=where,
        given=shown if len(shown) <= LONGEST_SHOWN or is_said else kind_of(given),
        expected=expected,
    )


def text(value: object, where: str) -> str:
    """Return a value that is a text."""
    if not isinstance(value, str):
        raise wrong(where, value, "a text")
    return value


def one_of(names: Sequence[str]) -> Reader[str]:
    """Return a reader of one of some texts."""

    def read(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in names:
            raise wrong(where, value, f"one of {', '.join(names)}")
        return value

    return read


def number(value: object, where: str) -> float:
    """Return a value that is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(where, value, "a number")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # a whole number above 1e308
        finite = False
    if not finite:
        raise wrong(where, value, "a finite number")
    return float(value)


def spread(value: object, where: str) -> float:
    """Return a number that can be divided by."""
    found = number(value, where)
    if found <= 0:
        raise wrong(where, value, "a number above 0")
    return found


def whole(value: object, where: str) -> int:
    """Return a value that is a whole number, 0 or more, and below 2^31."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise wrong(where, value, "a whole number from 0 on")
    return value


def several(read: Reader[Taken]) -> Reader[tuple[Taken, ...]]:
    """Return a reader of a list, whose entries are read one by one."""

    def read_all(value: object, where: str) -> tuple[Taken, ...]:
        if not isinstance(value, list | tuple):
            raise wrong(where, value, "a list")
        return tuple(read(entry, f"{where}[{place}]") for place, entry in enumerate(value))

    return read_all


def named(read: Reader[Taken]) -> Reader[dict[str, Taken]]:
    """Return a reader of an object with any names, whose values are read one by one."""

    def read_all(value: object, where: str) -> dict[str, Taken]:
        if not isinstance(value, Mapping):
            raise wrong(where, value, "an object with names")
        return {str(name): read(entry, f"{where}, {name}"[:200]) for name, entry in value.items()}

    return read_all


def optional(read: Reader[Taken]) -> Reader[Taken | None]:
    """Return a reader that takes null as None."""

    def read_any(value: object, where: str) -> Taken | None:
        return None if value is None else read(value, where)

    return read_any

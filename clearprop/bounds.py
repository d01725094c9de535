"""The ranges of options: each function returns a value that is in its range, and raises otherwise.

``name`` is the name of the option, and ``where`` what it belongs to, as errors name it.
"""

from __future__ import annotations

import math
from typing import SupportsFloat

from clearprop.errors import ConfigurationError


def number(value: object, name: str, where: str | None = None) -> float:
    """Return a finite number as a float.

    Raises:
        ConfigurationError: it is not a number, not finite, or known only inside `jax.jit`.
    """
    try:
        if isinstance(value, str | bool) or not isinstance(value, SupportsFloat):
            raise TypeError
        result = float(value)
    except (TypeError, ValueError):
        raise _out_of_range(value, name, where, "a number") from None
    if not math.isfinite(result):
        raise _out_of_range(value, name, where, "a finite number")
    return result


def positive(value: object, name: str, where: str | None = None) -> float:
    """Return a number above zero.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, name, where)
    if result <= 0:
        raise _out_of_range(value, name, where, "a number above 0")
    return result


def not_negative(value: object, name: str, where: str | None = None) -> float:
    """Return a number that is zero or above.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, name, where)
    if result < 0:
        raise _out_of_range(value, name, where, "a number of 0 or above")
    return result


def decay(value: object, name: str, where: str | None = None) -> float:
    """Return the decay of a running average: from 0 to below 1.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, name, where)
    if not 0 <= result < 1:
        raise _out_of_range(value, name, where, "a number from 0 to below 1")
    return result


def chance(value: object, name: str, where: str | None = None) -> float:
    """Return a number above 0 and at most 1.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, name, where)
    if not 0 < result <= 1:
        raise _out_of_range(value, name, where, "a number above 0 and at most 1")
    return result


def fraction(value: object, name: str, where: str | None = None) -> float:
    """Return a number between 0 and 1.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, name, where)
    if not 0 < result < 1:
        raise _out_of_range(value, name, where, "a number above 0 and below 1")
    return result


def count(value: object, name: str, least: int = 0) -> int:
    """Return a whole number that is not below ``least``; 3.0 is one too.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, name)
    if result != int(result):
        raise _out_of_range(value, name, None, f"a whole number from {least} up")
    return whole(int(result), name, least)


def whole(value: object, name: str, least: int = 1, where: str | None = None) -> int:
    """Return an integer that is not below ``least``.

    Raises:
        ConfigurationError: it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _out_of_range(value, name, where, f"a whole number from {least} up")
    return value


def _out_of_range(value: object, name: str, where: str | None, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is out of range",
        where=where or name,
        given=repr(value),
        expected=expected,
    )

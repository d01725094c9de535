"""The ranges of hyperparameters, checked once, when an optimizer is made.

``where`` is the name of the option; the table of `configuration` puts its owner before it.
"""

from __future__ import annotations

import math
from typing import SupportsFloat

from clearprop.errors import ConfigurationError


def number(value: object, where: str) -> float:
    """Return a finite number as a float.

    Raises:
        ConfigurationError: it is not a number, not finite, or known only inside `jax.jit`.
    """
    try:
        if isinstance(value, str | bool) or not isinstance(value, SupportsFloat):
            raise TypeError
        result = float(value)
    except (TypeError, ValueError):
        raise _out_of_range(value, where, "a number") from None
    if not math.isfinite(result):
        raise _out_of_range(value, where, "a finite number")
    return result


def positive(value: object, where: str) -> float:
    """Return a number above zero.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, where)
    if result <= 0:
        raise _out_of_range(value, where, "a number above 0")
    return result


def not_negative(value: object, where: str) -> float:
    """Return a number that is zero or above.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, where)
    if result < 0:
        raise _out_of_range(value, where, "a number of 0 or above")
    return result


def decay(value: object, where: str) -> float:
    """Return the decay of a running average: from 0 to below 1.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, where)
    if not 0 <= result < 1:
        raise _out_of_range(value, where, "a number from 0 to below 1")
    return result


def fraction(value: object, where: str) -> float:
    """Return a number between 0 and 1.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, where)
    if not 0 < result < 1:
        raise _out_of_range(value, where, "a number above 0 and below 1")
    return result


def count(value: object, where: str, least: int = 0) -> int:
    """Return a whole number that is not below ``least``.

    Raises:
        ConfigurationError: it is not one.
    """
    result = number(value, where)
    if result != int(result) or result < least:
        raise _out_of_range(value, where, f"a whole number of {least} or above")
    return int(result)


def _out_of_range(value: object, where: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} is out of range", where=where, given=repr(value), expected=expected
    )

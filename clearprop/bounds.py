"""The ranges of options: each function returns a value that is in its range, and raises otherwise.

``name`` is the name of the option. ``where`` is what it belongs to; without it an error names the
option alone, and `optim.configuration.named` puts the name of the optimizer before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import SupportsFloat

from clearprop.errors import ConfigurationError, kind_of

LARGEST_INT32 = 2**31 - 1
"""What a compiled step can count: its whole numbers have 32 bits."""

LONGEST = 80
"""A longer value is told by its kind: weights in the place of a rate would fill the screen."""


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
    """Return a number above zero; raise a ConfigurationError for any other value."""
    return _within(value, name, where, lambda x: x > 0, "a number above 0")


def not_negative(value: object, name: str, where: str | None = None) -> float:
    """Return a number that is zero or above; raise a ConfigurationError for any other value."""
    return _within(value, name, where, lambda x: x >= 0, "a number of 0 or above")


def decay(value: object, name: str, where: str | None = None) -> float:
    """Return the decay of a running average, a number from 0 to below 1, or raise an error."""
    return _within(value, name, where, lambda x: 0 <= x < 1, "a number from 0 to below 1")


def fraction(value: object, name: str, where: str | None = None) -> float:
    """Return a number above 0 and below 1; raise a ConfigurationError for any other value."""
    return _within(value, name, where, lambda x: 0 < x < 1, "a number above 0 and below 1")


def chance(value: object, name: str, where: str | None = None) -> float:
    """Return a number above 0 and at most 1; raise a ConfigurationError for any other value."""
    return _within(value, name, where, lambda x: 0 < x <= 1, "a number above 0 and at most 1")


def count(value: object, name: str, least: int = 0) -> int:
    """Return a whole number that is not below ``least``; 3.0 is one too."""
    expected = f"a whole number of {least} or above"
    return int(_within(value, name, None, lambda x: x == int(x) and x >= least, expected))


def whole(
    value: object, name: str, least: int = 1, where: str | None = None, most: int | None = None
) -> int:
    """Return an integer, one of NumPy's too, from ``least`` to ``most``, or raise an error."""
    if not isinstance(value, bool) and isinstance(value, Integral):
        result = int(value)
        if result >= least and (most is None or result <= most):
            return result
    expected = f"{least} or above" if most is None else f"{least} to {most:,}"
    raise _out_of_range(value, name, where, f"a whole number of {expected}")


def _within(
    value: object, name: str, where: str | None, holds: Callable[[float], bool], expected: str
) -> float:
    result = number(value, name, where)
    if not holds(result):
        raise _out_of_range(value, name, where, expected)
    return result


def _out_of_range(value: object, name: str, where: str | None, expected: str) -> ConfigurationError:
    given = repr(value)
    return ConfigurationError(
        f"{name} is out of range",
        where=where or name,
        given=given if len(given) <= LONGEST and "\n" not in given else kind_of(value),
        expected=expected,
    )

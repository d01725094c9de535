"""The ranges of hyperparameters, checked once, when an optimizer is made.

``where`` is the name of the option. `configuration.named` puts the name of the optimizer before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
    """Return a number above zero; raise a ConfigurationError for any other value."""
    return _within(value, where, lambda x: x > 0, "a number above 0")


def not_negative(value: object, where: str) -> float:
    """Return a number that is zero or above; raise a ConfigurationError for any other value."""
    return _within(value, where, lambda x: x >= 0, "a number of 0 or above")


def decay(value: object, where: str) -> float:
    """Return the decay of a running average, a number from 0 to below 1, or raise an error."""
    return _within(value, where, lambda x: 0 <= x < 1, "a number from 0 to below 1")


def fraction(value: object, where: str) -> float:
    """Return a number above 0 and below 1; raise a ConfigurationError for any other value."""
    return _within(value, where, lambda x: 0 < x < 1, "a number above 0 and below 1")


def count(value: object, where: str, least: int = 0) -> int:
    """Return a whole number that is not below ``least``, or raise a ConfigurationError."""
    return int(
        _within(
            value,
            where,
            lambda x: x == int(x) and x >= least,
            f"a whole number of {least} or above",
        )
    )


def _within(value: object, where: str, holds: Callable[[float], bool], expected: str) -> float:
    result = number(value, where)
    if not holds(result):
        raise _out_of_range(value, where, expected)
    return result


def _out_of_range(value: object, where: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} is out of range", where=where, given=repr(value), expected=expected
    )

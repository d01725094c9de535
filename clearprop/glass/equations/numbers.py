"""Numbers as text, with just enough digits that a printed equation holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from clearprop.glass.equations.expression import Expression, Symbol, evaluate, magnitude

DIGITS = 6
"""Significant digits of a printed result, unless a caller wants fewer."""

MOST_DIGITS = 17
"""Digits that distinguish every double-precision number from all others."""

SMALLEST, LARGEST = 1e-4, 1e7
"""A number between these two is written without a power of ten."""


def plain(x: object) -> float:
    """Return an entry of an array as the shortest decimal number that rounds to it.

    What is true counts as 1.

    >>> plain(np.float32(0.1)), plain(np.True_)
    (0.1, 1.0)
    """
    entry = np.asarray(x)
    return float(entry) if entry.dtype == bool else float(str(entry[()]))


def significant(value: float, digits: int) -> str:
    """Write a number with some significant digits; an exact number has no zeros at its end.

    >>> significant(0.68201934, 4), significant(0.35, 4), significant(-0.00001234567, 4)
    ('0.6820', '0.35', '-1.235e-5')
    >>> significant(float("nan"), 4), significant(0.0, 4)
    ('nan', '0')
    """
    if not math.isfinite(value) or value == 0:
        return "0" if value == 0 else str(value)
    rounded = float(f"{value:.{digits - 1}e}")
    exact = math.isclose(rounded, value, rel_tol=1e-14)
    if not SMALLEST <= abs(rounded) < LARGEST:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{_bare(mantissa) if exact else mantissa}e{int(exponent)}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{value:.{places}f}"
    return _bare(text) if exact else text


def _bare(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def at_quantum(value: float, exponent: int) -> str:
    """Write a number rounded to a multiple of ten to the exponent.

    >>> at_quantum(0.68201934, -4), at_quantum(1.2e-9, -7), at_quantum(-256.0, 1)
    ('0.6820', '0.0000000', '-2.6e2')
    """
    if not math.isfinite(value):
        return str(value)
    number = Decimal(round(Decimal(value).scaleb(-exponent))).scaleb(exponent)
    if not number:
        return f"{0:.{max(0, -exponent)}f}"
    if SMALLEST <= abs(number) < LARGEST and exponent <= 0:
        return f"{number:f}"
    mantissa, _, power = f"{number:e}".partition("e")
    return f"{mantissa}e{int(power)}"


def fitting(
    expression: Expression, value: float, digits: int = DIGITS
) -> tuple[Callable[[Symbol], str], str]:
    """Choose the digits with which the symbols and the result of an equation are written.

    The result has ``digits`` significant digits. It has fewer where the value, which was computed
    in the model's own precision, differs from the formula before that (as in a sum that cancels).
    The symbols get enough digits that the printed equation is right to half a unit of the last
    digit of the result.

    Returns:
        A function that writes a symbol as a number, and the result as text.

    >>> x = Symbol("x", 2 / 3)
    >>> write, result = fitting(x * x, 4 / 9)
    >>> write(x), result
    ('0.6666667', '0.444444')
    >>> fitting(Symbol("y", 0.065409), 0.065409)[1]
    '0.065409'
    """
    exact = evaluate(expression, lambda symbol: symbol.value)
    if not (math.isfinite(exact) and math.isfinite(value)):
        return (lambda symbol: significant(symbol.value, digits)), significant(value, digits)
    size = abs(value) or abs(exact)
    wished = math.floor(math.log10(size)) - digits + 1 if size else -digits
    # Digits below this are only the rounding error of double precision.
    noise = magnitude(expression) * 2.0**-50
    wished = max(wished, math.ceil(math.log10(noise))) if 0 < noise < math.inf else wished
    # One digit more where the value lies halfway between two roundings.
    for exponent in (wished, wished - 1, *range(wished + 1, wished + 30)):
        result = at_quantum(value, exponent)
        if abs(exact - float(result)) <= 0.499 * 10.0**exponent:
            break
    if float(result) == value:  # an exact result has no zeros at its end
        result = significant(value, digits + 1)
    for precision in range(digits, MOST_DIGITS + 1):
        written = _written_with(precision)
        printed = _as_printed(expression, written)
        if abs(printed - float(result)) <= 0.5 * 10.0**exponent:
            break
    return written, result


def _as_printed(expression: Expression, written: Callable[[Symbol], str]) -> float:
    return evaluate(expression, lambda symbol: float(written(symbol)))


def _written_with(precision: int) -> Callable[[Symbol], str]:
    return lambda symbol: significant(symbol.value, precision)

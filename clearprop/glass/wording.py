"""Numbers, times and settings as text for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any


def number(x: float, digits: int = 3) -> str:
    """Return a number with some significant digits, without an exponent where that is short.

    >>> number(0.123456), number(1234.5), number(0.0000123), number(2.0), number(float("nan"))
    ('0.123', '1,230', '1.23e-05', '2', 'not a number')
    """
    if math.isnan(x):
        return "not a number"
    if math.isinf(x):
        return "infinite" if x > 0 else "minus infinite"
    if x == 0:
        return "0"
    size = abs(x)
    if size < 1e-4 or size >= 1e9:
        return f"{x:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    rounded = round(x, digits - 1 - math.floor(math.log10(size)))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell(x: float, digits: int = 6) -> str:
    """Return a number as it stands in a table: years and identifiers have no separators.

    >>> cell(1987.0), cell(804913.4), cell(36.9), cell(1985.321, 5)
    ('1987', '804913', '36.9', '1985.3')
    """
    if not math.isfinite(x) or abs(x) >= 1e15:
        return number(x)
    whole = round(x)
    # A whole number that was scaled and scaled back is off by the rounding of float32.
    if abs(x - whole) <= 1e-6 * max(1.0, abs(x)) or abs(x) >= 10 ** (digits - 1):
        return str(whole)
    return f"{x:.{digits}g}"


def visible(name: str) -> str:
    """Return the name of a class or a token with signs for white space, which cannot be seen.

    >>> visible(" "), visible(chr(10)), visible("a b"), visible("")
    ('␣', '⏎', 'a b', '(empty)')
    """
    if name and name.strip() == name and name.isprintable():
        return name
    signs = {" ": "␣", "\n": "⏎", "\t": "⇥"}
    body = name.strip(" ")
    if body and body.isprintable():  # only the spaces around a name cannot be seen
        start = len(name) - len(name.lstrip(" "))
        return "␣" * start + body + "␣" * (len(name) - start - len(body))
    if not name:
        return "(empty)"
    return "".join(signs.get(c, c if c.isprintable() else repr(c)[1:-1]) for c in name)


def percent(fraction: float) -> str:
    """Return a fraction as percent, with the digits that the commands show.

    >>> percent(0.5), percent(0.0961), percent(0.9987), percent(1.0), percent(0.00003)
    ('50.00 %', '9.61 %', '99.87 %', '100.00 %', 'under 0.01 %')
    """
    if not math.isfinite(fraction):
        return number(fraction)
    if 0 < fraction < 0.0001:
        return "under 0.01 %"
    if 0.9999 < fraction < 1:
        return "over 99.99 %"
    return f"{100 * fraction:.2f} %"


def measure(name: str, value: float) -> str:
    """Return a measured number as text, as percent where its name is that of a fraction.

    >>> measure("phoneme error rate", 0.0971), measure("bits per character", 2.0437)
    ('9.71 %', '2.044')
    """
    fractions = ("rate", "accuracy", "fraction")
    return percent(value) if name.endswith(fractions) else number(value, digits=4)


def duration(seconds: float) -> str:
    """Return a time in seconds as text.

    >>> duration(0.0033), duration(0.25), duration(9.04), duration(83), duration(7300)
    ('3.3 ms', '0.25 s', '9.0 s', '1 min 23 s', '2 h 2 min')
    """
    if 0 < seconds < 0.1:
        return f"{number(1000 * seconds)} ms"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number and a noun.

    >>> count(1, "epoch"), count(61706, "parameter"), count(2, "class", "classes")
    ('1 epoch', '61,706 parameters', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def without_folders(value: Any) -> Any:
    """Return plain data in which an absolute path is replaced by its last part.

    >>> without_folders({"data": "/srv/somebody/rows.csv", "rate": 0.1, "ratio": "1/2"})
    {'data': 'rows.csv', 'rate': 0.1, 'ratio': '1/2'}
    """
    if isinstance(value, dict):
        return {key: without_folders(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(child) for child in value]
    if isinstance(value, str):
        for kind in (PurePosixPath, PureWindowsPath):
            path = kind(value)
            if path.is_absolute() or value.startswith("~"):
                return path.name or value
    return value


def flat(config: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested configuration as rows of dotted name and text, without values not set.

    >>> flat({"settings": {"epochs": 3, "patience": None}, "loss": "cross_entropy"})
    [('settings.epochs', '3'), ('loss', 'cross_entropy')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, dict):
            rows += flat(value, name)
        elif isinstance(value, list) and any(isinstance(child, dict) for child in value):
            rows += flat({str(i): child for i, child in enumerate(value)}, name)
        elif value is not None and value != []:
            rows.append((name, _plain(value)))
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_plain(child) for child in value)
    return str(value)

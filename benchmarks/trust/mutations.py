"""Damage of bytes, drawn from a seed."""

from __future__ import annotations

import json
import random
import re
from typing import Any

EXTREME_NUMBERS = (
    *(b"0", b"-1", b"9" * 30, b"-" + b"9" * 30, b"1e999", b"-1e-999", b"nan", b"inf"),
    *(b"65536", b"2147483647", b"2147483648", b"4294967295", b"9223372036854775807", b"0x7f"),
)
EXTREME_BYTES = tuple(
    number.to_bytes(size, order)
    for size in (2, 4, 8)
    for number in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
    for order in ("little", "big")
)
LONGEST, MOST = 40, 3

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2.5, -0.0, 2**31, 2**63, 10**30, 1e308, float("nan")),
    *(float("inf"), "", "a", "0", "\0", "a" * 1000, [], [[]], [1], ["a"], [None], {}, {"a": 1}),
)


def damaged(content: bytes, draws: random.Random) -> bytes:
    """Return bytes with one to three damages.

    Args:
        content: sound bytes.
        draws: chooses the damages.
    """
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and draws.random() < 0.7:
        return json.dumps(_other_value(record, draws)).encode()
    for _ in range(draws.randint(1, MOST)):
        content = draws.choice(KINDS)(content, draws)
    return content


def _other_value(value: Any, draws: random.Random) -> Any:
    """Return a value of JSON with one of the values in it replaced, left out or added."""
    if isinstance(value, dict) and value and draws.random() < 0.9:
        key = draws.choice(sorted(value))
        if draws.random() < 0.1:
            return {name: one for name, one in value.items() if name != key}
        if draws.random() < 0.1:
            return {**value, "unknown": draws.choice(VALUES)}
        return {**value, key: _other_value(value[key], draws)}
    if isinstance(value, list) and value and draws.random() < 0.9:
        place = draws.randrange(len(value))
        return [*value[:place], _other_value(value[place], draws), *value[place + 1 :]]
    return draws.choice(VALUES)


def _place(content: bytes, draws: random.Random) -> tuple[int, int]:
    """Return the beginning and the end of a part."""
    begin = draws.randrange(len(content) + 1)
    return begin, min(len(content), begin + draws.randint(1, LONGEST))


def _bit(content: bytes, draws: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draws.randint(1, MOST) if content else 0):
        changed[draws.randrange(len(changed))] ^= 1 << draws.randrange(8)
    return bytes(changed)


def _bytes(content: bytes, draws: random.Random) -> bytes:
    begin, end = _place(content, draws)
    return content[:begin] + draws.randbytes(end - begin) + content[end:]


def _one_byte(content: bytes, draws: random.Random) -> bytes:
    begin, _ = _place(content, draws)
    return content[:begin] + bytes([draws.choice((0, 0x7F, 0x80, 0xFF))]) + content[begin + 1 :]


def _cut(content: bytes, draws: random.Random) -> bytes:
    begin, _ = _place(content, draws)
    return content[:begin] if draws.random() < 0.8 else content[begin:]


def _inserted(content: bytes, draws: random.Random) -> bytes:
    begin, _ = _place(content, draws)
    new = draws.randbytes(draws.randint(1, LONGEST))
    return content[:begin] + draws.choice((new, bytes(len(new)), new[:1] * 5000)) + content[begin:]


def _deleted(content: bytes, draws: random.Random) -> bytes:
    begin, end = _place(content, draws)
    return content[:begin] + content[end:]


def _swapped(content: bytes, draws: random.Random) -> bytes:
    a, b = sorted(draws.randrange(len(content) + 1) for _ in range(2))
    size = min(draws.randint(1, LONGEST), b - a)
    return (
        content[:a]
        + content[b : b + size]
        + content[a + size : b]
        + content[a : a + size]
        + (content[b + size :])
    )


def _repeated(content: bytes, draws: random.Random) -> bytes:
    begin, end = _place(content, draws)
    return content[:begin] + content[begin:end] * draws.choice((2, 3, 200)) + content[end:]


def _number(content: bytes, draws: random.Random) -> bytes:
    found = list(re.finditer(rb"\d+", content))
    if not found:
        return _extreme(content, draws)
    place = draws.choice(found)
    return content[: place.start()] + draws.choice(EXTREME_NUMBERS) + content[place.end() :]


def _extreme(content: bytes, draws: random.Random) -> bytes:
    new = draws.choice(EXTREME_BYTES)
    begin = draws.randrange(max(1, len(content) - len(new) + 1))
    return content[:begin] + new + content[begin + len(new) :]


KINDS = (
    *(_bit, _bytes, _one_byte, _cut, _inserted, _deleted, _swapped, _repeated, _number),
    *(_extreme, _extreme),
)

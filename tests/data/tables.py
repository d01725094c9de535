"""Cells of small tables, and what is read from messages, for the tests of tables."""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 24
Write = Callable[..., Path]
DAYS = [datetime.date(2023, 12, 25) + datetime.timedelta(days=5 * row) for row in range(ROWS)]
PARTS = ("year", "month", "day_of_week", "day_of_year")


def parts_of(day: datetime.date) -> list[float]:
    return [day.year, day.month, day.isoweekday(), day.timetuple().tm_yday]


def repeated(*cells: str) -> list[str]:
    return [cells[row % len(cells)] for row in range(ROWS)]


def options_in(message: str) -> list[dict[str, Any]]:
    """Return the options of `clearprop.data.load` that a message names, each with its value."""
    found = re.findall(r"\b(\w+)=(\[[^\]]*\]|\([^)]*\)|'[^']*'|True|False|[\d.]*\d)", message)
    return [{name: ast.literal_eval(value)} for name, value in found]

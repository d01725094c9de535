"""What a notebook shows of a value, and the report of a run: both are written by the glass.

The values belong to lower floors, which do not know the glass. So it is imported by its name, when
somebody looks.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any


class Shown:
    """A value that a notebook shows as more than a line of text."""

    def _repr_html_(self) -> str:
        html: str = importlib.import_module("clearprop.glass.notebook").html(self)
        return html


def report_of(run: object, *arguments: object, **options: Any) -> Path:
    """Write the report of a run; see `clearprop.glass.write_report`."""
    page: Path = importlib.import_module("clearprop.glass").write_report(run, *arguments, **options)
    return page

"""Counts that add up over several sittings, in a file: what was tried with which seeds."""

from __future__ import annotations

import collections
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearprop.files import write_atomically

RESULTS = Path(__file__).parents[1] / "results"


class Tally:
    """The counts of one harness by kind, such as a format of files, and the seeds that were tried.

    Args:
        path: of the file; it is made with the first count.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, Any] = {}
        if path.is_file():
            self._known = json.loads(path.read_text(encoding="utf-8"))

    def next_seed(self, kind: str) -> int:
        """Return the first seed of a kind that was not tried yet."""
        return int(self._known.get(kind, {}).get("seeds", 0))

    def add(self, kind: str, counts: Mapping[str, int], seeds: int) -> None:
        """Add counts of the next seeds of a kind, and write the file."""
        known = self._known.setdefault(kind, {"seeds": 0, "counts": {}})
        known["seeds"] += seeds
        total = collections.Counter(known["counts"])
        total.update(counts)
        known["counts"] = dict(sorted(total.items()))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self._known, indent=1) + "\n")

    def lines(self) -> list[str]:
        """Return the counts as lines, one for each kind."""
        return [
            f"{kind}: {known['seeds']:,} seeds; "
            + ", ".join(f"{count:,} {name}" for name, count in known["counts"].items())
            for kind, known in sorted(self._known.items())
        ]

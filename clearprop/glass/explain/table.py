"""The nodes of a pass as a table: shapes, values and error signals in a few numbers."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearprop.glass.explain.summary import Summary

if TYPE_CHECKING:
    from clearprop.glass.explain.node import GlassNode

HEADINGS = ("name", "shape", "mean", "min", "max", "zeros", "|error|", "note")
"""Of the columns: mean, min, max and share of zeros of the value, mean |.| of the error signal."""


@dataclass(frozen=True)
class Row:
    """One node in a few numbers.

    Attributes:
        name, operation, shape: of the node.
        value: what its value is like.
        error: what its error signal is like; None where it carries none.
    """

    name: str
    operation: str
    shape: tuple[int, ...]
    value: Summary
    error: Summary | None

    @property
    def note(self) -> str:
        """What is not as it should be: entries that are no finite numbers."""
        parts = (("values", self.value), ("errors", self.error))
        return ", ".join(
            f"{s.nonfinite} {what} not finite" for what, s in parts if s and s.nonfinite
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text, as `HEADINGS` has it."""
        value = self.value
        return (
            self.name,
            "x".join(map(str, self.shape)) or "scalar",
            *(f"{x:.4g}" for x in (value.mean, value.smallest, value.largest)),
            f"{value.zeros:.1%}" if value.zeros else "",
            "" if self.error is None else f"{self.error.size:.4g}",
            self.note,
        )


class Table:
    """Rows of nodes: as aligned text, in a notebook as a table, or as CSV.

    Attributes:
        rows: one a node.
    """

    def __init__(self, nodes: Iterable[GlassNode]) -> None:
        self.rows = [row_of(node) for node in nodes]

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines = [self._headings, *self._cells]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self._headings))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if k in (0, 1, len(HEADINGS) - 1) else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(text)}</th>" for text in self._headings)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in self._cells
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_csv(self) -> str:
        """Return the rows as comma-separated text, numbers in full."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        fields = ("mean", "smallest", "largest", "size", "norm", "zeros", "nonfinite")
        parts = [f"{part}_{name}" for part in ("value", "error") for name in fields]
        writer.writerow(["name", "operation", "shape", *parts])
        for row in self.rows:
            error = row.error or ("",) * len(fields)
            shape = "x".join(map(str, row.shape))
            writer.writerow([row.name, row.operation, shape, *row.value, *error])
        return text.getvalue()

    @property
    def _headings(self) -> tuple[str, ...]:
        return HEADINGS if self._noted else HEADINGS[:-1]

    @property
    def _cells(self) -> list[tuple[str, ...]]:
        return [row.cells if self._noted else row.cells[:-1] for row in self.rows]

    @property
    def _noted(self) -> bool:
        return any(row.note for row in self.rows)


def row_of(node: GlassNode) -> Row:
    """Return a node in a few numbers."""
    return Row(node.name, node.operation, node.shape, node.summary, node.error_summary)

"""The nodes of a pass as a table: shapes, values and error signals in a few numbers."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable
from dataclasses import dataclass

from clearprop.glass.nodes.array_summary import ArraySummary
from clearprop.glass.nodes.graph import shape_text

HEADINGS = ("name", "shape", "mean", "min", "max", "zeros", "|error|", "note")
"""Of the columns: mean, min, max and fraction of zeros of the value, mean size of the error."""


@dataclass(frozen=True)
class TableRow:
    """One node in a few numbers.

    Attributes:
        name, operation, shape: of the node.
        value: the summary of its value.
        error: the summary of its error signal; None where it carries none.
    """

    name: str
    operation: str
    shape: tuple[int, ...]
    value: ArraySummary
    error: ArraySummary | None

    @property
    def note(self) -> str:
        """How many entries are not finite numbers; "" if all are finite."""
        parts = (("values", self.value), ("errors", self.error))
        return ", ".join(
            f"{s.nonfinite} {what} not finite" for what, s in parts if s and s.nonfinite
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADINGS`."""
        value = self.value
        return (
            self.name,
            shape_text(self.shape),
            *(f"{x:.4g}" for x in (value.mean, value.smallest, value.largest)),
            f"{value.zeros:.1%}" if value.zeros else "",
            "" if self.error is None else f"{self.error.size:.4g}",
            self.note,
        )


class Table:
    """Rows of nodes, shown as aligned text, as a table in a notebook, or as CSV.

    Attributes:
        rows: one for each node.
    """

    def __init__(self, rows: Iterable[TableRow]) -> None:
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines = self._lines
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if k in (0, 1, len(HEADINGS) - 1) else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        headings, *rows = self._lines
        head = "".join(f"<th>{html.escape(text)}</th>" for text in headings)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_csv(self) -> str:
        """Return the rows as comma-separated text, with all digits of the numbers."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        fields = ArraySummary._fields
        parts = [f"{part}_{name}" for part in ("value", "error") for name in fields]
        writer.writerow(["name", "operation", "shape", *parts])
        for row in self.rows:
            error = row.error or ("",) * len(fields)
            shape = "x".join(map(str, row.shape))
            writer.writerow([row.name, row.operation, shape, *row.value, *error])
        return text.getvalue()

    @property
    def _lines(self) -> list[tuple[str, ...]]:
        """The headings and the rows as text, without the notes if no row has one."""
        lines = [HEADINGS, *(row.cells for row in self.rows)]
        return lines if any(row.note for row in self.rows) else [line[:-1] for line in lines]

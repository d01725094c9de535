"""The table of precision and recall; both count faults only, not notes."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.diagnosis.cases import BREAKERS


def show(rows: list[dict[str, Any]], half: str) -> None:
    """Print precision and recall for each kind and for all kinds, of half of the runs or of all."""
    rows = [r for r in rows if half == "both" or r["number"] % 2 == (half == "odd")]
    healthy = [r for r in rows if not r["kind"] and r["sensible"]]
    left_out = sum(not r["kind"] and not r["sensible"] for r in rows)
    broken = [r for r in rows if r["kind"]]
    console = Console(width=140)
    table = Table(title=f"diagnose, {half} runs", title_justify="left")
    for name in ("kind", "broken", "as fault", "found as note", "first", "healthy: fault",
                 "healthy: note", "elsewhere", "recall", "precision"):  # fmt: skip
        left = name == "kind"
        table.add_column(name, justify="left" if left else "right", no_wrap=left)
    for kind in BREAKERS:
        table.add_row(kind, *map(str, _row(kind, broken, healthy)))
    console.print(table)
    for line in summary(broken, healthy, left_out):
        console.print(line)


def _row(kind: str, broken: list[dict[str, Any]], healthy: list[dict[str, Any]]) -> list[Any]:
    ours = [r for r in broken if r["kind"] == kind]
    others = [r for r in broken if r["kind"] != kind]
    as_fault = [r for r in ours if kind in r["faults"]]
    as_note = [r for r in ours if kind in r["notes"] and kind not in r["faults"]]
    first = [r for r in ours if (r["faults"] + r["notes"])[:1] == [kind]]
    alarms = sum(kind in r["faults"] for r in healthy)
    elsewhere = sum(kind in r["faults"] for r in others)
    said = len(as_fault) + alarms + elsewhere
    return [
        len(ours), len(as_fault), len(as_note), len(first), alarms,
        sum(kind in r["notes"] for r in healthy), elsewhere,
        fraction(len(as_fault), len(ours)), fraction(len(as_fault), said),
    ]  # fmt: skip


def summary(
    broken: list[dict[str, Any]], healthy: list[dict[str, Any]], left_out: int
) -> list[str]:
    """Return the figures for all kinds together, in sentences."""
    found = sum(r["kind"] in r["faults"] + r["notes"] for r in broken)
    as_fault = sum(r["kind"] in r["faults"] for r in broken)
    said = sum(len(set(r["faults"])) for r in broken + healthy)
    any_fault = sum(bool(r["faults"]) for r in broken)
    first = sum((r["faults"] + r["notes"])[:1] == [r["kind"]] for r in broken)
    alarms = sum(bool(r["faults"]) for r in healthy)
    noted = sum(bool(r["notes"]) for r in healthy)
    seconds = [r["seconds"] for r in broken + healthy]
    longest = max((s[1] for s in seconds), default=0.0)
    return [
        f"Broken runs: {len(broken)}. Their kind is found as a fault in {as_fault} (recall "
        f"{fraction(as_fault, len(broken))}), as a note in {found - as_fault} more, and as the "
        f"first finding in {first}. Some fault is found in {any_fault}.",
        f"Healthy runs: {len(healthy)} ({left_out} more did not reach a reasonable error and are "
        f"not counted). {alarms} have a fault (false alarms), {noted} have a note.",
        f"Faults: {said}. {as_fault} of them are of the kind that was put into their run "
        f"(precision {fraction(as_fault, said)}).",
        f"A diagnosis took {sum(s[1] for s in seconds) / max(len(seconds), 1):.2f} s on average, "
        f"{longest:.2f} s at most.",
    ]


def fraction(part: int, whole: int) -> str:
    """Return a fraction as text.

    >>> fraction(3, 4), fraction(0, 0)
    ('0.75', '-')
    """
    return f"{part / whole:.2f}" if whole else "-"

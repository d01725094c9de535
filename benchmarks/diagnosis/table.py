"""The table of precision, recall and repairs; precision counts faults only, not notes."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.diagnosis.cases import ALSO, BREAKERS, NOTED

Row = dict[str, Any]

COLUMNS = ("kind", "broken", "as fault", "as error", "as note", "first", "healthy: fault",
           "healthy: note", "elsewhere", "recall", "precision", "repaired")  # fmt: skip


def show(rows: list[Row], half: str, wrong: bool = False) -> None:
    """Print the figures of each kind and of all kinds; with ``wrong`` every run that is wrong."""
    broken, healthy, left_out = _sorted(rows)
    console = Console(width=160)
    table = Table(title=f"diagnose, {half} runs", title_justify="left")
    for name in COLUMNS:
        left = name == "kind"
        table.add_column(name, justify="left" if left else "right", no_wrap=left)
    for kind in BREAKERS:
        table.add_row(kind, *map(str, _row(kind, broken, healthy)))
    console.print(table)
    for line in summary(broken, healthy, left_out):
        console.print(line)
    for row in [r for r in broken + healthy if wrong and _is_wrong(r)]:
        console.print(_account(row), markup=False, highlight=False)


def show_markdown(rows: list[Row], half: str, wrong: bool = False) -> None:
    """Print the same as Markdown, as docs/diagnosis.md has it."""
    broken, healthy, left_out = _sorted(rows)
    for line in summary(broken, healthy, left_out):
        print(f"- {line}")
    print(f"\n| {' | '.join(COLUMNS)} |")
    print(f"| --- |{' ---: |' * (len(COLUMNS) - 1)}")
    for kind in BREAKERS:
        print(f"| `{kind}` | {' | '.join(map(str, _row(kind, broken, healthy)))} |")
    for row in [r for r in broken + healthy if wrong and _is_wrong(r)]:
        print(_account(row))


def _sorted(rows: list[Row]) -> tuple[list[Row], list[Row], int]:
    """Return the broken runs, the healthy ones, and how many healthy ones were left out."""
    broken = [r for r in rows if r["kind"]]
    healthy = [r for r in rows if not r["kind"] and r["sensible"]]
    return broken, healthy, len(rows) - len(broken) - len(healthy)


def _named(kind: str) -> set[str]:
    """Return the kinds of findings that name a fault."""
    return {kind, *ALSO.get(kind, ())}


def _is_fault(row: Row) -> bool:
    return bool(_named(row["kind"]) & set(row["faults"]))


def _is_note(row: Row) -> bool:
    return bool(_named(row["kind"]) & set(row["notes"])) and not _is_fault(row)


def is_found(row: Row) -> bool:
    """Return whether the fault of a broken run is found.

    It is found as a fault, by the error with which `fit` refuses to begin, or as a note where the
    kind is nothing but good to know.
    """
    return _is_fault(row) or row["named"] or (row["kind"] in NOTED and _is_note(row))


def _is_first(row: Row) -> bool:
    return row["named"] or (row["faults"] + row["notes"])[:1] in [[k] for k in _named(row["kind"])]


def _row(kind: str, broken: list[Row], healthy: list[Row]) -> list[Any]:
    ours = [r for r in broken if r["kind"] == kind]
    others = [r for r in broken if r["kind"] != kind and kind not in _named(r["kind"])]
    as_fault, as_error = sum(map(_is_fault, ours)), sum(r["named"] for r in ours)
    alarms = sum(kind in r["faults"] for r in healthy)
    elsewhere = sum(kind in r["faults"] for r in others)
    right = sum(bool(r["faults"] and _is_fault(r)) for r in ours)
    tried = [r for r in ours if "repaired" in r]
    return [
        len(ours), as_fault, as_error, sum(map(_is_note, ours)), sum(map(_is_first, ours)), alarms,
        sum(kind in r["notes"] for r in healthy), elsewhere,
        fraction(sum(map(is_found, ours)), len(ours)),
        fraction(right, right + alarms + elsewhere),
        f"{sum(r['repaired'] for r in tried)} of {len(tried)}" if tried else "-",
    ]  # fmt: skip


def summary(broken: list[Row], healthy: list[Row], left_out: int) -> list[str]:
    """Return the figures for all kinds together, in sentences."""
    found, strict = sum(map(is_found, broken)), sum(r["kind"] in r["faults"] for r in broken)
    as_fault, as_error = sum(map(_is_fault, broken)), sum(r["named"] for r in broken)
    noted = sum(map(_is_note, broken))
    said = sum(len(set(r["faults"])) for r in broken + healthy)
    right = sum(len(_named(r["kind"]) & set(r["faults"])) for r in broken)
    exactly = sum(r["kind"] in r["faults"] for r in broken)
    any_fault = sum(bool(r["faults"] or r["refusal"]) for r in broken)
    alarms = sum(bool(r["faults"] or r["refusal"] or r["warnings"]) for r in healthy)
    tried = [r for r in broken if "repaired" in r]
    repaired = sum(r["repaired"] for r in tried)
    seconds = [r["seconds"] for r in broken + healthy]
    longest = max((s[1] for s in seconds), default=0.0)
    mean = [sum(s[i] for s in seconds) / max(len(seconds), 1) for i in range(3)]
    return [
        f"Recall: the cause of {found} of {len(broken)} broken runs is named (recall "
        f"{fraction(found, len(broken))}): {as_fault} as a fault, {as_error} by the error with "
        f"which `fit` refuses to begin, {found - as_fault - as_error} as a note where a note is "
        f"all that it deserves. It is the first finding in {sum(map(_is_first, broken))}, and only "
        f"a note beside another fault in {noted - (found - as_fault - as_error)} more. By exactly "
        f"the kind that was put in, {strict} are found as a fault. Some fault is found in "
        f"{any_fault}.",
        f"Precision: of {said} faults, {right} name the cause of their run (precision "
        f"{fraction(right, said)}; {exactly} by exactly the kind that was put in).",
        f"False alarms: of {len(healthy)} healthy runs, {alarms} have a fault, an error or a "
        f"warning; {sum(bool(r['notes']) for r in healthy)} have a note. {left_out} more did not "
        "reach a reasonable error and are not counted.",
        f"Mends: following the first finding repairs {repaired} of {len(tried)} broken runs "
        f"({fraction(repaired, len(tried))}). The other {len(broken) - len(tried)} lost something "
        "that no code brings back, so no mend was tried.",
        f"Time: training a run takes {mean[0]:.1f} s on average, its diagnosis {mean[1]:.1f} s "
        f"({longest:.1f} s at most), and a mend with its training {mean[2]:.1f} s.",
    ]


def _is_wrong(row: Row) -> bool:
    if not row["kind"]:
        return bool(row["faults"] or row["refusal"] or row["warnings"])
    others = set(row["faults"]) - _named(row["kind"])
    return not is_found(row) or bool(others) or row.get("repaired") is False


def _account(row: Row) -> str:
    """Return what was found in a run and what came of its mend, as one line."""
    parts = [row["name"], f"faults {', '.join(row['faults']) or '-'}",
             f"notes {', '.join(row['notes']) or '-'}"]  # fmt: skip
    if row["refusal"]:
        parts.append(f"refused: {row['refusal'].splitlines()[0]}")
    if row["warnings"]:
        parts.append(f"warned: {row['warnings'][0].splitlines()[0]}")
    if "repaired" in row:
        how = "repaired" if row["repaired"] else "not repaired"
        parts.append(f"{how}: {row['broken']:.3f} -> {row['mended']:.3f} {row['why'][:90]}".strip())
    return "; ".join(parts)


def fraction(part: int, whole: int) -> str:
    """Return a fraction as text.

    >>> fraction(3, 4), fraction(0, 0)
    ('0.75', '-')
    """
    return f"{part / whole:.2f}" if whole else "-"

"""The table of PyTorch's samples at the end of a run: agreed, mapped, not expressible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

PROPERTY = "samples of an operator"
"""The name under which a test reports its counts, also from another process."""


def lines(reports: Iterable[Any]) -> list[str]:
    """Return the lines of the table from the reports of all tests; none without such a test."""
    rows = [
        counts
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, counts in report.user_properties
        if name == PROPERTY
    ]
    if not rows:
        return []
    total: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for counts in rows:
        total.update({name: n for name, n in counts.items() if isinstance(n, int)})
        differ.update(counts["differ"])
        reasons.update(counts["reasons"])
    faults = total["mapped"] - total["agreed"] - differ.total()
    return [
        f"{total['samples']:6} samples of {len(rows)} of PyTorch's operators, in float64",
        f"{total['left_out']:6} left out, after {_most()} mapped samples of an operator",
        f"{total['mapped']:6} mapped to clearprop's operations",
        f"{total['agreed']:6} of these agreed in value and gradients",
        f"{differ.total():6} of these differ by convention",
        *(f"{n:10} {reason}" for reason, n in differ.most_common()),
        f"{faults:6} of these disagree",
        f"{reasons.total():6} not expressible",
        *(f"{n:10} {reason}" for reason, n in reasons.most_common()),
    ]


def _most() -> int:
    from tests.ops.opinfo.comparison import MOST

    return MOST

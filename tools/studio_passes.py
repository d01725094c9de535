"""Write the backward passes of the lectures, with their exercises, for a page without a server.

``python -m tools.studio_passes`` writes ``studio-ui/src/classroom/passes/lectures.bin``: JSON,
compressed (zlib). A test compares what is in it with what the library works out.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from clearprop.glass.equations.expression import Apply, Expression, Number, Symbol
from clearprop.glass.equations.sheet import Sheet
from clearprop.studio.backward.answers import blank_for, trace_for, worked_for
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.messages import USUAL_DIGITS, NamedPage, PassPage, TraceWish
from clearprop.studio.backward.sheets import exercise_sheet
from clearprop.studio.backward.sources import pages, solution

TARGET = Path(__file__).parents[1] / "studio-ui/src/classroom/passes/lectures.bin"

PASSES = 3
"""So many steps of gradient descent are kept of each page."""


def kept_passes() -> dict[str, Any]:
    """Return the pages of the lectures as plain data, with everything that they show.

    ``pages`` are the pages that can be chosen; ``passes`` has for each the traces with the key to
    their questions, the exercise with its key, and both as pages to print.
    """
    kept = [page for page in pages() if not page.seeded]
    return {
        "digits": USUAL_DIGITS,
        "pages": msgspec.to_builtins(kept),
        "passes": [_page(page) for page in kept],
    }


def _page(page: PassPage) -> dict[str, Any]:
    source = NamedPage(page.name)
    own = solution(source, USUAL_DIGITS).sheet
    return {
        "name": page.name,
        "traces": list(_traces(source)),
        "sheet": msgspec.to_builtins(exercise_sheet(own)),
        "key": key_of(own),
        "worked": worked_for(source, USUAL_DIGITS, None),
        "blank": blank_for(source, USUAL_DIGITS, None, markdown=False),
    }


def _traces(source: NamedPage) -> Iterator[dict[str, Any]]:
    details = trace_for(TraceWish(source), None).details
    for number in range(1, PASSES + 1):
        for detail in details:
            wish = TraceWish(source, detail=detail, number=number)
            sheet = Flow.of(solution(source, USUAL_DIGITS, number=number), detail).sheet()
            yield {"trace": msgspec.to_builtins(trace_for(wish, None)), "key": key_of(sheet)}


def key_of(sheet: Sheet) -> list[dict[str, Any]]:
    """Return the quantities of an exercise with their true values and their formulas."""
    return [
        {
            "name": line.name,
            "value": line.value if math.isfinite(line.value) else None,
            "formula": None if line.formula is None else plain_formula(line.formula),
            "about": line.about,
            "gap": line.gap,
        }
        for line in sheet.lines()
    ]


def plain_formula(formula: Expression) -> dict[str, Any]:
    """Return a formula as plain data, as `studio-ui/src/dense/formulas/expression.ts` reads it.

    >>> plain_formula(-Symbol("x", 2.0))["operation"]
    'neg'
    """
    match formula:
        case Number(number):
            return {"kind": "number", "value": number}
        case Symbol(name, amount):
            return {"kind": "symbol", "name": name, "value": amount}
        case Apply(operation, arguments):
            of = [plain_formula(one) for one in arguments]
            return {"kind": "apply", "operation": operation, "of": of}
    raise TypeError(f"{formula!r} is no formula")


def main() -> int:
    """Write the file; return the exit code."""
    TARGET.write_bytes(zlib.compress(msgspec.json.encode(kept_passes()), 9))
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

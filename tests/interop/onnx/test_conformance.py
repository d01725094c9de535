"""The conformance cases of the library `onnx`: some in every run, all in the slow one."""

from __future__ import annotations

import pytest

from tools.onnx_conformance import BEGIN, END, KINDS, NOT_PASSED, PAGE, cases, run

PARTS = 24
SLOW = 8
"""One of so many node cases is part of the quick run."""


def problems(kind: str, part: int, parts: int) -> dict[str, str]:
    results = [run(case) for case in cases(kind)[part::parts]]
    return {
        result.name: result.problem
        for result in results
        if result.problem is not None and result.name not in NOT_PASSED
    }


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "node"])
def test_graphs_and_layers(kind: str) -> None:
    assert not problems(kind, 0, 1)


@pytest.mark.parametrize("part", range(4))
def test_some_operators(part: int) -> None:
    assert not problems("node", part * 2, 4 * SLOW)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_all_operators(part: int) -> None:
    assert not problems("node", part, PARTS)


def test_the_page_has_the_counts() -> None:
    content = PAGE.read_text(encoding="utf-8")
    found = content.partition(BEGIN)[2].partition(END)[0]
    for kind, words in KINDS.items():
        assert f"| {words} | " in found
        assert f" | {len(cases(kind)):,} | " in found

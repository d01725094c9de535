"""The sources of the page: their types, their own tests, and what Python writes for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import build_studio, studio_types

SOURCES = Path(__file__).parents[2] / "studio-ui"


def npm(script: str) -> None:
    node = build_studio.find_node()
    if node is None:
        pytest.skip("Node.js 20.19 or newer with npm was not found: make studio brings it")
    if not (SOURCES / "node_modules").is_dir():
        pytest.skip("the tools of the page are not installed: make studio")
    done = subprocess.run(
        [*node.npm, "run", script],
        cwd=SOURCES,
        env={**build_studio.environment(node), "NO_COLOR": "1", "FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_of_the_page() -> None:
    npm("check")


def test_the_tests_of_the_page() -> None:
    npm("test")


def test_what_python_writes_for_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    code = studio_types.main(["--check"])
    assert code == 0, f"python -m tools.studio_types: {capsys.readouterr().out}"

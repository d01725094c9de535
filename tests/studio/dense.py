"""Computes with the parts of the page that need no server; they are written in TypeScript."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "studio-ui"


def missing() -> str | None:
    """Return what is missing to run TypeScript; None where nothing is."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (PAGE / "node_modules" / ".bin" / "rolldown").exists():
        return "studio-ui/node_modules is missing: run npm ci in studio-ui"
    return None


@functools.cache
def _bundle(entry: str) -> Path:
    """Return a part of the page as one file of JavaScript; it is made once in a session."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    made = Path(folder.name) / "bundle.mjs"
    command = ["node_modules/.bin/rolldown", entry, "--format", "esm"]
    done = subprocess.run(
        [*command, "-o", str(made)], cwd=PAGE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def computed(
    cases: Sequence[dict[str, Any]],
    entry: str = "src/dense/index.ts",
    driver: str = "dense_driver.mjs",
) -> list[Any]:
    """Return what a part of the page computes for each case.

    Args:
        cases: what the driver is given.
        entry: the source of the part.
        driver: calls it.
    """
    if (reason := missing()) is not None:
        pytest.skip(reason)
    done = subprocess.run(
        ["node", str(Path(__file__).parent / driver), str(_bundle(entry))],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results

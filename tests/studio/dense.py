"""Computes with the engine of dense networks of the page, which is written in TypeScript."""

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
DRIVER = Path(__file__).parent / "dense_driver.mjs"


def missing() -> str | None:
    """Return what is missing to run TypeScript; None where nothing is."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (PAGE / "node_modules" / ".bin" / "rolldown").exists():
        return "studio-ui/node_modules is missing: run npm ci in studio-ui"
    return None


@functools.cache
def _bundle() -> Path:
    """Return the engine as one file of JavaScript; it is made once in a session."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    made = Path(folder.name) / "dense.mjs"
    command = ["node_modules/.bin/rolldown", "src/dense/index.ts", "--format", "esm"]
    done = subprocess.run(
        [*command, "-o", str(made)], cwd=PAGE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def computed(cases: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what the engine computes for each case."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    done = subprocess.run(
        ["node", str(DRIVER), str(_bundle())],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results

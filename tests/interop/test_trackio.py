"""The example that logs to trackio finds there what it wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trackio", reason="trackio is not installed; it needs older versions than ours")

ROOT = Path(__file__).parents[2]


def test_the_example_reads_its_curve_back(tmp_path: Path) -> None:
    place = {"TRACKIO_DIR": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "log_to_trackio.py")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **place},
    )
    in_trackio, in_run = done.stdout.splitlines()[-2:]
    assert in_trackio.startswith("10 epochs in trackio")
    assert in_trackio.split()[-1] == in_run.split()[-1]

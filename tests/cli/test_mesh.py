"""``--mesh``: a run over several devices from the command line, and going on over others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = ["train", "mlp", "--data", "digits", "--no-report", "--set", "batch_size=64"]


def said(*arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "clearprop", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_run_over_a_mesh_goes_on_with_another(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    code, out, err = said(*TRAIN, "--mesh", "data=2,model=2", "--set", "epochs=1", "--folder", run)
    assert code == 0, err
    assert "over 4 devices" in out + err
    config = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert (config["plan"]["devices"], config["plan"]["parts"]) == (2, 2)
    assert config["machine"]["devices"] == 4
    code, _, err = said("resume", run, "--no-report", "--mesh", "data=1")
    assert code == 0, err


@pytest.mark.parametrize(
    ("mesh", "parts"),
    [
        ("data=3", ["a batch cannot be sharded evenly", "--set batch_size=63"]),
        ("mod=2", ["unknown axis of the mesh 'mod'", "did you mean 'model'?"]),
        ("data=-1,model=-1", ["does not fit the devices", "--mesh data=-1"]),
        ("data", ["each axis once, with its number", "--mesh data=-1"]),
        ("data=2,data=1", ["each axis once"]),
    ],
)
def test_a_mesh_that_cannot_be_has_an_answer(mesh: str, parts: list[str], tmp_path: Path) -> None:
    code, out, err = said(*TRAIN, "--mesh", mesh, "--folder", str(tmp_path / "run"))
    assert code == 2
    for part in parts:
        assert part in out + err

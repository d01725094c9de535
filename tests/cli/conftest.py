from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from clearprop.cli import main

ROOT = Path(__file__).parents[2]


IRIS = (
    *("train", "mlp", "--data", "iris", "--no-report"),
    *("--set", "hidden_sizes=8", "--set", "epochs=30", "--set", "learning_rate=0.05"),
)


class Answer(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def clearprop(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Run a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Answer:
        capfd.readouterr()
        code = main(arguments)
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def _iris_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Train once for all tests that need a run; return its folder and its output."""
    folder = tmp_path_factory.mktemp("iris") / "run"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main([*IRIS, "--folder", str(folder)]) == 0
    return folder, said.getvalue()


@pytest.fixture
def iris_run(_iris_once: tuple[Path, str], tmp_path: Path) -> str:
    """Copy a run into the folder ``run`` of the test; return the output of its training."""
    shutil.copytree(_iris_once[0], tmp_path / "run")
    return _iris_once[1]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@pytest.fixture
def shell(tmp_path: Path) -> Command:
    """Run a command as a process of its own, as a user does."""

    def run(*arguments: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "clearprop", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment(),
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


def is_clear(answer: Answer, *parts: str) -> bool:
    """Say whether bad input ended with exit code 2, a message with the parts, no traceback."""
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    for part in parts:
        assert part in answer.err, answer.err
    return True

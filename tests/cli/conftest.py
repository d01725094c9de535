from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from clearprop.cli import main

ROOT = Path(__file__).parents[2]


class Answer(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def clearprop(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Run a command of the command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Answer:
        capfd.readouterr()
        code = main(arguments)
        return Answer(code, *capfd.readouterr())

    return run


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@pytest.fixture
def shell(tmp_path: Path) -> Command:
    """Run a command as a process of its own, as a person would."""

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
    """Say whether an answer is the clear end of bad input: exit code 2, no traceback, the parts."""
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    for part in parts:
        assert part in answer.err, answer.err
    return True

"""The command diagnose."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clearprop.cli.inspection import show_diagnosis
from clearprop.glass.diagnosis import diagnose
from clearprop.nn import Linear, Sequential, initializers
from tests.cli.conftest import Command, is_clear


def test_it_says_what_was_looked_for(clearprop: Command, iris_run: str) -> None:
    answer = clearprop("diagnose", "run")
    assert answer.code == 0
    assert "FAULT" not in answer.out
    assert "Looked for: " in answer.out


def test_it_finds_a_rate_that_is_too_low(clearprop: Command) -> None:
    trained = clearprop("train", "mlp", "--data", "iris", "--no-report", "--set", "epochs=3",
                        "--set", "hidden_sizes=8", "--set", "learning_rate=0.0000001",
                        "--folder", "low")  # fmt: skip
    assert trained.code == 0
    answer = clearprop("diagnose", "low")
    assert answer.code == 0
    assert "FAULT" in answer.out
    assert "Learning rate too low" in answer.out
    command = next(line for line in answer.out.splitlines() if "# clearprop train" in line)
    assert command.strip().startswith("# clearprop train mlp --data iris ")
    assert " --set learning_rate=" in command
    assert " --set hidden_sizes=8" in command


def test_a_folder_that_is_not_there(clearprop: Command, tmp_path: Path) -> None:
    assert is_clear(clearprop("diagnose", "nowhere"), "no such run folder")
    (tmp_path / "empty").mkdir()
    assert is_clear(clearprop("diagnose", "empty"))


def test_on_a_terminal_it_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    same = initializers.constant(0.1)
    model = Sequential([Linear(4, 8, weight_init=same), "tanh", Linear(8, 3, weight_init=same)])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    show_diagnosis(diagnose(model))
    assert "Units start with equal weights" in capsys.readouterr().out

"""A study has no single model: commands for runs say so when they get its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearprop.recipes.study import Findings
from clearprop.recipes.transfer import TransferStudy
from tests.cli.conftest import Command, is_clear


@pytest.mark.parametrize("command", ["evaluate", "predict", "report", "resume", "summary"])
def test_commands_for_runs_say_that_it_is_a_study(
    clearprop: Command, tmp_path: Path, command: str
) -> None:
    TransferStudy().write(tmp_path / "study", "transfer", Findings(["found"]), report=False)
    more = ("--data", "digits") if command == "predict" else ()
    answer = clearprop(command, "study", *more)
    assert is_clear(answer, "this is the folder of a study", "clearprop train transfer")
    assert "clearprop resume" not in answer.err

"""Commands on runs whose algorithm does not compare outputs with targets."""

from __future__ import annotations

from tests.cli.conftest import Command


def test_a_run_without_targets_is_reported_used_and_not_evaluated(clearprop: Command) -> None:
    options = ("--set", "epochs=2", "--set", "hidden_size=16")
    assert clearprop("train", "rbm", *options, "--no-report", "--folder", "run").code == 0
    for command in ("evaluate", "explain"):
        answer = clearprop(command, "run")
        assert answer.code == 2
        assert "does not compare outputs with targets" in answer.err
        assert "clearprop report run" in answer.err
    assert clearprop("report", "run").code == 0
    assert clearprop("diagnose", "run").code == 0
    answer = clearprop("predict", "run", "--data", "digits")
    assert answer.code == 0
    header, *rows = answer.out.splitlines()
    assert header.split(",")[0] == "prediction1"
    assert len(header.split(",")) == 16
    assert len(rows) > 100

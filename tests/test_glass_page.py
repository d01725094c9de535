"""The five commands and the code of docs/glass.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clearprop.cli import main

PAGE = (Path(__file__).parent.parent / "docs" / "glass.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def plain(line: str) -> str:
    """Return a line without its numbers and spaces, which may differ between machines."""
    return " ".join(re.sub(r"\d[\d.,]*", "#", line).split())


def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "docs/glass.md", "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out
    assert "<Glass of" in printed
    assert "layers.3/matmul" in printed


@pytest.mark.slow
def test_five_commands_lead_to_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [line.split() for block in blocks("sh") for line in block.splitlines()]
    shown = [*blocks("text"), ""]
    assert len(commands) == 5
    said = []
    for (program, *arguments), expected in zip(commands, shown, strict=True):
        assert program == "clearprop"
        assert main(arguments) == 0
        told = capsys.readouterr()
        said.append(told.out + told.err)  # the second stream has the progress
        lines = [plain(line) for line in said[-1].splitlines()]
        for line in expected.splitlines():
            assert any(plain(line) in printed for printed in lines), line
    broken, fixed = (
        float(re.search(r"test accuracy +([\d.]+) %", said[i])[1])  # type: ignore[index]
        for i in (0, 3)
    )
    assert broken < 20
    assert fixed > 95
    assert "FAULT" not in said[4]

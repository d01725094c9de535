"""What the commands say where something cannot be written, or is not theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clearprop import cli

BEGIN = [sys.executable, "-m", "clearprop"]


def run(redirection: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that redirects its output."""
    text = " ".join([*BEGIN, *words, redirection])
    shell = ["/bin/sh", "-c", text]
    return subprocess.run(shell, check=False, capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_standard_output_that_cannot_be_written(redirection: str, tmp_path: Path) -> None:
    done = run(redirection, "data", "list", cwd=tmp_path)
    assert done.returncode == cli.FAULT
    assert "standard output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "2>&- 0<&-"])
@pytest.mark.slow
def test_standard_error_that_cannot_be_written(redirection: str, tmp_path: Path) -> None:
    words = ("train", "xor", "--folder", "run", "--no-report", "--set", "epochs=3")
    done = run(redirection, *words, cwd=tmp_path)
    assert done.returncode == cli.WELL
    assert "training error" in done.stdout


def test_a_reader_that_ends_early(tmp_path: Path) -> None:
    done = run("| head -n 1", "data", "list", cwd=tmp_path)
    assert done.stdout.startswith("name")
    assert done.stderr == ""


def test_a_bug_is_called_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(given: object) -> None:
        raise KeyError("layers")

    monkeypatch.setattr(cli, "parse", broken)
    assert cli.main(["data", "list"]) == cli.BROKEN
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "KeyError: 'layers'" in said
    assert said.splitlines()[-2] == "this is a bug in clearprop: the lines above say where"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/srv/x"), "/srv/x: the system refused"),
        (OSError(24, "Too many open files"), "Too many open files"),
        (MemoryError(), "the memory is full"),
    ],
)
def test_what_the_system_refuses_is_no_bug(
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refused(given: object) -> None:
        raise error

    monkeypatch.setattr(cli, "parse", refused)
    assert cli.main(["data", "list"]) == cli.FAULT
    answer = capsys.readouterr().err
    assert said in answer
    assert "Traceback" not in answer


def test_a_closed_number_is_not_given_to_a_file(tmp_path: Path) -> None:
    code = (
        "import os, sys; from clearprop.cli.output import open_closed_streams as mend; "
        "given = os.open('x', os.O_CREAT | os.O_WRONLY); "
        "os.close(given); mend(); later = os.open('x', os.O_WRONLY); print(given, later > 2)"
    )
    shell = ["/bin/sh", "-c", f'{sys.executable} -c "{code}" 2>&-']
    done = subprocess.run(shell, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["2", "True"]  # without the mend the file gets the number


@pytest.mark.slow
def test_output_goes_to_what_it_names(tmp_path: Path) -> None:
    words = ("train", "xor", "--folder", "run", "--no-report", "--set", "epochs=2")
    assert run("", *words, cwd=tmp_path).returncode == cli.WELL
    predict = ("predict", "run", "--data", "xor", "--output")
    done = run("", *predict, "/dev/stdout", cwd=tmp_path)
    assert done.stdout.startswith("prediction")
    done = run(">>log", *predict, "/dev/stdout", cwd=tmp_path)
    done = run(">>log", *predict, "/dev/stdout", cwd=tmp_path)
    assert (tmp_path / "log").read_text().count("prediction") == 2
    done = run("", *predict, "/dev/full", cwd=tmp_path)
    assert done.returncode == cli.FAULT
    assert "the disk is full" in done.stderr


def test_a_run_folder_with_a_link_is_not_resumed(tmp_path: Path) -> None:
    words = ("train", "xor", "--folder", "run", "--no-report", "--set", "epochs=2")
    assert run("", *words, cwd=tmp_path).returncode == cli.WELL
    (tmp_path / "precious").write_text("years of work")
    (tmp_path / "run" / "losses.f32").unlink()
    os.symlink(tmp_path / "precious", tmp_path / "run" / "losses.f32")
    done = run("", "resume", "run", cwd=tmp_path)
    assert done.returncode == cli.FAULT
    assert "plain files only" in done.stderr
    assert (tmp_path / "precious").read_text() == "years of work"

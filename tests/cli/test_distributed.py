"""``--distributed`` and ``--coordinator``: several processes from the command line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = ["train", "mlp", "--data", "digits", "--no-report", "--set", "batch_size=64"]
SCHEDULERS = ("SLURM", "OMPI", "KUBERNETES", "JAX_COORD", "JAX_NUM_P", "JAX_PROCESS")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def begin(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    known = {k: v for k, v in os.environ.items() if not k.startswith(SCHEDULERS)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "clearprop", *arguments],
        stdout=pipe, stderr=pipe, text=True, env={**known, **environment},
    )  # fmt: skip


def said(*arguments: str, **environment: str) -> tuple[int, str, str]:
    one = begin(*arguments, **environment)
    out, err = one.communicate(timeout=120)
    return one.returncode, out, err


def test_two_processes_of_the_command_line_write_one_run_and_print_once(tmp_path: Path) -> None:
    run, port = tmp_path / "run", free_port()
    given = [*TRAIN, "--set", "epochs=1", "--folder", str(run)]
    first = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2"]
    members = [begin(*given, *first, "--process", str(i)) for i in range(2)]
    texts = [one.communicate(timeout=120) for one in members]
    assert [one.returncode for one in members] == [0, 0], texts
    assert "test accuracy" in texts[0][0]
    assert "test accuracy" not in "".join(texts[1])
    assert "over 2 devices" in texts[0][1]
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert config["plan"]["devices"] == 2
    # A job of Kubeflow Trainer says it by its environment, and the run goes on in two processes.
    named = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    again = ["resume", str(run), "--no-report", "--distributed"]
    members = [begin(*again, **named, JAX_PROCESS_ID=str(i)) for i in range(2)]
    texts = [one.communicate(timeout=120) for one in members]
    assert [one.returncode for one in members] == [0, 0], texts
    code, out, err = said("resume", str(run), "--no-report", "--mesh", "data=1")
    assert code == 0, err
    assert "test accuracy" in out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mpirun") is None, reason="Open MPI is not installed")
@pytest.mark.parametrize("how", ["detected", "coordinator"])
def test_processes_find_each_other_by_the_variables_of_open_mpi(how: str, tmp_path: Path) -> None:
    mpirun = ["mpirun", "-n", "2", "--allow-run-as-root", "--oversubscribe", sys.executable, "-m"]
    options = ["--coordinator", f"127.0.0.1:{free_port()}"]  # all that Open MPI 5 does not say
    given = ["--distributed"] if how == "detected" else options
    done = subprocess.run(
        [*mpirun, "clearprop", *TRAIN, "--set", "epochs=1", *given, "--folder", tmp_path / "run"],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "over 2 devices" in done.stderr
    assert done.stdout.count("test accuracy") == 1


def test_a_coordinator_that_does_not_answer_is_said_within_thirty_seconds(tmp_path: Path) -> None:
    at = f"127.0.0.1:{free_port()}"
    options = ["--coordinator", at, "--processes", "2", "--process", "1"]
    code, _, err = said(*TRAIN, *options, "--folder", str(tmp_path / "run"))
    assert code == 2
    assert f"{at}: the coordinator cannot be reached" in err
    assert "Connection refused, for 30 seconds" in err
    assert "--wait 300" in err


def test_an_error_of_one_process_is_said_by_the_other(tmp_path: Path) -> None:
    port = free_port()
    options = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2"]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("here", encoding="utf-8")
    given = [*TRAIN, "--folder", str(tmp_path / "run"), *options]
    members = [begin(*given, "--process", str(i)) for i in range(2)]
    errors = [one.communicate(timeout=120)[1] for one in members]
    assert [one.returncode for one in members] == [2, 2], errors
    assert "is not empty" in errors[0]
    assert "process 1: process 0 of 2 has ended" in errors[1]
    assert "is not empty" in errors[1]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--distributed"], ["no scheduler is known", "--coordinator HOST:PORT"]),
        (["--coordinator", "here:1234"], ["go together", "--process 0 on host0"]),
        (
            ["--coordinator", "here", "--processes", "2", "--process", "1"],
            ["has a host and a port"],
        ),
        (
            ["--coordinator", "here:1234", "--processes", "2", "--process", "2"],
            ["numbered from 0", "up to --process 1"],
        ),
        (["--wait", "10"], ["one process waits for no others"]),
        (["--coordinator", "here:0", "--processes", "0", "--process", "0"], ["host and a port"]),
    ],
)
def test_processes_that_cannot_be_have_an_answer(
    options: list[str], parts: list[str], tmp_path: Path
) -> None:
    code, out, err = said(*TRAIN, *options, "--folder", str(tmp_path / "run"))
    assert code == 2, out + err
    for part in parts:
        assert part in err
    assert not (tmp_path / "run").exists()


def test_an_environment_that_says_half_is_refused(tmp_path: Path) -> None:
    named = {"JAX_COORDINATOR_ADDRESS": "here:1234", "JAX_NUM_PROCESSES": "two"}
    code, _, err = said(*TRAIN, "--distributed", **named, JAX_PROCESS_ID="0")
    assert code == 2
    assert "JAX_NUM_PROCESSES: the environment does not say which process this is" in err

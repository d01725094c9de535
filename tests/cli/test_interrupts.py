from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clearprop.cli import interrupts
from clearprop.cli.interrupts import INTERRUPTED, Interrupts

COMMAND = [sys.executable, "-m", "clearprop", "train", "mlp", "--data", "digits", "--no-report"]


@pytest.fixture(autouse=True)
def usual_handler() -> object:
    # A shell starts background processes with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_that_is_answered_ends_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.05)
    codes: list[int] = []
    with pytest.raises(KeyboardInterrupt), Interrupts(codes.append):
        signal.raise_signal(signal.SIGINT)
    time.sleep(0.2)
    assert codes == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_is_swallowed_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.05)
    codes: list[int] = []
    with Interrupts(codes.append):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        deadline = time.monotonic() + 10
        while not codes and time.monotonic() < deadline:
            time.sleep(0.01)
    assert codes == [INTERRUPTED]


THREADED = """
import sys, threading, time
from clearprop import cli
from clearprop.cli import interrupts

def run(given, is_own):
    threading.Thread(target=time.sleep, args=(60,)).start()
    interrupts.threads_may_run.set()
    print("so far", end="")
    raise KeyboardInterrupt

cli._run = run
sys.exit(cli.main())
"""


def test_a_thread_cannot_keep_an_interrupted_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADED], check=False, timeout=30, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        *(INTERRUPTED, "so far", "interrupted\n"),
    )


def test_training_answers_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop.training.interruption import Interruption

    monkeypatch.setattr(interrupts, "GRACE", 0.01)
    codes: list[int] = []
    with Interrupts(codes.append), Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.1)
        assert interruption.asked
    assert codes == []


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupts():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("seed", [0, pytest.param(range(1, 20), marks=pytest.mark.slow)])
def test_an_interrupt_while_starting_ends_the_command(seed: int | range, tmp_path: Path) -> None:
    for number in [seed] if isinstance(seed, int) else seed:
        wait = random.Random(number).uniform(0.3, 4.0)
        command = [*COMMAND, "--set", "epochs=3000", "--folder", str(tmp_path / str(number))]
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        # Before its first line the signal itself ends the process, which a shell calls 130 too.
        assert process.returncode in (INTERRUPTED, -signal.SIGINT), (wait, said)
        assert "Traceback" not in said, (wait, said)

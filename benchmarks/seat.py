"""Taking turns, seen from the harness: the process of a side, asleep unless it is its turn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.sides import OURS, Side

ROOT = Path(__file__).parent.parent

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class SideError(Exception):
    """A side ended before its turns did; the text is the end of what it wrote."""


class Seat:
    """A side in a process of its own.

    Between its turns the process is stopped, so that no thread of it (a progress bar, a pool that
    spins) takes time from the others.

    Args:
        side: who.
        folder: where the material is.
        cores: the processor cores that it may use.
    """

    def __init__(self, side: Side, folder: Path, cores: list[int]) -> None:
        self.side = side
        self._log = folder / f"{side.module}-{side.function}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.worker",
                    str(folder),
                    side.name,
                    str(len(cores)),
                ],
                cwd=ROOT,
                env=_environment(side, len(cores)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
            )
        if cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, cores)

    def turn(self, seconds: float) -> dict[str, Any]:
        """Let the side train for some seconds and return what it tells of them.

        Raises:
            SideError: it ended instead.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._signal("SIGCONT")
            self._process.stdin.write(f"{seconds}\n")
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait()
            lines = self._log.read_text(errors="replace").strip().splitlines()
            raise SideError(lines[-1] if lines else f"exit code {self._process.returncode}")
        self._signal("SIGSTOP")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _signal(self, name: str) -> None:
        if hasattr(signal, name):  # Windows has neither; there an idle side merely waits
            self._process.send_signal(getattr(signal, name))


def is_installed(side: Side) -> bool:
    """Say whether what a side needs is installed."""
    return find_spec(side.needs) is not None


def _environment(side: Side, cores: int) -> dict[str, str]:
    environment = {**os.environ, **dict.fromkeys(THREADS, str(cores)), "JAX_PLATFORMS": "cpu"}
    if side.name == OURS:
        # The log is no terminal, but the bar belongs to what `fit` does.
        environment["FORCE_COLOR"] = "1"
        environment["COLUMNS"] = "100"
    return environment

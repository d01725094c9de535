"""The process of a side as the harness sees it: stopped unless it has its turn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.interpreters import ROOT
from benchmarks.sides import OURS, Side

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class SideError(Exception):
    """The process of a side ended too early; the text is the end of its log."""


class Seat:
    """A side in its own process.

    The process is stopped between its turns, so that none of its threads (such as a progress bar)
    takes time from the others.

    Args:
        side: to run.
        folder: of the material.
        cores: the processor cores that it may use.
        python: the interpreter of the process.
        environment: further environment variables of the process.
    """

    def __init__(
        self,
        side: Side,
        folder: Path,
        cores: list[int],
        python: str = sys.executable,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.side = side
        self._log = folder / f"{side.module}-{side.function}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    python,
                    "-m",
                    "benchmarks.worker",
                    str(folder),
                    side.name,
                    str(len(cores)),
                ],
                cwd=ROOT,
                env={**_environment(side, len(cores)), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
            )
        if cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, cores)

    def turn(self, seconds: float) -> dict[str, Any]:
        """Let the side train for some seconds and return its report.

        Raises:
            SideError: the process ended.
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
        if hasattr(signal, name):  # Windows has neither signal; there an idle side only waits
            self._process.send_signal(getattr(signal, name))


def _environment(side: Side, cores: int) -> dict[str, str]:
    environment = {**os.environ, **dict.fromkeys(THREADS, str(cores)), "JAX_PLATFORMS": "cpu"}
    if side.name == OURS:
        # The log is not a terminal, but the progress bar is part of the work of `fit`.
        environment["FORCE_COLOR"] = "1"
        environment["COLUMNS"] = "100"
    return environment

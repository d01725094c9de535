"""The folder of a run: what was asked, what happened, and what came of it.

config.json          what the run was asked to do, and on what machine
events.jsonl         one event a line, appended while the run goes (`events`)
losses.f32           the mean loss of every step's batch, raw little-endian float32; of a fork
                     from the step on at which it left its parent
recordings/          what was recorded from inside: index.json says what a row of rows.bin holds
frozen.safetensors   the parameters that are not trained, where some are not
snapshots/           the whole state at the steps that were asked for
checkpoints/         the whole state at a few steps, to resume from
curves.csv           the three curves, one row for each epoch
model.safetensors    the trained model, with its architecture
lock                 locked while somebody writes, and says who
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import Fix, RunError, Spelled
from clearprop.files import append, sync_folder, write_atomically, write_errors
from clearprop.training.events import Event, as_it_went, read_lines, to_line
from clearprop.training.recording.recordings import Layout, RowFile
from clearprop.training.storage.checkpoint import Checkpoints
from clearprop.training.storage.lock import Lock

CONFIG, EVENTS, LOSSES = "config.json", "events.jsonl", "losses.f32"
CURVES, MODEL, CHECKPOINTS, LOCK = "curves.csv", "model.safetensors", "checkpoints", "lock"
RECORDINGS, SNAPSHOTS, FROZEN = "recordings", "snapshots", "frozen.safetensors"

FORMAT = 2
"""Of a run folder. Format 1 had other names in its configuration and its checkpoints."""


class RunFolder:
    """A run folder that this process writes; `create` and `reopen` make one."""

    def __init__(self, path: Path, lock: Lock, keep: int) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path / CHECKPOINTS, keep)
        self._lock = lock
        with write_errors(path):
            _end_torn_line(path / EVENTS)
            self._events = (path / EVENTS).open("ab", buffering=0)
            self._losses = (path / LOSSES).open("ab", buffering=0)
        self._rows: RowFile | None = None

    @classmethod
    def create(cls, path: Path, config: Mapping[str, object], keep: int = 2) -> RunFolder:
        """Make a new run folder.

        Raises:
            RunError: the folder exists and is not empty, or cannot be made.
        """
        with write_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        check_empty(path)  # what is somebody else's gets no lock file either
        lock = Lock(path / LOCK)
        try:
            check_empty(path)
            write_atomically(path / CONFIG, json.dumps(dict(config), indent=2) + "\n")
            return cls(path, lock, keep)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def reopen(cls, path: Path, keep: int = 2) -> RunFolder:
        """Open an existing run folder to go on with it.

        Raises:
            RunError: there is no run, or a living process is working in it.
        """
        read_config(path)
        lock = Lock(path / LOCK)
        try:
            _sweep(path)
            return cls(path, lock, keep)
        except BaseException:
            lock.release()
            raise

    def log(self, event: Event) -> None:
        """Append an event; it survives the end of this process from here on.

        Raises:
            RunError: the disk is full.
        """
        append(self._events, (to_line(event) + "\n").encode(), self.path / EVENTS)

    def log_losses(self, losses: NDArray[np.float32]) -> None:
        """Append the losses of some steps.

        Raises:
            RunError: the disk is full.
        """
        append(self._losses, losses.astype("<f4").tobytes(), self.path / LOSSES)

    def rewind_losses(self, steps: int) -> None:
        """Delete the losses of all later steps: a resumed run takes these steps again.

        Raises:
            RunError: there are fewer losses than steps, so that the file is damaged.
        """
        with write_errors(self.path / LOSSES):
            size = (self.path / LOSSES).stat().st_size
            if size < 4 * steps:
                raise RunError(
                    "the losses of some steps are missing",
                    where=str(self.path / LOSSES),
                    given=f"{size // 4} losses",
                    expected=f"at least the {steps} that the checkpoint has seen",
                )
            self._losses.truncate(4 * steps)

    def rows(self, layout: Layout, kept: int) -> RowFile:
        """Return what takes the rows of the run's recordings; so many of those there are kept.

        Raises:
            RunError: rows of earlier steps are missing, or the disk is full.
        """
        self._rows = RowFile(self.path / RECORDINGS, layout, kept)
        return self._rows

    def sync(self) -> None:
        """Force the logs to the disk, so that they outlive a crash of the machine too."""
        with write_errors(self.path):
            rows = [self._rows.file] if self._rows is not None else []
            for file in (self._events, self._losses, *rows):
                os.fsync(file.fileno())
            sync_folder(self.path)

    def write(self, name: str, content: str) -> None:
        """Write a text file of the run in one stroke.

        Raises:
            RunError: the disk is full.
        """
        write_atomically(self.path / name, content)

    def close(self) -> None:
        """Close the files and release the lock."""
        self._events.close()
        self._losses.close()
        if self._rows is not None:
            self._rows.file.close()
        self._lock.release()


def read_config(path: Path) -> dict[str, Any]:
    """Return what the run in a folder was asked to do.

    Raises:
        RunError: there is no run, or it was cut off before it began.
    """
    if not path.is_dir():
        raise RunError("there is no such run folder", where=str(path))
    file = path / CONFIG
    if not file.is_file():
        raise RunError(
            "this folder has no config.json, so no run began in it",
            where=str(path),
            fix="choose the folder of a run, or start a new run in a new folder",
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError("the configuration is damaged", where=str(file), given=str(error)) from error
    if not isinstance(config, dict):
        raise RunError("the configuration is damaged", where=str(file), expected="an object")
    if config.get("format", FORMAT) != FORMAT:
        raise RunError(
            "this run was written by another version of clearprop, which named its parts otherwise",
            where=str(path),
            given=f"format {config['format']!r}",
            expected=f"format {FORMAT}",
            fix="use that version for this run, or train it again with this one",
        )
    for name in ("settings", "optimizer", "data", "model", "plan", "notes", "machine"):
        if not isinstance(config.get(name, {}), dict):
            raise RunError(
                "the configuration is damaged",
                where=str(file),
                given=f"{name} is {config[name]!r}"[:160],
                expected=f"{name} to be an object",
            )
    return config


def read_events(path: Path) -> list[Event]:
    """Return what happened in a run, without steps that a resumption took back.

    Raises:
        RunError: there is no run in the folder.
    """
    read_config(path)
    file = path / EVENTS
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return as_it_went(read_lines(lines))


def first_step(config: Mapping[str, Any]) -> int:
    """Return the step at which a run began: that of its parent at which it left it, or 0.

    >>> first_step({"parent": {"step": 30}}), first_step({})
    (30, 0)
    """
    return int((config.get("parent") or {}).get("step", 0))


def read_losses(path: Path) -> NDArray[np.float32]:
    """Return the mean loss of every step's batch, as far as they were written whole."""
    file = path / LOSSES
    if not file.is_file():
        return np.zeros(0, np.float32)
    data = file.read_bytes()
    return np.frombuffer(data[: len(data) // 4 * 4], "<f4").astype(np.float32)


def check_empty(path: Path) -> None:
    """Raise unless a folder holds nothing but what a killed process has left.

    Raises:
        RunError: it holds something.
    """
    strangers = sorted(p.name for p in path.iterdir() if p.name != LOCK and p.suffix != ".tmp")
    if strangers:
        is_run = CONFIG in strangers
        raise RunError(
            "the folder holds a run already" if is_run else "the folder is not empty",
            where=str(path),
            given=", ".join(strangers[:5]),
            expected="a new or an empty folder: nothing is ever overwritten",
            fix=Fix(
                "choose another folder, or go on with this run: ",
                Spelled("resume=True", f"clearprop resume {shlex.quote(str(path))}"),
            )
            if is_run
            else "choose another folder",
        )


def _sweep(path: Path) -> None:
    """Delete the files that a killed process had not finished."""
    with write_errors(path):
        for file in (*path.glob(".*.tmp"), *(path / CHECKPOINTS).glob(".*.tmp")):
            file.unlink(missing_ok=True)


def _end_torn_line(path: Path) -> None:
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            file.write(b"\n")

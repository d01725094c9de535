"""The folder of a run: what was asked, what happened, and what came of it.

config.json          what the run was asked to do, and on what machine
events.jsonl         one event a line, or some short epochs, appended while the run goes (`events`)
losses.f32           the mean loss of every step's batch, raw little-endian float32; of a fork
                     from the step on at which it left its parent
recordings/          what was recorded from inside: index.json says what a row of rows.bin holds
*.crc32              the checksums of a file that grows (`storage.summed`)
frozen.safetensors   the parameters that are not trained, where some are not
snapshots/           the whole state at the steps that were asked for
checkpoints/         the whole state at a few steps, to resume from
curves.csv           the three curves, one row for each epoch
model.safetensors    the trained model, with its architecture
lock                 locked while somebody writes, and says who
"""

from __future__ import annotations

import shlex
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import Fix, RunError, Spelled
from clearprop.files import (
    check_own,
    read_errors,
    sweep,
    sync_folder,
    write_atomically,
    write_errors,
    write_record,
)
from clearprop.training.events import EpochDone, Event, Logged, as_it_went, read_lines, to_lines
from clearprop.training.recording.recordings import ROWS, Layout, RowFile
from clearprop.training.run_config import CONFIG, read_config
from clearprop.training.storage.checkpoint import Checkpoints
from clearprop.training.storage.lock import Lock
from clearprop.training.storage.summed import SUFFIX, Agreement, SummedFile, compared_with_sums

EVENTS, LOSSES = "events.jsonl", "losses.f32"
CURVES, MODEL, CHECKPOINTS, LOCK = "curves.csv", "model.safetensors", "checkpoints", "lock"
RECORDINGS, SNAPSHOTS, FROZEN = "recordings", "snapshots", "frozen.safetensors"

_CHANGED_IN_PLACE = (
    *(EVENTS, f"{EVENTS}{SUFFIX}", LOSSES, f"{LOSSES}{SUFFIX}", LOCK),
    *(CHECKPOINTS, SNAPSHOTS, RECORDINGS, f"{RECORDINGS}/{ROWS}", f"{RECORDINGS}/{ROWS}{SUFFIX}"),
)
"""What a resumed run writes into; all other files are replaced, which changes nothing elsewhere."""

SHORT = 0.2
"""Short epochs are appended together: so many seconds are at least between two writes."""


class RunFolder:
    """A run folder that this process writes; `create` and `reopen` make one."""

    def __init__(self, path: Path, lock: Lock, keep: int) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path / CHECKPOINTS, keep)
        self._lock = lock
        self._events = SummedFile(path / EVENTS)
        self._losses = SummedFile(path / LOSSES)
        self._events.end_line()
        self._rows: RowFile | None = None
        self._short: list[Event] = []
        self._short_losses: list[bytes] = []
        self._written = 0.0

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
            write_record(path / CONFIG, config)
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
        for name in _CHANGED_IN_PLACE:
            check_own(path / name)
        lock = Lock(path / LOCK)
        try:
            sweep(path)
            read_events(path)  # what is damaged is said before the run goes on
            read_losses(path)
            return cls(path, lock, keep)
        except BaseException:
            lock.release()
            raise

    def log(self, event: Event) -> None:
        """Append an event; it survives the end of this process from here on.

        The epochs of a moment are appended together: many events of many short epochs would take
        longer than the epochs.

        Raises:
            RunError: the disk is full, or the folder was removed or renamed.
        """
        self._short.append(event)
        if not isinstance(event, EpochDone):
            self.flush()
        else:
            self._flush_in_time()

    def log_losses(self, losses: NDArray[np.float32]) -> None:
        """Append the losses of some steps, as `log` appends an event.

        Raises:
            RunError: the disk is full, or the folder was removed or renamed.
        """
        self._lock.check_in_place()
        self._short_losses.append(losses.astype("<f4").tobytes())
        self._flush_in_time()

    def _flush_in_time(self) -> None:
        if time.monotonic() - self._written > SHORT:
            self.flush()

    def flush(self) -> None:
        """Append what is to be appended, now.

        Raises:
            RunError: the disk is full, or the folder was removed or renamed.
        """
        self._lock.check_in_place()
        self._append_short()

    def _append_short(self) -> None:
        losses, lines = b"".join(self._short_losses), to_lines(self._short)
        self._short_losses.clear()
        self._short.clear()
        self._losses.append(losses)
        self._events.append(lines.encode())
        self._written = time.monotonic()

    def rewind_losses(self, steps: int) -> None:
        """Delete the losses of all later steps: a resumed run takes these steps again.

        Raises:
            RunError: there are fewer losses than steps, so that the file is damaged.
        """
        size = self._losses.size
        if size < 4 * steps:
            raise RunError(
                "the losses of some steps are missing",
                where=str(self.path / LOSSES),
                given=f"{size // 4} losses",
                expected=f"at least the {steps} that the checkpoint has seen",
                fix="put the whole file back, or train again in a new folder",
            )
        self._losses.rewind(4 * steps)

    def rows(self, layout: Layout, kept: int) -> RowFile | UnkeptRows:
        """Return what takes the rows of the run's recordings; so many of those there are kept.

        Raises:
            RunError: rows of earlier steps are missing, or the disk is full.
        """
        self._rows = rows = RowFile(self.path / RECORDINGS, layout, kept)
        return rows

    def sync(self) -> None:
        """Force the logs to the disk, so that they outlive a crash of the machine too."""
        self.flush()
        for file in (self._events, self._losses, self._rows):
            if file is not None:
                file.sync()
        with write_errors(self.path):
            sync_folder(self.path)

    def write(self, name: str, content: str) -> None:
        """Write a text file of the run in one stroke.

        Raises:
            RunError: the disk is full.
        """
        write_atomically(self.path / name, content)

    def close(self) -> None:
        """Append what is to be appended, close the files and release the lock.

        Raises:
            RunError: the disk is full.
        """
        try:
            self._append_short()
        finally:
            for file in (self._events, self._losses, self._rows):
                if file is not None:
                    file.close()
            self._lock.release()


class JoinedFolder(RunFolder):
    """A run folder as all processes but the first have it: they write pieces of states alone."""

    def __init__(self, path: Path, keep: int = 2) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path / CHECKPOINTS, keep)

    def log(self, event: Event) -> None:
        """Do nothing: the first process writes."""

    def log_losses(self, losses: NDArray[np.float32]) -> None:
        """Do nothing: the first process writes."""

    def flush(self) -> None:
        """Do nothing: the first process writes."""

    def rewind_losses(self, steps: int) -> None:
        """Do nothing: the first process does it."""

    def rows(self, layout: Layout, kept: int) -> UnkeptRows:
        """Return what drops the rows of the run's recordings."""
        return UnkeptRows()

    def sync(self) -> None:
        """Do nothing: the first process writes."""

    def write(self, name: str, content: str) -> None:
        """Do nothing: the first process writes."""

    def close(self) -> None:
        """Do nothing: there is no lock and no open file."""


class UnkeptRows:
    """Drops the rows of a recording, which the first process keeps."""

    def add(self, row: NDArray[np.void]) -> None:
        """Drop a row."""


def read_events(path: Path) -> list[Logged]:
    """Return what happened in a run, without steps that a resumption took back.

    What does not agree with its checksum is left out, with a warning.

    Raises:
        RunError: there is no run in the folder, or the file cannot be read.
    """
    read_config(path)
    file = path / EVENTS
    parts = compared_with_sums(file)
    with read_errors(file, RunError):
        content = file.read_bytes()[: parts.size] if parts.size else b""
    _warn(file, damage_of_events(parts, content))
    lines = parts.without(content).decode("utf-8", "replace").splitlines()
    return as_it_went(read_lines(lines))


def read_losses(path: Path) -> NDArray[np.float32]:
    """Return the mean loss of every step's batch, as far as they were written whole.

    A loss that does not agree with its checksum is NaN, with a warning.

    Raises:
        RunError: the file cannot be read.
    """
    file = path / LOSSES
    parts = compared_with_sums(file)
    with read_errors(file, RunError):
        content = file.read_bytes()[: parts.size] if parts.size else b""
    _warn(file, damage_of_losses(parts))
    return losses_of(content, parts)


def losses_of(content: bytes, parts: Agreement) -> NDArray[np.float32]:
    """Return the losses in the bytes of ``losses.f32``; those that do not agree are NaN."""
    losses = np.frombuffer(content[: len(content) // 4 * 4], "<f4").astype(np.float32)
    for first, end in parts.damaged:
        losses[first // 4 : -(-end // 4)] = np.nan
    return losses


def damage_of_events(parts: Agreement, content: bytes) -> list[str]:
    """Return in words what of ``events.jsonl`` does not agree with its checksum.

    Args:
        parts: the file compared with its checksums.
        content: of the file.
    """
    told = [f"the line {_lines(content, first)}" for first, _ in parts.damaged]
    return _damage(parts, told, "what happened then is missing in curves and reports")


def damage_of_losses(parts: Agreement) -> list[str]:
    """Return in words what of ``losses.f32`` does not agree with its checksum.

    >>> damage_of_losses(Agreement(400, damaged=((40, 80),)))
    ['the losses 11 to 20 damaged: they are NaN here']
    """
    told = [f"the losses {a // 4 + 1:,} to {-(-b // 4):,}" for a, b in parts.damaged]
    return _damage(parts, told, "they are NaN here")


def _lines(content: bytes, place: int) -> str:
    return f"{content.count(bytes([10]), 0, place) + 1:,}"


def _damage(parts: Agreement, damaged: list[str], instead: str) -> list[str]:
    more = f" and {len(damaged) - 3} other places" if len(damaged) > 3 else ""
    found = [f"{', '.join(damaged[:3])}{more} damaged: {instead}"] if damaged else []
    if parts.missing:
        found.append(f"the last {parts.missing:,} bytes are missing: the file was cut off")
    return found


def _warn(file: Path, found: list[str]) -> None:
    for text in found:
        warnings.warn(f"{file}: {text}", stacklevel=3)


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

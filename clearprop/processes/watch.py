"""Which processes there are, and which of them have ended."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from jax._src import distributed

from clearprop.errors import ClearpropError, RunError

BEAT, STALE, BROKEN_STALE = 1.0, 40.0, 8.0
"""Each process says so often that it lives, in seconds. One that has not for `STALE` has ended; for
`BROKEN_STALE`, where a sum over the devices has failed already."""

WELL = "well"
"""What a process says at its good end."""


class ProcessError(RunError):
    """Another process of the run has ended, so that this one cannot go on."""


def count() -> int:
    """Return how many processes train together."""
    return int(distributed.global_state.num_processes or 1)


def index() -> int:
    """Return the number of this process, from 0."""
    return int(distributed.global_state.process_id or 0)


def is_first() -> bool:
    """Return whether this is process 0, which writes the run folder and prints."""
    return index() == 0


class Watch:
    """Says that this process lives, and notes which others have ended.

    Args:
        client: of the coordination service.
        own: the index of this process.
        number: of processes.
    """

    def __init__(self, client: Any, own: int, number: int) -> None:
        self.client, self.own, self.number = client, own, number
        self._seen: dict[str, tuple[str, float]] = {}
        self._names: dict[str, str] = {}
        self._leaving = threading.Event()
        self.said: dict[int, str] = {}
        """Why a process has ended, by its own words."""
        self._name = f"{socket.gethostname()}, process id {os.getpid()}"
        self._beat(0)
        threading.Thread(target=self._go_on, daemon=True, name="clearprop-watch").start()

    def _beat(self, number: int) -> None:
        self.client.key_value_set(f"clearprop/alive/{self.own}", f"{number}|{self._name}", True)

    def _go_on(self) -> None:
        for number in itertools.count(1):
            time.sleep(BEAT)
            if self._leaving.is_set():
                return
            try:
                self._beat(number)
                self.look()
            except RuntimeError:  # the service has ended, and the runtime ends this process
                return
            if (ended := self.ended(STALE)) is not None:
                self._end(ended)

    def look(self) -> None:
        """Note what the others have said since."""
        now = time.monotonic()
        for key, value in self.client.key_value_dir_get("clearprop/alive/"):
            if self._seen.get(key, ("", 0.0))[0] != value:
                self._seen[key] = value, now
        for key, why in self.client.key_value_dir_get("clearprop/ended/"):
            self.said[int(key.rpartition("/")[2])] = why

    def ended(self, stale: float) -> ProcessError | None:
        """Return the error that names the processes that have ended; None while all live.

        Args:
            stale: after so many seconds of silence.
        """
        others = {i: why for i, why in self.said.items() if i != self.own and why != WELL}
        if others:
            first = min(others)
            return self._error(first, others[first])
        silent = self._silent(stale)
        return None if silent is None else self._error(*silent)

    def _silent(self, stale: float) -> tuple[int, str] | None:
        now = time.monotonic()
        for key, (value, at) in sorted(self._seen.items()):
            number = int(key.rpartition("/")[2])
            if number != self.own and number not in self.said and now - at > stale:
                name = value.partition("|")[2]
                return number, f"it was on host {name}, and was killed or lost its connection"
        return None

    def _error(self, number: int, why: str) -> ProcessError:
        return ProcessError(
            f"process {number} of {self.number} has ended, so process {self.own} ends too",
            given=why,
            fix="see why it ended; clearprop resume RUN, or fit(..., resume=True), goes on from "
            "the last checkpoint, on any number of processes",
        )

    def _end(self, ended: ProcessError) -> None:
        """End this process, unless it comes to its own end: it may wait for ever."""
        time.sleep(BROKEN_STALE)
        if self._leaving.is_set():
            return
        sys.stderr.write(f"{ended}\n")
        sys.stderr.flush()
        os._exit(2)

    def leave(self, why: str) -> None:
        """Say that this process ends, and why."""
        self._leaving.set()
        with contextlib.suppress(RuntimeError):
            self.client.key_value_set(f"clearprop/ended/{self.own}", why, True)


watches: list[Watch] = []
"""That of this process, once it has joined others."""


def watch() -> Watch | None:
    """Return what watches the other processes; None where there are none."""
    return watches[0] if watches else None


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Within the block all processes go on together; an error in one is told to the others.

    Raises:
        ProcessError: another process has ended.
    """
    own = watch()
    if own is None:
        yield
        return
    try:
        yield
    except ProcessError:
        raise
    except BaseException as error:
        if isinstance(error, ClearpropError | KeyboardInterrupt) or not _is_broken(error):
            own.leave(f"{type(error).__name__}: {error}".strip()[:2000])
            raise
        ended = _who(own)
        if ended is None:
            own.leave(str(error)[:500])
            raise
        raise ended from error


def _is_broken(error: BaseException) -> bool:
    """Return whether an error is that of a transfer between processes."""
    is_of_jax = isinstance(error, RuntimeError | ValueError)
    return is_of_jax and any(word in str(error) for word in ("Gloo", "NCCL", "onnection"))


def _who(watch: Watch) -> ProcessError | None:
    """Return which process has ended, after a transfer has failed; None where all live."""
    end = time.monotonic() + 2 * BROKEN_STALE
    while time.monotonic() < end:
        if (ended := watch.ended(BROKEN_STALE)) is not None:
            return ended
        time.sleep(0.2)
    return None

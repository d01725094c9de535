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

SLICE = 2000
"""Waiting for another process is cut into so many milliseconds, to look whether it has ended."""

WELL = "it came to its end"
"""What a process says at its good end."""

FAILED, LEFT = "clearprop/failed/", "clearprop/left/"
"""Where a process says that something failed in which all take part, and that it has ended."""


class ProcessError(RunError):
    """Another process of the run has ended, so that this one cannot go on."""


_alone: list[None] = []


def count() -> int:
    """Return how many processes train together."""
    return 1 if _alone else int(distributed.global_state.num_processes or 1)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within the block this process has its own devices, and does not wait for the others.

    So one process can evaluate and report what all have trained.
    """
    _alone.append(None)
    try:
        yield
    finally:
        _alone.pop()


def index() -> int:
    """Return the number of this process, from 0."""
    return int(distributed.global_state.process_id or 0)


def is_first() -> bool:
    """Return whether this is process 0, which writes the run folder and prints."""
    return count() == 1 or index() == 0


class Watch:
    """Says that this process lives, and notes which others have ended.

    Args:
        client: of the coordination service.
        own: the index of this process.
        number: of processes.
    """

    def __init__(self, client: Any, own: int, number: int) -> None:
        self.client, self.own, self.number = client, own, number
        self.left: dict[int, str] = {}
        self._seen: dict[str, tuple[str, float]] = {}
        self._failed: dict[tuple[int, int], str] = {}
        self._blocks: list[int] = []
        self._begun = itertools.count()
        self._leaving, self._answered = threading.Event(), threading.Event()
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
            if (ended := self.ended()) is not None:
                self._end(ended)

    def look(self) -> None:
        """Note what the others have said since."""
        now = time.monotonic()
        for key, value in self.client.key_value_dir_get("clearprop/alive/"):
            if self._seen.get(key, ("", 0.0))[0] != value:
                self._seen[key] = value, now
        for key, why in self.client.key_value_dir_get(LEFT):
            self.left[_number(key)] = why
        for key, why in self.client.key_value_dir_get(FAILED):
            block = int(key.split("/")[-2])
            self._failed[block, _number(key)] = why

    @property
    def in_block(self) -> int:
        """The innermost block that this process is in; -1 outside of all."""
        return self._blocks[-1] if self._blocks else -1

    @contextlib.contextmanager
    def block(self) -> Iterator[int]:
        """Yield the number of a block in which all processes take part; every one counts alike."""
        number = next(self._begun)
        self._blocks.append(number)
        self._answered.clear()
        try:
            yield number
        finally:
            self._blocks.remove(number)

    def ended(self, stale: float = STALE, *, waits: bool = False) -> ProcessError | None:
        """Return the error that names a process that has ended; None while all go on.

        Args:
            stale: after so many seconds of silence.
            waits: whether this process waits for the others, so that a good end is one too early.
        """
        for (block, number), why in sorted(self._failed.items()):
            if number != self.own and block in self._blocks:
                return self._error(number, why)
        for number, why in sorted(self.left.items()):
            if number != self.own and (waits or why != WELL):
                return self._error(number, why)
        silent = self.silent(stale)
        if not silent:
            return None
        number, name = next(iter(silent.items()))
        why = f"it was on host {name}, and was killed or lost its connection"
        return self._error(number, why)

    def silent(self, stale: float) -> dict[int, str]:
        """Return host and process id of those that have said nothing for so many seconds."""
        now = time.monotonic()
        found = {_number(key): (text, now - at) for key, (text, at) in sorted(self._seen.items())}
        return {
            number: text.partition("|")[2]
            for number, (text, age) in found.items()
            if number != self.own and number not in self.left and age > stale
        }

    def _error(self, number: int, why: str) -> ProcessError:
        return ProcessError(
            f"process {number} of {self.number} has ended, so process {self.own} ends too",
            given=why,
            fix="see why it ended; clearprop resume RUN, or fit(..., resume=True), goes on from "
            "the last checkpoint, on any number of processes",
        )

    def _end(self, ended: ProcessError) -> None:
        """End this process, unless it notices by itself: it may wait for ever in a sum."""
        end = time.monotonic() + (BROKEN_STALE if self.silent(STALE) else STALE)
        while time.monotonic() < end:
            noticed = self._leaving.is_set() or self._answered.is_set()
            if noticed or not self._blocks or self.ended() is None:
                return
            time.sleep(0.1)
        sys.stderr.write(f"{ended}\n")
        sys.stderr.flush()
        os._exit(2)

    def answer(self) -> None:
        """Note that the end of another process has become an exception here."""
        self._answered.set()

    def fail(self, block: int, error: BaseException) -> None:
        """Say that a block failed in this process."""
        why = f"{type(error).__name__}: {error}".strip()[:2000]
        with contextlib.suppress(RuntimeError):
            self.client.key_value_set(f"{FAILED}{block}/{self.own}", why, True)

    def leave(self) -> bool:
        """Say that this process ends, and why; return whether it had not said so before."""
        if self._leaving.is_set():
            return False
        self._leaving.set()
        error = getattr(sys, "last_value", None)
        why = WELL if error is None else f"{type(error).__name__}: {error}"[:2000]
        with contextlib.suppress(RuntimeError):
            self.client.key_value_set(f"{LEFT}{self.own}", why, True)
        return True


def _number(key: str) -> int:
    return int(key.rpartition("/")[2])


watches: list[Watch] = []
"""That of this process, once it has joined others."""


def watch() -> Watch | None:
    """Return what watches the other processes; None where there are none, or in `alone`."""
    return watches[0] if watches and not _alone else None


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
    with own.block() as block:
        try:
            yield
        except ProcessError:
            own.answer()
            raise
        except BaseException as error:
            ended = _who(own) if _is_broken(error) else None
            if ended is None:
                own.fail(block, error)
                raise
            own.answer()
            raise ended from error


def _is_broken(error: BaseException) -> bool:
    """Return whether an error is that of a transfer between processes."""
    is_of_jax = isinstance(error, RuntimeError | ValueError)
    return (
        is_of_jax
        and not isinstance(error, ClearpropError)
        and any(word in str(error) for word in ("Gloo", "NCCL", "onnection"))
    )


def _who(own: Watch) -> ProcessError | None:
    """Return which process has ended, after a transfer has failed; None where all live."""
    end = time.monotonic() + 2 * BROKEN_STALE
    while time.monotonic() < end:
        if (ended := own.ended(BROKEN_STALE, waits=True)) is not None:
            return ended
        time.sleep(0.2)
    return None

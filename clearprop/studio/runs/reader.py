"""One run as the studio knows it: its configuration, events and losses, followed as they grow."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ClearpropError, RunError
from clearprop.files import read_record
from clearprop.studio.problems import plain
from clearprop.studio.runs.liveness import HeldLocks, named_holder
from clearprop.studio.runs.place import RunPlace, Signature
from clearprop.training import History, NonFinite, Stopped
from clearprop.training.events import Logged, RunStarted, as_it_went, read_lines
from clearprop.training.run_config import CONFIG, first_step, read_config
from clearprop.training.run_folder import (
    EVENTS,
    LOCK,
    LOSSES,
    damage_of_events,
    damage_of_losses,
    losses_of,
)
from clearprop.training.storage.followed import Appended, FollowedFile
from clearprop.training.storage.lock import Holder


class RunReader:
    """What is in a run folder; `refresh` reads what has changed.

    Attributes:
        place: the folder.
        version: how often something had changed.
        config: what the run was asked to do; {} where that cannot be read.
        is_study: whether it is the folder of a study, which has a report and no model.
        events: what happened.
        losses: mean loss of every step's batch, float32 (steps,).
        damage: what is damaged, in sentences.
        problem: why nothing can be read; None where it can.
        holder: who works in the folder now.
        started: when the run began, in seconds since 1970.
    """

    def __init__(self, place: RunPlace) -> None:
        self.place = place
        self.version = 0
        self.config: Mapping[str, Any] = {}
        self.is_study = False
        self.events: list[Logged] = []
        self.losses: NDArray[np.float32] = np.zeros(0, np.float32)
        self.damage: tuple[str, ...] = ()
        self.problem: ClearpropError | None = None
        self.holder: Holder | None = None
        self.started: float | None = None
        self._signature: Signature = {}
        self._named: Holder | None = None
        self._history: History | None = None
        self._damage: dict[str, tuple[str, ...]] = {}
        self._follow()

    def refresh(self, held: HeldLocks) -> bool:
        """Read what has changed; return whether something has."""
        signature, before = self.place.signature(), self._signature
        if signature[LOCK] != before.get(LOCK):
            self._named = self._read_holder()
        holder = self._holder(held, signature)
        if signature == before and holder == self.holder:
            return False
        self.version += 1
        self._signature, self.holder = signature, holder
        if signature != before:
            self._take_changes(signature[CONFIG] != before.get(CONFIG))
            self.holder = self._holder(held, signature)  # the run may have ended
        return True

    @property
    def history(self) -> History:
        """The three curves."""
        if self._history is None:
            self._history = History.of(self.events)
        return self._history

    @property
    def first_step(self) -> int:
        """The step at which the run began: of a fork that at which it left its parent."""
        return first_step(self.config)

    @property
    def step(self) -> int:
        """Training steps made, as far as something was written about them."""
        # The step of a number that is not finite counts from 1, and has no loss.
        logged = [event.step for event in self.events[-2:] if not isinstance(event, NonFinite)]
        return max(self.first_step + len(self.losses), *logged, 0)

    @property
    def stopped(self) -> Stopped | None:
        """The end of the run; None while it goes on, or where it was cut off."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Stopped) else None

    @property
    def non_finite(self) -> NonFinite | None:
        """Where a number was not finite; None where all were."""
        found = [event for event in self.events[-3:] if isinstance(event, NonFinite)]
        return found[-1] if found else None

    @property
    def begun(self) -> RunStarted | None:
        """The last beginning of the run, which says how long it is to be."""
        found = [event for event in self.events if isinstance(event, RunStarted)]
        return found[-1] if found else None

    def _read_holder(self) -> Holder | None:
        with contextlib.suppress(RunError):
            return named_holder(self.place.inside(LOCK))
        return None

    def _holder(self, held: HeldLocks, signature: Signature) -> Holder | None:
        lock, ended = signature[LOCK], self.stopped is not None
        return held.holder(self.place.path, self._named, lock and lock[0], ended)

    def _take_changes(self, of_config: bool) -> None:
        try:
            self.place.check()
            if of_config or not self.config:
                self._read_config()
            self._read_logs()
            self.problem = None
        except ClearpropError as error:
            self.problem = error

    def _follow(self) -> None:
        self._events = FollowedFile(self.place.path / EVENTS)
        self._losses = FollowedFile(self.place.path / LOSSES)

    def _read_config(self) -> None:
        path = self.place.path
        config_file = path / CONFIG
        if not config_file.is_file() and (path / EVENTS).is_file():
            raise RunError("config.json is missing", where=self.place.name)
        self.started = config_file.stat().st_mtime if config_file.is_file() else None
        self.is_study = _is_study(config_file)
        self.config = {}
        self.config = _sendable(read_config(path))

    def _read_logs(self) -> None:
        if (part := self._events.read()) is not None:
            self._take_events(part)
        if (part := self._losses.read()) is not None:
            self._take_losses(part)
        self.damage = tuple(text for found in self._damage.values() for text in found)
        missing = self._missing_losses()
        if missing and not self._damage.get(LOSSES):
            self.damage += (f"{LOSSES}: the losses of the last {missing:,} steps are missing",)

    def _take_events(self, part: Appended) -> None:
        content = part.agreement.without(part.content) if part.first == 0 else part.content
        new = list(read_lines(content.decode("utf-8", "replace").splitlines()))
        if part.first == 0:
            found = damage_of_events(part.agreement, part.content)
            self._damage[EVENTS] = tuple(f"{EVENTS}: {text}" for text in found)
            self.events = as_it_went(new)
        elif any(isinstance(event, RunStarted) for event in new):
            self.events = as_it_went([*self.events, *new])
        else:
            self.events = [*self.events, *new]
        self._history = None

    def _take_losses(self, part: Appended) -> None:
        if part.first == 0:
            found = damage_of_losses(part.agreement)
            self._damage[LOSSES] = tuple(f"{LOSSES}: {text}" for text in found)
            self.losses = losses_of(part.content, part.agreement)
        else:
            kept = self.losses[: part.first // 4]
            more = np.frombuffer(part.content, "<f4").astype(np.float32)
            self.losses = np.concatenate([kept, more])

    def _missing_losses(self) -> int:
        steps = [event.step for event in self.events if not isinstance(event, NonFinite)]
        return max(0, max(steps, default=0) - self.first_step - len(self.losses))


def _sendable(value: Any) -> Any:
    """Return plain data whose texts can be sent: JSON may hold halves of characters."""
    if isinstance(value, Mapping):
        return {plain(name): _sendable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_sendable(one) for one in value]
    return plain(value) if isinstance(value, str) else value


def _is_study(config: Path) -> bool:
    try:
        return bool(read_record(config, RunError, "").get("study"))
    except RunError:  # `read_config` says what is wrong with it
        return False

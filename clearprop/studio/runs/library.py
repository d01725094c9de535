"""All runs below a folder: found, followed and looked up by their names; nothing is changed."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clearprop.errors import nearest
from clearprop.studio.problems import RequestError
from clearprop.studio.runs.liveness import HeldLocks
from clearprop.studio.runs.messages import RunList, RunSummary
from clearprop.studio.runs.place import RunPlace
from clearprop.studio.runs.reader import RunReader
from clearprop.studio.runs.summary import summary_of
from clearprop.training.run_config import CONFIG
from clearprop.training.run_folder import EVENTS

DEPTH = 3
"""Runs are looked for in so many levels of folders."""

MOST_FOLDERS = 5_000
"""So many folders are looked into."""

FRESH = 0.3
"""Within so many seconds the folder is not looked through again."""

BUDGET = 0.3
"""After so many seconds the runs that are new wait for the next look."""


class RunLibrary:
    """The runs below a folder.

    Args:
        folder: of the runs; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._readers: dict[str, RunReader] = {}
        self._summaries: dict[str, RunSummary] = {}
        self._gone: dict[str, int] = {}
        self._refused: list[str] = []
        self._version = 1
        self._looked = -math.inf
        self._waiting = 0

    def changes(self, since: int = 0) -> RunList:
        """Return the runs that have changed after a version; those after 0 are all."""
        with self._lock:
            self._look(BUDGET)
            return RunList(
                folder=str(self.folder),
                version=self._version,
                runs=[one for one in self._summaries.values() if one.version > since],
                gone=[name for name, version in self._gone.items() if version > since > 0],
                refused=list(self._refused),
                waiting=self._waiting,
                whole=since <= 0,
            )

    def summary(self, name: str) -> RunSummary:
        """Return a run by its name.

        Raises:
            RequestError: there is no such run in the list.
        """
        with self._lock:
            self.reader(name)
            return self._summaries[name]

    def reader(self, name: str) -> RunReader:
        """Return what is known of a run, by its name in the list.

        Raises:
            RequestError: there is no such run in the list.
        """
        with self._lock:
            self._look()
            if name not in self._readers and self._waiting:
                self._look(math.inf)
            if name not in self._readers:
                close = nearest(name, list(self._readers))
                raise RequestError(
                    404,
                    "there is no such run",
                    given=repr(name)[:80],
                    fix=f"did you mean {close!r}?" if close else "clearprop train RECIPE makes one",
                )
            return self._readers[name]

    def places(self) -> list[RunPlace]:
        """Return the folders of all runs, as `changes` finds them; none of them is read."""
        root = Path(os.path.realpath(self.folder))
        return [RunPlace(root, name) for name in _names(root, [])]

    @property
    def lock(self) -> threading.RLock:
        """To be held while what a reader knows is used."""
        return self._lock

    def _look(self, budget: float = BUDGET) -> None:
        """Look for changes, unless that was done just now and nothing waits.

        Args:
            budget: so many seconds are spent on runs that are new; the others wait.
        """
        start = time.monotonic()
        if start - self._looked < FRESH and not (self._waiting and budget == math.inf):
            return
        root = Path(os.path.realpath(self.folder))
        self._refused, self._waiting = [], 0
        found = dict.fromkeys(_names(root, self._refused))
        known = [name for name in found if name in self._readers]
        new = [name for name in found if name not in self._readers]
        new.sort(key=lambda name: _changed_at(root / name), reverse=True)  # who waits is old
        held = HeldLocks.now()
        changed = []
        for name in [*known, *new]:
            if name not in self._readers and time.monotonic() - start > budget:
                self._waiting += 1
            elif self._refreshed(root, name, held):
                changed.append(name)
        gone = [name for name in self._readers if name not in found]
        if changed or gone:
            self._version += 1
        for name in gone:
            del self._readers[name], self._summaries[name]
            self._gone[name] = self._version
        for name in changed:
            self._gone.pop(name, None)
            reader = self._readers[name]
            self._summaries[name] = summary_of(reader, self._version, self._parent(root, reader))
        self._looked = time.monotonic()

    def _refreshed(self, root: Path, name: str, held: HeldLocks) -> bool:
        reader = self._readers.get(name)
        if reader is None or reader.place.root != root:
            reader = self._readers[name] = RunReader(RunPlace(root, name))
        return reader.refresh(held)

    def _parent(self, root: Path, reader: RunReader) -> str | None:
        """Return the name of the run that a fork left, where it is in the list."""
        given: Any = (reader.config.get("parent") or {}).get("folder")
        if not given:
            return None
        # A relative path was relative to where the command ran: the last names are compared.
        parts = Path(str(given)).parts
        whole = Path(os.path.realpath(given))
        if whole.is_relative_to(root) and (name := whole.relative_to(root).as_posix()):
            return name if name in self._readers else None
        names = ["/".join(parts[-k:]) for k in range(min(DEPTH, len(parts)), 0, -1)]
        return next((name for name in names if name in self._readers), None)


def _names(root: Path, refused: list[str]) -> Iterator[str]:
    """Yield the names of all folders that hold a run.

    Args:
        root: the folder of all runs, without links in it.
        refused: gets a sentence about each folder that is left out.
    """
    waiting = [("", 0)]
    looked = 0
    while waiting:
        name, depth = waiting.pop()
        looked += 1
        if looked > MOST_FOLDERS:
            refused.append(f"more than {MOST_FOLDERS:,} folders: the others")
            return
        names, folders = _entries(root, name, refused)
        if name and (CONFIG in names or EVENTS in names):
            yield name
        elif depth < DEPTH:
            prefix = f"{name}/" if name else ""
            waiting += [(prefix + one, depth + 1) for one in sorted(folders, reverse=True)]


def _entries(root: Path, name: str, refused: list[str]) -> tuple[set[str], list[str]]:
    """Return the names of files and of folders in a folder."""
    names, folders = set(), []
    try:
        with os.scandir(root / name) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if entry.is_dir():
                        refused.append(_refusal_of(name, entry.name, "a link"))
                    names.add(entry.name)
                elif not entry.is_dir():
                    names.add(entry.name)
                elif not _is_text(entry.name):
                    refused.append(_refusal_of(name, repr(entry.name), "its name is no UTF-8"))
                elif not entry.name.startswith("."):
                    folders.append(entry.name)
    except OSError as error:
        if name:
            refused.append(_refusal_of("", name, error.strerror or "it cannot be read"))
    return names, folders


def _refusal_of(parent: str, name: str, why: str) -> str:
    return f"{parent}/{name}: {why}" if parent else f"{name}: {why}"


def _changed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Damage in the larger files of a run: the model, the states and the recordings, read whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from clearprop.errors import ClearpropError
from clearprop.studio.problems import plain
from clearprop.studio.runs.films.recorded import recorded_rows
from clearprop.studio.runs.place import RunPlace
from clearprop.training.run_folder import CHECKPOINTS, MODEL, RECORDINGS, SNAPSHOTS
from clearprop.training.storage.checkpoint import StateFolder, load_arrays

MOST_CHECKED = 512 * 2**20
"""So many bytes of a run are checked; a file behind them is checked when it is used."""

MOST_KNOWN = 10_000


class DamageCheck:
    """Says which files of runs are damaged; a file that has not changed is not read again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], str | None] = {}
        self._lock = threading.Lock()

    def __call__(self, place: RunPlace) -> list[str]:
        """Return which of the larger files of a run are damaged, in sentences."""
        found, left = [], MOST_CHECKED
        for name in _files(place):
            try:
                path = place.inside(name)
                if not path.is_file():
                    continue
                left -= path.stat().st_size
                told = self._looked_at(path, name) if left >= 0 else None
            except (ClearpropError, OSError) as error:
                told = _said(name, error)
            found += [told] if told is not None else []
        try:
            rows = recorded_rows(place)
            found += rows.damage if rows is not None else ()
        except ClearpropError as error:
            found.append(_said(RECORDINGS, error))
        return found

    def _looked_at(self, path: Path, name: str) -> str | None:
        state = path.stat()
        key = (str(path), state.st_mtime_ns, state.st_size)
        with self._lock:
            if key in self._known:
                return self._known[key]
        try:
            load_arrays(path, foreign=name == MODEL)
            told = None
        except ClearpropError as error:
            told = _said(name, error)
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = told
        return told


def _files(place: RunPlace) -> Iterator[str]:
    """Yield the names of the model and of the states, the latest states first."""
    yield MODEL
    for folder in (SNAPSHOTS, CHECKPOINTS):
        try:
            steps = StateFolder(place.inside(folder)).steps
        except ClearpropError:
            yield folder  # `inside` says again what is wrong with it
            continue
        yield from (f"{folder}/step-{step:012d}.safetensors" for step in reversed(steps))


def _said(file: str, error: Exception) -> str:
    problem = error.problem if isinstance(error, ClearpropError) else str(error)
    given = error.given if isinstance(error, ClearpropError) else None
    return plain(f"{file}: {problem}{f' ({given})' if given else ''}") or ""

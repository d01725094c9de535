"""The states that a run has kept: what was trained, at the steps of snapshots and checkpoints."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import CheckpointError
from clearprop.studio.runs.place import RunPlace
from clearprop.training.run_folder import CHECKPOINTS, MODEL, SNAPSHOTS
from clearprop.training.storage.checkpoint import StateFolder, load_arrays

PARTS = ("parameters.", "statistics.")
"""The beginnings of the paths of a model's arrays in a state."""

MOST_KEPT = 128 * 2**20
"""So many bytes of parameters are kept in memory."""

Arrays = Mapping[str, NDArray[Any]]


class KeptStates:
    """The states of runs in their files; those read last stay in memory."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], Arrays] = OrderedDict()
        self._lock = threading.Lock()

    def snapshots(self, place: RunPlace) -> list[int]:
        """Return the steps of a run's snapshots."""
        return list(StateFolder(place.inside(SNAPSHOTS)).steps)

    def steps(self, place: RunPlace, last: int | None) -> list[int]:
        """Return the steps whose parameters are known.

        Args:
            place: of the run.
            last: the step of the trained model; None where there is no model.
        """
        folders = (StateFolder(place.inside(name)) for name in (SNAPSHOTS, CHECKPOINTS))
        found = {step for folder in folders for step in folder.steps}
        return sorted(found | ({last} if last is not None else set()))

    def snapshot(self, place: RunPlace, step: int) -> Arrays:
        """Return everything that was kept in the snapshot of a step, by path.

        Raises:
            CheckpointError: there is none, or its file is damaged.
        """
        place.inside(_file(SNAPSHOTS, step))
        return StateFolder(place.inside(SNAPSHOTS)).load(step).arrays

    def parameters(self, place: RunPlace, step: int, last: int | None) -> Arrays:
        """Return the model's arrays by path, as training had left them after a step.

        Args:
            place: of the run.
            step: one of `steps`.
            last: as there.

        Raises:
            CheckpointError: there is no such state, or its file is damaged.
        """
        for name in (SNAPSHOTS, CHECKPOINTS):
            folder = StateFolder(place.inside(name))
            if step in folder.steps:
                file = _file(name, step)
                place.inside(file)
                return self._cached(place, file, lambda found=folder: _trained(found, step))
        if step == last:
            model = place.inside(MODEL)
            return self._cached(place, MODEL, lambda: load_arrays(model, foreign=True)[0])
        raise CheckpointError("the state at this step was not kept", given=f"step {step}")

    def _cached(self, place: RunPlace, file: str, load: Any) -> Arrays:
        found = (place.path / file).stat()
        key = (place.root, place.name, file, found.st_mtime_ns, found.st_size)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        arrays: Arrays = load()
        with self._lock:
            self._known[key] = arrays
            while len(self._known) > 1 and self._size() > MOST_KEPT:
                self._known.popitem(last=False)
        return arrays

    def _size(self) -> int:
        return sum(x.nbytes for arrays in self._known.values() for x in arrays.values())


def _file(folder: str, step: int) -> str:
    return f"{folder}/step-{step:012d}.safetensors"


def _trained(folder: StateFolder, step: int) -> Arrays:
    arrays = folder.load(step).arrays
    # Copies: a view would keep the whole file in memory.
    return {
        path.removeprefix(part): np.array(x)
        for path, x in arrays.items()
        for part in PARTS
        if path.startswith(part)
    }

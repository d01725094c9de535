"""Short real runs of several kinds, each trained once, and folders with copies of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from clearprop import nn
from clearprop.recipes.experiment import prepare
from clearprop.studio.frames import unpack
from clearprop.studio.runs import library as libraries
from clearprop.studio.runs.library import RunLibrary
from clearprop.studio.runs.service import RunService
from clearprop.training import Record, fit

RECIPES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "xor": ("xor", {"epochs": 60, "snapshots": "log", "record": ["layers.*"], "record_every": 20}),
    "digits": (
        "mlp",
        {
            "data": {"name": "digits"},
            "epochs": 2,
            "hidden_sizes": [8],
            "snapshots": 20,
            "average": 0.9,
        },
    ),
    "som": ("som", {"rows": 4, "columns": 4, "epochs": 3, "snapshots": 1}),
    "rbm": ("rbm", {"epochs": 1, "hidden_size": 12, "nudged": False, "snapshots": 50}),
    "gan": ("gan", {"epochs": 1, "hidden_sizes": [8], "snapshots": 100}),
    "dqn": (
        "dqn",
        {
            "data": {"limit": 200},
            "epochs": 2,
            "hidden_sizes": [8],
            "warmup": 200,
            "replay_batch": 32,
            "capacity": 400,
            "snapshots": 20,
        },
    ),
}


class ReadFrame(NamedTuple):
    """A frame, read."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def frame_of(content: bytes) -> ReadFrame:
    return ReadFrame(*unpack(content))


Made = Callable[[str], Path]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Return the folder of a run of a kind, which is trained when it is first asked for."""
    root = tmp_path_factory.mktemp("made")

    def of(kind: str) -> Path:
        folder = root / kind
        if folder.exists():
            return folder
        if kind == "arrays":
            x = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
            fit(
                nn.Sequential([nn.Linear(3, 4), "tanh", nn.Linear(4, 1)]),
                (x, x[:, :1] ** 2),
                loss="squared_error",
                epochs=4,
                batch_size=6,
                folder=folder,
                record=Record("layers.*", every=2, what="arrays"),
                snapshots=2,
                progress=False,
            )
        else:
            name, values = RECIPES[kind]
            prepare(name, values).train(folder=folder, progress=False)
        return folder

    return of


class Shelf:
    """A folder of runs, and what the studio says of it.

    Args:
        root: the folder.
        made: returns the folder of a run to copy.
    """

    def __init__(self, root: Path, made: Made) -> None:
        self.root = root
        self._made = made
        self.service = RunService(root)

    @property
    def library(self) -> RunLibrary:
        return self.service.library

    def put(self, kind: str, name: str | None = None) -> Path:
        """Copy a run of a kind here."""
        target = self.root / (name or kind)
        shutil.copytree(self._made(kind), target)
        return target

    def frame(self, name: str, film: str, step: int, **more: Any) -> ReadFrame:
        return frame_of(self.service.frame(name, film, step, **more))


@pytest.fixture
def shelf(tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return an empty folder of runs, which is looked through at every question."""
    monkeypatch.setattr(libraries, "FRESH", 0.0)
    monkeypatch.setattr(libraries, "BUDGET", 60.0)
    root = tmp_path / "runs"
    root.mkdir()
    shelf = Shelf(root, made)
    yield shelf
    shelf.service.close()

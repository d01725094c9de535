"""One of several processes that train together, for `test_processes.py`; prints JSON.

Called as ``python -m tests.training.process_cases COORDINATOR PROCESSES PROCESS NAME FOLDER``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import clearprop as cp
from clearprop import nn, processes
from clearprop.training import Event, StepsDone, StopTraining
from tests.training.mesh_cases import MODELS, X, Y, curves, network

DEVICES = 4
"""Of all processes together."""


class Loader:
    """Batches of an iterable; the last one is smaller."""

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, 300, 32):
            yield X[start : min(start + 32, 300)], Y[start : min(start + 32, 300)]


def trained(**options: Any) -> Any:
    given = {"dev": (X[301:378], Y[301:378]), "batch_size": 32, "epochs": 2, "seed": 1}
    return cp.fit(network(), (X[:301], Y[:301]), **{**given, "progress": False, **options})


def with_everything(folder: Path) -> Any:
    """Return a run with recordings, snapshots, metrics, weights and a smaller last batch."""
    weights = np.linspace(0.5, 1.5, 301).astype(np.float32)
    return trained(
        mesh={"data": 4}, folder=folder, record="*", snapshots=7, metrics=["accuracy"],
        sample_weight=weights,
    )  # fmt: skip


def with_loader(folder: Path) -> Any:
    return cp.fit(
        network(), Loader(), dev=(X[300:400], Y[300:400]), epochs=2, progress=False, seed=1,
        mesh={"data": 4},
    )  # fmt: skip


def interrupted(folder: Path) -> Any:
    """Return a run that the last process alone ends in its first epoch, and then the whole run."""

    def stop(event: Event) -> None:
        if isinstance(event, StepsDone) and processes.index() == processes.count() - 1:
            raise StopTraining

    options: dict[str, Any] = {"mesh": {"data": 4}, "folder": folder}
    short = trained(on_event=stop, steps_per_call=3, **options)
    assert short.stopped.reason == "interrupted"
    assert short.stopped.step < 10
    return trained(resume=True, steps_per_call=3, **options)


def diverged(folder: Path) -> Any:
    try:
        trained(mesh={"data": 4}, optimizer="sgd", learning_rate=1e25)
    except cp.training.DivergedError as error:
        return {"error": f"{error.where}: {error}".splitlines()[0]}
    raise AssertionError("it did not diverge")


def different(folder: Path) -> Any:
    """Train with other data in process 1."""
    try:
        moved = X[:301] + processes.index()
        cp.fit(network(), (moved, Y[:301]), batch_size=32, progress=False)
    except cp.ClearpropError as error:
        return {"error": str(error)}
    raise AssertionError("it was not refused")


def lenet(folder: Path, epochs: int = 3) -> Any:
    """Train LeNet-5 on two devices, with a checkpoint every five steps.

    The devices of one process and of two have the same programs, so even long runs agree closely.
    """
    said = folder.with_name(f"said-{processes.index()}")
    said.write_text(f"{os.getpid()} 0", encoding="utf-8")

    def say(event: Event) -> None:
        if isinstance(event, StepsDone):
            said.write_text(f"{os.getpid()} {event.step}", encoding="utf-8")

    pictures = np.pad(np.kron(X.reshape(-1, 8, 8), np.ones((1, 3, 3), np.float32)), 2)[2:-2]
    pictures = pictures[..., None]
    model, dev = cp.models.LeNet5(), (pictures[640:768], Y[640:768])
    return cp.fit(
        model, (pictures[:640], Y[:640]), dev=dev, batch_size=32,
        epochs=epochs, seed=1, folder=folder, resume=True, checkpoint_every=5, steps_per_call=2,
        progress=False, on_event=say, mesh={"data": 2},
    )  # fmt: skip


def on_mesh(train: Callable[..., Any], options: dict[str, Any]) -> Callable[[Path], Any]:
    return lambda folder: train(**options)


MESHES: dict[str, dict[str, Any]] = {
    "data": {"mesh": {"data": 4}},
    "full": {"mesh": {"data": 2, "model": 2}, "fully_sharded": True},
    "model": {"mesh": {"model": 4}},
}
CASES: dict[str, Callable[[Path], Any]] = {
    **{
        f"{name} {kind}": on_mesh(model, mesh)
        for name, model in MODELS.items()
        for kind, mesh in MESHES.items()
    },
    "everything": with_everything,
    "loader": with_loader,
    "interrupted": interrupted,
    "diverged": diverged,
    "different": different,
    "lenet": lenet,
    "long lenet": lambda folder: lenet(folder, 10),
}


def main() -> None:
    coordinator, number, own, name, folder = sys.argv[1:]
    cp.configure_cpu((2 if "lenet" in name else DEVICES) // int(number))
    if int(number) > 1:
        processes.initialize(coordinator, int(number), int(own))
    found = CASES[name](Path(folder))
    if not isinstance(found, dict):
        weights = {path: float(np.abs(x).sum()) for path, x in nn.parameters(found.model).items()}
        found = {"curves": curves(found), "losses": found.losses.tolist(), "weights": weights}
    sys.stdout.write(f"found {json.dumps(found)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Flip every byte of a run folder once: each change is told, or it changes nothing.

    python -m benchmarks.trust.flips

Two runs are made: one that has ended, and one that was cut off between its checkpoints. Each byte
of each of their files is changed in turn, and everything that the commands read of a run is read
again: the configuration, the curves, the losses, the recordings, the model with its preparation,
the checkpoint to go on from, the frozen parameters and the snapshots. A change is *told* if an
error or a warning of clearprop names the file, and *harmless* if all that was read is the same in
every bit. Everything else is *silent*, and must not occur. Files that no command reads, such as the
report, are harmless by this.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.trust.tally import RESULTS, Tally
from clearprop import data, nn, ops, training
from clearprop.errors import ClearpropError
from clearprop.training.run_config import CONFIG, read_config
from clearprop.training.run_folder import (
    CHECKPOINTS,
    FROZEN,
    LOCK,
    MODEL,
    SNAPSHOTS,
)
from clearprop.training.storage.checkpoint import Checkpoints, StateFolder, load_arrays


class _CutOffError(BaseException):
    """Ends a run as a kill does."""


def make(place: Path) -> dict[str, Path]:
    """Train the two runs, and return their folders by kind."""

    def cut_off(event: training.Event) -> None:
        if isinstance(event, training.StepsDone) and event.step >= 10:
            raise _CutOffError

    folders = {"finished": place / "finished", "interrupted": place / "interrupted"}
    iris = data.load("iris").split()
    for kind, folder in folders.items():
        options: dict[str, Any] = {"on_event": cut_off} if kind == "interrupted" else {}
        try:
            training.fit(
                nn.Sequential([nn.Linear(4, 3), nn.BatchNorm(3), ops.tanh, nn.Linear(3, 3)]),
                iris,
                epochs=4,
                batch_size=40,
                freeze=["layers.3.bias"],
                record=training.Record("layers.0", every=4),
                snapshots=[0, 9],
                folder=folder,
                checkpoint_every=4,
                steps_per_call=1,
                progress=False,
                **options,
            )
        except _CutOffError:
            continue
    return folders


def _digest(parts: Iterator[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()


def _arrays(arrays: dict[str, Any], record: object) -> Iterator[bytes]:
    yield repr(record).encode()
    for name, array in sorted(arrays.items()):
        yield f"{name} {array.dtype} {array.shape}".encode()
        yield array.tobytes()


def _account(folder: Path) -> Iterator[bytes]:
    record = training.read_run(folder)
    for name, column in vars(record.history).items():
        if isinstance(column, np.ndarray):
            yield name.encode() + column.tobytes()
    yield repr(record.events).encode()
    yield record.losses.tobytes()
    if record.recordings is not None:
        for name, recorded in record.recordings.items():
            yield f"{name} {recorded.kind} {recorded.shape}".encode()
            yield recorded.steps.tobytes()
            for one in (recorded.output, recorded.error, recorded.value, recorded.gradient):
                if one is not None:
                    yield b"".join(x.tobytes() for x in vars(one).values() if x is not None)


def _trained(folder: Path) -> Iterator[bytes]:
    if (folder / MODEL).is_file():
        predictor = training.load(folder)
        yield from _arrays(
            {name: np.asarray(x) for name, x in nn.parameters(predictor.model).items()}, None
        )
        yield repr(nn.to_structure(predictor.model)).encode()
        preprocessor = predictor.preprocessor
        yield preprocessor.to_json().encode() if preprocessor is not None else b""


def _latest(folder: Path) -> Iterator[bytes]:
    saved = Checkpoints(folder / CHECKPOINTS).latest()
    if saved is not None:
        yield from _arrays(saved.arrays, (saved.record, saved.file))
    if (folder / FROZEN).is_file():
        yield from _arrays(*load_arrays(folder / FROZEN))


def _snapshots(folder: Path) -> Iterator[bytes]:
    states = StateFolder(folder / SNAPSHOTS)
    for step in states.steps:
        saved = states.load(step)
        yield from _arrays(saved.arrays, saved.record)


def _asked(folder: Path) -> Iterator[bytes]:
    yield repr(sorted(read_config(folder).items())).encode()


READERS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    "configuration": _asked,
    "account": _account,
    "model": _trained,
    "checkpoint": _latest,
    "snapshots": _snapshots,
}


def readers_of(file: Path) -> dict[str, Callable[[Path], Iterator[bytes]]]:
    """Return the readers that read a file of a run; those of another file cannot find a change."""
    top = file.parts[0]
    known = {
        MODEL: ("model",),
        CHECKPOINTS: ("checkpoint",),
        FROZEN: ("checkpoint",),
        SNAPSHOTS: ("snapshots",),
        CONFIG: ("configuration", "account"),
        LOCK: ("configuration",),
    }
    return {name: READERS[name] for name in known.get(top, ("account",))}


def read(folder: Path, file: Path) -> tuple[dict[str, str], bool]:
    """Return a digest of what each reader of a file reads, and whether something was told."""
    found, told = {}, False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name, reader in readers_of(file).items():
            try:
                found[name] = _digest(reader(folder))
            except ClearpropError as error:
                told = told or bool(error.where)
                found[name] = "an error"
    return found, told or any(folder.name in str(one.message) for one in caught)


def flip(folder: Path, kind: str, chance: random.Random, most: int | None) -> Iterator[str]:
    """Change bytes of the files of a run; yields "told", "harmless" or "silent" for each."""
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    places = [(file, i) for file in files for i in range((folder / file).stat().st_size)]
    if most is not None:
        places = sorted(chance.sample(places, min(most, len(places))))
    before: dict[Path, tuple[dict[str, str], bool]] = {}
    for file, place in places:
        if file not in before:
            before[file] = read(folder, file)
            assert not before[file][1], f"{file} is damaged before it is changed"
        content = (folder / file).read_bytes()
        changed = content[place] ^ chance.randrange(1, 256)
        (folder / file).write_bytes(content[:place] + bytes([changed]) + content[place + 1 :])
        found, told = read(folder, file)
        (folder / file).write_bytes(content)
        word = "told" if told else "harmless" if found == before[file][0] else "silent"
        if word == "silent":
            print(f"{kind}: byte {place} of {file} becomes {changed:#x}", flush=True)
        yield word


def main() -> int:
    """Flip the bytes of both runs; return 1 if a change was silent."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--most", type=int, help="so many bytes of each run, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS / "trust-flips.json")
    arguments = parser.parse_args()
    arguments.results.unlink(missing_ok=True)
    tally, silent = Tally(arguments.results), 0
    with tempfile.TemporaryDirectory() as name:
        for kind, folder in make(Path(name)).items():
            chance = random.Random(arguments.seed)
            found = collections.Counter(flip(folder, kind, chance, arguments.most))
            silent += found["silent"]
            tally.add(kind, found, 1)
    print("\n".join(tally.lines()))
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())

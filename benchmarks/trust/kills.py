"""Kill a run at a moment drawn from a seed, resume it, and compare its end bit for bit.

    python -m benchmarks.trust.kills --count 100

A run trains a small network on the digits with everything that a folder can hold: checkpoints,
snapshots, recordings, frozen parameters, averaged weights. One run of ten writes its report too,
and two compile all their programs anew.
Three kinds of moments are drawn: a time between the start of the process and its end, which
includes the compilation; the moment before one of its operations on files, such as the renaming of
a snapshot; and the middle of one of its writes, of which a part is on the disk then. A killed run
is resumed, and may be killed again, up to three times. Each seed is one run. Its end is compared
with that of a run that was never killed: curves, losses, model, recordings and snapshots.

A parent process imports the package once and forks a child for each start; it never computes with
JAX itself.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from benchmarks.trust.tally import RESULTS, Tally
from clearprop import data, files, nn, ops, training

KINDS = ("time", "operation", "write")
MOST_KILLS = 3
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate")


def train(folder: Path, report: Path | None) -> None:
    """Train in a folder, or go on with what is there, and write a report where one is wanted."""
    digits = data.load("digits").split()
    parts = [nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm(16), ops.relu, nn.Dropout(0.2)]
    run = training.fit(
        nn.Sequential([*parts, nn.Linear(16, 10)]),
        digits,
        epochs=6,
        batch_size=128,
        learning_rate=0.003,
        patience=9,
        average=0.99,
        freeze=["layers.1.bias"],
        record=training.Record("layers.1", every=7),
        snapshots=[0, 20, 45],
        folder=folder,
        resume=True,
        checkpoint_every=9,
        progress=False,
    )
    if report is not None:
        run.report(digits, report)


def end_of(folder: Path) -> dict[str, str]:
    """Return what is compared of a run that has ended: a digest of each part."""
    record = training.read_run(folder)
    history = record.history
    found = {
        name: getattr(history, name).tobytes()
        for name in ("epoch", "step", "objective", "training_error", "development_error")
    }
    found["losses"] = record.losses.tobytes()
    found["model"] = (folder / "model.safetensors").read_bytes()
    found["recordings"] = (folder / "recordings" / "rows.bin").read_bytes()
    for file in sorted((folder / "snapshots").iterdir()):
        arrays, _ = training.storage.checkpoint.load_arrays(file)  # its record holds seconds
        found[file.name] = b"".join(arrays[name].tobytes() for name in sorted(arrays))
    return {name: hashlib.sha256(content).hexdigest()[:16] for name, content in found.items()}


def start(folder: Path, killer: Callable[[], None], compiled: str, *, reports: bool) -> int:
    """Return the process of a new start of the run.

    Args:
        folder: of the run.
        killer: arranges the end of the process.
        compiled: the folder of the programs that are compiled already; "" for none.
        reports: whether the run writes its report.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with (folder.parent / "stderr").open("w") as file:
            os.dup2(file.fileno(), 2)
        if compiled:
            jax.config.update("jax_compilation_cache_dir", compiled)
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        killer()
        train(folder, folder.parent / "report.html" if reports else None)
        code = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def kill_self() -> None:
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_operation(folder: Path, number: int) -> Callable[[], None]:
    """Return what makes a process end before its n-th operation on the files of a run."""

    def killer() -> None:
        left = number

        def look(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in EVENTS and arguments and str(arguments[0]).startswith(str(folder.parent)):
                left -= 1
                if left < 0:
                    kill_self()

        sys.addaudithook(look)

    return killer


def in_write(number: int, share: float) -> Callable[[], None]:
    """Return what makes a process end in its n-th write, when a share of it is in the file."""

    def killer() -> None:
        left, whole = number, files._write_all

        def write(file: Any, content: bytes) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                file.write(content[: int(share * len(content))])
                kill_self()
            whole(file, content)

        files._write_all = write

    return killer


def nothing() -> None:
    """Leave a process alone."""


class Straight:
    """The run that is never killed: how long it takes, what it writes, and its end.

    Args:
        place: a folder for it.
        compiled: the folder of the programs that are compiled already; "" for none.
        reports: whether it writes its report.
    """

    def __init__(self, place: Path, compiled: str, *, reports: bool) -> None:
        place.mkdir()
        self.compiled, self.reports = compiled, reports
        folder, counts = place / "run", place / "counts"

        def counting() -> None:
            operations, writes, whole = 0, 0, files._write_all

            def look(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal operations
                if event in EVENTS and arguments and str(arguments[0]).startswith(str(place)):
                    operations += 1
                    with contextlib.suppress(OSError):
                        os.pwrite(handle, operations.to_bytes(8, "little"), 0)

            def write(file: Any, content: bytes) -> None:
                nonlocal writes
                writes += 1
                os.pwrite(handle, writes.to_bytes(8, "little"), 8)
                whole(file, content)

            handle = os.open(counts, os.O_RDWR | os.O_CREAT)
            files._write_all = write
            sys.addaudithook(look)

        began = time.monotonic()
        _, status = os.waitpid(start(folder, counting, compiled, reports=reports), 0)
        self.seconds = time.monotonic() - began
        if status:
            raise SystemExit((place / "stderr").read_text())
        known = counts.read_bytes()
        self.operations = int.from_bytes(known[:8], "little")
        self.writes = int.from_bytes(known[8:], "little")
        self.end = end_of(folder)


def moment(straight: Straight, folder: Path, chance: random.Random, kind: str) -> tuple[Any, float]:
    """Return what ends a process, and after how many seconds the parent ends it (0 for never)."""
    if kind == "time":
        return nothing, chance.uniform(0, straight.seconds)
    if kind == "operation":
        return at_operation(folder, chance.randrange(straight.operations)), 0.0
    return in_write(chance.randrange(straight.writes), chance.random()), 0.0


def one(straight: Straight, place: Path, seed: int) -> Iterator[str]:
    """Kill and resume the run of a seed; yields a word for each kill, and one for the end."""
    chance, folder = random.Random(seed), place / "run"
    place.mkdir()
    kills = 0
    for _ in range(chance.randint(1, MOST_KILLS)):
        kind = chance.choice(KINDS)
        killer, after = moment(straight, folder, chance, kind)
        child = start(folder, killer, straight.compiled, reports=straight.reports)
        if after:
            time.sleep(after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            kills += 1
            yield f"kills: {kind}"
            yield f"kills: {_phase(folder, place)}"
        elif os.WEXITSTATUS(status):
            yield "failed"
            print(f"seed {seed}: {(place / 'stderr').read_text()}", flush=True)
            return
    last = start(folder, nothing, straight.compiled, reports=straight.reports)
    _, status = os.waitpid(last, 0)
    if status:
        yield "failed"
        print(f"seed {seed}: {(place / 'stderr').read_text()}", flush=True)
        return
    if not kills:
        yield "ended before the kill"
        return
    end = end_of(folder)
    differ = [name for name in end.keys() | straight.end.keys()
              if end.get(name) != straight.end.get(name)]  # fmt: skip
    yield "ends that differ" if differ else "ends identical in every bit"
    if differ:
        print(f"seed {seed}: {', '.join(differ)} differ", flush=True)


def _phase(folder: Path, place: Path) -> str:
    """Return what a killed process was doing, as far as its files tell."""
    halves = [path.relative_to(place) for path in place.rglob(".*.tmp")]
    if halves:
        inside = halves[0].parent.name
        names = {"snapshots": "a snapshot", "checkpoints": "a checkpoint", "": "the report"}
        return f"writing {names.get(inside, 'another file')}"
    if not (folder / "config.json").is_file():
        return "before the run began"
    losses = folder / "losses.f32"
    if not losses.is_file() or not losses.stat().st_size:
        return "compiling, before the first step"
    return "training" if not (folder / "model.safetensors").is_file() else "after training"


def main() -> int:
    """Kill as many runs as asked for; return 1 if one of them ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=100, help="runs to be killed")
    parser.add_argument("--minutes", type=float, default=None, help="stop after so many minutes")
    parser.add_argument("--results", type=Path, default=RESULTS / "trust-kills.json")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * (arguments.minutes or 1e9)
    tally, bad = Tally(arguments.results), 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        compiled = str(place / "compiled")
        Straight(place / "warm", compiled, reports=True)  # fills the folder of compiled programs
        kinds = [
            Straight(place / "straight", compiled, reports=False),
            Straight(place / "reporting", compiled, reports=True),
            Straight(place / "compiling", "", reports=False),
        ]
        for _ in range(arguments.count):
            seed = tally.next_seed("runs")
            straight = kinds[{0: 1, 1: 2, 2: 2}.get(seed % 10, 0)]
            found = collections.Counter(one(straight, place / str(seed), seed))
            bad += found["failed"] + found["ends that differ"]
            tally.add("runs", found, 1)
            if found["failed"] + found["ends that differ"] == 0:
                shutil.rmtree(place / str(seed))
            if time.monotonic() > until:
                break
    print("\n".join(tally.lines()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

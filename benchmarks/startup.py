"""The start of a training of LeNet-5: from an empty process to the end of the first step.

    python -m benchmarks.startup [--rounds 5] [--python torch=PATH]

A start is everything that a user waits for: Python, the imports, the model, tracing and compiling,
and one step. clearprop starts twice in each round: once without kept programs, and once with those
that the start before has kept, as on the command line. The examples are read from a file.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import material
from benchmarks.__main__ import library_at
from benchmarks.configurations import CONFIGURATIONS, Configuration
from benchmarks.interpreters import Interpreters
from benchmarks.measurement import cores
from benchmarks.report import show_versions
from benchmarks.seat import Seat
from benchmarks.sides import OURS, find
from clearprop.cli.compile_cache import FOLDER, SHORTEST

KEPT = f"{OURS}, programs kept"
SIDES = (OURS, KEPT, "PyTorch", "torch.compile", "Flax + Optax, step", "Keras 3 on JAX")


class Start(NamedTuple):
    """What one start took.

    Attributes:
        seconds: on the clock.
        processor: processor seconds of all threads together.
    """

    seconds: float
    processor: float


def start(
    name: str, folder: Path, kept: Path, core_count: int, interpreters: Interpreters
) -> Start:
    """Start a side in a new process, let it take one step, and end it.

    Args:
        name: of the side.
        folder: of the material.
        kept: where the side with kept programs keeps them.
        core_count: processor cores of the side.
        interpreters: of the sides.
    """
    side = find(OURS if name == KEPT else name)
    environment: Mapping[str, str] = {FOLDER: ""}
    if name == KEPT:
        environment = {FOLDER: str(kept), SHORTEST: "0"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    python = interpreters.path(side.library)
    seat = Seat(side, folder, cores(core_count), python, environment)
    try:
        seat.turn(0.0)
        seconds = time.perf_counter() - began
    finally:
        seat.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Start(seconds, used)


def measure(
    sides: Sequence[str],
    configuration: Configuration,
    rounds: int,
    core_count: int,
    interpreters: Interpreters,
) -> dict[str, list[Start]]:
    """Start every side in turn, once in each round; each round begins with another side.

    Args:
        sides: their names.
        configuration: whose first epoch is one step.
        rounds: starts of every side.
        core_count: processor cores of every side.
        interpreters: of the sides.
    """
    starts: dict[str, list[Start]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as place:
        folder, kept = Path(place), Path(place) / "kept"
        material.write(configuration, folder)
        if KEPT in sides:
            start(KEPT, folder, kept, core_count, interpreters)
        for r in range(rounds):
            shift = r % len(sides)
            for name in [*sides[shift:], *sides[:shift]]:
                starts[name].append(start(name, folder, kept, core_count, interpreters))
    return starts


def table(starts: Mapping[str, Sequence[Start]]) -> Table:
    """Return the medians of all sides as a table."""
    shown = Table(title="from an empty process to the end of the first step of LeNet-5")
    for heading in ("side", "seconds", "lowest - highest", "over clearprop", "processor seconds"):
        shown.add_column(heading, justify="left" if heading == "side" else "right")
    ours = statistics.median(each.seconds for each in starts[OURS])
    for name, found in starts.items():
        clock = [each.seconds for each in found]
        median = statistics.median(clock)
        shown.add_row(
            name,
            f"{median:.2f}",
            f"{min(clock):.2f} - {max(clock):.2f}",
            f"{median / ours:.2f}",
            f"{statistics.median(each.processor for each in found):.2f}",
        )
    return shown


def main() -> None:
    """Measure the starts in turn, and print their medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of every side (5)")
    parser.add_argument("--cores", type=int, default=2, help="processor cores of every side (2)")
    parser.add_argument("--python", action="append", type=library_at, metavar="LIBRARY=PATH")
    options = parser.parse_args()
    interpreters = Interpreters(dict(options.python or ()))
    libraries = {name: find(OURS if name == KEPT else name).library for name in SIDES}
    absent = {name: interpreters.why_not(library) for name, library in libraries.items()}
    sides = [name for name in SIDES if absent[name] is None]
    lenet = CONFIGURATIONS["lenet128"]
    one_step = replace(lenet, examples=lenet.batch_size, check_passes=1)
    console = Console(width=118)
    console.print(table(measure(sides, one_step, options.rounds, options.cores, interpreters)))
    for name in SIDES:
        if absent[name] is not None:
            console.print(f"{name}: {absent[name]}")
    show_versions(list(dict.fromkeys(libraries[name] for name in sides)), interpreters, console)


if __name__ == "__main__":
    main()

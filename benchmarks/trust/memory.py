"""How much memory runs take, beside what was predicted before they took it.

    python -m benchmarks.trust.memory [CASE ...]

Each case is a recipe with values that make it large. It trains some steps in a process of its own,
on one or on several devices, and writes a run folder. The measured figure is the highest memory of
the process (resident pages), less what it held when the prediction was made, programs and all. A
ratio of prediction and measurement below 1 lets a run begin that does not fit; one above 1 refuses
a run that does.

Each case is measured twice: where the free memory is just what was predicted ("tight", for which
the prediction is made), and where there is plenty, of which a process may take more than it needs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from clearprop import cpu, device_memory, memory
from clearprop.memory import shown_size

WHOLE = "the run"
"""What the check before the initial values is about."""

STEPS = 3
"""Training steps after which a case ends."""


class Case(NamedTuple):
    """A run that is large.

    Attributes:
        recipe: its name.
        values: of its configuration.
        devices: of the processor.
    """

    recipe: str
    values: dict[str, object]
    devices: int = 1


CASES = {
    "xor, adam": Case("xor", {"hidden_size": 20_000_000}),
    "xor, sgd": Case("xor", {"hidden_size": 40_000_000, "optimizer": "sgd"}),
    "mlp, wide": Case("mlp", {"hidden_sizes": "8192,8192", "batch_size": 256}),
    "mlp, batch": Case("mlp", {"hidden_sizes": "2048,2048", "batch_size": 16384}),
    "lenet5": Case("lenet5", {"batch_size": 8192}),
    "resnet20": Case("resnet20", {"batch_size": 512}),
    "alexnet": Case("alexnet", {"batch_size": 16}),
    "char-gpt": Case("char-gpt", {"batch_size": 128}),
    "char-lstm": Case("char-lstm", {"batch_size": 512, "hidden_size": 256}),
    "char-lstm, 2 devices": Case("char-lstm", {"batch_size": 512, "hidden_size": 256}, 2),
    "char-rnn": Case("char-rnn", {"batch_size": 1024, "hidden_size": 256}),
}


class Result(NamedTuple):
    """What a case took.

    Attributes:
        predicted: bytes, as the checks before the first step said.
        measured: bytes.
    """

    predicted: int
    measured: int


def resident() -> int:
    """Return the memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def measure(case: Case, free: int | None = None) -> Result:
    """Train some steps of a case in this process, which must be new, and return what they took.

    Args:
        case: what is trained.
        free: bytes of memory that the run is told to be free; None for those that are.
    """
    cpu.configure_cpu(devices=case.devices)
    from clearprop.recipes.experiment import prepare
    from clearprop.training import StepsDone, StopTraining

    found: list[tuple[str, int, int]] = []
    check: Callable[..., None] = device_memory.make_room

    def noting(what: str, size: int, **said: Any) -> None:
        # What the C library keeps is free for the run.
        found.append((what, size, resident() - memory.kept_by_malloc()))
        check(what, size, **said)

    device_memory.make_room = noting
    if free is not None:
        device_memory.free = lambda: free
    done = 0

    def stop(event: object) -> None:
        nonlocal done
        done += len(event.losses) if isinstance(event, StepsDone) else 0
        if done >= STEPS:
            raise StopTraining

    experiment = prepare(case.recipe, case.values)
    with tempfile.TemporaryDirectory() as folder:
        experiment.train(folder=Path(folder) / "run", progress=False, on_event=stop)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    calls = [(size, held) for what, size, held in found if what != WHOLE]
    return Result(max(size for size, _ in calls), peak - calls[0][1])


def alone(name: str, free: int | None = None) -> Result:
    """Measure a case in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "benchmarks.trust.memory", "--alone", name]
    command += [] if free is None else ["--free", str(free)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(ended.stderr.strip()[-500:])
    return Result(*json.loads(ended.stdout.splitlines()[-1]))


def main() -> int:
    """Measure the chosen cases, each in its own process, and print a table; return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--free", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone is not None:
        print(json.dumps(measure(CASES[options.alone], options.free)))
        return 0
    print(f"{'case':22}{'predicted':>12}{'tight':>12}{'ratio':>8}{'plenty':>12}{'ratio':>8}")
    for name in options.cases or CASES:
        plenty = alone(name)
        tight = alone(name, plenty.predicted)
        row = f"{name:22}{shown_size(plenty.predicted):>12}"
        for one in (tight, plenty):
            row += f"{shown_size(one.measured):>12}{one.predicted / one.measured:>8.2f}"
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The process of one side: ``python -m benchmarks.worker FOLDER SIDE CORES``."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

from benchmarks import material, sides
from benchmarks.turns import Finished, Turns


def main() -> None:
    """Train one side, turn by turn."""
    folder, name, cores = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # Only replies go to the harness; everything that a library prints goes to the log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    side = sides.find(name)
    train: sides.Train = getattr(
        importlib.import_module(f"benchmarks.sides.{side.module}"), side.function
    )
    examples = material.read(folder, cores)
    turns = Turns(sys.stdin, answers, examples.configuration.check_passes)
    with contextlib.suppress(Finished):
        turns.wait()
        train(examples, turns.passed)


if __name__ == "__main__":
    main()

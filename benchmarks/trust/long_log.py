"""Write the log of a very long run, and read it: its size and the time.

python -m benchmarks.trust.long_log --epochs 1000000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from clearprop import training
from clearprop.training.events import EpochDone, RunStarted, Stopped
from clearprop.training.run_config import FORMAT
from clearprop.training.run_folder import EVENTS, RunFolder

STEPS = 4


def write(path: Path, epochs: int) -> None:
    """Write the log of so many short epochs."""
    chance = np.random.default_rng(0)
    folder = RunFolder.create(path, {"format": FORMAT})
    folder.log(RunStarted(0, epochs, STEPS, 32, 128, 0, 51, 1, "classification"))
    for epoch in range(1, epochs + 1):
        losses = chance.random(STEPS, np.float32)
        folder.log_losses(losses)
        mean = float(losses.mean())
        folder.log(EpochDone(epoch, STEPS * epoch, mean, mean / 2, None, None, 1e-3, 1e-4, 1e6))
    folder.log(Stopped("finished", STEPS * epochs, epochs, None))
    folder.close()


def main() -> int:
    """Write a log, read it, and print both times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=1_000_000)
    epochs = parser.parse_args().epochs
    with tempfile.TemporaryDirectory() as name:
        path, began = Path(name) / "run", time.monotonic()
        write(path, epochs)
        written, size = time.monotonic(), (path / EVENTS).stat().st_size
        record = training.read_run(path)
        read = time.monotonic()
    assert len(record.history) == epochs
    print(f"{epochs:,} epochs: {size / 1e6:.1f} MB, written in {written - began:.1f} s, "
          f"read in {read - written:.1f} s")  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

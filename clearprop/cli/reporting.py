"""``clearprop report``: what happened inside a run, as one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from clearprop.cli.output import say
from clearprop.cli.runs import existing_run
from clearprop.recipes.experiment import Experiment, of_run
from clearprop.training import Run
from clearprop.training.folder import read_config


def run(arguments: argparse.Namespace) -> int:
    """Write the report of a run; returns the exit code."""
    folder = existing_run(arguments.RUN)
    say(f"report  {write(folder, of_run(read_config(folder), str(folder)))}")
    return 0


def write(folder: Path, experiment: Experiment, done: Run | None = None) -> Path:
    """Write the report of a run beside it and return its path.

    Args:
        folder: of the run.
        experiment: gives the examples to judge by.
        done: the run, where it is at hand.
    """
    from clearprop import glass  # it draws, and what draws is slow to import

    return Path(glass.write_report(done or folder, data=experiment.splits))

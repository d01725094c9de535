"""``clearprop report``: what happened inside a run, as one page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from clearprop.cli.output import say
from clearprop.cli.runs import existing_run, trained
from clearprop.recipes.experiment import Experiment, of_run
from clearprop.training import Run, read_run


def run(arguments: argparse.Namespace) -> int:
    """Write the report of a run; returns the exit code."""
    folder = existing_run(arguments.RUN)
    record = read_run(folder)
    experiment = of_run(record.config, str(folder))
    model, _ = trained(folder)
    remarks = experiment.recipe.remarks(model, record.curves, experiment.splits)
    say(f"report  {write(folder, experiment, remarks)}")
    return 0


def write(done: Run | Path, experiment: Experiment, remarks: Sequence[str]) -> Path:
    """Write the report of a run into its folder and return its path.

    Args:
        done: the run, or its folder.
        experiment: gives the examples to judge by.
        remarks: what else there is to say.
    """
    from clearprop import glass  # it draws, and what draws is slow to import

    return glass.write_report(done, experiment.splits, remarks=remarks)
